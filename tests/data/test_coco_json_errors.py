"""COCO's JSON that is wrong: the error names the file, the entry and the value."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from refdet.data.coco_json import (
    coco_ground_truth,
    coco_results,
    read_coco_ground_truth,
    read_coco_results,
    write_coco_results,
)

NAN, INF = float("nan"), float("inf")
ENTRY: dict[str, object] = {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
ANNOTATION: dict[str, object] = {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "id": 17}
DATASET: dict[str, object] = {
    "images": [{"id": 1}, {"id": 5}],
    "categories": [{"id": 2}],
    "annotations": [ANNOTATION],
}

# By key: what it may not be, and what the message says of it.
WRONG_IN_BOTH: list[tuple[str, object, str]] = [
    ("image_id", True, "image_id = True is not an integer"),
    ("image_id", "1", "image_id = '1' is not an integer"),
    ("image_id", 1.5, "image_id = 1.5 is not an integer"),
    ("image_id", NAN, "image_id = nan is not an integer"),
    ("image_id", None, "image_id = None is not an integer"),
    ("image_id", [1], r"image_id = \[1\] is not an integer"),
    ("image_id", 2**63, "image_id = 9223372036854775808 is not an integer of 64 bits"),
    ("image_id", 1e17, "image_id = 1e\\+17 is not an integer"),
    ("category_id", False, "category_id = False is not an integer"),
    ("category_id", "cat", "category_id = 'cat' is not an integer"),
    ("bbox", [1, 2, 3], r"bbox = \[1, 2, 3\] has 3 numbers, not x, y, width, height"),
    ("bbox", [1, 2, 3, 4, 5], "bbox = .* has 5 numbers"),
    ("bbox", [], r"bbox = \[\] has 0 numbers"),
    ("bbox", "1234", "bbox = '1234' is not a list"),
    ("bbox", None, "bbox = None is not a list"),
    ("bbox", {"x": 1, "y": 1, "w": 1, "h": 1}, "bbox = .* is not a list"),
    ("bbox", [1, 2, "3", 4], "bbox = .* is not a number"),
    ("bbox", [1, 2, None, 4], "bbox = .* is not a number"),
    ("bbox", [1, 0, True, 4], "bbox = .* is not a number"),
    ("bbox", [1, 2, 10**400, 4], "bbox = .* is beyond float64"),
    ("bbox", [1, 2, NAN, 4], r"bbox = \[1, 2, nan, 4\] is not finite"),
    ("bbox", [1, -INF, 3, 4], r"bbox = \[1, -inf, 3, 4\] is not finite"),
    ("bbox", [1, 2, -3, 4], r"bbox = \[1, 2, -3, 4\] has a negative width or height"),
    ("bbox", [1, 2, 3, -1e-300], "bbox = .* has a negative width or height"),
]
WRONG_IN_RESULTS: list[tuple[str, object, str]] = [
    ("score", NAN, "score = nan is not finite"),
    ("score", INF, "score = inf is not finite"),
    ("score", None, "score = None is not a number"),
    ("score", "0.5", "score = '0.5' is not a number"),
    ("score", True, "score = True is not a number"),
    ("score", 10**400, "score = 10+.*0 is beyond float64"),
    ("score", [0.5], r"score = \[0.5\] is not a number"),
]
WRONG_IN_GROUND_TRUTH: list[tuple[str, object, str]] = [
    ("image_id", 2, "image_id = 2 is not in the file"),
    ("category_id", 1, "category_id = 1 is not in the file"),
    ("area", NAN, "area = nan is not finite"),
    ("area", INF, "area = inf is not finite"),
    ("area", -1, "area = -1 is not finite and at least 0"),
    ("area", "9", "area = '9' is not a number"),
    ("iscrowd", 2, "iscrowd = 2 is not 0 or 1"),
    ("iscrowd", "0", "iscrowd = '0' is not 0 or 1"),
    ("iscrowd", 0.5, "iscrowd = 0.5 is not 0 or 1"),
    ("ignore", -1, "ignore = -1 is not 0 or 1"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG_IN_BOTH + WRONG_IN_RESULTS)
def test_results_name_the_entry_that_is_wrong(
    key: str, value: object, message: str, tmp_path: Path
) -> None:
    results = [*[ENTRY] * 600, {**ENTRY, key: value}, ENTRY]
    with pytest.raises(ValueError, match=f"^results, entry 600: {message}"):
        coco_results(results)
    (tmp_path / "dt.json").write_text(json.dumps(results))
    with pytest.raises(ValueError, match=f"entry 600: {message}") as error:
        read_coco_results(tmp_path / "dt.json")
    assert str(error.value).startswith(f"{tmp_path / 'dt.json'}, entry 600: ")


@pytest.mark.parametrize(("key", "value", "message"), WRONG_IN_BOTH + WRONG_IN_GROUND_TRUTH)
def test_ground_truth_names_the_annotation_that_is_wrong(
    key: str, value: object, message: str, tmp_path: Path
) -> None:
    flat = {**ANNOTATION, "bbox": [0, 0, 0, 0], "area": 0}
    wrong = {**DATASET, "annotations": [flat, {**ANNOTATION, key: value}]}
    with pytest.raises(ValueError, match=rf"^dataset, annotations\[1\] \(id 17\): {message}"):
        coco_ground_truth(wrong)
    (tmp_path / "gt.json").write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=rf"annotations\[1\] \(id 17\): {message}") as error:
        read_coco_ground_truth(tmp_path / "gt.json")
    assert str(error.value).startswith(f"{tmp_path / 'gt.json'}, annotations[1]")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([1.0, 2, 3]), "has 3 numbers"),
        (torch.tensor([[1.0, 2, 3, 4]]), "has 1 numbers"),
        (np.array([True, True, True, True]), "is not a number"),
        ([1, 2, 3, np.bool_(True)], "is not a number"),
        (np.float64(1), "is not a list"),
    ],
)
def test_results_name_an_array_that_is_no_box(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"entry 1: bbox = .*{message}"):
        coco_results([ENTRY, {**ENTRY, "bbox": value}])


@pytest.mark.parametrize("key", ["image_id", "category_id", "bbox", "score"])
def test_results_name_a_key_that_is_missing(key: str) -> None:
    less = {name: value for name, value in ENTRY.items() if name != key}
    with pytest.raises(ValueError, match=rf"entry 1 \(id 9\): {key} missing"):
        coco_results([ENTRY, {**less, "id": 9}])


@pytest.mark.parametrize("kind", ["segmentation", "keypoints"])
def test_results_without_boxes_are_told_from_detections(kind: str) -> None:
    entry = {"image_id": 1, "category_id": 2, "score": 0.5, kind: [1, 2, 3]}
    with pytest.raises(ValueError, match=f"entry 0: bbox missing; there are .*{kind}"):
        coco_results([entry])


@pytest.mark.parametrize(
    ("part", "rows", "message"),
    [
        ("images", [{"id": 1}, {"id": 5}, {"id": 1}], r"images\[2\] \(id 1\): id = 1 .* earlier"),
        ("images", [{"id": 1}, {"file_name": "a"}], r"images\[1\]: id missing"),
        ("images", [{"id": "1"}], r"images\[0\] \(id '1'\): id = '1' is not an integer"),
        ("images", [{"id": 1, "width": -1}], r"images\[0\] \(id 1\): width = -1 is negative"),
        ("images", [{"id": 1, "height": 1.5}], r"images\[0\] .*height = 1.5 is not an integer"),
        ("images", [{"id": 1, "file_name": 7}], r"images\[0\] .*file_name = 7 is not text"),
        ("images", {"id": 1}, "images: a list is needed, got dict"),
        ("categories", [{"id": 2}, {"id": 2}], r"categories\[1\] \(id 2\): id = 2 .* earlier"),
        ("categories", [{"id": 2, "name": ["a"]}], r"categories\[0\] .*name = \['a'\] is not text"),
        ("categories", ["cat"], r"categories\[0\] = 'cat' is no dict"),
        ("annotations", [[1]], r"annotations\[0\] = \[1\] is no dict"),
        ("annotations", [{"image_id": 1}], r"annotations\[0\]: category_id missing"),
        ("annotations", None, "annotations: a list is needed, got NoneType"),
    ],
)
def test_ground_truth_names_the_part_that_is_wrong(part: str, rows: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^dataset, {message}"):
        coco_ground_truth({**DATASET, part: rows})


@pytest.mark.parametrize("part", ["images", "categories", "annotations"])
def test_ground_truth_names_a_part_that_is_missing(part: str) -> None:
    with pytest.raises(ValueError, match=f"^dataset: {part} missing"):
        coco_ground_truth({key: value for key, value in DATASET.items() if key != part})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b'[{"image_id": 1', "not JSON.*line 1 column"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"7", "a list is needed, got int"),
        (b'"text"', "a list is needed, got str"),
        (b"[1]", r"entry 0 = 1 is no dict"),
    ],
)
def test_results_name_a_file_of_another_form(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "dt.json").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_coco_results(tmp_path / "dt.json")
    assert str(error.value).startswith(str(tmp_path / "dt.json"))
    assert gc.isenabled()


def test_readers_tell_ground_truth_from_results(tmp_path: Path) -> None:
    (tmp_path / "gt.json").write_text(json.dumps(DATASET))
    (tmp_path / "dt.json").write_text(json.dumps([ENTRY]))
    with pytest.raises(ValueError, match=r"gt.json: a list is needed, got dict"):
        read_coco_results(tmp_path / "gt.json")
    with pytest.raises(ValueError, match=r"dt.json: a dict of images, .* is needed, got list"):
        read_coco_ground_truth(tmp_path / "dt.json")


def test_readers_take_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "dt.json").write_bytes(b"\xef\xbb\xbf[]")
    assert len(read_coco_results(tmp_path / "dt.json")) == 0


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dt.json"
    file.write_text("old")

    def fails(*_: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr("refdet.data.coco_json.orjson.dumps", fails)
    with pytest.raises(OSError, match="disk full"):
        write_coco_results(file, coco_results([ENTRY]))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
