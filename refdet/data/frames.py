"""Data frames as columns, and columns as data frames.

A row is an object or a detection. Its columns, in any order and beside any others:

- `image_id`, or `image`, its name;
- `category_id`, or `class`, its name;
- `x, y, w, h`, or `x1, y1, x2, y2` where those are not there;
- `score` of a detection; of an object, where known, `area`, `iscrowd` and `ignore`.

An error names the column and the index label of the row.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from refdet.columns import (
    F64,
    I64,
    CategoryTable,
    DetectionColumns,
    ImageTable,
    Mask,
    ObjectColumns,
)
from refdet.data.box_format import BoxFormat, xywh_from
from refdet.data.entries import LARGEST_INTEGRAL_FLOAT

_SIDES = {BoxFormat.XYWH: ["x", "y", "w", "h"], BoxFormat.XYXY: ["x1", "y1", "x2", "y2"]}


def objects_from_frame(
    frame: pd.DataFrame,
    *,
    images: ImageTable | None = None,
    categories: CategoryTable | None = None,
) -> ObjectColumns:
    """The annotated objects in a frame.

    Args:
        frame: an object a row. An `area` that is not there is the box's, a flag 0. Where there
            are ids and names, the names are those of the tables.
        images: all images; without it, only those with an object are known, in the order of their
            first. An image without an id is numbered from 1, one without a name is named by its
            id.
        categories: all classes; likewise.

    Returns:
        The objects in the order of the rows.

    Raises:
        ValueError: names the column and the row's label: a column is missing or there twice, a
            value is missing, no number, not finite, no integer, unknown to the table, a width,
            height or area is negative, a flag is not 0 or 1, an id has two names.
    """
    rows = _Rows(frame)
    if images is None:
        image_ids, ids, names = rows.table("image_id", "image")
        images = ImageTable(ids, names, np.zeros((len(ids), 2), np.int64))
    else:
        image_ids = rows.known("image_id", "image", images)
        rows.refuse(~np.isin(image_ids, images.ids), "image_id", "is not in the table of images")
    if categories is None:
        category_ids, ids, names = rows.table("category_id", "class")
        categories = CategoryTable(ids, names)
    else:
        category_ids = rows.known("category_id", "class", categories)
        unknown = ~np.isin(category_ids, categories.ids)
        rows.refuse(unknown, "category_id", "is not in the table of classes")
    boxes = rows.boxes_xywh()
    area = rows.numbers("area") if "area" in frame else boxes[:, 2] * boxes[:, 3]
    rows.refuse(area < 0, "area", "is negative")
    return ObjectColumns(
        images,
        categories,
        image_ids,
        category_ids,
        boxes,
        area,
        rows.flags("iscrowd"),
        rows.flags("ignore"),
    )


def detections_from_frame(
    frame: pd.DataFrame, *, objects: ObjectColumns | None = None
) -> DetectionColumns:
    """The detections in a frame.

    Args:
        frame: a detection a row. Ids may be unknown to `objects`; where they are, names are not
            looked at.
        objects: what names mean; needed where there is no id.

    Returns:
        The detections in the order of the rows.

    Raises:
        ValueError: as `objects_from_frame`, or there are only names and no `objects`.
    """
    rows = _Rows(frame)
    return DetectionColumns(
        rows.known("image_id", "image", None if objects is None else objects.images),
        rows.known("category_id", "class", None if objects is None else objects.categories),
        rows.boxes_xywh(),
        rows.numbers("score"),
    )


def objects_to_frame(objects: ObjectColumns) -> pd.DataFrame:
    """One row per object, with ids and names; what no object is of is not in it.

    Returns:
        Columns image_id, image, category_id, class, x, y, w, h, area, iscrowd, ignore.
    """
    return pd.DataFrame(
        {
            "image_id": objects.image_ids,
            "image": _names_of(objects.image_ids, objects.images),
            "category_id": objects.category_ids,
            "class": _names_of(objects.category_ids, objects.categories),
            **_box_columns(objects.boxes_xywh),
            "area": objects.area,
            "iscrowd": objects.crowd,
            "ignore": objects.ignore,
        }
    )


def detections_to_frame(
    detections: DetectionColumns, *, objects: ObjectColumns | None = None
) -> pd.DataFrame:
    """One row per detection.

    Args:
        detections: the rows.
        objects: gives names; an image or class that it does not know has None.

    Returns:
        Columns image_id, category_id, x, y, w, h, score, and with `objects` image and class
        behind their ids.
    """
    frame = pd.DataFrame(
        {
            "image_id": detections.image_ids,
            "category_id": detections.category_ids,
            **_box_columns(detections.boxes_xywh),
            "score": detections.scores,
        }
    )
    if objects is not None:
        frame.insert(1, "image", _names_of(detections.image_ids, objects.images))
        frame.insert(3, "class", _names_of(detections.category_ids, objects.categories))
    return frame


def _box_columns(boxes_xywh: F64) -> dict[str, F64]:
    return {side: boxes_xywh[:, at].copy() for at, side in enumerate(_SIDES[BoxFormat.XYWH])}


def _names_of(ids: I64, table: ImageTable | CategoryTable) -> pd.Series[str]:
    names = dict(zip(table.ids.tolist(), table.names, strict=True))
    return pd.Series([names.get(id_) for id_ in ids.tolist()], dtype=object)


class _Rows:
    """A frame's columns, checked."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def refuse(self, wrong: Mask, column: str, why: str) -> None:
        """Raise the error of the first row that is `wrong`, (N,) bool, if any is."""
        if wrong.any():
            row = int(wrong.argmax())
            (label,) = self._frame.index[row : row + 1].tolist()
            (value,) = self._frame[column].iloc[row : row + 1].tolist()
            raise ValueError(f"row {label!r}: {column} = {reprlib.repr(value)} {why}")

    def numbers(self, column: str) -> F64:
        """(N,) finite float64."""
        values = self._real(column).astype(np.float64)
        self.refuse(~np.isfinite(values), column, "is not finite")
        return values

    def integers(self, column: str) -> I64:
        """(N,) int64, also of floats that are integers."""
        values = self._real(column)
        with np.errstate(invalid="ignore"):  # of what does not fit, which is found right after
            converted = values.astype(np.int64)
        wrong = converted != values
        if values.dtype.kind == "f":
            wrong |= np.abs(values) > LARGEST_INTEGRAL_FLOAT
        self.refuse(wrong, column, "is not an integer of 64 bits")
        return converted

    def flags(self, column: str) -> Mask:
        """(N,) bool; False where there is no such column."""
        if column not in self._frame:
            return np.zeros(len(self._frame), np.bool_)
        values = self._values(column)
        if values.dtype.kind != "b":
            values = self._real(column)
            self.refuse((values != 0) & (values != 1), column, "is not 0 or 1")
        return values.astype(np.bool_)

    def boxes_xywh(self) -> F64:
        """(N, 4) finite float64, none with a negative side."""
        for box_format, sides in _SIDES.items():
            if all(side in self._frame for side in sides):
                boxes = np.stack([self.numbers(side) for side in sides], axis=1)
                converted = xywh_from(boxes, box_format)
                self.refuse(converted[:, 2] < 0, sides[2], "makes the width negative")
                self.refuse(converted[:, 3] < 0, sides[3], "makes the height negative")
                return converted
        needed = " or ".join(", ".join(sides) for sides in _SIDES.values())
        raise ValueError(f"the columns {needed} are needed, got {self._columns()}")

    def table(self, id_column: str, name_column: str) -> tuple[I64, I64, tuple[str, ...]]:
        """Ids (N,) by row, and the ids (K,) and K names that occur, in that order."""
        if id_column not in self._frame:
            numbers, names = pd.factorize(self._names(name_column))
            return numbers + 1, np.arange(1, len(names) + 1), tuple(names.tolist())
        ids = self.integers(id_column)
        numbers, distinct = pd.factorize(ids)
        if name_column not in self._frame:
            return ids, distinct, tuple(map(str, distinct.tolist()))
        names = self._names(name_column)
        firsts = names[np.unique(numbers, return_index=True)[1]]
        other = np.not_equal(names, firsts[numbers]).astype(np.bool_)
        self.refuse(other, name_column, f"has the {id_column} of another name before it")
        return ids, distinct, tuple(firsts.tolist())

    def known(
        self, id_column: str, name_column: str, table: ImageTable | CategoryTable | None
    ) -> I64:
        """Ids (N,) by row, by the table's names where the frame has no ids."""
        if id_column in self._frame or table is None:
            return self.integers(id_column)
        ids = dict(zip(table.names, table.ids.tolist(), strict=True))
        found = [ids.get(name) for name in self._names(name_column).tolist()]
        self.refuse(np.array([id_ is None for id_ in found], np.bool_), name_column, "is unknown")
        return np.array(found, np.int64)

    def _values(self, column: str) -> NDArray[np.generic]:
        """(N,) of the narrowest dtype that holds what is there, of which nothing may be missing."""
        count = list(self._frame.columns).count(column)
        if count != 1:
            there = f"is there {count} times" if count else f"is missing, got {self._columns()}"
            raise ValueError(f"column {column!r} {there}")
        series = self._frame[column]
        self.refuse(series.isna().to_numpy(np.bool_), column, "is no value")
        # Through NumPy, since an extension's integers are objects to older versions of pandas.
        return pd.Series(np.asarray(series)).infer_objects().to_numpy()

    def _real(self, column: str) -> NDArray[np.generic]:
        values = self._values(column)
        if not len(values):
            return np.zeros(0)
        if values.dtype.kind not in "iuf":
            real = [isinstance(v, int | float) and not isinstance(v, bool) for v in values.tolist()]
            self.refuse(~np.array(real, np.bool_), column, "is not a number")
            raise ValueError(f"column {column!r} has dtype {values.dtype}, not of numbers")
        return values

    def _names(self, column: str) -> NDArray[np.object_]:
        names = self._values(column).astype(np.object_)
        wrong = [not isinstance(name, str) for name in names.tolist()]
        self.refuse(np.array(wrong, np.bool_), column, "is not a name; there are columns for ids")
        return names

    def _columns(self) -> Sequence[object]:
        return list(self._frame.columns)
