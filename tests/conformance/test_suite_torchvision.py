"""The suite of torchvision finds what is known of it, and nothing that is not registered.

The rows named after a fault are those of the table that the suite was asked to find by itself.
"""

from __future__ import annotations

import pytest

from tests.conformance.suite_runs import (
    assert_as_registered,
    assert_can_be_pasted,
    assert_register_names_targets,
    broken,
    outcomes,
)

KNOWN_FAULTS = {
    "two empty boxes have no IoU": (
        "torchvision.ops:box_iou",
        "iou_equals_counting_unit_cells",
        "IoU[0, 0]: nan instead of 0.0",
    ),
    "two empty boxes have no GIoU": (
        "torchvision.ops:generalized_box_iou",
        "giou_equals_counting_unit_cells",
        "GIoU[0, 0]: nan instead of 0.0",
    ),
    "two empty boxes have no DIoU": (
        "torchvision.ops:distance_box_iou",
        "diou_equals_the_formula",
        "DIoU[0, 0]: nan instead of 0.0",
    ),
    "two empty boxes have no CIoU": (
        "torchvision.ops:complete_box_iou",
        "ciou_equals_the_formula",
        "CIoU[0, 0]: nan instead of 0.0",
    ),
    "inverted boxes have an IoU": (
        "torchvision.ops:box_iou",
        "iou_matrix/inverted",
        "instead of raising ValueError",
    ),
    "inverted boxes give infinity": (
        "torchvision.ops:generalized_box_iou",
        "giou_matrix/inverted",
        "returned result [[-inf]]",
    ),
    "areas of int32 overflow": (
        "torchvision.ops:box_iou",
        "iou_matrix/int32-60000-pixels",
        "result[0, 1]: 1.6289",
    ),
    "an object without overlap makes anchors positive": (
        "Matcher",
        "assign_rcnn/an-object-without-overlap-asks-for-nothing",
        "positive[1]: True instead of False",
    ),
    "a low-quality match goes to another object": (
        "Matcher",
        "assign_rcnn/a-low-quality-match-goes-to-the-object-that-asked",
        "object_index[1]: 0 instead of 1",
    ),
    "2,000 px come back as 625 px": (
        "BoxCoder(weights).decode_single",
        "decode_boxes/unclamped-2000-pixels",
        "result[0, 0]: -207.5",  # 105 - 625 / 2
    ),
    "decoding is not the inverse of encoding": (
        "BoxCoder(weights).decode_single",
        "decodes_as_the_formula",
        "row 0",
    ),
    "a box without size encodes to -infinity": (
        "BoxCoder(weights).encode_single",
        "encode_boxes/box-without-area",
        "-inf, -inf]] instead of raising ValueError",
    ),
    "250 + 10 is 4": (
        "box_convert, xywh to xyxy",
        "xywh_to_xyxy/uint8-250-plus-10",
        "result[0, 2]: 4 instead of 260.0",
    ),
}


@pytest.mark.parametrize("fault", KNOWN_FAULTS)
def test_suite_torchvision_finds(fault: str) -> None:
    target, check, message = KNOWN_FAULTS[fault]
    assert message in broken("torchvision", target, check).message


def test_suite_torchvision_finds_by_a_property_too_that_uint8_wraps_around() -> None:
    found = broken("torchvision", "box_convert, xywh to xyxy", "adds_the_size_to_the_low_corner")
    assert "uint8" in found.counterexample


def test_suite_torchvision_lets_pass_what_is_right() -> None:
    held = {(one.target, one.check) for one in outcomes("torchvision") if one.verdict == "held"}
    assert held >= {
        ("torchvision.ops:nms", "nms_equals_taking_the_best_left"),
        ("torchvision.ops:box_iou", "is_symmetric"),
        ("clip_boxes_to_image", "keeps_the_cells_in_the_image"),
        ("BoxCoder(weights).encode_single", "encodes_as_the_formula"),
        ("BoxCoder(weights, inf).decode_single", "decodes_as_the_formula"),
        ("SSDMatcher", "assign_ssd/an-object-without-overlap-and-one-without-a-free-prior"),
        ("Matcher", "assign_rcnn/torchvision-region-proposals"),
        ("BalancedPositiveNegativeSampler", "sample_has_as_many_of_each_as_the_rule_says"),
        ("SSD.compute_loss", "hard_negative_mask/infinite-losses"),
        ("AnchorGenerator", "rpn_anchors/torchvision-two-levels"),
        ("DefaultBoxGenerator", "ssd_priors/torchvision-coarse-maps"),
    }


def test_suite_torchvision_breaks_what_its_register_says_and_nothing_else() -> None:
    assert_as_registered("torchvision")


def test_register_of_torchvision_names_targets_of_the_suite() -> None:
    assert_register_names_targets("torchvision")


def test_counterexamples_of_torchvision_can_be_pasted() -> None:
    assert_can_be_pasted("torchvision")
