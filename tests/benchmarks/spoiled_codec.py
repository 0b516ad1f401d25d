"""A plugin for pytest in whose process `encode_boxes` of the core is wrong in one number."""

from __future__ import annotations

from refdet.core import codec
from refdet.records import F64

_right = codec.encode_boxes


def _wrong(boxes_xyxy: F64, references_xyxy: F64, weights: codec.Weights) -> F64:
    deltas = _right(boxes_xyxy, references_xyxy, weights)
    deltas[-1, 0] += 1e-3
    return deltas


codec.encode_boxes = _wrong  # type: ignore[assignment]  # of another signature in its aliases alone
