"""Detections written as CSV and as COCO's JSON, and what pycocotools makes of the latter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refdet.records import Detections, GroundTruth
from refdet.report.predictions import (
    write_ground_truth_coco,
    write_predictions_coco,
    write_predictions_csv,
)

NAMES = ("WBC", "RBC", "Platelets")


def detections(image: str, *rows: tuple[int, float, list[float]]) -> Detections:
    """Rows of label, score, box."""
    return Detections(
        image,
        np.array([box for _, _, box in rows], np.float64).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float64),
        np.array([label for label, _, _ in rows], np.int64),
    )


def objects(image: str, *rows: tuple[int, list[float], bool]) -> GroundTruth:
    """Rows of label, box, difficult, in an image of 100 x 80 pixels."""
    return GroundTruth(
        image,
        100,
        80,
        np.array([box for _, box, _ in rows], np.float64).reshape(-1, 4),
        np.array([label for label, _, _ in rows], np.int64),
        np.array([difficult for _, _, difficult in rows], np.bool_),
    )


def test_write_predictions_csv_writes_a_row_per_detection(tmp_path: Path) -> None:
    found = [
        detections("b", (1, 0.1, [0.0, 1.5, 2.0, 3.0]), (0, 0.30000000000000004, [1, 2, 3, 4])),
        detections("empty"),
        detections('a "1"', (2, 1.0, [-1.0, 0.0, 1e-7, 8.0])),
    ]
    write_predictions_csv(tmp_path / "p.csv", found, NAMES)
    assert (tmp_path / "p.csv").read_bytes().decode() == (
        '"image","class","label","score","x1","y1","x2","y2"\n'
        '"b","WBC",0,0.30000000000000004,1.0,2.0,3.0,4.0\n'
        '"b","RBC",1,0.1,0.0,1.5,2.0,3.0\n'
        '"a ""1""","Platelets",2,1.0,-1.0,0.0,1e-07,8.0\n'
    )


def test_write_predictions_csv_refuses_a_label_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image 'a': label 3, but there are 3 classes"):
        write_predictions_csv(tmp_path / "p.csv", [detections("a", (3, 0.5, [0, 0, 1, 1]))], NAMES)
    assert list(tmp_path.iterdir()) == []


def test_write_predictions_coco_counts_ids_from_1_and_writes_sizes(tmp_path: Path) -> None:
    found = [detections("b", (2, 0.5, [1.0, 2.0, 4.0, 8.0]))]
    write_predictions_coco(tmp_path / "p.json", found, ["a", "b"])
    assert json.loads((tmp_path / "p.json").read_text()) == [
        {"image_id": 2, "category_id": 3, "bbox": [1.0, 2.0, 3.0, 6.0], "score": 0.5}
    ]


def test_write_predictions_coco_refuses_an_image_outside_the_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image 'c', which is not in the split"):
        write_predictions_coco(tmp_path / "p.json", [detections("c")], ["a", "b"])


def test_write_predictions_coco_refuses_a_split_with_an_image_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'b' is in the split more than once"):
        write_predictions_coco(tmp_path / "p.json", [], ["a", "b", "b"])


def test_write_ground_truth_coco_describes_images_objects_and_classes(tmp_path: Path) -> None:
    truth = [objects("a"), objects("b", (2, [1, 2, 4, 8], False), (0, [0, 0, 5, 5], True))]
    write_ground_truth_coco(tmp_path / "gt.json", truth, NAMES)
    written = json.loads((tmp_path / "gt.json").read_text())
    assert written["images"] == [
        {"id": 1, "file_name": "a", "width": 100, "height": 80},
        {"id": 2, "file_name": "b", "width": 100, "height": 80},
    ]
    assert written["categories"] == [
        {"id": 1, "name": "WBC"},
        {"id": 2, "name": "RBC"},
        {"id": 3, "name": "Platelets"},
    ]
    common = {"image_id": 2}
    assert written["annotations"] == [
        {**common, "id": 1, "category_id": 3, "bbox": [1, 2, 3, 6], "area": 18, "iscrowd": 0},
        {**common, "id": 2, "category_id": 1, "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 1},
    ]


def test_write_ground_truth_coco_refuses_a_label_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image 'a': label 3, but there are 3 classes"):
        write_ground_truth_coco(
            tmp_path / "gt.json", [objects("a", (3, [0, 0, 1, 1], False))], NAMES
        )


def test_pycocotools_evaluates_the_files_to_the_numbers_found_by_hand(tmp_path: Path) -> None:
    """By hand: WBC has 2 objects, one found exactly: recall 0.5 at precision 1, which reaches 51
    of the 101 recall levels at every IoU threshold, so AP = AP50 = 51/101. The detection of the
    difficult WBC, with the highest score, is ignored. RBC has 1 object, found with IoU 0.62: AP
    is 1 at 0.50, 0.55 and 0.60 and 0 at the other seven. Platelets has no object.
    """
    square = [10.0, 10.0, 20.0, 20.0]
    truth = [
        objects("c", (0, square, False)),
        objects("a", (1, square, False), (0, [40, 40, 60, 60], True)),
        objects("b", (0, square, False)),
    ]
    found = [
        detections("a", (1, 0.7, [10, 10, 20, 16.2]), (0, 0.95, [40, 40, 60, 60])),
        detections("b"),
        detections("c", (0, 0.9, square)),
    ]
    write_ground_truth_coco(tmp_path / "gt.json", truth, NAMES)
    write_predictions_coco(tmp_path / "p.json", found, [item.image for item in truth])
    coco = COCO(str(tmp_path / "gt.json"))
    judge = COCOeval(coco, coco.loadRes(str(tmp_path / "p.json")), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx((51 / 101 + 0.3) / 2, abs=1e-12)
    assert judge.stats[1] == pytest.approx((51 / 101 + 1.0) / 2, abs=1e-12)
