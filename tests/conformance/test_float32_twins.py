"""Functions that compute in float32, our torch twins, hold their contracts within a tolerance."""

from __future__ import annotations

import pytest

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.running import examples, run_target
from refdet.conformance.target import Target
from tests.targets import TORCH

CONTRACTS = (
    *("xywh_to_xyxy", "xyxy_to_xywh", "cxcywh_to_xyxy", "xyxy_to_cxcywh", "box_area"),
    *("clip_boxes", "flip_boxes_horizontally", "flip_boxes_vertically"),
    *("iou_matrix", "iou_paired", "ioa_matrix", "giou_matrix", "diou_matrix", "ciou_matrix"),
    "iou_matrix_inclusive",
    *("encode_boxes", "decode_boxes", "assign_ssd", "assign_rcnn"),
    *("hard_negative_mask", "nms", "batched_nms"),
)


def broken(name: str, tolerance: float) -> list[str]:
    """The checks that the twin breaks when boxes and scores come in float32."""
    adapter = Adapter(
        arrays=Arrays.TORCH,
        dtype="float32",
        exact_errors=True,
        checks_values=False,
        tolerance=tolerance,
    )
    with examples(10):
        outcomes = list(run_target(Target("twin", name, TORCH[name], adapter)))
    return [outcome.check for outcome in outcomes if not outcome.passes]


@pytest.mark.parametrize("name", CONTRACTS)
def test_twin_in_float32_holds_with_a_tolerance(name: str) -> None:
    assert broken(name, tolerance=1e-6) == []


@pytest.mark.parametrize("name", ["iou_matrix", "encode_boxes", "decode_boxes", "batched_nms"])
def test_twin_in_float32_breaks_without_one(name: str) -> None:
    assert broken(name, tolerance=0.0)
