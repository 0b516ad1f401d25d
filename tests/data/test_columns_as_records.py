"""Columns become records image by image, and back again nothing has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.columns_as_records import records_of

OBJECTS = ObjectColumns(
    ImageTable(np.array([9, 4, 7]), ("a", "b", "c"), np.array([[60, 40], [0, 0], [8, 8]])),
    CategoryTable(np.array([5, 2]), ("cat", "dog")),
    image_ids=np.array([4, 9, 4]),
    category_ids=np.array([2, 5, 5]),
    boxes_xywh=np.array([[1.0, 2, 3, 4], [0, 0, 5, 5], [2, 2, 2, 2]]),
    area=np.array([12.0, 25, 4]),
    crowd=np.array([False, True, False]),
    ignore=np.array([True, False, False]),
)
DETECTIONS = DetectionColumns(
    image_ids=np.array([4, 4, 9]),
    category_ids=np.array([5, 2, 2]),
    boxes_xywh=np.array([[1.0, 1, 1, 1], [0, 0, 2, 2], [3, 3, 0, 1]]),
    scores=np.array([0.25, 0.5, 1.0]),
)


def painted(folder: Path, *names: str) -> dict[int, Path]:
    ids = dict(zip("abc", (9, 4, 7), strict=True))
    for name in names:
        Image.new("RGB", (32, 16)).save(folder / f"{name}.png")
    return {ids[name]: folder / f"{name}.png" for name in names}


def test_records_of_gives_each_image_its_rows(tmp_path: Path) -> None:
    images, found, problems = records_of(OBJECTS, DETECTIONS, painted(tmp_path, "a", "b"))
    assert problems == []
    assert [image.ground_truth.image for image in images] == ["a", "b"]
    assert [record.image for record in found] == ["a", "b"]
    a, b = (image.ground_truth for image in images)
    assert ((a.width, a.height), (b.width, b.height)) == ((60, 40), (32, 16))
    assert b.boxes_xyxy.tolist() == [[1, 2, 4, 6], [2, 2, 4, 4]]
    assert (b.labels.tolist(), b.difficult.tolist()) == ([1, 0], [True, False])
    assert (a.labels.tolist(), a.difficult.tolist()) == ([0], [True])
    # By score, as in every record.
    assert (found[1].labels.tolist(), found[1].scores.tolist()) == ([1, 0], [0.5, 0.25])
    assert found[0].boxes_xyxy.tolist() == [[3, 3, 3, 4]]


def test_records_of_leaves_out_an_image_without_a_file(tmp_path: Path) -> None:
    images, found, _ = records_of(OBJECTS, DETECTIONS, painted(tmp_path, "c"))
    assert [image.ground_truth.image for image in images] == ["c"]
    assert (len(images[0].ground_truth), len(found[0])) == (0, 0)


def test_records_of_tells_what_cannot_be_a_record(tmp_path: Path) -> None:
    files = painted(tmp_path, "a", "b")
    flat = replace(OBJECTS, boxes_xywh=np.array([[1.0, 2, 3, 4], [0, 0, 0, 5], [2, 2, 2, 2]]))
    images, _, problems = records_of(flat, DETECTIONS, files)
    assert [image.ground_truth.image for image in images] == ["a", "b"]
    assert [len(image.ground_truth) for image in images] == [0, 2]
    told = f"{files[9]}: 1 of 1 objects, without width or height"
    assert [str(problem) for problem in problems] == [told]
    # The sum of position and width is the position.
    lost = replace(OBJECTS, boxes_xywh=np.array([[1.0, 2, 1e-20, 4], [0, 0, 5, 5], [2, 2, 2, 2]]))
    images, _, problems = records_of(lost, DETECTIONS, files)
    assert [image.ground_truth.labels.tolist() for image in images] == [[0], [0]]
    assert "b.png: 1 of 2 objects" in str(problems[0])
    logits = replace(DETECTIONS, scores=np.array([3.0, 0.5, 1]))
    images, _, problems = records_of(OBJECTS, logits, files)
    assert [image.ground_truth.image for image in images] == ["a"]
    assert "is not in [0, 1]" in str(problems[0])
