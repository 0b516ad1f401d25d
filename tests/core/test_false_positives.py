"""What is peculiar to our list of false positives: it agrees with match_coco; messages; purity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.false_positives import TIED, Image, images
from refdet.conformance.strategies import UNIT_BOX, fractional_boxes_xyxy, labels, tied_scores
from refdet.core.false_positives import (
    FalsePositive,
    FalsePositiveKind,
    false_positive_kind,
    identify_false_positives,
)
from refdet.core.iou import iou_matrix
from refdet.core.matching import match_coco
from refdet.records import FalsePositiveKind as RecordedKind

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@st.composite
def fractional_images(draw: st.DrawFn) -> Image:
    """Boxes whose IoUs are rounded, three times each, so that thresholds can lie on an IoU."""
    boxes = draw(fractional_boxes_xyxy(3, side=4.0))
    n_objects = draw(st.integers(1, 3))
    return Image(
        np.repeat(boxes, 2, axis=0),
        draw(tied_scores(6)),
        draw(labels(6, 2)),
        draw(fractional_boxes_xyxy(n_objects, side=4.0)),
        draw(labels(n_objects, 2)),
        np.zeros(n_objects, np.bool_),
    )


@given(image=st.one_of(images(), fractional_images()), data=st.data())
def test_identify_false_positives_lists_what_match_coco_leaves_unmatched(
    image: Image, data: st.DataObject
) -> None:
    iou = iou_matrix(image.boxes, image.gt_boxes)
    # Where possible the threshold is an IoU itself: one bit of difference would show.
    threshold = data.draw(st.sampled_from([*iou[iou > 0.1].tolist(), 0.5]))
    want: set[int] = set()
    for label in np.unique(image.labels):
        rows, columns = image.labels == label, image.gt_labels == label
        found = match_coco(
            iou[rows][:, columns], image.scores[rows], [threshold], image.ignore[columns]
        )
        want |= set(np.flatnonzero(rows)[found.false_positive[0]].tolist())
    got = identify_false_positives(
        image.boxes,
        image.scores,
        image.labels,
        image.gt_boxes,
        image.gt_labels,
        threshold,
        0.1,
        image.ignore,
    )
    assert {wrong.index for wrong in got} == want


def test_false_positive_kinds_are_those_of_the_records() -> None:
    assert {kind.name: kind.value for kind in FalsePositiveKind} == {
        kind.name: kind.value for kind in RecordedKind
    }


def test_identify_false_positives_returns_plain_numbers() -> None:
    square = np.array([[0, 0, 4, 4]], np.uint8)
    got = identify_false_positives(
        square, np.array([1], np.int8), np.array([2], np.uint8), square, np.array([1])
    )
    assert got == [FalsePositive(0, 2, 1.0, 0.0, (0, 0, 4, 4), FalsePositiveKind.CONFUSION, 1)]
    assert type(got[0].index) is type(got[0].label) is type(got[0].confused_with) is int
    assert type(got[0].score) is type(got[0].best_iou) is type(got[0].box[0]) is float


def test_false_positives_are_confused_with_nothing_unless_said() -> None:
    kind = FalsePositiveKind.BACKGROUND
    assert FalsePositive(0, 1, 0.5, 0.0, (0.0, 0.0, 1.0, 1.0), kind).confused_with is None


def test_identify_false_positives_lowers_a_threshold_of_1_as_coco_does() -> None:
    nearly = np.array([[0.0, 0.0, 1.0, 1.0 - 5e-11]])
    assert 1 - 1e-10 < iou_matrix(nearly, UNIT_BOX)[0, 0] < 1
    zero = np.zeros(1, np.int64)
    assert identify_false_positives(nearly, np.ones(1), zero, UNIT_BOX, zero, 1.0) == []


def _called(
    boxes: F64 = TIED.boxes,
    scores: F64 = TIED.scores,
    labels: I64 = TIED.labels,
    gt_boxes: F64 = TIED.gt_boxes,
    gt_labels: I64 = TIED.gt_labels,
    iou_threshold: float = 0.5,
    background_threshold: float = 0.1,
    ignore: Mask = TIED.ignore,
) -> list[FalsePositive]:
    return identify_false_positives(
        boxes, scores, labels, gt_boxes, gt_labels, iou_threshold, background_threshold, ignore
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: _called(boxes=TIED.boxes * np.nan), ValueError, r"boxes_xyxy\[0\] = .*not finite"),
        (lambda: _called(gt_boxes=-TIED.gt_boxes), ValueError, r"gt_boxes_xyxy\[0\] = .*x2 < x1"),
        (lambda: _called(scores=TIED.scores[:2]), ValueError, "scores has 2 rows and boxes_xyxy"),
        (lambda: _called(scores=TIED.scores * np.nan), ValueError, r"scores\[0\] is NaN"),
        (
            lambda: _called(labels=TIED.labels.astype(object)),
            TypeError,
            "labels must be of an integer",
        ),
        (lambda: _called(labels=TIED.labels[:2]), ValueError, r"labels must have shape \(3,\)"),
        (lambda: _called(labels=TIED.labels - 1), ValueError, r"labels\[0\] = -1 is negative"),
        (
            lambda: _called(labels=np.array([0, 2**63, 1], np.uint64)),
            ValueError,
            r"labels\[1\] = 9223372036854775808 exceeds",
        ),
        (lambda: _called(gt_labels=TIED.gt_labels - 1), ValueError, r"gt_labels\[0\] = -1 is"),
        (lambda: _called(ignore=TIED.ignore[:1]), ValueError, r"ignore must have shape \(2,\)"),
        (lambda: _called(iou_threshold=0.0), ValueError, r"iou_threshold = 0.0 is not in \(0, 1\]"),
        (lambda: _called(iou_threshold=1.5), ValueError, "iou_threshold = 1.5"),
        (lambda: _called(background_threshold=0.0), ValueError, "background_threshold = 0.0"),
        (lambda: _called(background_threshold=0.6), ValueError, r"= 0.6 is not in \(0, 0.5\]"),
    ],
)
def test_identify_false_positives_names_what_is_wrong(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_identify_false_positives_does_not_write_to_its_inputs() -> None:
    arrays = [TIED.boxes, TIED.scores, TIED.labels, TIED.gt_boxes, TIED.gt_labels, TIED.ignore]
    before = [array.copy() for array in arrays]
    _called()
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_identify_false_positives_takes_empty_lists_of_labels() -> None:
    boxes, empty = np.zeros((0, 4)), np.array([])  # float64, what an empty list becomes
    assert identify_false_positives(boxes, empty, empty, boxes, empty) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: false_positive_kind(-0.5, 0), r"own_iou = -0.5 is not in \[0, 1\]"),
        (lambda: false_positive_kind(0, 1.5), r"other_iou = 1.5 is not in \[0, 1\]"),
        (lambda: false_positive_kind(0, float("nan")), "other_iou = nan is not in"),
        (lambda: false_positive_kind(0, 0, 0), r"iou_threshold = 0 is not in \(0, 1\]"),
        (lambda: false_positive_kind(0, 0, 0.5, 0.6), r"background_threshold = 0.6 is not in"),
    ],
)
def test_false_positive_kind_names_what_is_wrong(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_false_positive_kind_has_the_thresholds_of_the_list_by_default() -> None:
    kinds = [false_positive_kind(own, 0) for own in (0.5, 0.49, 0.1, 0.09)]
    assert kinds == ["duplicate", "localization", "localization", "background"]
