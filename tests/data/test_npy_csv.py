from __future__ import annotations

from pathlib import Path
from typing import Unpack

import numpy as np
import pytest

from refdet.data.options import BoxCoordinates, PixelRangeOption
from refdet.data.problems import DataError
from refdet.records import PixelRange
from tests.data.npy_csv_folder import (
    HEADER,
    HEIGHT,
    WIDTH,
    Declared,
    add_image,
    clean_folder,
    source,
)

PIXELS, NORMALIZED = BoxCoordinates.PIXELS, BoxCoordinates.NORMALIZED
A_CSV = r"train/labels/a\.csv"
A_NPY = r"train/images/a\.npy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "set")


def refuse(folder: Path, message: str, **declared: Unpack[Declared]) -> None:
    """Reading train is refused, and so is checking, in the same words."""
    with pytest.raises(DataError, match=message) as refused:
        source(folder, **declared).read_split("train")
    checked = [str(problem) for problem in source(folder, **declared).check().errors]
    assert str(refused.value.problems[0]) in checked


def test_read_split_gives_corners_labels_and_names(folder: Path) -> None:
    split = source(folder).read_split("train")
    image, empty = split.images
    truth = image.ground_truth
    assert (split.name, split.dropped) == ("train", ())
    assert image.path == folder / "train" / "images" / "a.npy"
    assert image.pixel_range is PixelRange.UINT8
    assert (truth.image, truth.width, truth.height) == ("a.npy", WIDTH, HEIGHT)
    # By hand: centre less and plus half of the size.
    np.testing.assert_array_equal(truth.boxes_xyxy, [[4, 5, 16, 25], [28, 7.75, 33, 12.25]])
    np.testing.assert_array_equal(truth.labels, [0, 2])
    assert not truth.difficult.any()
    assert empty.ground_truth.boxes_xyxy.shape == (0, 4)


def test_read_split_makes_pixels_of_fractions(folder: Path) -> None:
    add_image(folder, "train", "a", "0,0.5,0.5,0.25,0.5")
    add_image(folder, "val", "c", "1,0.5,0.5,1,1")
    (image, _) = source(folder).read_split("train").images
    # By hand: (20, 15) +- (5, 7.5).
    np.testing.assert_array_equal(image.ground_truth.boxes_xyxy, [[15, 7.5, 25, 22.5]])


def test_read_split_counts_classes_from_0_whatever_the_file_does(folder: Path) -> None:
    add_image(folder, "train", "a", "1,10,15,12,20", "32,30,10,5,4")
    opened = source(folder, first_class=1)
    (image, _) = opened.read_split("train").images
    assert image.ground_truth.labels.tolist() == [0, 31]
    assert (opened.class_names[0], opened.class_names[31]) == ("class_01", "class_32")


def test_read_split_takes_declared_names_in_label_order(folder: Path) -> None:
    names = ("resistor", "capacitor", "diode")
    assert source(folder, class_names=names).class_names == names


def test_read_split_reads_other_folders_and_every_order_of_columns(folder: Path) -> None:
    for split in ("train", "val"):
        (folder / split / "labels").rename(folder / split / "boxes")
    text = "height,width,y_center,x_center,class\r\n20,12,15,10,2\r\n"
    (folder / "train" / "boxes" / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (image, _) = source(folder, label_folder="boxes").read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[4, 5, 16, 25]]
    assert image.ground_truth.labels.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"is empty; .*: {HEADER}"),
        ("\n", "line 1: the header '' lacks class, x_center"),
        ("0,10,15,12,20\n", "line 1: '0,10,15,12,20' is no header; the first line must be"),
        ("class,x_center,y_center,width\n", "line 1: the header .* lacks height"),
        ("class, x_center,y_center,width,height\n", "line 1: the header .* has spaces around"),
        (f"{HEADER},score\n", "line 1: the header .* has too many columns"),
        (f"{HEADER},class\n", "line 1: the header .* has too many columns"),
        ("class;x_center;y_center;width;height\n", "line 1: the header .* lacks class"),
        (f"{HEADER}\n0,10,15,12\n", "line 2: has 4 fields, the header has 5"),
        (f"{HEADER}\n0,10,15,12,20,1\n", "line 2: has 6 fields"),
        (f"{HEADER}\n0,10,15,12,\n", "line 2: height is '', not a number"),
        (f"{HEADER}\n0,10,nan,12,20\n", "line 2: y_center is 'nan', not a finite number"),
        (f"{HEADER}\n0,10,15,inf,20\n", "line 2: width is 'inf', not a finite number"),
        (f"{HEADER}\n0,1e999,15,12,20\n", "line 2: x_center is '1e999', not a finite"),
        (f"{HEADER}\n0,ten,15,12,20\n", "line 2: x_center is 'ten', not a number"),
        (f"{HEADER}\n0,1_0,15,12,20\n", "line 2: x_center is '1_0', not a number"),
        (f"{HEADER}\nwire,10,15,12,20\n", "line 2: class is 'wire', not a number"),
        (f"{HEADER}\n1.5,10,15,12,20\n", r"line 2: class is '1\.5', not a whole number"),
        (f"{HEADER}\n-1,10,15,12,20\n", "line 2: class is '-1'; no class is negative"),
        (f"{HEADER}\n0,10,15,-12,20\n", "line 2: width is '-12': the box is inverted"),
        (f"{HEADER}\n0,10,15,12,-1e-9\n", "line 2: height is '-1e-9': the box is inverted"),
        (f'{HEADER}\n"0,10,15,12,20\n', "line 2: is no CSV: unexpected end of data"),
        (f"{HEADER}\n0,10,15,12,20\n0,10,15,\0,20\n", "holds a NUL byte in line 3"),
    ],
)
def test_read_split_names_the_line_that_is_wrong(folder: Path, text: str, message: str) -> None:
    (folder / "train" / "labels" / "a.csv").write_text(text)
    refuse(folder, rf"^{A_CSV}(, |: ){message}")


def test_read_split_names_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "train" / "labels" / "a.csv").write_bytes(f"{HEADER}\n0,1\xff".encode("latin-1"))
    refuse(folder, rf"^{A_CSV}: is not UTF-8 in line 2")


def test_read_split_takes_whole_classes_that_are_written_as_floats(folder: Path) -> None:
    add_image(folder, "train", "a", "2.000e+00,10,15,12,20")
    (image, _) = source(folder).read_split("train").images
    assert image.ground_truth.labels.tolist() == [2]


@pytest.mark.parametrize(
    ("row", "declared", "message"),
    [
        ("3,10,15,12,20", {"class_names": ("x", "y", "z")}, r"class 3 .* is of no class in 0\.\.2"),
        ("0,10,15,12,20", {"first_class": 1}, r"class 0 .* is of no class in 1\.\.1"),
        ("1e6,10,15,12,20", {}, r"class 1000000 .* is of no class in 0\.\.1"),
        ("0,10,15,20.02,20", {}, r"\(10, 15, 20\.02, 20\) leaves the image of 40 x 30; .* pixels"),
        ("0,41,15,12,20", {}, "leaves the image"),
        ("0,10,-5,12,20", {}, "leaves the image"),
        ("0,1e308,15,12,20", {}, "leaves the image"),
        ("0,0.5,0.5,0.1,0.1", {"box_coordinates": PIXELS}, "looks normalized; .* are pixels"),
        ("0,1.002,0.5,0.3,0.3", {"box_coordinates": PIXELS}, "looks normalized; .* are pixels"),
        ("0,10,15,12,20", {"box_coordinates": NORMALIZED}, "leaves .* are normalized"),
    ],
)
def test_read_split_names_the_object_that_is_wrong(
    folder: Path, row: str, declared: Declared, message: str
) -> None:
    add_image(folder, "train", "a", row)
    for split, name in (("train", "b"), ("val", "c")):
        good = "1,.5,.5,1,1" if declared.get("box_coordinates") is NORMALIZED else "1,20,15,40,30"
        add_image(folder, split, name, good)
    refuse(folder, rf"^{A_CSV}, line 2: .*{message}", **declared)


@pytest.mark.parametrize("row", ["0,1.002,0.5,0.1,0.1", "0,0.5,0.5,1.002,0.1", "0,.96,.5,.1,.1"])
def test_read_split_names_a_fraction_that_is_just_outside(folder: Path, row: str) -> None:
    # The boxes of such a file once disappeared, all of them.
    for split, name in (("train", "b"), ("val", "c")):
        add_image(folder, split, name, "1,.5,.5,.5,.5")
    add_image(folder, "train", "a", "0,.5,.5,.5,.5", row)
    refuse(folder, rf"^{A_CSV}, line 3: .* leaves the image of 40 x 30; .* are normalized")


@pytest.mark.parametrize(
    ("row", "corners"),
    [
        # By hand: 1 / 6 and 1 / 3 at 6 and at 4 decimals, rounded away from the image.
        ("0,0.166666,0.5,0.333334,0.5", [0, 7.5, 13.33332, 22.5]),
        ("0,0.8334,0.5,0.3333,0.5", [26.67, 7.5, 40, 22.5]),
    ],
)
def test_read_split_clips_what_rounding_put_outside(
    folder: Path, row: str, corners: list[float]
) -> None:
    add_image(folder, "train", "a", row)
    add_image(folder, "val", "c")
    (image, _) = source(folder).read_split("train").images
    np.testing.assert_allclose(image.ground_truth.boxes_xyxy, [corners], rtol=0, atol=1e-9)


def test_read_split_clips_pixels_by_the_same_share(folder: Path) -> None:
    add_image(folder, "train", "a", "0,20,15,40.007,30")
    (image, _) = source(folder).read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[0, 0, 40, 30]]


@pytest.mark.parametrize("row", ["1,20,15,0.99,10", "1,20,15,10,0", "1,0,0,0,0"])
def test_read_split_leaves_out_a_box_of_less_than_a_pixel(folder: Path, row: str) -> None:
    add_image(folder, "train", "a", "0,10,15,12,20", row, "", "2,30,10,5,4")
    split = source(folder).read_split("train")
    assert split.images[0].ground_truth.labels.tolist() == [0, 2]
    thin, blank = sorted(split.dropped, key=lambda problem: problem.place)
    assert thin.place == "train/labels/a.csv, line 3"
    assert "at least 1 x 1 can be learnt from" in thin.what
    assert str(blank) == "train/labels/a.csv, line 4: is blank"


def test_read_split_keeps_a_box_of_one_pixel(folder: Path) -> None:
    add_image(folder, "train", "a", "0,1,1,1,1", "0,10,10,4,4")
    split = source(folder).read_split("train")
    assert split.images[0].ground_truth.boxes_xyxy[0].tolist() == [0.5, 0.5, 1.5, 1.5]
    assert split.dropped == ()


def test_read_split_names_an_image_without_labels(folder: Path) -> None:
    (folder / "train" / "labels" / "a.csv").unlink()
    refuse(folder, f"^{A_CSV}: is missing; an image without objects needs a CSV")


def test_read_split_names_labels_without_an_image(folder: Path) -> None:
    (folder / "train" / "images" / "a.npy").unlink()
    refuse(folder, f"^{A_CSV}: has no image {A_NPY}")


@pytest.mark.parametrize("part", ["images", "labels"])
def test_read_split_names_a_folder_that_is_missing(folder: Path, part: str) -> None:
    (folder / "train" / part).rename(folder / "elsewhere")
    refuse(folder, f"^train/{part}: is missing")


def test_read_split_names_a_split_without_images(folder: Path) -> None:
    for file in (folder / "train").rglob("*.*"):
        file.unlink()
    refuse(folder, r"^train/images: holds no image \(\*\.npy\)")


def test_read_split_names_two_images_of_one_name(folder: Path) -> None:
    (folder / "train" / "images" / "a.NPY").write_bytes(b"")
    refuse(folder, r"^train/images/a\.npy: is ambiguous: a\.NPY is there")


def test_read_split_names_a_split_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^dev/images: is missing; .* exist: train, val"):
        source(folder).read_split("dev")


def test_source_names_a_folder_without_splits(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"holds no split: no folder <split>/images with"):
            source(missing)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((30, 40), np.uint8), r"has shape \(30, 40\), without channels"),
        (np.zeros((3, 30, 40), np.uint8), r"has shape \(3, 30, 40\), channels first"),
        (np.zeros((30, 40, 1), np.uint16), "holds uint16 pixels"),
        (np.zeros((0, 40, 1), np.uint8), "it is empty"),
        (np.zeros((30, 40, 1), np.float32), "holds float32 pixels, but .* is uint8"),
    ],
)
def test_read_split_names_an_array_that_is_no_image(
    folder: Path, array: np.ndarray, message: str
) -> None:
    add_image(folder, "train", "a", array=array)
    refuse(folder, f"^{A_NPY}: .*{message}", pixel_range=PixelRangeOption.UINT8)
