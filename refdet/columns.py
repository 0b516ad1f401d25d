"""A whole data set as columns: what every format is read into, written from, and judged as.

One row is one object or one detection. Ids are the file's own integers, of any size; the tables of
images and categories say what they mean. Boxes are `x, y, width, height` in pixels with continuous
coordinates, because that is what COCO's files hold and its numbers are computed from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The images of a data set, those without an object included.

    Attributes:
        ids: (I,) int64, distinct, in the data set's order.
        names: I distinct names, usually file names.
        sizes: (I, 2) int64, width and height in pixels; 0, 0 where they are not known.
    """

    ids: I64
    names: tuple[str, ...]
    sizes: I64

    def __post_init__(self) -> None:
        _require_shape(self.ids, (len(self.names),), "images.ids")
        _require_shape(self.sizes, (len(self.names), 2), "images.sizes")
        _require_distinct(self.ids.tolist(), "images.ids")
        _require_distinct(self.names, "images.names")
        if (row := _first(np.any(self.sizes < 0, axis=1))) is not None:
            raise ValueError(f"images.sizes[{row}] = {self.sizes[row].tolist()} is negative")

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class CategoryTable:
    """The classes of a data set.

    Attributes:
        ids: (K,) int64, distinct.
        names: K distinct names.
    """

    ids: I64
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        _require_shape(self.ids, (len(self.names),), "categories.ids")
        _require_distinct(self.ids.tolist(), "categories.ids")
        _require_distinct(self.names, "categories.names")

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class ObjectColumns:
    """The annotated objects of a data set, one a row.

    Attributes:
        images: all images of the data set.
        categories: all classes of the data set.
        image_ids: (G,) int64, each in `images.ids`.
        category_ids: (G,) int64, each in `categories.ids`.
        boxes_xywh: (G, 4) float64, pixels; finite, no width or height negative.
        area: (G,) float64, square pixels, not negative: of the object's mask where there is one.
            It decides into which range of areas the object falls, and nothing else.
        crowd: (G,) bool, regions that stand for many objects: any number of detections may match
            them, and neither counts.
        ignore: (G,) bool, single objects that do not count (VOC's "difficult").
    """

    images: ImageTable
    categories: CategoryTable
    image_ids: I64
    category_ids: I64
    boxes_xywh: F64
    area: F64
    crowd: Mask
    ignore: Mask

    def __post_init__(self) -> None:
        n_rows = len(self.image_ids)
        for name in ("image_ids", "category_ids", "area", "crowd", "ignore"):
            _require_shape(getattr(self, name), (n_rows,), f"objects.{name}")
        _require_boxes(self.boxes_xywh, n_rows, "objects")
        _require_known(self.image_ids, self.images.ids, "objects.image_ids", "image")
        _require_known(self.category_ids, self.categories.ids, "objects.category_ids", "category")
        if (row := _first(~(np.isfinite(self.area) & (self.area >= 0)))) is not None:
            raise ValueError(f"objects.area[{row}] = {self.area[row]} is no finite, positive area")

    def __len__(self) -> int:
        return len(self.image_ids)


@dataclass(frozen=True, eq=False)
class DetectionColumns:
    """The detections in a data set, one a row, in any order; of equal scores the earlier is first.

    Attributes:
        image_ids: (D,) int64.
        category_ids: (D,) int64.
        boxes_xywh: (D, 4) float64, pixels; finite, no width or height negative.
        scores: (D,) float64, finite. Of any scale: only their order matters to AP.
    """

    image_ids: I64
    category_ids: I64
    boxes_xywh: F64
    scores: F64

    def __post_init__(self) -> None:
        n_rows = len(self.image_ids)
        for name in ("image_ids", "category_ids", "scores"):
            _require_shape(getattr(self, name), (n_rows,), f"detections.{name}")
        _require_boxes(self.boxes_xywh, n_rows, "detections")
        if (row := _first(~np.isfinite(self.scores))) is not None:
            raise ValueError(f"detections.scores[{row}] = {self.scores[row]} is not finite")

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: I64) -> DetectionColumns:
        """The detections of these rows, in the order of `rows`, (N,) int64."""
        return DetectionColumns(
            self.image_ids[rows],
            self.category_ids[rows],
            self.boxes_xywh[rows],
            self.scores[rows],
        )

    @staticmethod
    def concatenate(parts: Sequence[DetectionColumns]) -> DetectionColumns:
        """The detections of all parts, at least one, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        return DetectionColumns(
            np.concatenate([part.image_ids for part in parts]),
            np.concatenate([part.category_ids for part in parts]),
            np.concatenate([part.boxes_xywh for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )


def unknown_rows(detections: DetectionColumns, objects: ObjectColumns) -> tuple[Mask, Mask]:
    """Which detections are in no image, and which of no class, that the objects' tables name."""
    return (
        ~np.isin(detections.image_ids, objects.images.ids),
        ~np.isin(detections.category_ids, objects.categories.ids),
    )


def _require_shape(array: NDArray[np.generic], shape: tuple[int, ...], name: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")


def _require_distinct(values: Sequence[object], name: str) -> None:
    if len(set(values)) < len(values):
        first_place: dict[object, int] = {}
        for row, value in enumerate(values):
            if value in first_place:
                raise ValueError(f"{name}[{row}] = {value!r} repeats that of {first_place[value]}")
            first_place[value] = row


def _require_boxes(boxes_xywh: F64, n_rows: int, what: str) -> None:
    _require_shape(boxes_xywh, (n_rows, 4), f"{what}.boxes_xywh")
    # Two passes over everything are several times faster than one that keeps the rows apart.
    if np.isfinite(boxes_xywh).all() and boxes_xywh[:, 2:].min(initial=0) >= 0:
        return
    wrong: Mask = np.any(~np.isfinite(boxes_xywh), axis=1)
    wrong |= np.any(boxes_xywh[:, 2:] < 0, axis=1)
    if (row := _first(wrong)) is not None:
        raise ValueError(
            f"{what}.boxes_xywh[{row}] = {boxes_xywh[row].tolist()} is not finite, or has a "
            "negative width or height"
        )


def _require_known(ids: I64, known: I64, name: str, what: str) -> None:
    if (row := _first(~np.isin(ids, known))) is not None:
        raise ValueError(f"{name}[{row}] = {ids[row]}: there is no {what} of that id")


def _first(rows: Mask) -> int | None:
    """The first row that is True, or None."""
    return int(rows.argmax()) if rows.any() else None
