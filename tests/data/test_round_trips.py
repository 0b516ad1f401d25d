"""From any format to any other and back: what both can hold comes back.

Boxes with few decimals come back bit for bit, all others within a bound. What may be lost is
derived here from what the formats are, without the code that tells it.
"""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.data.coco_json import write_coco_ground_truth, write_coco_results
from refdet.data.csv_detections import write_csv_detections
from refdet.data.fitting import fit_detections, fit_objects
from refdet.data.folder_writers import (
    write_npy_csv,
    write_voc,
    write_yolo,
    write_yolo_detections,
)
from refdet.data.formats import read_detections, read_ground_truth
from refdet.data.image_copies import ImageCopies
from refdet.data.options import BoxCoordinates, GroundTruthFormat, SourceOptions, TargetFormat
from refdet.data.voc_results import write_voc_results
from tests.data.small_columns import (
    data_sets,
    detections_in,
    objects_of,
    write_images,
)

COCO, VOC, YOLO, NPY_CSV, CSV = TargetFormat
GROUND_TRUTH = (COCO, VOC, YOLO, NPY_CSV)
DETECTIONS = (COCO, VOC, YOLO, CSV)
FEW = settings(max_examples=10)  # of each pair

ONE_PIXEL = objects_of([[0.3, 0.7, 1, 1], [63, 31, 1, 1]], [0, 0], [1, 1], crowd=[0])
NOTHING = objects_of()


def there(objects: ObjectColumns, target: TargetFormat, folder: Path) -> ObjectColumns:
    """Write the objects in a format, with images, and read them."""
    folder.mkdir(parents=True)
    pictures = folder / "pictures"
    copies = ImageCopies(write_images(objects, pictures))
    fitted, _ = fit_objects(objects, target)
    names = objects.categories.names
    options = SourceOptions(folder, class_names=names, box_coordinates=BoxCoordinates.PIXELS)
    out = folder / "out"
    if target is COCO:
        write_coco_ground_truth(out, fitted)
        return read_ground_truth(out).objects
    if target is YOLO:
        write_yolo(out, fitted, images=copies)
        return read_ground_truth(out).objects
    if target is NPY_CSV:
        write_npy_csv(out, fitted, split="val", images=copies)
        return read_ground_truth(out, options=options).objects
    write_voc(out, fitted, split="val", images=copies)
    if not len(objects):  # without objects there is nothing that VOC could take classes from
        return read_ground_truth(out, options=options).objects
    return read_ground_truth(out, declared=GroundTruthFormat.VOC).objects


Row = tuple[str, list[float], float, bool, bool]


def by_image(objects: ObjectColumns) -> dict[str, list[Row]]:
    """Class, box, area and flags of the objects in each image, by its name without suffix."""
    images = dict(zip(objects.images.ids.tolist(), objects.images.names, strict=True))
    classes = dict(zip(objects.categories.ids.tolist(), objects.categories.names, strict=True))
    found: dict[str, list[Row]] = {Path(name).stem: [] for name in objects.images.names}
    for row in range(len(objects)):
        found[Path(images[int(objects.image_ids[row])]).stem].append(
            (
                classes[int(objects.category_ids[row])],
                objects.boxes_xywh[row].tolist(),
                float(objects.area[row]),
                bool(objects.crowd[row]),
                bool(objects.ignore[row]),
            )
        )
    return found


def assert_kept(got: ObjectColumns, want: ObjectColumns, path: tuple[TargetFormat, ...]) -> None:
    """`got` is what files of all these formats can hold of `want`."""
    only_coco = set(path) == {COCO}
    flags = set(path) <= {COCO, VOC}
    sizes = dict(zip(map(stem, want.images.names), want.images.sizes.tolist(), strict=True))
    mine, theirs = by_image(got), by_image(want)
    assert mine.keys() == theirs.keys()
    assert sizes == dict(zip(map(stem, got.images.names), got.images.sizes.tolist(), strict=True))
    for image, rows in theirs.items():
        assert len(rows) == len(mine[image])
        bound = 0.0 if only_coco else len(path) * 2.0**-49 * (max(sizes[image]) + 1)
        for (name, box, area, crowd, ignore), row in zip(rows, mine[image], strict=True):
            assert row[0] == name
            np.testing.assert_allclose(row[1], box, rtol=0, atol=bound)
            wanted = area if only_coco else row[1][2] * row[1][3]
            assert row[2] == wanted
            assert row[3] == (crowd and only_coco)
            assert row[4] == (ignore if only_coco else (ignore or crowd) and flags)
    if VOC not in path:
        assert got.categories.names == want.categories.names
    else:
        assert set(got.categories.names) >= {row[0] for rows in theirs.values() for row in rows}
    if only_coco:
        for table in ("images", "categories"):
            ids = getattr(got, table).ids.tolist()
            assert ids == getattr(want, table).ids.tolist()


def stem(name: str) -> str:
    return Path(name).stem


@pytest.mark.parametrize("target", GROUND_TRUTH)
@given(objects=data_sets())
@example(objects=ONE_PIXEL)
@example(objects=NOTHING)
def test_ground_truth_comes_back(target: TargetFormat, objects: ObjectColumns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_kept(there(objects, target, Path(folder) / "a"), objects, (target,))


@pytest.mark.parametrize(
    ("one", "other"), [pair for pair in product(GROUND_TRUTH, repeat=2) if pair[0] != pair[1]]
)
@FEW
@given(objects=data_sets())
@example(objects=ONE_PIXEL)
@example(objects=NOTHING)
def test_ground_truth_comes_back_by_way_of_another_format(
    one: TargetFormat, other: TargetFormat, objects: ObjectColumns
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = there(objects, one, Path(folder) / "a")
        back = there(there(here, other, Path(folder) / "b"), one, Path(folder) / "c")
    assert_kept(back, here, (other, one) if one is not COCO else (other,))


@pytest.mark.parametrize("target", GROUND_TRUTH)
@pytest.mark.parametrize("decimals", [0, 2, 6])
@FEW
@given(data=st.data())
def test_boxes_with_few_decimals_come_back_bit_for_bit(
    target: TargetFormat, decimals: int, data: st.DataObject
) -> None:
    objects = data.draw(data_sets(decimals=decimals))
    with tempfile.TemporaryDirectory() as folder:
        back = by_image(there(objects, target, Path(folder) / "a"))
    assert {name: [row[1] for row in rows] for name, rows in back.items()} == {
        name: [row[1] for row in rows] for name, rows in by_image(objects).items()
    }


def through(
    found: DetectionColumns, objects: ObjectColumns, target: TargetFormat, path: Path
) -> DetectionColumns:
    """Write the detections in a format, and read them."""
    if target is COCO:
        write_coco_results(path, found)
    elif target is CSV:
        path = path.with_suffix(".csv")
        write_csv_detections(path, found, objects)
    elif target is VOC:
        write_voc_results(path, found, objects)
    else:
        fitted, _ = fit_detections(found, objects)
        write_yolo_detections(path, fitted, objects)
    # The names of classes here end with one another, as `cell_red` does with `red`.
    return read_detections([path], objects, split="test")[0]


@pytest.mark.parametrize(("one", "other"), list(product(DETECTIONS, repeat=2)))
@pytest.mark.parametrize("decimals", [2, None])
@FEW
@given(data=st.data())
def test_detections_come_back_by_way_of_another_format(
    one: TargetFormat, other: TargetFormat, decimals: int | None, data: st.DataObject
) -> None:
    objects = data.draw(data_sets())
    want = data.draw(detections_in(objects, decimals=decimals))
    with tempfile.TemporaryDirectory() as folder:
        got = through(want, objects, one, Path(folder) / "a")
        got = through(got, objects, other, Path(folder) / "b")
    # Of one image and one class the order stays, and it is all that decides between equal scores.
    mine = np.lexsort((got.category_ids, got.image_ids))
    theirs = np.lexsort((want.category_ids, want.image_ids))
    for name in ("image_ids", "category_ids", "scores"):
        np.testing.assert_array_equal(getattr(got, name)[mine], getattr(want, name)[theirs])
    exact = decimals is not None or one is other is COCO
    bound = 0.0 if exact else 2.0**-48 * (float(objects.images.sizes.max()) + 1)
    np.testing.assert_allclose(got.boxes_xywh[mine], want.boxes_xywh[theirs], rtol=0, atol=bound)
