"""Every form of input holds the same rows, and a process reads what another wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation import inputs
from benchmarks.evaluation.files import from_coco_files, repeated
from benchmarks.evaluation.workloads import Size, Workload, synthetic


@pytest.fixture(scope="module")
def made() -> Workload:
    return synthetic(Size(images=6, objects=30, detections=80, categories=3))


def test_lists_hold_the_rows_in_order(made: Workload) -> None:
    lists, found = inputs.lists(made), made.detections
    assert [r["image_id"] for r in lists.results] == found.image_ids.tolist()
    assert [r["category_id"] for r in lists.results] == found.category_ids.tolist()
    assert [r["bbox"] for r in lists.results] == found.boxes_xywh.tolist()
    assert [r["score"] for r in lists.results] == found.scores.tolist()
    annotations = lists.ground_truth["annotations"]
    assert [a["id"] for a in annotations] == list(range(1, 31))
    assert [a["bbox"] for a in annotations] == made.objects.boxes_xywh.tolist()
    assert [a["iscrowd"] for a in annotations] == made.objects.crowd.tolist()
    assert len(lists.ground_truth["images"]) == 6


def test_matrix_is_what_pycocotools_takes(made: Workload) -> None:
    matrix, found = inputs.arrays(made).matrix, made.detections
    assert matrix.shape == (80, 7)
    assert matrix.flags.c_contiguous
    assert matrix[:, 0].tolist() == found.image_ids.tolist()
    assert matrix[:, 1:5].tolist() == found.boxes_xywh.tolist()
    assert matrix[:, 5].tolist() == found.scores.tolist()
    assert matrix[:, 6].tolist() == found.category_ids.tolist()


def test_images_hold_each_row_in_its_image(made: Workload) -> None:
    by_image, objects = inputs.images(made), made.objects
    assert len(by_image.targets) == len(by_image.predictions) == 6
    assert sum(len(target["labels"]) for target in by_image.targets) == 30
    for id_, target, prediction in zip(
        objects.images.ids.tolist(), by_image.targets, by_image.predictions, strict=True
    ):
        scores = made.detections.scores[made.detections.image_ids == id_]
        assert prediction["scores"].tolist() == scores.tolist()
        x, y, width, height = objects.boxes_xywh[objects.image_ids == id_].T
        want = np.stack([x, y, x + width, y + height], axis=1)
        assert target["boxes"].tolist() == want.tolist()


def test_load_gives_back_what_save_wrote(made: Workload, tmp_path: Path) -> None:
    inputs.save(made, tmp_path / "made.npz")
    back = inputs.load(tmp_path / "made.npz")
    assert inputs.lists(back) == inputs.lists(made)
    assert back.objects.images.names == made.objects.images.names


def test_from_coco_files_reads_both_files(made: Workload, tmp_path: Path) -> None:
    lists = inputs.lists(made)
    truth, found = tmp_path / "truth.json", tmp_path / "found.json"
    truth.write_text(json.dumps(lists.ground_truth))
    found.write_text(json.dumps(lists.results))
    assert inputs.lists(from_coco_files(truth, found)).results == lists.results


def test_repeated_gives_each_copy_fresh_images(made: Workload) -> None:
    twice = repeated(made, 2)
    objects, found = twice.objects, twice.detections
    assert (len(objects.images), len(objects), len(found)) == (12, 60, 160)
    assert len(set(objects.images.ids.tolist())) == 12
    assert not set(found.image_ids[:80].tolist()) & set(found.image_ids[80:].tolist())
    assert not set(objects.image_ids[:30].tolist()) & set(objects.image_ids[30:].tolist())
    assert found.boxes_xywh[:80].tolist() == found.boxes_xywh[80:].tolist()
    assert found.scores[80:].tolist() == made.detections.scores.tolist()
    assert set(found.image_ids.tolist()) <= set(objects.images.ids.tolist())
