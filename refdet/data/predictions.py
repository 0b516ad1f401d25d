"""Readers of detections in files: the CSV and the COCO results that `refdet.report` writes.

An error names the file and the line or entry; nothing is skipped.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refdet.records import Detections

_COLUMNS = ("image", "class", "score", "x1", "y1", "x2", "y2")
_KEYS = ("image_id", "category_id", "bbox", "score")


def read_predictions_csv(
    path: Path, images: Sequence[str], class_names: Sequence[str]
) -> list[Detections]:
    """Read detections from a CSV with image, class, score, x1, y1, x2, y2 in any order.

    Other columns are ignored but `label`, which may be there and must then agree with the class.

    Args:
        path: the file, UTF-8 with a header.
        images: the names of the split's images.
        class_names: by label.

    Returns:
        One per image, in the order of `images`; empty for an image without a row.

    Raises:
        ValueError: names the file and the line: a column is missing or a field too many, a value
            is no number, NaN or infinite, an image or a class is unknown, label and class
            disagree, a box is inverted, a score is outside [0, 1].
    """
    found = _Found(images)
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(lines, [])
        for column in _COLUMNS:
            if header.count(column) != 1:
                raise ValueError(f"{path}: header {header} needs {column!r} exactly once")
        if header.count("label") > 1:
            raise ValueError(f"{path}: header {header} may have 'label' only once")
        for fields in lines:
            where = f"{path}, line {lines.line_num}"
            if len(fields) != len(header):
                raise ValueError(f"{where}: {len(fields)} fields, the header has {len(header)}")
            row = dict(zip(header, fields, strict=True))
            label = _csv_label(row, class_names, where)
            score, *corners = (_csv_number(row, column, where) for column in _COLUMNS[2:])
            found.add(row["image"], label, score, corners, where)
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from error
    return found.detections()


def read_predictions_coco(
    path: Path, images: Sequence[str], class_names: Sequence[str]
) -> list[Detections]:
    """Read detections from COCO's results, with image ids and category ids counted from 1.

    A box is stored as x, y, width, height, so that x + width may differ from the x2 that was
    written by rounding.

    Args:
        path: the JSON file, a list of image_id, category_id, bbox and score.
        images: the names of the split's images, in the order that gives their ids.
        class_names: by label, which is the category id less 1.

    Returns:
        One per image, in the order of `images`; empty for an image without an entry.

    Raises:
        ValueError: names the file and the entry, counted from 0: a key is missing, a value is no
            number, NaN or infinite, an id is unknown, a width or height is negative, a score is
            outside [0, 1].
    """
    found = _Found(images)
    text = _text(path)
    try:
        entries: object = json.loads(text, object_pairs_hook=_without_repetition)
    # Numbers of thousands of digits and deep nesting are refused by these two.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path}: a list of results is needed, got {type(entries).__name__}")
    for index, entry in enumerate(entries):
        where = f"{path}, entry {index}"
        missing = [key for key in _KEYS if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise ValueError(f"{where}: {', '.join(missing)} missing")
        image = images[_position(entry["image_id"], len(images), f"{where}: image_id")]
        label = _position(entry["category_id"], len(class_names), f"{where}: category_id")
        bbox = entry["bbox"]
        if not isinstance(bbox, list) or len(bbox) != 4:
            raise ValueError(f"{where}: bbox = {bbox!r} is not x, y, width, height")
        x, y, width, height = (_number(value, f"{where}: bbox") for value in bbox)
        score = _number(entry["score"], f"{where}: score")
        found.add(image, label, score, [x, y, x + width, y + height], where)
    return found.detections()


@dataclass
class _Rows:
    """The columns of one image."""

    boxes: list[list[float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


class _Found:
    """Rows gathered by image, for every image of a split."""

    def __init__(self, images: Sequence[str]) -> None:
        self._rows = {image: _Rows() for image in images}
        if len(self._rows) != len(images):
            twice = next(image for image in images if images.count(image) > 1)
            raise ValueError(f"image {twice!r} is in the split more than once")

    def add(self, image: str, label: int, score: float, corners: list[float], where: str) -> None:
        """One more detection; `where` begins the message if it cannot be one."""
        if image not in self._rows:
            raise ValueError(f"{where}: image {image!r} is not in the split")
        if not 0 <= score <= 1:
            raise ValueError(f"{where}: score = {score} is not in [0, 1]")
        if corners[2] < corners[0] or corners[3] < corners[1]:
            raise ValueError(f"{where}: box {corners} has x2 < x1 or y2 < y1")
        rows = self._rows[image]
        rows.boxes.append(corners)
        rows.scores.append(score)
        rows.labels.append(label)

    def detections(self) -> list[Detections]:
        """What was gathered, one per image in the split's order."""
        return [
            Detections(
                image,
                np.array(rows.boxes, np.float64).reshape(-1, 4),
                np.array(rows.scores, np.float64),
                np.array(rows.labels, np.int64),
            )
            for image, rows in self._rows.items()
        ]


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a BOM
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{key!r} is in one entry more than once")
    return dict(pairs)


def _csv_label(row: Mapping[str, str], class_names: Sequence[str], where: str) -> int:
    name = row["class"]
    if name not in class_names:
        raise ValueError(f"{where}: class {name!r} is not one of {list(class_names)}")
    label = class_names.index(name)
    text = row.get("label", str(label))
    if not text.isdecimal() or int(text) != label:
        raise ValueError(f"{where}: label {text!r} is not that of class {name!r}")
    return label


def _csv_number(row: Mapping[str, str], column: str, where: str) -> float:
    try:
        # Python reads 1_0 as 10.
        return _number(float(row[column].replace("_", "?")), f"{where}: {column}")
    except ValueError:
        raise ValueError(f"{where}: {column} = {row[column]!r} is not a finite number") from None


def _number(value: object, name: str) -> float:
    # A bool is an int to Python; NaN fails the comparison, and so does an int beyond float64.
    if isinstance(value, int | float) and not isinstance(value, bool):
        largest = sys.float_info.max
        if -largest <= value <= largest:
            return float(value)
    raise ValueError(f"{name} = {value!r} is not a finite number")


def _position(value: object, count: int, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= count:
        return value - 1
    raise ValueError(f"{name} = {value!r} is not an integer from 1 to {count}")
