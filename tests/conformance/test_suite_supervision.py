"""The suite of supervision finds what is known of it, and nothing that is not registered."""

from __future__ import annotations

import numpy as np
import pytest

from refdet.core.nms import SoftNMSDecay
from tests.conformance.suite_runs import (
    assert_as_registered,
    assert_can_be_pasted,
    assert_register_names_targets,
    broken,
    outcomes,
)


@pytest.mark.parametrize(
    ("target", "check", "message"),
    [
        ("supervision:xywh_to_xyxy", "xywh_to_xyxy/uint8-250-plus-10", "4 instead of 260"),
        ("box_non_max_suppression", "nms/ties-go-to-the-first", "3 instead of 0"),
        ("box_non_max_suppression", "nms/equality-keeps-a-box", "shape (1,) instead of (3,)"),
        ("box_soft_non_max_suppression", "soft_nms/a-lowered-box-falls-behind", "1 instead of 2"),
    ],
)
def test_suite_supervision_finds(target: str, check: str, message: str) -> None:
    assert message in broken("supervision", target, check).message


def test_suite_supervision_lets_pass_what_is_right() -> None:
    held = {(one.target, one.check) for one in outcomes("supervision") if one.verdict == "held"}
    assert held >= {
        ("supervision:box_iou_batch", "iou_equals_counting_unit_cells"),
        ("supervision:box_iou_batch", "iou_matrix/int32-60000-pixels"),
        ("box_iou", "paired_iou_equals_counting_unit_cells"),
        ("box_iou_batch_with_jaccard", "iou_equals_counting_unit_cells"),
        ("box_iou_batch_with_jaccard, crowds", "ioa_equals_counting_unit_cells"),
        ("supervision:xcycwh_to_xyxy", "cxcywh_to_xyxy/uint8-odd-size-and-overflow"),
        ("clip_boxes", "keeps_the_cells_in_the_image"),
        ("box_non_max_suppression", "nms_survives_shuffling_distinct_scores"),
        ("box_soft_non_max_suppression", "soft_nms/gaussian"),
    }


def test_suite_supervision_breaks_what_its_register_says_and_nothing_else() -> None:
    assert_as_registered("supervision")


def test_register_of_supervision_names_targets_of_the_suite() -> None:
    assert_register_names_targets("supervision")


def test_counterexamples_of_supervision_can_be_pasted() -> None:
    assert_can_be_pasted("supervision")


def test_soft_nms_of_supervision_keeps_a_score_that_is_the_smallest() -> None:
    pytest.importorskip("supervision")
    from refdet.conformance.suites.supervision import soft_nms  # noqa: PLC0415 - it may be missing

    # The contract's vector of this is linear, which supervision refuses.
    apart = np.array([[0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0], [4.0, 0.0, 5.0, 1.0]])
    scores = np.array([0.25, 0.5, 0.125])
    got = soft_nms(apart, scores, SoftNMSDecay.GAUSSIAN, 0.5, 0.5, 0.25)
    assert got.indices.tolist() == [1, 0]
    assert got.scores.tolist() == [0.5, 0.25]
