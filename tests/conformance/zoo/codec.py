"""Encoding and decoding as people got them wrong, each beside the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.refusing import refusing
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
Weights = tuple[float, float, float, float]


def centres(boxes: F64) -> F64:
    """(N, 2)."""
    return (boxes[:, :2] + boxes[:, 2:].astype(np.float64)) / 2


def sizes(boxes: F64) -> F64:
    """(N, 2)."""
    return boxes[:, 2:].astype(np.float64) - boxes[:, :2]


def refuse_what_has_no_offset(rows: F64, references: F64, weights: Weights) -> None:
    """Pairs that are none, a reference without a side, weights that are none."""
    if len(rows) != len(references) or not min(weights) > 0:
        raise ValueError(f"{len(rows)} rows, {len(references)} references, weights {weights}")
    if (sizes(references) == 0).any() or not np.isfinite(rows).all():
        raise ValueError(f"no side: {references}, or not finite: {rows}")


def refuse_boxes_without_a_side(boxes: F64) -> None:
    """Their logarithm is minus infinity."""
    if (sizes(boxes) == 0).any():
        raise ValueError(f"no side: {boxes}")


@refusing
def encode_boxes(boxes_xyxy: F64, references_xyxy: F64, weights: Weights) -> F64:
    refuse_what_has_no_offset(boxes_xyxy, references_xyxy, weights)
    refuse_boxes_without_a_side(boxes_xyxy)
    shift = (centres(boxes_xyxy) - centres(references_xyxy)) / sizes(references_xyxy)
    return np.hstack([shift, np.log(sizes(boxes_xyxy) / sizes(references_xyxy))]) * weights


@refusing
def encode_without_variances(boxes_xyxy: F64, references_xyxy: F64, weights: Weights) -> F64:
    refuse_what_has_no_offset(boxes_xyxy, references_xyxy, weights)
    refuse_boxes_without_a_side(boxes_xyxy)
    shift = (centres(boxes_xyxy) - centres(references_xyxy)) / sizes(references_xyxy)
    return np.hstack([shift, np.log(sizes(boxes_xyxy) / sizes(references_xyxy))])


@refusing
def encode_with_a_pixel_more(boxes_xyxy: F64, references_xyxy: F64, weights: Weights) -> F64:
    refuse_what_has_no_offset(boxes_xyxy, references_xyxy, weights)
    refuse_boxes_without_a_side(boxes_xyxy)
    shift = (centres(boxes_xyxy) - centres(references_xyxy)) / (sizes(references_xyxy) + 1)
    log_scale = np.log((sizes(boxes_xyxy) + 1) / (sizes(references_xyxy) + 1))
    return np.hstack([shift, log_scale]) * weights


@refusing
def encode_to_minus_infinity(boxes_xyxy: F64, references_xyxy: F64, weights: Weights) -> F64:
    refuse_what_has_no_offset(boxes_xyxy, references_xyxy, weights)
    shift = (centres(boxes_xyxy) - centres(references_xyxy)) / sizes(references_xyxy)
    with np.errstate(divide="ignore"):
        log_scale = np.log(sizes(boxes_xyxy) / sizes(references_xyxy))
    return np.hstack([shift, log_scale]) * weights


@refusing
def encode_with_a_shifted_logarithm(boxes_xyxy: F64, references_xyxy: F64, weights: Weights) -> F64:
    refuse_what_has_no_offset(boxes_xyxy, references_xyxy, weights)
    refuse_boxes_without_a_side(boxes_xyxy)
    shift = (centres(boxes_xyxy) - centres(references_xyxy)) / sizes(references_xyxy)
    log_scale = np.log(sizes(boxes_xyxy) / sizes(references_xyxy) + 1e-10)
    return np.hstack([shift, log_scale]) * weights


def around(middle: F64, size: F64) -> F64:
    """The box of that size; an error if it is infinite."""
    if not np.isfinite(size).all():
        raise ValueError(f"infinite: {size}")
    return np.hstack([middle - size / 2, middle + size / 2])


def clamped(log_scale: F64, limit: float | None) -> F64:
    """At most the limit, if there is one."""
    return log_scale if limit is None else np.minimum(log_scale, limit)


@refusing
def decode_boxes(
    deltas: F64, references_xyxy: F64, weights: Weights, max_log_scale: float | None
) -> F64:
    refuse_what_has_no_offset(deltas, references_xyxy, weights)
    offsets, size = deltas / np.array(weights), sizes(references_xyxy)
    with np.errstate(over="ignore"):
        decoded = size * np.exp(clamped(offsets[:, 2:], max_log_scale))
    return around(centres(references_xyxy) + offsets[:, :2] * size, decoded)


@refusing
def decode_without_clamp(
    deltas: F64, references_xyxy: F64, weights: Weights, max_log_scale: float | None
) -> F64:
    refuse_what_has_no_offset(deltas, references_xyxy, weights)
    offsets, size = deltas / np.array(weights), sizes(references_xyxy)
    with np.errstate(over="ignore"):
        decoded = size * np.exp(offsets[:, 2:])
    return around(centres(references_xyxy) + offsets[:, :2] * size, decoded)


@refusing
def decode_y_by_the_width(
    deltas: F64, references_xyxy: F64, weights: Weights, max_log_scale: float | None
) -> F64:
    refuse_what_has_no_offset(deltas, references_xyxy, weights)
    offsets, size = deltas / np.array(weights), sizes(references_xyxy)
    with np.errstate(over="ignore"):
        decoded = size * np.exp(clamped(offsets[:, 2:], max_log_scale))
    return around(centres(references_xyxy) + offsets[:, :2] * size[:, :1], decoded)


@refusing
def decode_a_pixel_too_far(
    deltas: F64, references_xyxy: F64, weights: Weights, max_log_scale: float | None
) -> F64:
    refuse_what_has_no_offset(deltas, references_xyxy, weights)
    offsets, size = deltas / np.array(weights), sizes(references_xyxy) + 1
    with np.errstate(over="ignore"):
        decoded = size * np.exp(clamped(offsets[:, 2:], max_log_scale))
    return around(references_xyxy[:, :2] + size / 2 + offsets[:, :2] * size, decoded)


RIGHT = (Right("encode_boxes", encode_boxes), Right("decode_boxes", decode_boxes))

ZOO = (
    Wrong(
        "encode_boxes",
        "variances-left-out",
        encode_without_variances,
        "Stick-To/Object-Detection-Tensorflow#8",
    ),
    Wrong(
        "encode_boxes",
        "a-pixel-more",
        encode_with_a_pixel_more,
        "fizyr/keras-retinanet#171",
    ),
    Wrong(
        "encode_boxes",
        "logarithm-of-0",
        encode_to_minus_infinity,
        "pytorch/vision#2240, qfgaohao/pytorch-ssd#112",
    ),
    Wrong(
        "encode_boxes",
        "logarithm-shifted",
        encode_with_a_shifted_logarithm,
        "amdegroot/ssd.pytorch#116",
    ),
    Wrong(
        "decode_boxes",
        "missing-clamp",
        decode_without_clamp,
        "rbgirshick/py-faster-rcnn#65",
    ),
    Wrong(
        "decode_boxes",
        "y-by-the-width",
        decode_y_by_the_width,
        "rykov8/ssd_keras#148, rykov8/ssd_keras#53",
    ),
    Wrong(
        "decode_boxes",
        "a-pixel-too-far",
        decode_a_pixel_too_far,
        "rbgirshick/py-faster-rcnn#852, rbgirshick/py-faster-rcnn#502",
    ),
)
