"""Data frames as columns and back; an error names the column and the index label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.frames import (
    detections_from_frame,
    detections_to_frame,
    objects_from_frame,
    objects_to_frame,
)
from tests.data.whole_sets import assert_same, detection_columns, object_columns

NAN, INF = float("nan"), float("inf")
IMAGES = ImageTable(np.array([30, 10]), ("b.jpg", "a.jpg"), np.array([[8, 9], [0, 0]]))
CATEGORIES = CategoryTable(np.array([2, 1]), ("dog", "cat"))
IDS = pd.DataFrame(
    {
        "image_id": [10, 30, 10],
        "category_id": [1, 2, 1],
        "x": [1.0, 0, 2],
        "y": [2, 0, 2],
        "w": [3, 8, 0],
        "h": [4, 2, 0.5],
        "score": [0.5, -1, 7],
    },
    index=["p", "q", "r"],
)
NAMES = IDS.drop(columns=["image_id", "category_id"]).assign(
    image=["a.jpg", "b.jpg", "a.jpg"], **{"class": ["cat", "dog", "cat"]}
)


def with_column(column: str, values: list[object]) -> pd.DataFrame:
    frame = IDS.copy()
    frame[column] = pd.Series(values, index=frame.index)
    return frame


@given(objects=object_columns())
def test_objects_come_back_from_a_frame_bit_for_bit(objects: ObjectColumns) -> None:
    frame = objects_to_frame(objects)
    shuffled = frame[frame.columns[::-1]]
    tables = {"images": objects.images, "categories": objects.categories}
    assert_same(objects_from_frame(shuffled, **tables), objects)  # type: ignore[arg-type]  # by name
    by_name = shuffled.drop(columns=["image_id", "category_id"])
    assert_same(objects_from_frame(by_name, **tables), objects)  # type: ignore[arg-type]  # likewise


@given(detections=detection_columns())
def test_detections_come_back_from_a_frame_bit_for_bit(detections: DetectionColumns) -> None:
    assert_same(detections_from_frame(detections_to_frame(detections)), detections)


def test_objects_from_frame_finds_the_tables_in_the_frame() -> None:
    objects = objects_from_frame(IDS)
    assert (objects.images.ids.tolist(), objects.images.names) == ([10, 30], ("10", "30"))
    assert (objects.categories.ids.tolist(), objects.categories.names) == ([1, 2], ("1", "2"))
    assert objects.image_ids.tolist() == [10, 30, 10]
    assert objects.category_ids.tolist() == [1, 2, 1]
    assert objects.boxes_xywh.tolist() == [[1, 2, 3, 4], [0, 0, 8, 2], [2, 2, 0, 0.5]]
    assert objects.area.tolist() == [12, 16, 0]
    assert not objects.crowd.any()
    assert not objects.ignore.any()


def test_objects_from_frame_numbers_names_from_one() -> None:
    objects = objects_from_frame(NAMES)
    assert (objects.images.ids.tolist(), objects.images.names) == ([1, 2], ("a.jpg", "b.jpg"))
    assert (objects.categories.ids.tolist(), objects.categories.names) == ([1, 2], ("cat", "dog"))
    assert objects.image_ids.tolist() == [1, 2, 1]
    assert objects.category_ids.tolist() == [1, 2, 1]


def test_objects_from_frame_takes_the_tables_that_are_given() -> None:
    objects = objects_from_frame(NAMES, images=IMAGES, categories=CATEGORIES)
    assert objects.images is IMAGES
    assert objects.image_ids.tolist() == [10, 30, 10]
    assert objects.category_ids.tolist() == [1, 2, 1]


def test_objects_from_frame_takes_ids_and_names_together() -> None:
    objects = objects_from_frame(IDS.join(NAMES[["image", "class"]]).loc[["p", "r", "q"]])
    assert (objects.images.ids.tolist(), objects.images.names) == ([10, 30], ("a.jpg", "b.jpg"))
    assert (objects.categories.ids.tolist(), objects.categories.names) == ([1, 2], ("cat", "dog"))
    wrong = IDS.join(NAMES[["class"]]).assign(image=["a.jpg", "b.jpg", "c.jpg"])
    with pytest.raises(ValueError, match=r"row 'r': image = 'c.jpg' has the image_id of another"):
        objects_from_frame(wrong)


@pytest.mark.parametrize("flag", [[0, 1, 0], [False, True, False], [0.0, 1.0, 0.0]])
def test_objects_from_frame_reads_area_and_flags(flag: list[float]) -> None:
    frame = IDS.assign(area=[1, 2.5, 0], iscrowd=flag, ignore=[True, False, True])
    objects = objects_from_frame(frame)
    assert objects.area.tolist() == [1, 2.5, 0]
    assert objects.crowd.tolist() == [False, True, False]
    assert objects.ignore.tolist() == [True, False, True]


def test_frames_may_hold_corners() -> None:
    corners = IDS.assign(x1=[1, 0, 2], y1=[2, 0, 2], x2=[4, 8, 2], y2=[6, 2, 2.5])
    only = corners.drop(columns=["x", "y", "w", "h"])
    want = [[1, 2, 3, 4], [0, 0, 8, 2], [2, 2, 0, 0.5]]
    assert objects_from_frame(only).boxes_xywh.tolist() == want
    assert detections_from_frame(only).boxes_xywh.tolist() == want
    # Where both are there, sizes are not computed anew.
    assert detections_from_frame(corners.assign(x2=99)).boxes_xywh.tolist() == want


def test_detections_from_frame_needs_objects_for_names() -> None:
    objects = objects_from_frame(IDS.iloc[:0], images=IMAGES, categories=CATEGORIES)
    detections = detections_from_frame(NAMES, objects=objects)
    assert detections.image_ids.tolist() == [10, 30, 10]
    assert detections.category_ids.tolist() == [1, 2, 1]
    assert detections.scores.tolist() == [0.5, -1, 7]
    with pytest.raises(ValueError, match="column 'image_id' is missing, got"):
        detections_from_frame(NAMES)
    with pytest.raises(ValueError, match="row 'q': image = 'z' is unknown"):
        detections_from_frame(NAMES.assign(image=["a.jpg", "z", "b.jpg"]), objects=objects)


def test_detections_to_frame_gives_names_where_they_are_known() -> None:
    objects = objects_from_frame(IDS.iloc[:0], images=IMAGES, categories=CATEGORIES)
    detections = detections_from_frame(IDS.assign(image_id=[10, 11, 30], category_id=[1, 2, 3]))
    frame = detections_to_frame(detections, objects=objects)
    assert list(frame.columns[:4]) == ["image_id", "image", "category_id", "class"]
    assert frame["image"].tolist() == ["a.jpg", None, "b.jpg"]
    assert frame["class"].tolist() == ["cat", "dog", None]


@pytest.mark.parametrize("dtype", ["Int64", "UInt16", "category", "object", "float64"])
def test_integers_of_every_dtype_are_read(dtype: str) -> None:
    frame = IDS.astype({"image_id": dtype, "category_id": dtype})
    assert detections_from_frame(frame).image_ids.tolist() == [10, 30, 10]


@pytest.mark.parametrize("convert", [objects_from_frame, detections_from_frame])
def test_frames_may_be_empty(convert: Callable[[pd.DataFrame], object]) -> None:
    assert len(convert(IDS.iloc[:0])) == 0  # type: ignore[arg-type]  # both have a length
    assert len(convert(pd.DataFrame(columns=list(IDS.columns)))) == 0  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("image_id", [10, 30.5, 10], "row 'q': image_id = 30.5 is not an integer"),
        ("image_id", [10, 30, NAN], "row 'r': image_id = nan is no value"),
        ("image_id", [10, 30, 2.0**60], "row 'r': image_id = 1.15.* is not an integer of 64 bits"),
        ("image_id", [10, 30, 2**70], "column 'image_id' has dtype object"),
        ("image_id", [10, True, 10], "row 'q': image_id = True is not a number"),
        ("image_id", ["10", "30", "10"], "row 'p': image_id = '10' is not a number"),
        ("category_id", [True, False, True], "row 'p': category_id = True is not a number"),
        ("x", [0, INF, 0], "row 'q': x = inf is not finite"),
        ("y", [0, 0, None], "row 'r': y = nan is no value"),
        ("y", [0, "high", 0], "row 'q': y = 'high' is not a number"),
        ("y", [0, 1j, 0], "row 'p': y = 0j is not a number"),
        ("w", [1, 1, -1], "row 'r': w = -1.* makes the width negative"),
        ("h", [1, -1, 1], "row 'q': h = -1.* makes the height negative"),
    ],
)
def test_frames_name_the_row_that_is_wrong(column: str, values: list[object], message: str) -> None:
    for convert in (objects_from_frame, detections_from_frame):
        with pytest.raises(ValueError, match=message):
            convert(with_column(column, values))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("area", [1, -1, 1], "row 'q': area = -1 is negative"),
        ("area", [1, NAN, 1], "row 'q': area = nan is no value"),
        ("iscrowd", [0, 2, 0], "row 'q': iscrowd = 2 is not 0 or 1"),
        ("ignore", ["0", "1", "0"], "row 'p': ignore = '0' is not a number"),
    ],
)
def test_objects_from_frame_names_the_row_that_is_wrong(
    column: str, values: list[object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        objects_from_frame(with_column(column, values))


def test_objects_from_frame_names_what_the_tables_do_not_have() -> None:
    with pytest.raises(ValueError, match="row 'q': image_id = 31 is not in the table of images"):
        objects_from_frame(IDS.assign(image_id=[10, 31, 30]), images=IMAGES)
    with pytest.raises(ValueError, match="row 'r': category_id = 3 is not in the table of classes"):
        objects_from_frame(IDS.assign(category_id=[1, 2, 3]), categories=CATEGORIES)
    with pytest.raises(ValueError, match="row 'p': class = 7 is not a name"):
        objects_from_frame(NAMES.assign(**{"class": [7, 7, 7]}))


def test_frames_name_the_column_that_is_missing_or_there_twice() -> None:
    with pytest.raises(ValueError, match="column 'score' is missing"):
        detections_from_frame(IDS.drop(columns="score"))
    with pytest.raises(ValueError, match="column 'class' is missing, got"):
        objects_from_frame(IDS.drop(columns="category_id"))
    with pytest.raises(ValueError, match="columns x, y, w, h or x1, y1, x2, y2 are needed"):
        objects_from_frame(IDS.drop(columns="h"))
    with pytest.raises(ValueError, match="column 'score' is there 2 times"):
        detections_from_frame(pd.concat([IDS, IDS[["score"]]], axis=1))
