"""Detections in a CSV: image, class, score, x1, y1, x2, y2, by the names of images and classes.

Corners are in pixels, continuous from 0. What is written comes back bit for bit, but for the
last bits of sizes with more than six decimals (`refdet.data.corners`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from refdet.columns import F64, I64, DetectionColumns, ObjectColumns
from refdet.data.corners import corners_of, xywh_of
from refdet.data.csv_rows import read_csv_rows
from refdet.data.image_names import ImageNames
from refdet.data.known import Known, keep_known
from refdet.data.text_numbers import floats_of, refuse_first
from refdet.files import write_text_atomic

CORNERS = ("x1", "y1", "x2", "y2")
COLUMNS = ("image", "class", "score", *CORNERS)
"""What a file needs, in any order; other columns are passed over, but for `LABEL`."""
LABEL = "label"
"""A column that may be there. It numbers the classes of whoever wrote the file, which need not be
those of the ground truth: the name decides, and a class must have one label throughout."""


def read_csv_detections(
    path: Path, objects: ObjectColumns, *, ignore_unknown: bool = False
) -> Known:
    """The detections in a CSV file, in its order.

    Args:
        path: the file, UTF-8 with a header.
        objects: the ground truth, which knows images (see `ImageNames`) and classes by name.
        ignore_unknown: True to count what is in no image or of no class of the ground truth.

    Raises:
        ValueError: names the file and the line: a column is missing or a field too many, a value
            is no number, a box is inverted, a class has two labels or a label two classes, an image
            or a class is unknown.
    """
    header, rows, line_numbers = read_csv_rows(path, COLUMNS)
    if header.count(LABEL) > 1:
        raise ValueError(f"{path}: header {header} may have {LABEL!r} only once")

    def place(row: int) -> str:
        return f"{path}, line {line_numbers[row]}"

    fields = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    images, classes = fields.get("image", ()), fields.get("class", ())

    def column(name: str) -> F64:
        return floats_of(fields.get(name, ()), lambda row: f"{place(row)}: {name}")

    scores, corners = column("score"), np.stack([column(name) for name in CORNERS], axis=1)
    refuse_first(
        np.any(corners[:, 2:] < corners[:, :2], axis=1),
        place,
        lambda row: f"box {corners[row].tolist()} has x2 < x1 or y2 < y1",
    )
    if LABEL in fields:
        _refuse_two_labels(classes, fields[LABEL], place)
    image_rows, category_rows = rows_of_names(images, classes, objects)
    known, unknown = keep_known(
        image_rows,
        category_rows,
        lambda row: f"image {images[row]!r}",
        lambda row: f"class {classes[row]!r}",
        place,
        ignore_unknown=ignore_unknown,
    )
    found = DetectionColumns(
        image_ids=objects.images.ids[image_rows[known]],
        category_ids=objects.categories.ids[category_rows[known]],
        boxes_xywh=xywh_of(corners[known]),
        scores=scores[known],
    )
    return Known(found, unknown)


def write_csv_detections(path: Path, detections: DetectionColumns, objects: ObjectColumns) -> None:
    """Write a row per detection, numbers with as many digits as give the same float64 back.

    Args:
        path: the CSV file, replaced at once.
        detections: of images and classes that `objects` has.
        objects: the ground truth, for the names.
    """
    text = io.StringIO()
    # Every text is quoted, since csv itself leaves a lone carriage return in a name unquoted.
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow(COLUMNS)
    names, classes = objects.images.names, objects.categories.names
    image_rows = row_of_ids(detections.image_ids, objects.images.ids).tolist()
    category_rows = row_of_ids(detections.category_ids, objects.categories.ids).tolist()
    columns = [detections.scores, *corners_of(detections.boxes_xywh).T]
    table.writerows(
        zip(
            (names[row] for row in image_rows),
            (classes[row] for row in category_rows),
            *(column.tolist() for column in columns),
            strict=True,
        )
    )
    write_text_atomic(path, text.getvalue())


def rows_of_names(
    images: Sequence[str], classes: Sequence[str], objects: ObjectColumns
) -> tuple[I64, I64]:
    """The rows of the objects' tables that names mean, -1 where they mean none."""
    known_images = ImageNames(objects.images.names)
    known_classes = {name: row for row, name in enumerate(objects.categories.names)}
    image_row = {name: known_images.row(name) for name in set(images)}
    by_image = [-1 if (row := image_row[name]) is None else row for name in images]
    by_class = [known_classes.get(name, -1) for name in classes]
    return np.array(by_image, np.int64), np.array(by_class, np.int64)


def row_of_ids(ids: I64, table: I64) -> I64:
    """The rows of a table that ids stand in; each must be there."""
    order = np.argsort(table)
    rows: I64 = order[np.searchsorted(table, ids, sorter=order)] if len(ids) else order[:0]
    return rows


def _refuse_two_labels(
    classes: Sequence[str], labels: Sequence[str], place: Callable[[int], str]
) -> None:
    """Raise ValueError if a class and its label do not always come together; names both rows."""
    if len(set(zip(classes, labels, strict=True))) == len(set(labels)) == len(set(classes)):
        return
    row_of_class: dict[str, int] = {}
    row_of_label: dict[str, int] = {}
    for row, (name, label) in enumerate(zip(classes, labels, strict=True)):
        for first in row_of_class.setdefault(name, row), row_of_label.setdefault(label, row):
            if (classes[first], labels[first]) != (name, label):
                raise ValueError(
                    f"{place(row)}: label {label!r} of class {name!r} does not agree with label "
                    f"{labels[first]!r} of class {classes[first]!r} in {place(first)}"
                )
