"""Detections as CSV and as COCO's JSON, and what the readers and pycocotools make of them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refdet.columns import DetectionColumns
from refdet.conformance.strategies import fractional_boxes_xyxy
from refdet.data.coco_json import read_coco_ground_truth, read_coco_results
from refdet.data.csv_detections import read_csv_detections
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


def _one_image(image: str) -> st.SearchStrategy[Detections]:
    def columns(n: int) -> st.SearchStrategy[Detections]:
        scores = st.lists(st.floats(0, 1), min_size=n, max_size=n)
        labels = st.lists(st.integers(0, 2), min_size=n, max_size=n)
        return st.builds(
            Detections,
            st.just(image),
            fractional_boxes_xyxy(n),
            scores.map(lambda values: np.array(values, np.float64)),
            labels.map(lambda values: np.array(values, np.int64)),
        )

    return st.integers(0, 4).flatmap(columns)


def splits() -> st.SearchStrategy[list[Detections]]:
    """Up to 3 images of any name, each with up to 4 detections."""
    names = st.lists(st.text(max_size=4), max_size=3, unique=True)
    return names.flatmap(lambda images: st.tuples(*map(_one_image, images))).map(list)


TIED = detections('a, "b"\r\n', (2, 0.3, [0.1, 0.2, 0.3, 0.7]), (0, 0.3, [0, 0, 0, 0]))
EXTREME = detections("a", (0, 1.0, [0, 0, 0, 0]), (2, 0.0, [0, 0, 0, 0]))


@given(found=splits())
@example(found=[])
@example(found=[TIED])
@example(found=[EXTREME])
def test_the_readers_give_back_what_was_written(found: list[Detections]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = [item.image for item in found]
        write_ground_truth_coco(folder / "gt.json", [objects(image) for image in images], NAMES)
        write_predictions_csv(folder / "p.csv", found, NAMES)
        write_predictions_coco(folder / "p.json", found, images)
        known = read_coco_ground_truth(folder / "gt.json")
        assert_holds(read_csv_detections(folder / "p.csv", known).detections, found)
        assert_holds(read_coco_results(folder / "p.json"), found)


def assert_holds(got: DetectionColumns, want: list[Detections]) -> None:
    """Images and classes are numbered from 1; sizes are within the rounding of a difference."""
    assert got.image_ids.tolist() == [i for i, one in enumerate(want, 1) for _ in range(len(one))]
    assert got.category_ids.tolist() == [n + 1 for one in want for n in one.labels.tolist()]
    assert got.scores.tolist() == [score for one in want for score in one.scores.tolist()]
    corners = np.concatenate([np.zeros((0, 4)), *(one.boxes_xyxy for one in want)])
    np.testing.assert_array_equal(got.boxes_xywh[:, :2], corners[:, :2])
    far = got.boxes_xywh[:, :2] + got.boxes_xywh[:, 2:]
    np.testing.assert_allclose(far, corners[:, 2:], rtol=0, atol=1e-12)  # coordinates below 1000
