"""Columns refuse what no file may hold, naming the column, the row and the value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refdet.columns import (
    CategoryTable,
    DetectionColumns,
    ImageTable,
    ObjectColumns,
    unknown_rows,
)

IMAGES = ImageTable(np.array([7, 3]), ("a.jpg", "b.jpg"), np.array([[640, 480], [0, 0]]))
CATEGORIES = CategoryTable(np.array([90, 1]), ("cat", "dog"))
OBJECTS = ObjectColumns(
    IMAGES,
    CATEGORIES,
    image_ids=np.array([3, 7]),
    category_ids=np.array([90, 90]),
    boxes_xywh=np.array([[0.0, 0, 2, 2], [1, 1, 0, 5]]),
    area=np.array([4.0, 0]),
    crowd=np.array([False, True]),
    ignore=np.array([True, False]),
)
DETECTIONS = DetectionColumns(
    image_ids=np.array([3, 4]),
    category_ids=np.array([2, 1]),
    boxes_xywh=np.array([[0.0, 0, 2, 2], [1, 1, 0, 5]]),
    scores=np.array([-3.0, 12]),
)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("image_ids", np.array([3, 4]), r"objects.image_ids\[1\] = 4: there is no image"),
        ("category_ids", np.array([2, 1]), r"objects.category_ids\[0\] = 2: there is no category"),
        ("area", np.array([4.0, -1]), r"objects.area\[1\] = -1.0"),
        ("area", np.array([4.0, np.nan]), r"objects.area\[1\] = nan"),
        ("area", np.zeros(3), r"objects.area must have shape \(2,\), got \(3,\)"),
        ("crowd", np.zeros(1, np.bool_), "objects.crowd must have shape"),
        ("boxes_xywh", np.zeros((2, 3)), "objects.boxes_xywh must have shape"),
        ("boxes_xywh", np.array([[0.0, 0, 1, 1], [0, 0, 1, -1]]), r"objects.boxes_xywh\[1\]"),
    ],
)
def test_object_columns_name_what_is_wrong(column: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ObjectColumns(**(vars(OBJECTS) | {column: value}))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("scores", np.array([np.nan, 0]), r"detections.scores\[0\] = nan"),
        ("scores", np.array([0, np.inf]), r"detections.scores\[1\] = inf"),
        ("boxes_xywh", np.array([[0.0, np.inf, 1, 1], [0, 0, 1, 1]]), r"boxes_xywh\[0\]"),
        ("category_ids", np.array([1]), "detections.category_ids must have shape"),
    ],
)
def test_detection_columns_name_what_is_wrong(column: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectionColumns(**(vars(DETECTIONS) | {column: value}))


def test_image_table_refuses_a_repeated_id_and_a_repeated_name() -> None:
    with pytest.raises(ValueError, match=r"images.ids\[1\] = 7 repeats that of 0"):
        replace(IMAGES, ids=np.array([7, 7]))
    with pytest.raises(ValueError, match=r"images.names\[1\] = 'a.jpg' repeats"):
        replace(IMAGES, names=("a.jpg", "a.jpg"))


def test_image_table_refuses_a_negative_size() -> None:
    with pytest.raises(ValueError, match=r"images.sizes\[1\] = \[-1, 2\] is negative"):
        replace(IMAGES, sizes=np.array([[1, 1], [-1, 2]]))


def test_category_table_refuses_a_repeated_name() -> None:
    with pytest.raises(ValueError, match=r"categories.names\[1\] = 'cat' repeats"):
        replace(CATEGORIES, names=("cat", "cat"))


def test_unknown_rows_tells_images_from_classes() -> None:
    no_image, no_class = unknown_rows(DETECTIONS, OBJECTS)
    assert no_image.tolist() == [False, True]
    assert no_class.tolist() == [True, False]


def test_columns_may_be_empty() -> None:
    nothing = np.zeros(0, np.int64)
    empty = DetectionColumns(nothing, nothing, np.zeros((0, 4)), np.zeros(0))
    assert len(empty) == 0
    assert [mask.tolist() for mask in unknown_rows(empty, OBJECTS)] == [[], []]


def rows_of(detections: DetectionColumns) -> list[tuple[object, ...]]:
    columns = (detections.image_ids, detections.category_ids, detections.boxes_xywh)
    return list(zip(*(column.tolist() for column in (*columns, detections.scores)), strict=True))


def test_take_keeps_the_order_that_is_asked_for() -> None:
    first, second = (3, 2, [0, 0, 2, 2], -3), (4, 1, [1, 1, 0, 5], 12)
    assert rows_of(DETECTIONS.take(np.array([1, 0, 1]))) == [second, first, second]
    assert rows_of(DETECTIONS.take(np.zeros(0, np.int64))) == []


def test_concatenate_puts_one_part_after_the_other() -> None:
    first, second = (3, 2, [0, 0, 2, 2], -3), (4, 1, [1, 1, 0, 5], 12)
    none, last = DETECTIONS.take(np.zeros(0, np.int64)), DETECTIONS.take(np.array([1]))
    assert rows_of(DetectionColumns.concatenate([last, none, DETECTIONS])) == [
        second, first, second
    ]  # fmt: skip
    assert rows_of(DetectionColumns.concatenate([none, none])) == []
    assert DetectionColumns.concatenate([last]) is last
