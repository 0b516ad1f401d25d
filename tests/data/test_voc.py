from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from refdet.data.problems import DataError
from refdet.data.voc import discover_classes, read_voc_split
from tests.data.voc_folder import (
    CLASSES,
    add_image,
    add_split,
    clean_folder,
    object_xml,
    size_xml,
)

BCCD_CLASSES = ("WBC", "RBC", "Platelets")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "set")


def test_read_voc_split_gives_boxes_labels_and_difficult_flags(folder: Path) -> None:
    split = read_voc_split(folder, "train", CLASSES)
    (image,) = split.images
    truth = image.ground_truth
    assert (split.name, split.dropped) == ("train", ())
    assert image.path == folder / "JPEGImages" / "a.png"
    assert (truth.image, truth.width, truth.height) == ("a", 40, 30)
    # 1-based: each of the four corners is 1 less, so that the width stays xmax - xmin.
    np.testing.assert_array_equal(truth.boxes_xyxy, [[4, 5, 14, 25], [0, 0, 39, 29]])
    np.testing.assert_array_equal(truth.labels, [0, 1])
    np.testing.assert_array_equal(truth.difficult, [False, True])


def test_read_voc_split_keeps_corners_that_count_from_0(folder: Path) -> None:
    add_image(folder, "a", object_xml("dog", (0, 0, 40, 30)))
    (image,) = read_voc_split(folder, "train", CLASSES, one_based=False).images
    np.testing.assert_array_equal(image.ground_truth.boxes_xyxy, [[0, 0, 40, 30]])


def test_read_voc_split_keeps_an_image_without_objects(folder: Path) -> None:
    (image,) = read_voc_split(folder, "val", CLASSES).images
    assert image.ground_truth.boxes_xyxy.shape == (0, 4)


def test_read_voc_split_keeps_the_order_of_the_split_file(folder: Path) -> None:
    add_split(folder, "train", "b", "a")
    images = read_voc_split(folder, "train", CLASSES).images
    assert [image.ground_truth.image for image in images] == ["b", "a"]


def test_read_voc_split_reads_windows_line_ends_and_byte_order_marks(folder: Path) -> None:
    (folder / "ImageSets/Main/train.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    assert len(read_voc_split(folder, "train", CLASSES).images) == 2


def test_read_voc_split_does_not_take_a_part_for_an_object(folder: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    add_image(folder, "a", object_xml("dog").replace("</object>", part))
    (image,) = read_voc_split(folder, "train", CLASSES).images
    np.testing.assert_array_equal(image.ground_truth.labels, [1])


@pytest.mark.parametrize(
    ("corners", "size"),
    [((7, 8, 7, 8), "0 x 0"), ((7, 8, 9, 8), "2 x 0"), ((7, 8, 7.5, 20), "0.5 x 12")],
)
def test_read_voc_split_drops_boxes_below_a_pixel_and_says_so(
    folder: Path, corners: tuple[float, ...], size: str
) -> None:
    add_image(folder, "a", object_xml("cat"), object_xml("dog", corners))
    split = read_voc_split(folder, "train", CLASSES)
    np.testing.assert_array_equal(split.images[0].ground_truth.labels, [0])
    (problem,) = split.dropped
    assert problem.place == "Annotations/a.xml, object 1"
    assert size in problem.what
    assert problem.dropped


def test_read_voc_split_keeps_a_box_of_one_pixel(folder: Path) -> None:
    add_image(folder, "a", object_xml("cat", (7, 8, 8, 9)))
    assert len(read_voc_split(folder, "train", CLASSES).images[0].ground_truth) == 1


def test_read_voc_split_passes_over_a_blank_line_and_says_so(folder: Path) -> None:
    add_split(folder, "train", "a", "", "b")
    split = read_voc_split(folder, "train", CLASSES)
    assert len(split.images) == 2
    assert [str(problem) for problem in split.dropped] == [
        "ImageSets/Main/train.txt, line 2: is blank"
    ]


# One object in the annotation of `a`, and what the error must say of it.
DIRTY_OBJECTS = {
    "unknown class": (object_xml("cow"), "class 'cow' is none of cat, dog"),
    "inverted x": (object_xml("cat", (15, 6, 5, 26)), r"cat \(15, 6, 5, 26\) is inverted"),
    "inverted y": (object_xml("cat", (5, 26, 15, 6)), "is inverted"),
    "left of the image": (object_xml("cat", (0, 6, 15, 26)), "leaves the image of 40 x 30"),
    "above the image": (object_xml("cat", (5, -3, 15, 26)), "leaves the image"),
    "right of the image": (object_xml("cat", (5, 6, 41.5, 26)), "leaves the image"),
    "below the image": (object_xml("cat", (5, 6, 15, 32)), "leaves the image"),
    "text": (object_xml("cat", (5, "six", 15, 26)), "<ymin> is 'six', not a number"),
    "no text": (object_xml("cat", (5, "", 15, 26)), "<ymin> is '', not a number"),
    "underscore": (object_xml("cat", (5, 6, "1_5", 26)), "<xmax> is '1_5', not a number"),
    "NaN": (object_xml("cat", (5, 6, "nan", 26)), "<xmax> is 'nan', not a finite"),
    "infinite": (object_xml("cat", (5, 6, 15, "1e999")), "<ymax> is '1e999', not a finite"),
    "difficult": (object_xml("cat", difficult="maybe"), "<difficult> is 'maybe'"),
    "no name": (object_xml(""), "has no <name>"),
    "no box": ("<object><name>cat</name></object>", "cat has no <bndbox>"),
    "no corner": (object_xml().replace("<xmax>15</xmax>", ""), "has no <xmax>"),
    "two corners": (object_xml().replace("<xmax>", "<xmax>9</xmax><xmax>"), "has 2 <bndbox/xmax>"),
    "two boxes": (object_xml().replace("<bndbox>", "<bndbox/><bndbox>"), "cat has 2 <bndbox>"),
    "two names": (object_xml().replace("<name>", "<name>dog</name><name>"), "has 2 <name>"),
}


@pytest.mark.parametrize(("xml", "what"), DIRTY_OBJECTS.values(), ids=DIRTY_OBJECTS)
def test_read_voc_split_names_the_object_that_is_wrong(folder: Path, xml: str, what: str) -> None:
    add_image(folder, "a", object_xml(), xml)
    with pytest.raises(DataError, match=rf"^Annotations/a\.xml, object 1: .*{what}"):
        read_voc_split(folder, "train", CLASSES)


DIRTY_SIZES = {
    "none": ("<other/>", "Annotations/a.xml: has no <size>"),
    "zero": (size_xml(0, 0), "Annotations/a.xml: <size> is 0 x 0"),
    "zero height": (size_xml(40, 0), "Annotations/a.xml: <size> is 40 x 0"),
    "fractional": (size_xml(40.5, 30), "Annotations/a.xml: <size> is 40.5 x 30"),
    "text": (size_xml("wide"), "Annotations/a.xml: <width> is 'wide', not a number"),
    "other": (size_xml(60, 30), "JPEGImages/a.png: is 40 x 30, but its annotation says 60 x 30"),
}


@pytest.mark.parametrize(("xml", "what"), DIRTY_SIZES.values(), ids=DIRTY_SIZES)
def test_read_voc_split_names_the_size_that_is_wrong(folder: Path, xml: str, what: str) -> None:
    add_image(folder, "a", object_xml(), size=xml)
    with pytest.raises(DataError, match=f"^{re.escape(what)}"):
        read_voc_split(folder, "train", CLASSES)


DOCTYPE = '<!DOCTYPE annotation [<!ENTITY x "y">]>'
DIRTY_FILES = {
    "doctype": (f"{DOCTYPE}<annotation>&x;</annotation>", "has a DOCTYPE or entities"),
    "plain doctype": ("<!DOCTYPE annotation><annotation/>", "has a DOCTYPE or entities"),
    "undeclared entity": ("<annotation>&x;</annotation>", "is not XML"),
    "cut short": ("<annotation><size>", "is not XML"),
    "empty": ("", "is not XML"),
    "not unicode": ("<annotation>\udcff</annotation>", "is not XML"),
    "other root": ("<annotations/>", "is no VOC annotation"),
    "hidden object": (
        f"<annotation>{size_xml()}<part>{object_xml()}</part></annotation>",
        "has 1 <object> inside another element",
    ),
}


@pytest.mark.parametrize(("xml", "what"), DIRTY_FILES.values(), ids=DIRTY_FILES)
def test_read_voc_split_names_the_annotation_that_is_wrong(
    folder: Path, xml: str, what: str
) -> None:
    file = folder / "Annotations" / "a.xml"
    file.write_text(xml, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=rf"^Annotations/a\.xml: {what}"):
        read_voc_split(folder, "train", CLASSES)


def test_read_voc_split_names_a_missing_annotation(folder: Path) -> None:
    (folder / "Annotations" / "b.xml").unlink()
    with pytest.raises(DataError, match=r"^Annotations/b\.xml: is missing"):
        read_voc_split(folder, "val", CLASSES)


def test_read_voc_split_names_the_first_problem_and_counts_the_others(folder: Path) -> None:
    add_image(folder, "a", object_xml("cow"), object_xml("emu"), object_xml("cat", (9, 9, 3, 3)))
    with pytest.raises(DataError) as caught:
        read_voc_split(folder, "train", CLASSES)
    assert "'cow'" in str(caught.value)
    assert "There are 2 more; `refdet check-data` prints all." in str(caught.value)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("classes", [(), ("cat", "cat")])
def test_read_voc_split_refuses_class_names_that_are_not_distinct(
    folder: Path, classes: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="class_names must be distinct"):
        read_voc_split(folder, "train", classes)


def test_read_voc_split_refuses_one_string_as_class_names(folder: Path) -> None:
    with pytest.raises(TypeError, match="class_names must be a sequence of names, got 'cat'"):
        read_voc_split(folder, "train", "cat")


def test_discover_classes_gives_every_name_sorted(folder: Path) -> None:
    add_image(folder, "b", object_xml("ape"), object_xml("cat", (9, 9, 3, 3)))
    assert discover_classes(folder) == ("ape", "cat", "dog")


@pytest.mark.parametrize(
    ("split", "images", "counts", "dropped"),
    [
        ("train", 205, (214, 2382 - 1, 209), "Annotations/BloodImage_00343.xml, object 3"),
        ("val", 87, (87, 968 - 1, 83), "Annotations/BloodImage_00338.xml, object 12"),
        ("test", 72, (71, 805, 69), None),
    ],
)
def test_read_voc_split_reads_the_blood_cells(
    bccd: Path, split: str, images: int, counts: tuple[int, ...], dropped: str | None
) -> None:
    read = read_voc_split(bccd, split, BCCD_CLASSES)
    labels = np.concatenate([image.ground_truth.labels for image in read.images])
    assert len(read.images) == images
    assert tuple(np.bincount(labels, minlength=3)) == counts
    assert [problem.place for problem in read.dropped] == ([dropped] if dropped else [])
