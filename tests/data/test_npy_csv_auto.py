"""What `auto` settles, once for all splits, and what it leaves to the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from refdet.data.options import BoxCoordinates, PixelRangeOption
from refdet.data.problems import DataError
from refdet.records import PixelRange
from tests.data.npy_csv_folder import HEIGHT, WIDTH, add_image, clean_folder, source

SHAPE = (HEIGHT, WIDTH, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "set")


def paint(folder: Path, values: Mapping[str, tuple[float, ...]], dtype: str = "f4") -> None:
    """Images whose first pixels are `values` and whose others are 0.5, by `split/name`."""
    for place, first in values.items():
        split, name = place.split("/")
        array = np.full(SHAPE, 0.5)
        array[0, : len(first), 0] = first
        rows = ["0,10,15,12,20"] if split == "train" else []
        add_image(folder, split, name, *rows, array=array.astype(dtype))


def ambiguous(folder: Path, message: str) -> None:
    """Every split is refused; the check says why, and goes on to what else is wrong."""
    (folder / "val" / "labels" / "c.csv").write_text("")
    opened = source(folder)
    for split in opened.splits:
        with pytest.raises(DataError, match=message):
            opened.read_split(split)
    places = [problem.place for problem in opened.check().errors]
    assert len(places) > 1
    assert places[-1] == "val/labels/c.csv"


def test_settled_says_what_was_chosen_and_why(folder: Path) -> None:
    assert source(folder).settled == (
        "classes: 3, class_00 to class_02 (auto: the numbers in the labels)",
        "pixel range: uint8 (auto: all 3 images hold uint8)",
        "box coordinates: pixels (auto: 3 of 3 boxes can be nothing else)",
    )


def test_settled_is_silent_about_what_was_declared(folder: Path) -> None:
    opened = source(
        folder,
        class_names=("x", "y", "z"),
        pixel_range=PixelRangeOption.UINT8,
        box_coordinates=BoxCoordinates.PIXELS,
    )
    assert opened.settled == ()


def test_class_names_go_to_the_highest_number_and_absent_ones_are_told(folder: Path) -> None:
    add_image(folder, "val", "d", "7,10,15,12,20")
    opened = source(folder)
    assert opened.class_names == tuple(f"class_0{number}" for number in range(8))
    assert "no object of 3, 4, 5, 6" in opened.settled[0]
    assert "first_class" not in opened.settled[0]


def test_class_names_of_a_number_far_from_the_others_is_an_error(folder: Path) -> None:
    # 32 with a slip of the pen: 321 classes are not what anybody meant.
    add_image(folder, "val", "d", "1,20,15,10,10", "320,10,15,12,20")
    message = r"^val/labels/d\.csv, line 3: class 320 is far .* of the 321 numbers .* 317 have no"
    with pytest.raises(DataError, match=message):
        source(folder).read_split("train")
    assert "class 320 is far" in str(source(folder).check().errors[0])
    declared = source(folder, class_names=("x", "y", "z")).check()
    assert "class 320" in str(declared.errors[0])


def test_class_names_hint_at_numbers_that_start_at_1(folder: Path) -> None:
    add_image(folder, "train", "a", "1,10,15,12,20")
    assert "no object of 0: if classes count from 1" in source(folder).settled[0]


def test_class_names_need_an_object_or_a_declaration(folder: Path) -> None:
    add_image(folder, "train", "a")
    add_image(folder, "val", "c")
    with pytest.raises(DataError, match=r"^labels: hold no object to take classes from"):
        _ = source(folder).class_names
    assert source(folder, class_names=("x",)).read_split("train").dropped == ()


def test_coordinates_are_settled_by_all_splits(folder: Path) -> None:
    # In train every box can be both: a pixel in the corner, or the whole image.
    add_image(folder, "train", "a", "0,0.5,0.5,1,1")
    (image, _) = source(folder).read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[0, 0, 1, 1]]
    add_image(folder, "val", "c", "0,0.5,0.5,0.2,0.2")
    (image, _) = source(folder).read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[0, 0, WIDTH, HEIGHT]]


def test_coordinates_that_are_mixed_are_an_error(folder: Path) -> None:
    add_image(folder, "train", "b", "0,0.5,0.5,0.2,0.2")
    ambiguous(
        folder,
        r"^labels: box coordinates are ambiguous: of 3 boxes 2 can only be in pixels "
        r"\(first: train/labels/a\.csv, line 2\), 1 can only be normalized "
        r"\(first: train/labels/b\.csv, line 2\); declare",
    )


def test_coordinates_that_no_box_tells_are_an_error(folder: Path) -> None:
    add_image(folder, "train", "a", "0,0.5,0.5,1,1", "0,10,10,0,0")
    ambiguous(folder, "of 2 boxes none can only be in pixels, none can only be normalized")


def test_coordinates_do_not_matter_without_boxes(folder: Path) -> None:
    add_image(folder, "train", "a")
    add_image(folder, "val", "c")
    opened = source(folder, class_names=("x",))
    assert len(opened.read_split("train").images) == 2
    assert opened.settled[-1] == "box coordinates: pixels (auto: there is no box)"


def test_pixel_range_is_unit_where_nothing_is_negative(folder: Path) -> None:
    paint(folder, {"train/a": (0, 1), "train/b": (0.1,), "val/c": (0.2,)})
    opened = source(folder)
    assert opened.settled[1] == "pixel range: unit (auto: floats from 0 to 1 in 3 images)"
    assert {image.pixel_range for image in opened.read_split("train").images} == {PixelRange.UNIT}


def test_pixel_range_is_symmetric_for_bright_images_too(folder: Path) -> None:
    paint(folder, {"train/a": (-1, 1), "train/b": (0.1,), "val/c": (-0.2,)}, "f8")
    opened = source(folder)
    assert opened.settled[1] == "pixel range: symmetric (auto: floats from -1 to 1 in 3 images)"
    images = opened.read_split("train").images
    assert {image.pixel_range for image in images} == {PixelRange.SYMMETRIC}


def test_pixel_range_that_merely_dips_below_0_is_an_error(folder: Path) -> None:
    # As bicubic resizing of [0, 1] leaves it; taken for symmetric, black would become grey.
    paint(folder, {"train/a": (-0.001, 1), "train/b": (-0.001, 0.9), "val/c": (-0.4, 0.2)})
    ambiguous(folder, r"^images: are ambiguous: -0\.4 to 1 in 3 images, negative in 3")


def test_pixel_range_with_few_negative_images_is_an_error(folder: Path) -> None:
    paint(folder, {"train/a": (-0.002, 1), "train/b": (0.1,), "val/c": (0.2,)})
    message = r"^images: are ambiguous: -0\.002 to 1 in 3 images, negative in 1 \(first: train/"
    ambiguous(folder, message)
    declared = source(folder, pixel_range=PixelRangeOption.UNIT).check()
    assert "train/images/a.npy: holds -0.002, outside [0, 1]" in str(declared.errors[0])


def test_pixel_range_of_integers_and_floats_is_an_error(folder: Path) -> None:
    paint(folder, {"val/c": (0.2,)})
    ambiguous(
        folder,
        r"^images: hold both kinds of pixels: 2 hold uint8 \(first: train/images/a\.npy\), "
        r"1 floats \(first: val/images/c\.npy\); declare",
    )


def test_pixel_range_beyond_floats_of_1_is_an_error(folder: Path) -> None:
    paint(folder, {"train/a": (255,), "train/b": (254,), "val/c": (253,)})
    ambiguous(folder, r"^images: hold floats, none within \[-1, 1\]")


def test_pixel_range_is_settled_without_the_images_that_are_wrong(folder: Path) -> None:
    values = {"train/a": (1.002,), "train/b": (np.nan,), "val/c": (0.2,)}
    paint(folder, values)
    opened = source(folder)
    assert opened.settled[1] == "pixel range: unit (auto: floats from 0.2 to 0.5 in 1 images)"
    assert [str(problem) for problem in opened.check().errors] == [
        "train/images/a.npy: holds 1.002, outside [0, 1] of the data set's range unit",
        "train/images/b.npy: holds NaN, first in row 0, column 0",
    ]
