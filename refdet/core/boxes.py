"""Box formats, areas, clipping, flipping, and sorting out boxes that are no boxes.

Coordinates are continuous: a box's width is `x2 - x1`. `xyxy` are two corners, `xywh` the low
corner and the size, `cxcywh` the centre and the size. All in float64: uint8 250 + 10 is 260.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
IntArray = NDArray[np.integer[Any]]
RealArray = NDArray[np.floating[Any] | np.integer[Any]]


def xywh_to_xyxy(boxes_xywh: RealArray) -> F64:
    """Low corner and size to two corners.

    Args:
        boxes_xywh: (N, 4), any real dtype and unit; width and height at least 0.

    Returns:
        (N, 4) float64 `x1, y1, x2, y2`.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, width or height below 0; names the row.

    Source:
        Equals torchvision 0.29.2's `box_convert` in float64.
    """
    boxes = _checked_sized_boxes(boxes_xywh, "boxes_xywh")
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes_xyxy: RealArray) -> F64:
    """Two corners to low corner and size.

    Args:
        boxes_xyxy: (N, 4), any real dtype and unit.

    Returns:
        (N, 4) float64 `x1, y1, width, height`.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Equals torchvision 0.29.2's `box_convert` in float64.
    """
    boxes = _checked_boxes(boxes_xyxy, "boxes_xyxy")
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def cxcywh_to_xyxy(boxes_cxcywh: RealArray) -> F64:
    """Centre and size to two corners.

    Args:
        boxes_cxcywh: (N, 4), any real dtype and unit; width and height at least 0.

    Returns:
        (N, 4) float64 `x1, y1, x2, y2`.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, width or height below 0; names the row.

    Source:
        Equals torchvision 0.29.2's `box_convert` in float64.
    """
    boxes = _checked_sized_boxes(boxes_cxcywh, "boxes_cxcywh")
    centre, half = boxes[:, :2], boxes[:, 2:] / 2.0
    return np.concatenate([centre - half, centre + half], axis=1)


def xyxy_to_cxcywh(boxes_xyxy: RealArray) -> F64:
    """Two corners to centre and size.

    Args:
        boxes_xyxy: (N, 4), any real dtype and unit.

    Returns:
        (N, 4) float64 `cx, cy, width, height`.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Equals torchvision 0.29.2's `box_convert` in float64.
    """
    boxes = _checked_boxes(boxes_xyxy, "boxes_xyxy")
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([(low + high) / 2.0, high - low], axis=1)


def box_area(boxes_xyxy: RealArray) -> F64:
    """Width times height of every box.

    Args:
        boxes_xyxy: (N, 4), any real dtype and unit.

    Returns:
        (N,) float64, at least 0.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Equals torchvision 0.29.2's `box_area` in float64.
    """
    boxes = _checked_boxes(boxes_xyxy, "boxes_xyxy")
    return np.multiply(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def clip_boxes(boxes_xyxy: RealArray, width: float, height: float) -> F64:
    """The part of every box that lies in the image; a box outside becomes empty, at the border.

    Args:
        boxes_xyxy: (N, 4), any real dtype; same unit as `width` and `height`.
        width: of the image, positive.
        height: of the image, positive.

    Returns:
        (N, 4) float64 in [0, width] and [0, height], in the order given.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1 (names the row); a bad side.

    Source:
        Equals torchvision 0.29.2's `clip_boxes_to_image` in float64.
    """
    corner = [_positive(width, "width"), _positive(height, "height")]
    return np.clip(_checked_boxes(boxes_xyxy, "boxes_xyxy"), 0.0, corner * 2)


def flip_boxes_horizontally(boxes_xyxy: RealArray, width: float) -> F64:
    """Boxes of the image mirrored left to right: x becomes `width - x`.

    Args:
        boxes_xyxy: (N, 4), any real dtype; same unit as `width`; may reach out of the image.
        width: of the image, positive.

    Returns:
        (N, 4) float64 `x1, y1, x2, y2` with x1 <= x2.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1 (names the row); a bad side.

    Source:
        Arithmetic: coordinates are continuous, so there is no `- 1` as with pixel indices.
    """
    x1, y1, x2, y2 = _checked_boxes(boxes_xyxy, "boxes_xyxy").T
    side = _positive(width, "width")
    return np.stack([side - x2, y1, side - x1, y2], axis=1)


def flip_boxes_vertically(boxes_xyxy: RealArray, height: float) -> F64:
    """Boxes of the image mirrored top to bottom: y becomes `height - y`.

    Args:
        boxes_xyxy: (N, 4), any real dtype; same unit as `height`; may reach out of the image.
        height: of the image, positive.

    Returns:
        (N, 4) float64 `x1, y1, x2, y2` with y1 <= y2.

    Raises:
        TypeError: not of a real dtype.
        ValueError: wrong shape, not finite, x2 < x1 or y2 < y1 (names the row); a bad side.

    Source:
        Arithmetic: coordinates are continuous, so there is no `- 1` as with pixel indices.
    """
    x1, y1, x2, y2 = _checked_boxes(boxes_xyxy, "boxes_xyxy").T
    side = _positive(height, "height")
    return np.stack([x1, side - y2, x2, side - y1], axis=1)


class BoxDefect(StrEnum):
    """What is wrong with a box; of several defects the first in this order is named."""

    NOT_FINITE = "not finite"
    INVERTED = "inverted"
    OUTSIDE = "outside the image"
    TOO_SMALL = "too small"


@dataclass(frozen=True, eq=False)
class SanitizedBoxes:
    """The boxes that are fit for use, and the rows of those that are not.

    Attributes:
        boxes_xyxy: (K, 4) float64, clipped to the image, each with an area, in input order.
        labels: (K,) int64, theirs.
        rows: (K,) int64, the input rows that they come from.
        rejected: the other input rows, (R,) int64 for each defect, empty where there is none.
    """

    boxes_xyxy: F64
    labels: I64
    rows: I64
    rejected: Mapping[BoxDefect, I64]


def sanitize_boxes(
    boxes_xyxy: RealArray, labels: IntArray, width: float, height: float, min_size: float = 1.0
) -> SanitizedBoxes:
    """Boxes clipped to the image, without those that are not finite, inverted, outside or tiny.

    The one function here that accepts bad boxes. A box is outside if it covers nothing of the
    image's inside. It is too small if, clipped, its width or height is below `min_size` or is 0;
    a side of exactly `min_size` is kept.

    Args:
        boxes_xyxy: (N, 4), any real dtype; same unit as `width`, `height` and `min_size`.
        labels: (N,) integers, at least 0.
        width: of the image, positive.
        height: of the image, positive.
        min_size: smallest side, finite and >= 0; at 0 every box with an area is kept.

    Returns:
        What was kept and, by reason, the input rows that were not.

    Raises:
        TypeError: boxes are not of a real dtype, labels not of an integer dtype.
        ValueError: wrong shape, lengths that differ, a label that is negative or exceeds int64
            (names the row), a bad side or `min_size`.

    Source:
        This project's own rule. Object 12 of BCCD's `BloodImage_00338` is a point, for example.
    """
    boxes = _real_boxes(boxes_xyxy, "boxes_xyxy")
    checked_labels = _checked_labels(labels, "labels", len(boxes))
    corner = [_positive(width, "width"), _positive(height, "height")]
    if not 0 <= min_size < np.inf:
        raise ValueError(f"min_size = {min_size} is not finite and >= 0")
    clipped = np.clip(boxes, 0.0, corner * 2)
    sides = clipped[:, 2:] - clipped[:, :2]
    defects = {
        BoxDefect.NOT_FINITE: ~np.isfinite(boxes).all(axis=1),
        BoxDefect.INVERTED: (boxes[:, 2:] < boxes[:, :2]).any(axis=1),
        BoxDefect.OUTSIDE: ((boxes[:, 2:] <= 0) | (boxes[:, :2] >= corner)).any(axis=1),
        BoxDefect.TOO_SMALL: ((sides < min_size) | (sides <= 0)).any(axis=1),
    }
    kept, rejected = np.ones(len(boxes), dtype=np.bool_), {}
    for defect, found in defects.items():
        rejected[defect] = np.flatnonzero(found & kept)
        kept &= ~found
    return SanitizedBoxes(clipped[kept], checked_labels[kept], np.flatnonzero(kept), rejected)


def _positive(value: float, name: str) -> float:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return float(value)


def _real_boxes(boxes: RealArray, name: str) -> F64:
    array = np.asarray(boxes)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4), got {array.shape}")
    return array.astype(np.float64)


def _checked_sized_boxes(boxes: RealArray, name: str) -> F64:
    checked = _real_boxes(boxes, name)
    bad = ~np.isfinite(checked).all(axis=1) | (checked[:, 2:] < 0).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{name}[{row}] = {checked[row].tolist()} is not finite or has w or h < 0")
    return checked


def _checked_boxes(boxes: RealArray, name: str) -> F64:
    """`boxes` as (N, 4) float64; an error names the argument, the row and the value."""
    array = np.asarray(boxes)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4), got {array.shape}")
    checked = array.astype(np.float64)
    x1, y1, x2, y2 = checked.T  # by columns: rows of 4 are too short to be fast
    inverted = np.stack([x2 < x1, y2 < y1], axis=1)
    for wrong, problem in (
        (~np.isfinite(checked), "is not finite"),
        (inverted, "has x2 < x1 or y2 < y1"),
    ):
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise ValueError(f"{name}[{row}] = {array[row].tolist()} {problem}")
    return checked


def _checked_labels(labels: IntArray, name: str, length: int) -> I64:
    """`labels` as (N,) int64; an error names the argument, the row and the value."""
    array = np.asarray(labels)
    is_empty_list = array.size == 0 and array.dtype == np.float64
    if array.dtype.kind not in "iu" and not is_empty_list:
        raise TypeError(f"{name} must be of an integer dtype, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    for rows, problem in ((array < 0, "is negative"), (array > 2**63 - 1, "exceeds int64")):
        if rows.any():
            row = int(rows.argmax())
            raise ValueError(f"{name}[{row}] = {array[row]} {problem}")
    return array.astype(np.int64, copy=False)
