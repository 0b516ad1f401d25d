"""Columns judged: as the records they came from, whatever the ids and the order of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, evaluate_columns
from refdet.records import Evaluation
from tests.evaluate.data_sets import SETTINGS, columns_of
from tests.test_evaluate import BESIDE, HALF, SQUARE, Split, judged, splits

DEFAULT = EvaluationSettings()
HUGE = st.integers(-(2**62), 2**62)


def told(evaluation: Evaluation) -> str:
    """All of an evaluation as text: NaN equals NaN, and every bit of a float shows."""
    curves = {
        label: [column.tolist() for column in (curve.precision, curve.recall, curve.scores)]
        for label, curve in evaluation.curves.items()
    }
    matrix = evaluation.confusion
    return "\n".join(
        repr(part)
        for part in (
            *(evaluation.classes, evaluation.totals, evaluation.coco_stats, curves),
            *(matrix.counts.tolist(), matrix.ignored_detections, matrix.ignored_objects),
            *(evaluation.false_positives, evaluation.missed, evaluation.n_images),
            *(evaluation.classes_without_ground_truth, evaluation.max_detections),
        )
    )


def interleaved(order: Sequence[int], split: Split) -> list[int]:
    """The rows of all images mixed, those of one image in their order."""
    of_image = [image for image, record in enumerate(in_order(split)) for _ in range(record)]
    rows = {image: iter(np.flatnonzero(np.array(of_image) == image)) for image in set(of_image)}
    return [int(next(rows[of_image[place]])) for place in order if place < len(of_image)]


def in_order(split: Split) -> list[int]:
    """How many detections each image has."""
    lengths = {record.image: len(record) for record in split[1]}
    return [lengths.get(truth.image, 0) for truth in split[0]]


@given(
    split=splits(),
    settings=SETTINGS,
    image_ids=st.lists(HUGE, min_size=3, max_size=3, unique=True).map(sorted),
    category_ids=st.lists(HUGE, min_size=3, max_size=3, unique=True),
    order=st.permutations(range(15)),
)
def test_evaluate_columns_equals_evaluate_split_for_any_ids_and_order_of_images(
    split: Split,
    settings: EvaluationSettings,
    image_ids: list[int],
    category_ids: list[int],
    order: list[int],
) -> None:
    columns = columns_of(split, image_ids, category_ids, interleaved(order, split))
    got = evaluate_columns(*columns, split="val", settings=settings)
    assert told(got) == told(judged(split, settings=settings))


@given(split=splits(), order=st.permutations(range(3)))
def test_evaluate_columns_takes_the_tables_in_any_order(split: Split, order: list[int]) -> None:
    objects, detections = columns_of(split)
    n_images = len(split[0])
    rows = [row for row in order if row < n_images]
    images = ImageTable(
        objects.images.ids[rows],
        tuple(objects.images.names[row] for row in rows),
        objects.images.sizes[rows],
    )
    categories = CategoryTable(
        objects.categories.ids[order], tuple(objects.categories.names[row] for row in order)
    )
    columns = ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore")
    moved = ObjectColumns(images, categories, **{name: getattr(objects, name) for name in columns})
    before, after = (
        evaluate_columns(one, detections, split="val", settings=DEFAULT) for one in (objects, moved)
    )
    assert after.coco_stats == before.coco_stats
    by_name = {one.name: one for one in before.classes}
    for label, one in enumerate(after.classes):
        assert one.label == label
        want = by_name[one.name]
        assert (one.n_ground_truth, one.true_positives) == (
            want.n_ground_truth,
            want.true_positives,
        )
        assert repr((one.ap, one.ap50_voc)) == repr((want.ap, want.ap50_voc))
    want_counts = before.confusion.counts[[*order, 3]][:, [*order, 3]]
    assert after.confusion.counts.tolist() == want_counts.tolist()
    assert {one.image for one in after.missed} == {one.image for one in before.missed}


def objects_of(
    boxes: Sequence[Sequence[float]], crowd: Sequence[bool], ignore: Sequence[bool] | None = None
) -> ObjectColumns:
    """Objects of one class in one image."""
    array = np.array(boxes, np.float64).reshape(-1, 4)
    one = np.full(len(array), 5)
    return ObjectColumns(
        ImageTable(np.array([5]), ("a",), np.array([[64, 64]])),
        CategoryTable(np.array([5]), ("cat",)),
        image_ids=one,
        category_ids=one,
        boxes_xywh=array,
        area=array[:, 2] * array[:, 3],
        crowd=np.array(crowd, np.bool_),
        ignore=np.zeros(len(array), np.bool_) if ignore is None else np.array(ignore, np.bool_),
    )


def found(
    boxes: Sequence[Sequence[float]], scores: Sequence[float], image: int = 5, category: int = 5
) -> DetectionColumns:
    n_rows = len(scores)
    return DetectionColumns(
        image_ids=np.full(n_rows, image),
        category_ids=np.full(n_rows, category),
        boxes_xywh=np.array(boxes, np.float64).reshape(-1, 4),
        scores=np.array(scores, np.float64),
    )


# As x, y, width, height these are what they are as corners, but for the last.
AWAY = [20, 0, 10, 10]
assert (SQUARE, HALF, BESIDE) == ([0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10])


def test_evaluate_columns_lets_a_crowd_take_any_number_and_counts_neither() -> None:
    # Each small detection lies in the crowd, whose IoU with them is only 0.1.
    crowd_and_cat = objects_of([SQUARE, AWAY], [True, False])
    small = [[0, 0, 5, 2], [5, 0, 5, 2], [0, 5, 5, 2]]
    evaluation = evaluate_columns(
        crowd_and_cat, found([*small, AWAY], [0.9, 0.8, 0.7, 0.6]), split="val", settings=DEFAULT
    )
    (one,) = evaluation.classes
    assert (one.true_positives, one.false_positives, one.false_negatives) == (1, 0, 0)
    assert (one.n_ground_truth, one.n_detections) == (1, 4)
    assert one.ap50 == pytest.approx(1)
    # To VOC they are three false positives before the cat: precision 1/4 at recall 1.
    assert (one.ap50_voc, one.ap50_voc07) == pytest.approx((0.25, 0.25))
    assert (evaluation.confusion.ignored_detections, evaluation.confusion.ignored_objects) == (3, 1)
    assert evaluation.confusion.counts.tolist() == [[1, 0], [0, 0]]
    assert (evaluation.false_positives, evaluation.missed) == ((), ())


def test_evaluate_columns_takes_equal_scores_by_image_id_for_every_rule() -> None:
    # The first row is wrong and in image 6, the second is right and in image 5, which comes first.
    one = objects_of([SQUARE], [False])
    images = ImageTable(np.array([6, 5]), ("b", "a"), np.zeros((2, 2), np.int64))
    detections = dataclasses.replace(
        found([SQUARE, SQUARE], [0.5, 0.5]), image_ids=np.array([6, 5])
    )
    evaluation = evaluate_columns(
        dataclasses.replace(one, images=images), detections, split="val", settings=DEFAULT
    )
    (cat,) = evaluation.classes
    assert (cat.ap50, cat.ap50_voc, cat.ap50_voc07) == pytest.approx((1, 1, 1))
    assert evaluation.curves[0].precision.tolist() == [1, 0.5]


def test_evaluate_columns_lets_an_ignored_object_be_found_once() -> None:
    evaluation = evaluate_columns(
        objects_of([SQUARE], [False], [True]),
        found([SQUARE, SQUARE], [0.9, 0.8]),
        split="val",
        settings=DEFAULT,
    )
    assert evaluation.classes[0].false_positives == 1
    assert evaluation.confusion.counts.tolist() == [[0, 1], [0, 0]]
    assert evaluation.confusion.ignored_detections == 1


def test_evaluate_columns_numbers_detections_by_score_within_their_image() -> None:
    detections = found([SQUARE, AWAY, HALF, AWAY], [0.6, 0.7, 0.9, 0.7])
    detections = dataclasses.replace(detections, image_ids=np.array([5, 5, 6, 5]))
    images = ImageTable(np.array([6, 5]), ("b", "a"), np.zeros((2, 2), np.int64))
    evaluation = evaluate_columns(
        dataclasses.replace(objects_of([], []), images=images),
        detections,
        split="val",
        settings=DEFAULT,
    )
    listed = [(one.image, one.index, one.score) for one in evaluation.false_positives]
    assert listed == [("b", 0, 0.9), ("a", 0, 0.7), ("a", 1, 0.7), ("a", 2, 0.6)]


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        (found([SQUARE, SQUARE], [0.9, 0.8], image=6), "detections row 0: image without ground"),
        (found([SQUARE], [0.9], category=4), "detections row 0: class without ground truth"),
    ],
)
def test_evaluate_columns_refuses_what_the_ground_truth_does_not_know(
    detections: DetectionColumns, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_columns(objects_of([SQUARE], [False]), detections, split="val", settings=DEFAULT)


def test_evaluate_columns_of_scores_of_any_scale_counts_from_the_threshold() -> None:
    evaluation = evaluate_columns(
        objects_of([SQUARE, AWAY], [False, False]),
        found([SQUARE, AWAY], [7.5, -3.0]),
        split="val",
        settings=DEFAULT,
    )
    (one,) = evaluation.classes
    assert (one.true_positives, one.false_negatives) == (1, 1)
    assert one.ap50 == pytest.approx(1)
