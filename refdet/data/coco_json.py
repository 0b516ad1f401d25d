"""COCO's JSON, ground truth and results, as columns and back; also the same dicts in memory.

An error names the file and the entry, counted from 0, and the id that it has; nothing is skipped.
What an evaluation does not need (segmentation, info, licenses, ids of annotations) is not looked
at. Of the keys that may be missing, null is as good as missing.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.entries import (
    F64,
    I64,
    BoxColumn,
    Entries,
    FlagColumn,
    IntegerColumn,
    NumberColumn,
)
from refdet.data.json_file import read_json
from refdet.files import atomic_path

_ROWS_AT_ONCE = 65536
_PARTS = ("images", "categories", "annotations")


def read_coco_ground_truth(path: Path) -> ObjectColumns:
    """Read a ground-truth file; see `coco_ground_truth`.

    Raises:
        ValueError: names the file, and the entry if there is one.
    """
    return _objects(read_json(path), str(path))


def read_coco_results(path: Path) -> DetectionColumns:
    """Read a results file; see `coco_results`.

    Raises:
        ValueError: names the file, and the entry if there is one.
    """
    return _detections(read_json(path), str(path), f"{path}, entry {{}}")


def coco_ground_truth(dataset: Mapping[str, object]) -> ObjectColumns:
    """A ground truth in memory, such as `COCO(...).dataset` of pycocotools.

    An `area` that is missing is the box's; `iscrowd` and `ignore` that are missing are 0. An
    object is ignored if `ignore` is 1, whatever `iscrowd` is; pycocotools puts `iscrowd` in the
    place of `ignore`. An image or a category without a name is named by its id; a name that an
    earlier one has is followed by the id.

    Args:
        dataset: with lists of dicts `images` (id; file_name, width, height if known), `categories`
            (id; name if known) and `annotations` (image_id, category_id, bbox; area, iscrowd,
            ignore). A bbox is x, y, width, height. An id is an integer of up to 64 bits, or a
            float that is one. Numbers may be NumPy's or torch's, a bbox an array or a tensor.

    Returns:
        Images, categories and objects in the order of the lists.

    Raises:
        ValueError: names the entry: a key is missing, an id is no integer, or twice among images
            or categories, or not among them, a number is NaN, infinite or none, a width, height
            or area is negative, a flag is not 0 or 1.
    """
    return _objects(dataset, "dataset")


def coco_results(results: Sequence[Mapping[str, object]]) -> DetectionColumns:
    """Results in memory, as pycocotools' `loadRes` takes them.

    Args:
        results: dicts with image_id, category_id, bbox and score, of any scale; see
            `coco_ground_truth`. That image and category exist is not looked at.

    Returns:
        Detections in the order of the list.

    Raises:
        ValueError: names the entry: a key is missing, an id is no integer, a number is NaN,
            infinite or none, a width or height is negative.
    """
    return _detections(results, "results", "results, entry {}")


def write_coco_ground_truth(path: Path, objects: ObjectColumns) -> None:
    """Write a ground-truth file, whole or not at all; annotations get the ids 1, 2, ...

    `ignore` is written if an object is ignored; a width or height that is not known is left out.
    """
    images = [
        {"id": id_, "file_name": name} | ({"width": w} if w else {}) | ({"height": h} if h else {})
        for id_, name, (w, h) in zip(
            objects.images.ids.tolist(),
            objects.images.names,
            objects.images.sizes.tolist(),
            strict=True,
        )
    ]
    categories = [
        {"id": id_, "name": name}
        for id_, name in zip(objects.categories.ids.tolist(), objects.categories.names, strict=True)
    ]
    columns: dict[str, F64 | I64] = {
        "id": np.arange(1, len(objects) + 1),
        "image_id": objects.image_ids,
        "category_id": objects.category_ids,
        "bbox": objects.boxes_xywh,
        "area": objects.area,
        "iscrowd": objects.crowd.astype(np.int64),
    }
    if objects.ignore.any():
        columns["ignore"] = objects.ignore.astype(np.int64)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(
            b'{"images":%b,"categories":%b,' % (orjson.dumps(images), orjson.dumps(categories))
        )
        file.write(b'"annotations":')
        file.writelines(_json_rows(columns))
        file.write(b"}\n")


def write_coco_results(path: Path, detections: DetectionColumns) -> None:
    """Write a results file, whole or not at all."""
    columns: dict[str, F64 | I64] = {
        "image_id": detections.image_ids,
        "category_id": detections.category_ids,
        "bbox": detections.boxes_xywh,
        "score": detections.scores,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.writelines(_json_rows(columns))
        file.write(b"\n")


def _json_rows(columns: Mapping[str, F64 | I64]) -> Iterator[bytes]:
    """A list of dicts as JSON, a part at a time: as objects it is many times the columns."""
    yield b"["
    for start in range(0, len(columns["image_id"]), _ROWS_AT_ONCE):
        part = (column[start : start + _ROWS_AT_ONCE].tolist() for column in columns.values())
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*part, strict=True)]
        yield b",\n" if start else b"\n"
        yield orjson.dumps(rows)[1:-1].replace(b"},{", b"},\n{")
    yield b"]"


def _detections(results: object, source: str, each: str) -> DetectionColumns:
    entries = Entries(results, source, each)
    image_ids, category_ids = IntegerColumn("image_id"), IntegerColumn("category_id")
    boxes, scores = BoxColumn("bbox"), NumberColumn("score")
    entries.read(image_ids, category_ids, boxes, scores)
    try:
        return DetectionColumns(
            image_ids.array(), category_ids.array(), boxes.array(), scores.array()
        )
    except ValueError:
        _refuse_boxes(entries, boxes.array())
        entries.refuse(~np.isfinite(scores.array()), "score", "is not finite")
        raise


def _objects(dataset: object, source: str) -> ObjectColumns:
    if not isinstance(dataset, Mapping):
        kind = type(dataset).__name__
        raise ValueError(f"{source}: a dict of {', '.join(_PARTS)} is needed, got {kind}")
    if absent := [part for part in _PARTS if part not in dataset]:
        raise ValueError(f"{source}: {', '.join(absent)} missing")
    images, categories, annotations = (
        Entries(dataset[part], f"{source}, {part}", f"{source}, {part}[{{}}]") for part in _PARTS
    )
    image_table, category_table = _image_table(images), _category_table(categories)
    image_ids, category_ids = IntegerColumn("image_id"), IntegerColumn("category_id")
    boxes, area = BoxColumn("bbox"), NumberColumn("area", default=np.nan)
    crowd, ignore = FlagColumn("iscrowd", default=0), FlagColumn("ignore", default=0)
    annotations.read(image_ids, category_ids, boxes, area, crowd, ignore)
    filled_area = _filled_area(annotations, area.array(), boxes.array())
    try:
        return ObjectColumns(
            image_table,
            category_table,
            image_ids.array(),
            category_ids.array(),
            boxes.array(),
            filled_area,
            crowd.array(),
            ignore.array(),
        )
    except ValueError:
        for column, known in ((image_ids, image_table.ids), (category_ids, category_table.ids)):
            annotations.refuse(~np.isin(column.array(), known), column.key, "is not in the file")
        _refuse_boxes(annotations, boxes.array())
        wrong = ~(np.isfinite(filled_area) & (filled_area >= 0))
        annotations.refuse(wrong, "area", "is not finite and at least 0")
        raise


def _image_table(entries: Entries) -> ImageTable:
    ids, widths, heights = (
        IntegerColumn("id"),
        IntegerColumn("width", default=0),
        IntegerColumn("height", default=0),
    )
    entries.read(ids, widths, heights)
    for side in (widths, heights):
        entries.refuse(side.array() < 0, side.key, "is negative")
    _refuse_repeated(entries, ids.array())
    sizes = np.stack([widths.array(), heights.array()], axis=1)
    return ImageTable(ids.array(), _names(entries, "file_name"), sizes)


def _category_table(entries: Entries) -> CategoryTable:
    ids = IntegerColumn("id")
    entries.read(ids)
    _refuse_repeated(entries, ids.array())
    return CategoryTable(ids.array(), _names(entries, "name"))


def _names(entries: Entries, key: str) -> tuple[str, ...]:
    """The names, or ids where there is none; one that an earlier has gets its id behind it."""
    names: dict[str, None] = {}
    for index, entry in enumerate(entries.rows):
        name = entry.get(key)
        if name is None:
            name = str(entry["id"])
        if not isinstance(name, str):
            raise entries.error(index, f"{key} = {reprlib.repr(name)} is not text")
        while name in names:
            name = f"{name} (id {entry['id']})"
        names[name] = None
    return tuple(names)


def _refuse_repeated(entries: Entries, ids: I64) -> None:
    repeated = np.ones(len(ids), np.bool_)
    repeated[np.unique(ids, return_index=True)[1]] = False
    entries.refuse(repeated, "id", "is that of an earlier one too")


def _filled_area(entries: Entries, area: F64, boxes: F64) -> F64:
    """`area`, (N,), and width times height where an entry has none."""
    missing = np.isnan(area)
    for index in np.flatnonzero(missing).tolist():
        if entries.rows[index].get("area") is not None:
            raise entries.error(index, "area = nan is not finite and at least 0")
    with np.errstate(over="ignore", invalid="ignore"):  # the box is refused if it is not finite
        return np.where(missing, boxes[:, 2] * boxes[:, 3], area)


def _refuse_boxes(entries: Entries, boxes: F64) -> None:
    entries.refuse(np.any(~np.isfinite(boxes), axis=1), "bbox", "is not finite")
    entries.refuse(np.any(boxes[:, 2:] < 0, axis=1), "bbox", "has a negative width or height")
