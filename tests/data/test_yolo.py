"""YOLO's text files: by hand what they mean, and by name what is wrong with them."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refdet.columns import ObjectColumns
from refdet.data.known import Unknown
from refdet.data.yolo import read_yolo_detections, read_yolo_ground_truth
from tests.data.yolo_folder import add_image, add_labels, clean_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "yolo")


def refused(message: str, root: Path, images: Path | None = None) -> None:
    with pytest.raises(ValueError, match=message):
        read_yolo_ground_truth(root, images=images)


def test_read_yolo_ground_truth_gives_pixels(root: Path) -> None:
    objects = read_yolo_ground_truth(root)
    assert objects.images.names == ("a.png", "b.jpg")
    assert objects.images.sizes.tolist() == [[40, 20], [64, 64]]
    assert objects.categories.names == ("cat", "dog", "bird")
    assert objects.categories.ids.tolist() == [0, 1, 2]
    assert objects.image_ids.tolist() == [objects.images.ids[0]] * 2
    assert objects.category_ids.tolist() == [1, 0]
    # By hand: 0.25 x 40 wide, 0.5 x 20 high, centred at 20, 10 and at 5, 5.
    assert objects.boxes_xywh.tolist() == [[15, 5, 10, 10], [0, 0, 10, 10]]
    assert objects.area.tolist() == [100, 100]
    assert not objects.crowd.any()
    assert not objects.ignore.any()


def move(root: Path, *pairs: tuple[str, str]) -> None:
    for source, target in pairs:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / source).rename(root / target)


@pytest.mark.parametrize(
    ("pairs", "split"),
    [
        ([("images", "x"), ("x", "images/val"), ("labels", "y"), ("y", "labels/val")], None),
        ([("images", "x"), ("x", "images/val"), ("labels", "y"), ("y", "labels/val")], "val"),
        ([("images", "val/images"), ("labels", "val/labels")], "val"),
        ([("images", "val/images"), ("labels", "val/labels")], None),
        (
            [(f"images/{name}", name) for name in ("a.png", "b.jpg")] + [("labels/a.txt", "a.txt")],
            None,
        ),
    ],
)
def test_read_yolo_ground_truth_finds_every_layout(
    root: Path, pairs: list[tuple[str, str]], split: str | None
) -> None:
    want = read_yolo_ground_truth(root).boxes_xywh.tolist()
    move(root, *pairs)
    assert read_yolo_ground_truth(root, split=split).boxes_xywh.tolist() == want


def test_read_yolo_ground_truth_takes_a_flat_folder_with_a_folder_of_images(root: Path) -> None:
    want = read_yolo_ground_truth(root)
    move(root, ("data.yaml", "labels/data.yaml"), ("images", "elsewhere/pictures"))
    got = read_yolo_ground_truth(root / "labels", images=root / "elsewhere" / "pictures")
    assert got.boxes_xywh.tolist() == want.boxes_xywh.tolist()
    assert got.categories.names == want.categories.names


def test_read_yolo_ground_truth_asks_which_split(root: Path) -> None:
    for split in ("val", "train"):
        add_image(root / "images" / split, "c.png")
    move(root, ("images/a.png", "images/val/a.png"), ("images/b.jpg", "images/val/b.jpg"))
    refused("name a split; splits that are there: train, val", root)
    with pytest.raises(ValueError, match="there is no split 'test'; splits that are there: train"):
        read_yolo_ground_truth(root, split="test")


def test_read_yolo_ground_truth_calls_classes_by_number_without_names(root: Path) -> None:
    (root / "data.yaml").unlink()
    add_labels(root / "labels", "b", "3 0.5 0.5 0.5 0.5")
    assert read_yolo_ground_truth(root).categories.names == ("0", "1", "2", "3")
    add_labels(root / "labels", "b", "1000 0.5 0.5 0.5 0.5")
    refused("b.txt, line 1: class 1000, and no file names the classes", root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.5", "4 numbers, not 5"),
        ("0 0.5 0.5 0.5 0.5 0.9", "6 numbers, as a detection with its score has"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "a polygon of 3 points"),
        ("0 0.5 nan 0.5 0.5", "'nan' is not a finite number"),
        ("0 0.5 0.5 1_0 0.5", "'1_0' is not a finite number"),
        ("cat 0.5 0.5 0.5 0.5", "'cat' is not a finite number"),
        ("0.5 0.5 0.5 0.5 0.5", "class 0.5 is no whole number from 0"),
        ("-1 0.5 0.5 0.5 0.5", "class -1 is no whole number from 0"),
        ("3 0.5 0.5 0.5 0.5", r"class 3, of the names that are there \(at most 2\)"),
        ("0 0.5 0.5 -0.1 0.5", "has a negative width or height"),
        ("0 0.5 0.5 1.0003 0.5", "0.5, 0.5, 1.0003, 0.5 leaves the image"),
        ("0 20 10 10 10", "20, 10, 10, 10 leaves the image; boxes are fractions"),
    ],
)
def test_read_yolo_ground_truth_names_file_and_line(root: Path, line: str, message: str) -> None:
    add_labels(root / "labels", "b", "0 0.5 0.5 0.5 0.5", "", line)
    refused(f"b.txt, line 3: .*{message}", root)


def test_read_yolo_ground_truth_cuts_what_rounding_put_outside(root: Path) -> None:
    add_labels(root / "labels", "b", "0 0.5 0.5 1.0002 0.5", "0 0.99995 0.5 0.0003 0.5")
    boxes = read_yolo_ground_truth(root).boxes_xywh[2:]
    assert boxes[0].tolist() == [0, 16, 64, 32]
    # From 0.9998 to 1.0001 of 64 pixels, cut at 64.
    np.testing.assert_allclose(boxes[1], [63.9872, 16, 0.0128, 32], rtol=0, atol=1e-12)


def test_read_yolo_ground_truth_names_files_that_do_not_belong_together(root: Path) -> None:
    stray = add_labels(root / "labels", "c", "0 0.5 0.5 0.5 0.5")
    refused("c.txt: there is no image c ", root)
    stray.unlink()
    shutil.copy(root / "images/b.jpg", root / "images/a.jpg")
    refused("a.png: a.jpg would have the same labels, a.txt", root)
    (root / "images/a.jpg").unlink()
    (root / "images/b.jpg").write_bytes(b"no image")
    refused("b.jpg cannot be read as an image", root)
    shutil.rmtree(root / "images")
    refused("is no YOLO data set; looked for images/", root)


def test_read_yolo_ground_truth_names_a_file_that_is_no_text(root: Path) -> None:
    (root / "labels" / "b.txt").write_bytes(b"0 0.5 \xff")
    refused(r"b.txt: not UTF-8", root)
    (root / "labels" / "b.txt").write_bytes(b"0 0.5 0.5 0.5 0.5\n\0")
    refused(r"b.txt, line 2: NUL byte", root)


@pytest.fixture
def objects(root: Path) -> ObjectColumns:
    return read_yolo_ground_truth(root)


def test_read_yolo_detections_gives_pixels_and_scores(objects: ObjectColumns, root: Path) -> None:
    folder = root / "predict"
    add_labels(folder / "labels", "b", "2 0.5 0.5 0.5 0.25 0.75", "0 1 1 0.5 0.5 0.125")
    add_labels(folder / "labels", "a")
    for given in (folder, folder / "labels"):
        known = read_yolo_detections(given, objects)
        found = known.detections
        assert found.image_ids.tolist() == [objects.images.ids[1]] * 2
        assert found.category_ids.tolist() == [2, 0]
        # By hand; the second leaves the image, as a detection may.
        assert found.boxes_xywh.tolist() == [[16, 24, 32, 16], [48, 48, 32, 32]]
        assert found.scores.tolist() == [0.75, 0.125]
        assert known.unknown == Unknown()


def test_read_yolo_detections_takes_rows_of_categories_or_names_beside_them(
    objects: ObjectColumns, tmp_path: Path
) -> None:
    other = replace(
        objects,
        categories=replace(objects.categories, ids=np.array([90, 7, 1])),
        category_ids=np.array([7, 90]),
    )
    add_labels(tmp_path / "d", "a", "1 0.5 0.5 0.5 0.5 0.5")
    assert read_yolo_detections(tmp_path / "d", other).detections.category_ids.tolist() == [7]
    (tmp_path / "d" / "classes.txt").write_text("dog\nbird\n")
    assert read_yolo_detections(tmp_path / "d", other).detections.category_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("stem", "line", "message"),
    [
        ("a", "0 0.5 0.5 0.5 0.5", r"a.txt, line 1: 5 numbers, without a score"),
        ("a", "0 0.5 0.5 0.5 0.5 inf", "a.txt, line 1: 'inf' is not a finite number"),
        ("a", "0 20 0.5 0.5 0.5 1", "a.txt, line 1: 20, 0.5, 0.5, 0.5 is not in 0..1"),
        ("a", "3 0.5 0.5 0.5 0.5 1", "a.txt, line 1: the ground truth has no class '3'"),
        ("z", "0 0.5 0.5 0.5 0.5 1", "z.txt, line 1: the ground truth has no image 'z'"),
    ],
)
def test_read_yolo_detections_names_file_and_line(
    objects: ObjectColumns, tmp_path: Path, stem: str, line: str, message: str
) -> None:
    add_labels(tmp_path / "d", stem, line)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_yolo_detections(tmp_path / "d", objects)


def test_read_yolo_detections_counts_what_is_unknown(
    objects: ObjectColumns, tmp_path: Path
) -> None:
    add_labels(tmp_path / "d", "a", "3 0.5 0.5 0.5 0.5 1", "0 0.5 0.5 0.5 0.5 1")
    add_labels(tmp_path / "d", "z", "9 0.5 0.5 0.5 0.5 1", "0 0.5 0.5 0.5 0.5 1")
    known = read_yolo_detections(tmp_path / "d", objects, ignore_unknown=True)
    assert len(known.detections) == 1
    assert known.unknown == Unknown(of_image=2, of_class=1)


def test_read_yolo_detections_needs_the_sizes_of_images(
    objects: ObjectColumns, tmp_path: Path
) -> None:
    unknown = replace(objects, images=replace(objects.images, sizes=np.zeros((2, 2), np.int64)))
    add_labels(tmp_path / "d", "a", "", "0 0.5 0.5 0.5 0.5 1")
    with pytest.raises(ValueError, match=r"a.txt, line 2: the ground truth does not say how large"):
        read_yolo_detections(tmp_path / "d", unknown)


def test_read_yolo_detections_may_be_empty(objects: ObjectColumns, tmp_path: Path) -> None:
    assert len(read_yolo_detections(tmp_path, objects).detections) == 0
