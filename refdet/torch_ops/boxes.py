"""Box formats, areas, clipping, flips and sorting out on the device: the twin of `core.boxes`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device. Only
`sanitize_boxes` waits, once, since how many boxes it keeps is a value. Every result is float64 if
the input is float64 or integer, else float32.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor


def xywh_to_xyxy(boxes_xywh: Tensor) -> Tensor:
    """Low corner and size to two corners.

    Args:
        boxes_xywh: (..., N, 4), any real dtype and unit; width and height at least 0.

    Returns:
        (..., N, 4) `x1, y1, x2, y2`.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape.

    Source:
        As torchvision 0.29.2's `box_convert`, which leaves half precision and integers narrow.
    """
    boxes = _widened(boxes_xywh, "boxes_xywh")
    return torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], dim=-1)


def xyxy_to_xywh(boxes_xyxy: Tensor) -> Tensor:
    """Two corners to low corner and size.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype and unit.

    Returns:
        (..., N, 4) `x1, y1, width, height`.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape.

    Source:
        As torchvision 0.29.2's `box_convert`, which leaves half precision and integers narrow.
    """
    boxes = _widened(boxes_xyxy, "boxes_xyxy")
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)


def cxcywh_to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """Centre and size to two corners.

    Args:
        boxes_cxcywh: (..., N, 4), any real dtype and unit; width and height at least 0.

    Returns:
        (..., N, 4) `x1, y1, x2, y2`.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape.

    Source:
        As torchvision 0.29.2's `box_convert`, which leaves half precision and integers narrow.
    """
    boxes = _widened(boxes_cxcywh, "boxes_cxcywh")
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def xyxy_to_cxcywh(boxes_xyxy: Tensor) -> Tensor:
    """Two corners to centre and size.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype and unit.

    Returns:
        (..., N, 4) `cx, cy, width, height`.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape.

    Source:
        As torchvision 0.29.2's `box_convert`, which leaves half precision and integers narrow.
    """
    boxes = _widened(boxes_xyxy, "boxes_xyxy")
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def box_area(boxes_xyxy: Tensor) -> Tensor:
    """Width times height of every box.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype and unit.

    Returns:
        (..., N), at least 0.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape.

    Source:
        As torchvision 0.29.2's `box_area`, which computes integers' areas in their own dtype.
    """
    x1, y1, x2, y2 = _widened(boxes_xyxy, "boxes_xyxy").unbind(-1)
    return (x2 - x1) * (y2 - y1)


def clip_boxes(boxes_xyxy: Tensor, width: float, height: float) -> Tensor:
    """The part of every box that lies in the image; a box outside becomes empty, at the border.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype; same unit as `width` and `height`.
        width: of the image, positive.
        height: of the image, positive.

    Returns:
        (..., N, 4) in [0, width] and [0, height], in the order given.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape, an image side that is not positive and finite.

    Source:
        As torchvision 0.29.2's `clip_boxes_to_image`.
    """
    boxes = _widened(boxes_xyxy, "boxes_xyxy")
    _check_positive(width, "width")
    _check_positive(height, "height")
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)  # (..., N, 2, 2) to (..., N, 4)


def flip_boxes_horizontally(boxes_xyxy: Tensor, width: float) -> Tensor:
    """Boxes of the image mirrored left to right: x becomes `width - x`.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype; same unit as `width`; may reach out of the image.
        width: of the image, positive.

    Returns:
        (..., N, 4) `x1, y1, x2, y2` with x1 <= x2.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape, an image side that is not positive and finite.

    Source:
        Arithmetic: coordinates are continuous, so there is no `- 1` as with pixel indices.
    """
    x1, y1, x2, y2 = _widened(boxes_xyxy, "boxes_xyxy").unbind(-1)
    _check_positive(width, "width")
    return torch.stack([width - x2, y1, width - x1, y2], dim=-1)


def flip_boxes_vertically(boxes_xyxy: Tensor, height: float) -> Tensor:
    """Boxes of the image mirrored top to bottom: y becomes `height - y`.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype; same unit as `height`; may reach out of the image.
        height: of the image, positive.

    Returns:
        (..., N, 4) `x1, y1, x2, y2` with y1 <= y2.

    Raises:
        TypeError: boolean or complex.
        ValueError: wrong shape, an image side that is not positive and finite.

    Source:
        Arithmetic: coordinates are continuous, so there is no `- 1` as with pixel indices.
    """
    x1, y1, x2, y2 = _widened(boxes_xyxy, "boxes_xyxy").unbind(-1)
    _check_positive(height, "height")
    return torch.stack([x1, height - y2, x2, height - y1], dim=-1)


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
        boxes_xyxy: (K, 4), clipped to the image, each with an area, in input order.
        labels: (K,) int64, theirs.
        rows: (K,) int64, the input rows that they come from.
        rejected: the other input rows, (R,) int64 for each defect, empty where there is none.
    """

    boxes_xyxy: Tensor
    labels: Tensor
    rows: Tensor
    rejected: Mapping[BoxDefect, Tensor]


def sanitize_boxes(
    boxes_xyxy: Tensor, labels: Tensor, width: float, height: float, min_size: float = 1.0
) -> SanitizedBoxes:
    """Boxes clipped to the image, without those that are not finite, inverted, outside or tiny.

    A box is outside if it covers nothing of the image's inside. It is too small if, clipped, its
    width or height is below `min_size` or is 0; a side of exactly `min_size` is kept. For how many
    boxes there are of each kind the host waits once.

    Args:
        boxes_xyxy: (N, 4), any real dtype; same unit as `width`, `height` and `min_size`.
        labels: (N,), any integer dtype.
        width: of the image, positive.
        height: of the image, positive.
        min_size: smallest side, finite and >= 0; at 0 every box with an area is kept.

    Returns:
        What was kept and, by reason, the input rows that were not.

    Raises:
        TypeError: boxes are boolean or complex, labels are not integers.
        ValueError: wrong shape, lengths that differ, a bad side or `min_size`.

    Source:
        This project's own rule. Object 12 of BCCD's `BloodImage_00338` is a point, for example.
    """
    _check_labelled(boxes_xyxy, labels)
    if not 0 <= min_size < math.inf:
        raise ValueError(f"min_size = {min_size} is not finite and >= 0")
    boxes, clipped = _widened(boxes_xyxy, "boxes_xyxy"), clip_boxes(boxes_xyxy, width, height)
    (x1, y1, x2, y2), sides = boxes.unbind(-1), clipped[:, 2:] - clipped[:, :2]
    defects = {
        BoxDefect.NOT_FINITE: ~boxes.isfinite().all(dim=1),
        BoxDefect.INVERTED: (x2 < x1) | (y2 < y1),
        BoxDefect.OUTSIDE: (x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height),
        BoxDefect.TOO_SMALL: ((sides < min_size) | (sides <= 0)).any(dim=1),
    }
    # Each row's first defect, by its place in this list; behind it are those without.
    found = torch.stack([*defects.values(), torch.ones_like(x1, dtype=torch.bool)])
    first = found & (found.cumsum(dim=0) == 1)  # (5, N)
    by_kind = first.int().argmax(dim=0).argsort(stable=True).split(first.sum(dim=1).tolist())
    *rejected, rows = by_kind
    named = dict(zip(defects, rejected, strict=True))
    return SanitizedBoxes(clipped[rows], labels[rows].long(), rows, named)


def _check_labelled(boxes: Tensor, labels: Tensor) -> None:
    if boxes.ndim != 2:
        raise ValueError(f"boxes_xyxy must have shape (N, 4), got {tuple(boxes.shape)}")
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels must be of an integer dtype, got {labels.dtype}")
    if labels.shape != boxes.shape[:1]:
        raise ValueError(f"labels must have shape ({len(boxes)},), got {tuple(labels.shape)}")


def _check_positive(value: float, name: str) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
