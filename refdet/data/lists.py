"""Lists of a dict per image, as torchvision and torchmetrics take them, as columns.

Values are tensors of any dtype on any device, NumPy arrays or lists. They become float64 before
anything is computed: torchmetrics computes widths in float32, which may differ in the last bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refdet.columns import I64, CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.box_format import BoxFormat
from refdet.data.entries import Entries, IntegerColumn
from refdet.data.rows_per_image import (
    aligned,
    areas,
    boxes_of,
    column,
    flags,
    integers,
    numbers,
)

ImageDict = Mapping[str, object]


def columns_from_lists(
    preds: Sequence[ImageDict],
    targets: Sequence[ImageDict],
    *,
    box_format: BoxFormat,
    category_names: Sequence[str] | Mapping[int, str] | None = None,
) -> tuple[ObjectColumns, DetectionColumns]:
    """Detections and objects of the same images, in the order of torchmetrics' arguments.

    The i-th of `preds` is of the image of the i-th of `targets`, unless all of both have an
    `image_id`. See `objects_from_lists` and `detections_from_lists`.

    Args:
        preds: by image.
        targets: by image.
        box_format: of the boxes in both.
        category_names: by label; by default a class for each label in either, named by it.

    Returns:
        Objects and detections.

    Raises:
        ValueError: as the two functions do, or `preds` and `targets` differ in number and one
            has no `image_id`.
    """
    found, truth = _images(preds, "preds"), _images(targets, "targets")
    found_ids, ids = _own_ids(found), _own_ids(truth)
    if found_ids is None or ids is None:
        if len(found) != len(truth):
            raise ValueError(
                f"{len(found)} preds and {len(truth)} targets: they are matched by position, "
                "since not both have an image_id"
            )
        ids = np.arange(len(truth)) if ids is None else ids
        found_ids = ids
    detections = detections_from_lists(preds, box_format=box_format, image_ids=found_ids)
    if category_names is None:
        labels, _ = column(truth, "labels", (), integers)
        both = np.union1d(labels, detections.category_ids).tolist()
        category_names = {label: str(label) for label in both}
    objects = objects_from_lists(
        targets, box_format=box_format, image_ids=ids, category_names=category_names
    )
    return objects, detections


def objects_from_lists(
    targets: Sequence[ImageDict],
    *,
    box_format: BoxFormat,
    image_ids: Sequence[int] | I64 | None = None,
    category_names: Sequence[str] | Mapping[int, str] | None = None,
) -> ObjectColumns:
    """The annotated objects of images.

    Args:
        targets: per image `boxes` (N, 4) and `labels` (N,), and if known `area` (N,), `iscrowd`
            (N,), `ignore` (N,) and `image_id`. An empty dict is an image without an object; an
            `area` that is missing is the box's, a flag that is missing 0.
        box_format: of the boxes.
        image_ids: by position; by default the `image_id` of each, or 0, 1, ... if none has one.
        category_names: by label, as a list or a dict; by default a class for each label, named by
            it.

    Returns:
        Images named by their ids, in the order of the list, with their objects.

    Raises:
        ValueError: names the image by its position, the key and the row: a key is missing in
            some images, lengths or shapes differ, a label is no integer or has no name, a number
            is not finite, x2 < x1 or y2 < y1, an area is negative, a flag is not 0 or 1, an image
            is there twice.
    """
    images = _images(targets, "targets")
    ids = _ids(images, image_ids)
    boxes, counts = column(images, "boxes", (4,), boxes_of(box_format))
    labels = aligned(images, "labels", integers, counts)
    categories = _category_table(labels, category_names)
    _refuse_nameless(images, labels, counts, categories)
    no_flag = np.zeros(len(labels), np.bool_)
    return ObjectColumns(
        ImageTable(ids, tuple(map(str, ids.tolist())), np.zeros((len(ids), 2), np.int64)),
        categories,
        np.repeat(ids, counts),
        labels,
        boxes,
        aligned(images, "area", areas, counts, fallback=boxes[:, 2] * boxes[:, 3]),
        aligned(images, "iscrowd", flags, counts, fallback=no_flag),
        aligned(images, "ignore", flags, counts, fallback=no_flag),
    )


def detections_from_lists(
    preds: Sequence[ImageDict],
    *,
    box_format: BoxFormat,
    image_ids: Sequence[int] | I64 | None = None,
) -> DetectionColumns:
    """The detections in images.

    Args:
        preds: per image `boxes` (N, 4), `scores` (N,) and `labels` (N,), and if known `image_id`;
            an empty dict is an image without a detection.
        box_format: of the boxes.
        image_ids: by position; by default the `image_id` of each, or 0, 1, ... if none has one.

    Returns:
        Detections in the order of the list.

    Raises:
        ValueError: as `objects_from_lists`.
    """
    images = _images(preds, "preds")
    ids = _ids(images, image_ids)
    boxes, counts = column(images, "boxes", (4,), boxes_of(box_format))
    return DetectionColumns(
        np.repeat(ids, counts),
        aligned(images, "labels", integers, counts),
        boxes,
        aligned(images, "scores", numbers, counts),
    )


def _images(dicts: Sequence[ImageDict], name: str) -> Entries:
    images = Entries(dicts, name, f"{name}[{{}}]")
    for index, image in enumerate(images.rows):
        if not isinstance(image, Mapping):
            raise ValueError(f"{name}[{index}] is no dict, but {type(image).__name__}")
    return images


def _ids(images: Entries, given: Sequence[int] | I64 | None) -> I64:
    ids = _own_ids(images) if given is None else integers(np.asarray(given), "image_ids")
    ids = np.arange(len(images)) if ids is None else ids
    if len(ids) != len(images):
        raise ValueError(f"image_ids has {len(ids)} ids for {len(images)} images")
    repeated = np.ones(len(ids), np.bool_)
    repeated[np.unique(ids, return_index=True)[1]] = False
    if repeated.any():
        index = int(repeated.argmax())
        raise images.error(index, f"image_id = {ids[index]} is that of an earlier one too")
    return ids


def _own_ids(images: Entries) -> I64 | None:
    """The `image_id` of each image; None if none has one."""
    if not any("image_id" in image for image in images.rows):
        return None
    ids = IntegerColumn("image_id")
    images.read(ids)
    return ids.array()


def _category_table(labels: I64, names: Sequence[str] | Mapping[int, str] | None) -> CategoryTable:
    if names is None:
        names = {label: str(label) for label in np.unique(labels).tolist()}
    elif not isinstance(names, Mapping):
        names = dict(enumerate(names))
    return CategoryTable(np.array(list(names), np.int64), tuple(names.values()))


def _refuse_nameless(images: Entries, labels: I64, counts: I64, known: CategoryTable) -> None:
    nameless = ~np.isin(labels, known.ids)
    if nameless.any():
        at = int(nameless.argmax())
        index = int(np.repeat(np.arange(len(counts)), counts)[at])
        row = at - int(counts[:index].sum())
        raise images.error(index, f"labels[{row}] = {labels[at]} has no name")
