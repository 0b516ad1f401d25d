"""Answers of the README's FAQ that no other test holds, each derived by hand from a few boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.coco_eval import CocoResult
from refdet.data.box_format import BoxFormat
from refdet.data.lists import columns_from_lists
from refdet.evaluate import EvaluationSettings, coco_data, evaluate_columns
from refdet.records import Detections, Evaluation
from tests.test_evaluate import THRESHOLDS, Split, judged, splits

Row = tuple[float, float, float, float]
BOX, ELSEWHERE, FAR = (0, 0, 10, 10), (50, 50, 10, 10), (200, 200, 10, 10)
NAMES = {1: "cat", 2: "dog", 7: "owl"}


def objects_in(*boxes: Row, label: int = 1) -> dict[str, object]:
    return {"boxes": list(boxes), "labels": [label] * len(boxes)}


def found_in(*boxes: Row, scores: Sequence[float], label: int = 1) -> dict[str, object]:
    return {"boxes": list(boxes), "labels": [label] * len(boxes), "scores": list(scores)}


NOTHING: dict[str, object] = {}


def columns(
    *images: tuple[Mapping[str, object], Mapping[str, object]],
) -> tuple[ObjectColumns, DetectionColumns]:
    """From pairs of what is in an image and what was found there."""
    truth, found = [pair[0] for pair in images], [pair[1] for pair in images]
    return columns_from_lists(found, truth, box_format=BoxFormat.XYWH, category_names=NAMES)


def evaluated(*images: tuple[Mapping[str, object], Mapping[str, object]]) -> Evaluation:
    settings = EvaluationSettings(score_threshold=0.5)
    return evaluate_columns(*columns(*images), split="val", settings=settings)


def arrays(objects: ObjectColumns, detections: DetectionColumns) -> CocoResult:
    return coco_data(objects, detections).match().state.accumulate()


def assert_same(a: CocoResult, b: CocoResult) -> None:
    for name in ("stats", "precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)


# --- One set of detections, several numbers ---


def test_one_of_ten_objects_found_has_another_ap_by_each_rule() -> None:
    """COCO's: 11 of 101 levels, up to 0.10. VOC's: the area, 0.1. VOC 2007's: 2 of 11 levels."""
    ten = [(20.0 * i, 0.0, 10.0, 10.0) for i in range(10)]
    cats = evaluated((objects_in(*ten), found_in(ten[0], scores=[0.9]))).classes[0]
    assert math.isclose(cats.ap50, 11 / 101)
    assert math.isclose(cats.ap50_voc, 1 / 10)
    assert math.isclose(cats.ap50_voc07, 2 / 11)


# --- Nothing there, nothing found ---


def test_nothing_found_is_0_and_every_object_is_missed() -> None:
    evaluation = evaluated((objects_in(BOX, ELSEWHERE), NOTHING))
    cats = evaluation.classes[0]
    assert (cats.ap, cats.recall, cats.false_negatives) == (0, 0, 2)
    assert math.isnan(cats.precision)
    assert len(evaluation.missed) == 2


def test_nothing_there_is_undefined_and_every_detection_is_false() -> None:
    evaluation = evaluated((NOTHING, found_in(BOX, scores=[0.9])))
    assert math.isnan(evaluation.totals.mean_ap)
    assert evaluation.totals.false_positives == 1
    assert evaluation.classes_without_ground_truth == ("cat", "dog", "owl")


def test_nothing_at_all_raises_nothing() -> None:
    evaluation = evaluated()
    assert evaluation.n_images == 0
    assert math.isnan(evaluation.totals.mean_ap)


def test_an_image_in_which_nothing_is_found_counts() -> None:
    """One of two cats: precision 1 at the 51 levels up to recall 1/2."""
    evaluation = evaluated(
        (objects_in(BOX), found_in(BOX, scores=[0.9])), (objects_in(BOX), NOTHING)
    )
    assert math.isclose(evaluation.totals.mean_ap, 51 / 101)


# --- False positives where there is nothing ---


def test_false_positives_on_images_without_objects_count_everywhere() -> None:
    evaluation = evaluated(
        (objects_in(BOX), found_in(BOX, scores=[0.8])),
        (NOTHING, found_in(BOX, ELSEWHERE, scores=[0.9, 0.7])),
    )
    cats = evaluation.classes[0]
    assert (cats.true_positives, cats.false_positives) == (1, 2)
    assert math.isclose(cats.precision, 1 / 3)
    assert math.isclose(cats.ap50, 1 / 2)  # the better of the false ones comes first
    background = len(evaluation.confusion.class_names)
    assert evaluation.confusion.counts[0, background] == 2
    assert [(one.image, one.index) for one in evaluation.false_positives] == [("1", 0), ("1", 1)]


def test_detections_of_a_class_without_objects_count_in_all_but_its_ap() -> None:
    evaluation = evaluated(
        (objects_in(BOX), found_in(BOX, scores=[0.9])),
        (NOTHING, found_in(BOX, scores=[0.9], label=2)),
    )
    dogs = evaluation.classes[1]
    assert math.isnan(dogs.ap)
    assert dogs.false_positives == 1
    assert math.isclose(evaluation.totals.mean_ap, 1)
    assert math.isclose(evaluation.totals.micro_precision, 1 / 2)
    assert evaluation.classes_without_ground_truth == ("dog", "owl")


# --- The confusion matrix ---


@given(split=splits(), threshold=THRESHOLDS, limit=st.integers(1, 4))
def test_confusion_matrix_counts_everything_exactly_once(
    split: Split, threshold: float, limit: int
) -> None:
    """A row for each class of the detections, a column for each of the objects; background last."""
    objects, detections = split
    settings = EvaluationSettings(score_threshold=threshold, max_detections=limit)
    evaluation = judged(split, settings=settings)
    counts = evaluation.confusion.counts
    labels = [image.labels[~image.difficult] for image in objects]
    n_objects = np.bincount(np.concatenate([np.zeros(0, np.int64), *labels]), minlength=3)
    assert counts[:, :-1].sum(axis=0).tolist() == n_objects.tolist()
    shown = sum(int((record.scores >= threshold).sum()) for record in detections)
    beside = evaluation.confusion.ignored_detections + evaluation.confusion.unjudged_detections
    assert counts[:-1].sum() + beside == shown
    for one in evaluation.classes:
        assert counts[one.label].sum() == one.true_positives + one.false_positives
        assert counts[one.label, one.label] == one.true_positives
    assert counts[-1, -1] == 0


# --- A filter before AP ---


@given(split=splits(), threshold=THRESHOLDS)
def test_a_confidence_filter_never_raises_ap(split: Split, threshold: float) -> None:
    objects, detections = split
    kept = [above(record, threshold) for record in detections]
    everything, filtered = judged(split), judged((objects, kept))
    for all_of_it, rest in zip(everything.classes, filtered.classes, strict=True):
        assert math.isnan(rest.ap) == math.isnan(all_of_it.ap)
        assert not rest.ap > all_of_it.ap


def above(record: Detections, threshold: float) -> Detections:
    rows = record.scores >= threshold
    return replace(
        record,
        boxes_xyxy=record.boxes_xyxy[rows],
        scores=record.scores[rows],
        labels=record.labels[rows],
    )


# --- Order ---

TIED = (
    (objects_in(BOX, ELSEWHERE), found_in(BOX, FAR, scores=[0.5, 0.5])),
    (objects_in(BOX), found_in(FAR, BOX, scores=[0.5, 0.9])),
    (objects_in(ELSEWHERE), found_in(ELSEWHERE, scores=[0.5])),
)


@pytest.mark.parametrize("order", [[2, 0, 1, 3, 4], [4, 3, 0, 2, 1], [0, 2, 1, 4, 3]])
def test_rows_of_different_images_in_any_order_give_the_same_bits(order: list[int]) -> None:
    """Equal scores of different images are ranked by image; the orders keep those of one image."""
    objects, detections = columns(*TIED)
    images = detections.image_ids[order]
    assert all((np.diff(np.array(order)[images == image]) > 0).all() for image in (0, 2))
    moved = DetectionColumns(
        images,
        detections.category_ids[order],
        detections.boxes_xywh[order],
        detections.scores[order],
    )
    assert_same(arrays(objects, moved), arrays(objects, detections))


def test_equal_scores_in_an_image_are_taken_as_they_come() -> None:
    """As by pycocotools: right before wrong is AP 1, wrong before right is 1/2."""
    right_first = columns((objects_in(BOX), found_in(BOX, FAR, scores=[0.5, 0.5])))
    wrong_first = columns((objects_in(BOX), found_in(FAR, BOX, scores=[0.5, 0.5])))
    assert math.isclose(arrays(*right_first).stats[0], 1)
    assert math.isclose(arrays(*wrong_first).stats[0], 1 / 2)


# --- Class ids ---


@pytest.mark.parametrize("ids", [(0, 1), (1, 2), (1, 90), (5, 2**40), (-3, 0)])
def test_class_ids_may_start_anywhere_and_have_gaps(ids: tuple[int, int]) -> None:
    images = [
        (objects_in(BOX, label=ids[0]), found_in(BOX, FAR, scores=[0.9, 0.8], label=ids[0])),
        (objects_in(BOX, label=ids[1]), found_in(FAR, BOX, scores=[0.9, 0.8], label=ids[1])),
    ]
    names = {ids[0]: "first", ids[1]: "second"}
    objects, detections = columns_from_lists(
        [found for _, found in images],
        [truth for truth, _ in images],
        box_format=BoxFormat.XYWH,
        category_names=names,
    )
    settings = EvaluationSettings()
    evaluation = evaluate_columns(objects, detections, split="val", settings=settings)
    got = {one.name: round(one.ap, 9) for one in evaluation.classes}
    assert got == {"first": 1.0, "second": 0.5}
    other = {one.confused_with for one in evaluation.false_positives}
    assert other == {None}


def test_a_class_that_the_ground_truth_does_not_have_is_named() -> None:
    objects, _ = columns((objects_in(BOX), NOTHING))
    one = np.zeros(1, np.int64)
    shifted = DetectionColumns(one, one, np.array([BOX], np.float64), np.ones(1))
    with pytest.raises(ValueError, match="detections row 0: class without ground truth"):
        evaluate_columns(objects, shifted, split="val", settings=EvaluationSettings())


# --- Boxes ---


def test_boxes_without_size_match_nothing_and_are_counted() -> None:
    line, point = (0.0, 0.0, 10.0, 0.0), (5.0, 5.0, 0.0, 0.0)
    evaluation = evaluated((objects_in(BOX, line), found_in(line, point, BOX, scores=[0.9] * 3)))
    cats = evaluation.classes[0]
    assert (cats.true_positives, cats.false_positives, cats.false_negatives) == (1, 2, 1)
    assert math.isclose(cats.ap50, 51 / 101 / 3)  # found third, one of two


@pytest.mark.parametrize(
    ("dtype", "side"),
    [(np.uint8, 250), (np.int16, 30_000), (np.int32, 60_000), (np.float16, 60_000)],
)
def test_boxes_do_not_overflow(dtype: type[np.generic], side: int) -> None:
    """The far edge, or the area, is beyond the dtype; the IoU is 1/2."""
    whole = np.array([[side, side, side, side]]).astype(dtype)
    half = np.array([[side, side, side, side // 2]]).astype(dtype)
    target = {"boxes": whole, "labels": np.array([1])}
    pred = {"boxes": half, "labels": np.array([1]), "scores": np.array([0.5], np.float16)}
    result = arrays(*columns((target, pred)))
    assert math.isclose(result.stats[0], 1 / 10)
    assert math.isclose(result.stats[1], 1)
