"""COCO's JSON as columns: what is written comes back, what is missing gets COCO's meaning."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from pycocotools.coco import COCO

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.coco_json import (
    coco_ground_truth,
    coco_results,
    read_coco_ground_truth,
    read_coco_results,
    write_coco_ground_truth,
    write_coco_results,
)
from tests.data.whole_sets import assert_same, detection_columns, object_columns

NO_IDS = np.zeros(0, np.int64)
NO_FLAGS = np.zeros(0, np.bool_)
NO_OBJECT = ObjectColumns(
    ImageTable(NO_IDS, (), np.zeros((0, 2), np.int64)),
    CategoryTable(NO_IDS, ()),
    NO_IDS,
    NO_IDS,
    np.zeros((0, 4)),
    np.zeros(0),
    NO_FLAGS,
    NO_FLAGS,
)
NO_DETECTION = DetectionColumns(NO_IDS, NO_IDS, np.zeros((0, 4)), np.zeros(0))
TIED = DetectionColumns(
    np.array([2**62 + 1, -(2**63)]),
    np.array([0, 1]),
    np.array([[-0.0, 0.1, 5e-324, 0.0], [1, 1, 1e300, 0.2]]),
    np.array([0.1 + 0.2, 0.1 + 0.2]),
)
DATASET: dict[str, object] = {
    "images": [
        {"id": 3_000_000_000, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": 1},
        {"id": 2, "file_name": "a.jpg", "width": None, "height": 7.0},
    ],
    "categories": [{"id": 90, "name": "cat"}, {"id": 7}],
    "annotations": [
        {"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4.5], "id": 0},
        {"image_id": 3_000_000_000, "category_id": 90, "bbox": [0, 0, 5, 5], "area": 7, "id": 0},
        {"image_id": 1, "category_id": 90, "bbox": (0, 0, 5, 5), "area": None, "iscrowd": 1},
        {"image_id": 2.0, "category_id": 7, "bbox": [0, 0, 0, 0], "iscrowd": 0, "ignore": 1},
    ],
}


@given(objects=object_columns())
@example(objects=NO_OBJECT)
def test_ground_truth_comes_back_bit_for_bit(objects: ObjectColumns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_coco_ground_truth(Path(folder) / "gt.json", objects)
        assert_same(read_coco_ground_truth(Path(folder) / "gt.json"), objects)


@given(detections=detection_columns())
@example(detections=NO_DETECTION)
@example(detections=TIED)
def test_results_come_back_bit_for_bit(detections: DetectionColumns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_coco_results(Path(folder) / "dt.json", detections)
        assert_same(read_coco_results(Path(folder) / "dt.json"), detections)


@pytest.mark.parametrize("n", [511, 512, 513, 70_000])
def test_results_of_many_chunks_keep_their_order(n: int, tmp_path: Path) -> None:
    rows = np.arange(n)
    boxes = np.stack([rows, rows % 7, rows % 5, rows % 3], axis=1).astype(np.float64)
    written = DetectionColumns(rows, rows % 11, boxes, rows / n)
    write_coco_results(tmp_path / "dt.json", written)
    assert_same(read_coco_results(tmp_path / "dt.json"), written)
    assert json.loads((tmp_path / "dt.json").read_text())[n - 1]["image_id"] == n - 1


def test_coco_ground_truth_reads_what_is_there_and_fills_what_is_not() -> None:
    objects = coco_ground_truth(DATASET)
    assert objects.images.ids.tolist() == [3_000_000_000, 1, 2]
    assert objects.images.names == ("b.jpg", "1", "a.jpg")
    assert objects.images.sizes.tolist() == [[640, 480], [0, 0], [0, 7]]
    assert (objects.categories.ids.tolist(), objects.categories.names) == ([90, 7], ("cat", "7"))
    assert objects.image_ids.tolist() == [1, 3_000_000_000, 1, 2]
    assert objects.category_ids.tolist() == [7, 90, 90, 7]
    assert objects.boxes_xywh.tolist() == [[1, 2, 3, 4.5], [0, 0, 5, 5], [0, 0, 5, 5], [0, 0, 0, 0]]
    assert objects.area.tolist() == [13.5, 7, 25, 0]
    assert objects.crowd.tolist() == [False, False, True, False]
    assert objects.ignore.tolist() == [False, False, False, True]


def test_names_that_repeat_are_told_apart_by_their_ids() -> None:
    names = ["cat", "cat", "dog (id 6)", "dog", "dog"]
    rows = [{"id": id_, "name": name} for id_, name in enumerate(names, 2)]
    table = coco_ground_truth({**DATASET, "categories": rows, "annotations": []}).categories
    assert table.names == ("cat", "cat (id 3)", "dog (id 6)", "dog", "dog (id 6) (id 6)")


def test_coco_results_takes_scalars_arrays_and_tensors() -> None:
    box = [0.5, 1.25, 2, 3]  # exact in bfloat16 as well
    kinds: list[dict[str, object]] = [
        {"image_id": 7, "category_id": 1, "bbox": box, "score": 1},
        {"image_id": 7.0, "category_id": 1, "bbox": tuple(box), "score": 1.0},
        {"image_id": np.int32(7), "category_id": np.uint8(1), "bbox": np.array(box, np.float32)},
        {
            "image_id": np.float64(7),
            "category_id": np.array(1),
            "bbox": [np.float16(v) for v in box],
        },
        {"image_id": torch.tensor(7), "category_id": torch.tensor(1), "bbox": torch.tensor(box)},
        {"image_id": 7, "category_id": 1, "bbox": torch.tensor(box).bfloat16()},
        {"image_id": 7, "category_id": 1, "bbox": [torch.tensor(v) for v in box]},
        {"image_id": 7, "category_id": 1, "bbox": box, "score": torch.tensor(1.0)},
    ]
    results = [{"score": np.float32(1), **kind} for kind in kinds]
    together = coco_results(results)
    alone = [coco_results([result]) for result in results]
    for detections in (together, *alone):
        assert set(detections.image_ids.tolist()) == {7}
        assert set(detections.category_ids.tolist()) == {1}
        assert np.array_equal(detections.boxes_xywh, [box] * len(detections))
        assert set(detections.scores.tolist()) == {1.0}


def test_coco_results_takes_scores_of_any_scale_and_leaves_them_unsorted() -> None:
    entry = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}
    detections = coco_results([{**entry, "score": score} for score in (-3, 1e30, 0.5)])
    assert detections.scores.tolist() == [-3, 1e30, 0.5]


def test_columns_do_not_share_memory_with_arrays_in_the_dicts() -> None:
    box = np.array([0.0, 0, 1, 1])
    entry = {"image_id": 1, "category_id": 1, "bbox": box, "score": 0.5}
    detections = coco_results(deque([entry]))
    detections.boxes_xywh[:] = 7  # which can be written to
    assert box.tolist() == [0, 0, 1, 1]


def test_pycocotools_loads_what_is_written(tmp_path: Path) -> None:
    objects = coco_ground_truth(DATASET)
    write_coco_ground_truth(tmp_path / "gt.json", objects)
    detections = DetectionColumns(
        objects.image_ids, objects.category_ids, objects.boxes_xywh, np.array([0.5, 1, -1, 0.25])
    )
    write_coco_results(tmp_path / "dt.json", detections)
    truth = COCO(tmp_path / "gt.json")
    assert sorted(truth.getImgIds()) == [1, 2, 3_000_000_000]
    assert truth.loadCats([90, 7]) == [{"id": 90, "name": "cat"}, {"id": 7, "name": "7"}]
    assert truth.loadImgs([1, 2]) == [
        {"id": 1, "file_name": "1"},
        {"id": 2, "file_name": "a.jpg", "height": 7},
    ]
    annotations = truth.loadAnns([1, 2, 3, 4])  # so the ids are distinct and none is 0
    assert [row["area"] for row in annotations] == [13.5, 7, 25, 0]
    assert [row["iscrowd"] for row in annotations] == [0, 0, 1, 0]
    assert [row["ignore"] for row in annotations] == [0, 0, 0, 1]
    found = truth.loadRes(str(tmp_path / "dt.json")).dataset["annotations"]
    assert [row["bbox"] for row in found] == detections.boxes_xywh.tolist()
    assert [row["score"] for row in found] == [0.5, 1, -1, 0.25]


def test_fake100_is_read_as_json_reads_it(coco_fake100: Path) -> None:
    truth = json.loads((coco_fake100 / "gt.json").read_text())
    rows = truth["annotations"]
    objects = read_coco_ground_truth(coco_fake100 / "gt.json")
    assert objects.images.names == tuple(image["file_name"] for image in truth["images"])
    assert objects.categories.names == tuple(item["name"] for item in truth["categories"])
    assert objects.image_ids.tolist() == [row["image_id"] for row in rows]
    assert objects.category_ids.tolist() == [row["category_id"] for row in rows]
    assert objects.boxes_xywh.tolist() == [row["bbox"] for row in rows]
    assert objects.area.tolist() == [row["area"] for row in rows]
    assert objects.crowd.tolist() == [row["iscrowd"] == 1 for row in rows]
    assert objects.crowd.sum() > 0
    results = json.loads((coco_fake100 / "detections.json").read_text())
    detections = read_coco_results(coco_fake100 / "detections.json")
    assert detections.image_ids.tolist() == [row["image_id"] for row in results]
    assert detections.category_ids.tolist() == [row["category_id"] for row in results]
    assert detections.boxes_xywh.tolist() == [row["bbox"] for row in results]
    assert detections.scores.tolist() == [row["score"] for row in results]
