"""Ground truth as a format can hold it, with a sentence for all that it cannot.

`fit_objects` gives what reading the written files gives back: nothing is lost that is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from refdet.columns import (
    F64,
    I64,
    CategoryTable,
    DetectionColumns,
    ImageTable,
    Mask,
    ObjectColumns,
)
from refdet.data.corners import corners_of, xywh_of
from refdet.data.csv_detections import row_of_ids
from refdet.data.image_names import name_in, require_distinct_stems, require_file_names
from refdet.data.options import TargetFormat
from refdet.data.reading import SMALLEST_SIDE

_ROUNDING = 1e-9
"""Pixels and square pixels, relative to their size, that are put down to rounding."""


def fit_objects(
    objects: ObjectColumns, target: TargetFormat
) -> tuple[ObjectColumns, tuple[str, ...]]:
    """The objects as a folder of the format holds them; COCO's files hold all of them.

    Ids are counted anew, flags that the format lacks are cleared (VOC takes crowds for difficult
    objects), areas are those of boxes, boxes are cut at their image's sides, and objects lie in
    the order of their images.

    Args:
        objects: the ground truth.
        target: any format of ground truth.

    Returns:
        The objects, and sentences that say what changed and how often.

    Raises:
        ValueError: the size of an image is not known, or a name cannot be that of a file.
    """
    if target is TargetFormat.COCO:
        return objects, ()
    require_file_names(objects.images.names, "image")
    require_distinct_stems(objects.images.names)
    require_sizes(objects, target)
    if target is TargetFormat.VOC:
        _require_xml_names(objects.categories.names)
    notes: list[str] = []
    fitted = _with_box_areas(objects, notes)
    fitted = _inside(fitted, notes)
    fitted = _without_flags(fitted, target, notes)
    fitted = _with_own_categories(fitted, target, notes)
    fitted = _with_own_images(fitted, target, notes)
    _tell_small_and_fractional(fitted, target, notes)
    return fitted, tuple(notes)


def fit_detections(
    detections: DetectionColumns, objects: ObjectColumns
) -> tuple[DetectionColumns, tuple[str, ...]]:
    """Detections as YOLO's text files hold them: centre in the image, no side longer than its own.

    Returns:
        The detections, cut at the image's sides where they are beyond that, and sentences.

    Raises:
        ValueError: the size of an image is not known.
    """
    require_sizes(objects, TargetFormat.YOLO)
    sizes = objects.images.sizes[row_of_ids(detections.image_ids, objects.images.ids)]
    boxes = detections.boxes_xywh
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    beyond: Mask = np.any((centre < 0) | (centre > sizes) | (boxes[:, 2:] > sizes), axis=1)
    cut, outside = _cut(boxes, sizes)
    kept = ~(beyond & outside)
    notes: list[str] = []
    _note(notes, beyond & ~outside, "detections are far outside their image, cut at its sides")
    _note(notes, beyond & outside, "detections lie outside their image: left out")
    fitted = DetectionColumns(
        detections.image_ids[kept],
        detections.category_ids[kept],
        np.where(beyond[:, None], cut, boxes)[kept],
        detections.scores[kept],
    )
    return fitted, tuple(notes)


def require_sizes(objects: ObjectColumns, target: TargetFormat) -> None:
    """Raise ValueError unless the size of every image is known."""
    unknown = np.any(objects.images.sizes <= 0, axis=1)
    if unknown.any():
        name = objects.images.names[int(unknown.argmax())]
        raise ValueError(
            f"the sizes of {int(unknown.sum())} images are not known (first: {name!r}), and "
            f"{target} needs them; --images names the folder of the image files"
        )


def rows_by_image(objects: ObjectColumns) -> list[I64]:
    """The rows of the objects in each image, in their order, by the image's row."""
    image_rows = row_of_ids(objects.image_ids, objects.images.ids)
    order = np.argsort(image_rows, kind="stable")
    ends = np.searchsorted(image_rows[order], np.arange(1, len(objects.images)))
    return np.split(order, ends)


def _require_xml_names(names: Sequence[str]) -> None:
    for name in names:
        if not name or name != name.strip() or not name.isprintable():
            raise ValueError(f"class {name!r} cannot be written in XML and read again")


def _inside(objects: ObjectColumns, notes: list[str]) -> ObjectColumns:
    sizes = objects.images.sizes[row_of_ids(objects.image_ids, objects.images.ids)]
    boxes, outside = _cut(objects.boxes_xywh, sizes)
    moved: Mask = np.any(np.abs(boxes - objects.boxes_xywh) > _ROUNDING * np.tile(sizes, 2), axis=1)
    _note(notes, moved & ~outside, "boxes leave their image: cut at its sides")
    _note(notes, outside, "boxes lie outside their image: left out")
    kept = ~outside
    return replace(
        objects,
        image_ids=objects.image_ids[kept],
        category_ids=objects.category_ids[kept],
        boxes_xywh=boxes[kept],
        area=boxes[kept, 2] * boxes[kept, 3],
        crowd=objects.crowd[kept],
        ignore=objects.ignore[kept],
    )


def _cut(boxes_xywh: F64, sizes: I64) -> tuple[F64, Mask]:
    """The boxes cut at the sides of their images, and which of them have nothing left inside."""
    corners = corners_of(boxes_xywh)
    limits = np.tile(sizes, 2).astype(np.float64)
    leaves: Mask = np.any((corners < 0) | (corners > limits), axis=1)
    cut = xywh_of(np.clip(corners, 0, limits))
    outside: Mask = leaves & np.any((cut[:, 2:] <= 0) & (boxes_xywh[:, 2:] > 0), axis=1)
    outside |= np.any((corners[:, 2:] < 0) | (corners[:, :2] > sizes), axis=1)
    # What is inside keeps every bit.
    return np.where(leaves[:, None], cut, boxes_xywh), outside


def _without_flags(objects: ObjectColumns, target: TargetFormat, notes: list[str]) -> ObjectColumns:
    none = np.zeros(len(objects), np.bool_)
    if target is TargetFormat.VOC:
        _note(notes, objects.crowd, "crowd regions become difficult objects: voc has no crowds")
        return replace(objects, crowd=none, ignore=objects.ignore | objects.crowd)
    _note(notes, objects.crowd, f"crowd regions become ordinary objects: {target} has no crowds")
    _note(notes, objects.ignore, f"ignored objects become ordinary ones: {target} has no flags")
    return replace(objects, crowd=none, ignore=none)


def _with_box_areas(objects: ObjectColumns, notes: list[str]) -> ObjectColumns:
    area = objects.boxes_xywh[:, 2] * objects.boxes_xywh[:, 3]
    other = np.abs(objects.area - area) > 1e-6 * np.maximum(area, objects.area)
    _note(notes, other, "areas are not kept: they differ from width x height, as masks' do")
    return replace(objects, area=area)


def _with_own_categories(
    objects: ObjectColumns, target: TargetFormat, notes: list[str]
) -> ObjectColumns:
    names, rows = objects.categories.names, row_of_ids(objects.category_ids, objects.categories.ids)
    order = list(range(len(names)))
    if target is TargetFormat.VOC:
        used = sorted(set(rows.tolist()), key=lambda row: names[row])
        unused = [names[row] for row in order if row not in used]
        if unused:
            which = ", ".join(unused[:5]) + (" ..." if len(unused) > 5 else "")
            notes.append(f"{len(unused)} classes without objects are not kept: {which}")
        order = used
    first = 0 if target is TargetFormat.YOLO else 1
    new_row = np.zeros(len(names), np.int64)
    new_row[order] = np.arange(len(order))
    ids = np.arange(first, first + len(order), dtype=np.int64)
    changed = ids != objects.categories.ids[order]
    _note(notes, changed, f"category ids are not kept: {target} has none, they count from {first}")
    if target is TargetFormat.NPY_CSV:
        notes.append(f"class names are not kept; they are --classes {' '.join(names)}")
    categories = CategoryTable(ids, tuple(names[row] for row in order))
    return replace(objects, categories=categories, category_ids=new_row[rows] + first)


def _with_own_images(
    objects: ObjectColumns, target: TargetFormat, notes: list[str]
) -> ObjectColumns:
    images = objects.images
    names = [name_in(name, target) for name in images.names]
    order = list(range(len(names)))
    if target is not TargetFormat.VOC:
        order.sort(key=names.__getitem__)
        if order != sorted(order):
            notes.append(f"the order of images is not kept: {target} has them by name")
    renamed = np.array([new != old for new, old in zip(names, images.names, strict=True)], np.bool_)
    _note(notes, renamed, f"images change their suffix: {target} is read with others")
    ids = np.arange(1, len(names) + 1, dtype=np.int64)
    changed = ids != images.ids[order]
    _note(notes, changed, f"image ids are not kept: {target} has none, they count from 1")
    by_image = rows_by_image(objects)
    rows = np.concatenate([np.zeros(0, np.int64), *(by_image[row] for row in order)])
    return replace(
        objects,
        images=ImageTable(ids, tuple(names[row] for row in order), images.sizes[order]),
        image_ids=np.repeat(ids, [len(by_image[row]) for row in order]),
        category_ids=objects.category_ids[rows],
        boxes_xywh=objects.boxes_xywh[rows],
        area=objects.area[rows],
        crowd=objects.crowd[rows],
        ignore=objects.ignore[rows],
    )


def _tell_small_and_fractional(
    objects: ObjectColumns, target: TargetFormat, notes: list[str]
) -> None:
    if target is TargetFormat.YOLO:
        return
    small = np.any(objects.boxes_xywh[:, 2:] < SMALLEST_SIDE, axis=1)
    _note(notes, small, f"boxes are less than a pixel wide or high: refdet, training on "
          f"{target}, leaves them out")  # fmt: skip
    if target is TargetFormat.VOC:
        between = np.any(corners_of(objects.boxes_xywh) % 1 != 0, axis=1)
        _note(notes, between, "boxes have corners between pixels: kept with their decimals, which "
              "other readers of voc may cut off")  # fmt: skip


def _note(notes: list[str], rows: Mask, what: str) -> None:
    if rows.any():
        notes.append(f"{int(rows.sum())} {what}")
