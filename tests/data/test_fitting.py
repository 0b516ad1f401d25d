"""What a format cannot hold of a ground truth is told, with its count; the rest is untouched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.columns import ImageTable, ObjectColumns
from refdet.data.fitting import fit_detections, fit_objects
from refdet.data.options import TargetFormat
from tests.data.small_columns import data_sets, detections_of, named_rows, objects_of

FOLDERS = (TargetFormat.VOC, TargetFormat.YOLO, TargetFormat.NPY_CSV)
IDS = (
    "image ids are not kept",
    "category ids are not kept",
    "class names are not kept; they are --classes cat dog",
    "images change their suffix",
)


def notes_of(objects: ObjectColumns, target: TargetFormat) -> list[str]:
    """The sentences but for those about ids and names, which `objects_of` always causes."""
    _, notes = fit_objects(objects, target)
    return [note for note in notes if not any(known in note for known in IDS)]


def plain(size: Sequence[int] = (64, 32)) -> ObjectColumns:
    return objects_of([[1, 2, 3, 4], [5, 6, 7, 8]], [0, 1], [0, 1], size=(size[0], size[1]))


@given(objects=data_sets())
def test_fit_objects_to_coco_changes_nothing(objects: ObjectColumns) -> None:
    assert fit_objects(objects, TargetFormat.COCO) == (objects, ())


@pytest.mark.parametrize("target", FOLDERS)
def test_fit_objects_tells_nothing_where_only_ids_are_lost(target: TargetFormat) -> None:
    fitted, notes = fit_objects(plain(), target)
    assert notes_of(plain(), target) == []
    first = 0 if target is TargetFormat.YOLO else 1
    assert fitted.images.ids.tolist() == [1, 2]
    assert fitted.categories.ids.tolist() == [first, first + 1]
    told = [note for note in notes if "ids" in note]
    assert told == [
        # They are 6 and 1.
        f"{1 + first} category ids are not kept: {target} has none, they count from {first}",
        f"2 image ids are not kept: {target} has none, they count from 1",
    ]


@pytest.mark.parametrize("target", FOLDERS)
@given(objects=data_sets())
def test_fit_objects_finds_nothing_to_change_twice(
    objects: ObjectColumns, target: TargetFormat
) -> None:
    once, _ = fit_objects(objects, target)
    again, notes = fit_objects(once, target)
    # These describe what is written rather than a change.
    assert [n for n in notes if "class names" not in n and "between pixels" not in n] == []
    for name in ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore"):
        np.testing.assert_array_equal(getattr(again, name), getattr(once, name))


@pytest.mark.parametrize(
    ("target", "flags", "notes"),
    [
        (
            TargetFormat.VOC,
            [True, True, False],
            ["1 crowd regions become difficult objects: voc has no crowds"],
        ),
        (
            TargetFormat.YOLO,
            [False, False, False],
            [
                "1 crowd regions become ordinary objects: yolo has no crowds",
                "1 ignored objects become ordinary ones: yolo has no flags",
            ],
        ),
    ],
)
def test_fit_objects_tells_of_flags(
    target: TargetFormat, flags: list[bool], notes: list[str]
) -> None:
    boxes = [[1, 2, 3, 4]] * 3
    objects = objects_of(boxes, [0, 0, 1], [0, 1, 0], crowd=[0], ignore=[1])
    fitted, _ = fit_objects(objects, target)
    assert fitted.ignore.tolist() == flags
    assert not fitted.crowd.any()
    assert notes_of(objects, target) == notes


@pytest.mark.parametrize("target", FOLDERS)
def test_fit_objects_tells_of_areas(target: TargetFormat) -> None:
    objects = objects_of([[1, 2, 3, 4]] * 2, [0, 1], [0, 1], area=[7, 12.000001])
    fitted, _ = fit_objects(objects, target)
    assert fitted.area.tolist() == [12, 12]
    told = ["1 areas are not kept: they differ from width x height, as masks' do"]
    assert notes_of(objects, target) == told


@pytest.mark.parametrize("target", FOLDERS)
def test_fit_objects_cuts_what_leaves_the_image_and_tells(target: TargetFormat) -> None:
    boxes = [[-1, 2, 5, 4], [60, 30, 5, 4], [64, 0, 3, 3], [-3, 0, 2, 3], [0, 0, 64, 32]]
    boxes += [[-3, 5, 0, 3], [65, 5, 0, 3]]
    objects = objects_of(boxes, [0, 0, 0, 0, 1, 0, 0], [0, 1, 0, 1, 0, 0, 0])
    fitted, _ = fit_objects(objects, target)
    # By hand, in an image of 64 x 32.
    assert [box for _, _, box in named_rows(fitted, fitted)] == [
        [0, 2, 4, 4],
        [60, 30, 4, 2],
        [0, 0, 64, 32],
    ]
    assert notes_of(objects, target) == [
        "2 boxes leave their image: cut at its sides",
        "4 boxes lie outside their image: left out",
    ]


def test_fit_objects_tells_of_classes_that_voc_cannot_list() -> None:
    objects = objects_of([[1, 2, 3, 4]] * 2, [0, 1], [3, 1], classes=("a", "z", "b", "c"))
    fitted, _ = fit_objects(objects, TargetFormat.VOC)
    assert fitted.categories.names == ("c", "z")
    assert [row[1] for row in named_rows(fitted, fitted)] == ["c", "z"]
    assert notes_of(objects, TargetFormat.VOC) == ["2 classes without objects are not kept: a, b"]
    kept, _ = fit_objects(objects, TargetFormat.YOLO)
    assert kept.categories.names == ("a", "z", "b", "c")


@pytest.mark.parametrize("target", [TargetFormat.YOLO, TargetFormat.NPY_CSV])
def test_fit_objects_sorts_images_where_only_a_folder_lists_them(target: TargetFormat) -> None:
    objects = objects_of([[1, 2, 3, 4], [5, 6, 7, 8]], [0, 1], [0, 1], names=("b.png", "a.png"))
    fitted, _ = fit_objects(objects, target)
    assert [box[0] for _, _, box in named_rows(fitted, fitted)] == [5, 1]
    told = [f"the order of images is not kept: {target} has them by name"]
    assert notes_of(objects, target) == told
    assert notes_of(objects, TargetFormat.VOC) == []


@pytest.mark.parametrize(
    ("target", "names", "want"),
    [
        (TargetFormat.VOC, ("a.npy", "b.v1"), ("a.png", "b.v1.png")),
        (TargetFormat.YOLO, ("a.JPG", "b.webp"), ("a.JPG", "b.png")),
        (TargetFormat.NPY_CSV, ("a.JPG", "b.npy"), ("a.npy", "b.npy")),
    ],
)
def test_fit_objects_tells_of_suffixes(
    target: TargetFormat, names: tuple[str, ...], want: tuple[str, ...]
) -> None:
    fitted, notes = fit_objects(objects_of(names=names), target)
    assert fitted.images.names == want
    count = sum(old != new for old, new in zip(names, want, strict=True))
    assert f"{count} images change their suffix: {target} is read with others" in notes


def test_fit_objects_tells_what_readers_do_to_small_and_fractional_boxes() -> None:
    objects = objects_of([[1, 2, 0.5, 4], [5.5, 6, 1, 8]], [0, 1], [0, 1])
    small = "1 boxes are less than a pixel wide or high: refdet, training on {}, leaves them out"
    assert notes_of(objects, TargetFormat.VOC) == [
        small.format("voc"),
        "2 boxes have corners between pixels: kept with their decimals, which other readers of "
        "voc may cut off",
    ]
    assert notes_of(objects, TargetFormat.NPY_CSV) == [small.format("npy-csv")]
    assert notes_of(objects, TargetFormat.YOLO) == []


@pytest.mark.parametrize("target", FOLDERS)
@pytest.mark.parametrize(
    "name", ["../a.png", "a/b.png", "a\\b.png", "..", "", " a.png", "a\n.png", "a\0.png", "/a.png"]
)
def test_fit_objects_refuses_hostile_names(target: TargetFormat, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        fit_objects(objects_of(names=("b.png", name)), target)


@pytest.mark.parametrize("target", FOLDERS)
def test_fit_objects_needs_sizes_and_names_that_differ(target: TargetFormat) -> None:
    objects = plain()
    sizes = np.array([[64, 32], [0, 32]])
    unknown: ImageTable = replace(objects.images, sizes=sizes)
    message = f"the sizes of 1 images are not known .first: 'b.jpg'., and {target} needs them"
    with pytest.raises(ValueError, match=message):
        fit_objects(replace(objects, images=unknown), target)
    with pytest.raises(ValueError, match=r"'a.png' and 'a.jpg' differ by their suffix alone"):
        fit_objects(objects_of(names=("a.png", "a.jpg")), target)


@pytest.mark.parametrize("name", ["", " cat", "c\nat"])
def test_fit_objects_refuses_classes_that_xml_changes(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be written in XML and read again"):
        fit_objects(objects_of(classes=("dog", name)), TargetFormat.VOC)


def test_fit_detections_cuts_only_what_text_files_cannot_say() -> None:
    objects = plain()
    boxes = [[-4, 2, 10, 4], [-8, 2, 10, 4], [-9, 2, 3, 4], [0, 0, 65, 4], [70, 0, 1, 1]]
    found = detections_of(objects, boxes, [0] * 5, [1] * 5, [1, 2, 3, 4, 5])
    fitted, notes = fit_detections(found, objects)
    # By hand: the first has its centre at 1; the second at -3 keeps 2 pixels of 10.
    assert fitted.boxes_xywh.tolist() == [[-4, 2, 10, 4], [0, 2, 2, 4], [0, 0, 64, 4]]
    assert fitted.scores.tolist() == [1, 2, 4]
    assert notes == (
        "2 detections are far outside their image, cut at its sides",
        "2 detections lie outside their image: left out",
    )


@given(target=st.sampled_from(FOLDERS))
def test_fit_objects_takes_images_without_objects(target: TargetFormat) -> None:
    fitted, _ = fit_objects(objects_of(), target)
    assert (len(fitted), len(fitted.images)) == (0, 2)
