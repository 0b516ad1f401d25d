"""How much two boxes overlap: IoU, its generalised forms, and intersection over one box's area.

Boxes are (N, 4) `x1, y1, x2, y2`. Coordinates are continuous: a box's width is `x2 - x1`. Only
the function whose name says `inclusive` counts pixels, with a width of `x2 - x1 + 1`.

Everything is computed in float64, so that neither a half-precision nor an integer input can
overflow. Sides between 1e-75 and 1e75 keep every product inside float64's range.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]

# Pairs at a time: what they need stays in a processor's cache, and needs no new memory.
_BLOCK = 1 << 16


def iou_matrix(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Intersection over union of every box in `a_xyxy` with every box in `b_xyxy`.

    Args:
        a_xyxy: (A, 4), any real dtype; pixels or fractions, same unit as `b_xyxy`.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [0, 1]. Two boxes whose union is empty score 0, never NaN.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010: overlap ratio a_o.
    """
    return _matrix(_iou, a_xyxy, b_xyxy)


def iou_paired(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Intersection over union of each box in `a_xyxy` with the box in the same row of `b_xyxy`.

    Args:
        a_xyxy: (N, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (N, 4), likewise.

    Returns:
        (N,) float64 in [0, 1]; the diagonal of `iou_matrix`.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: lengths differ, wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010: overlap ratio a_o.
    """
    a, b = _checked_boxes(a_xyxy, "a_xyxy"), _checked_boxes(b_xyxy, "b_xyxy")
    if len(a) != len(b):
        raise ValueError(f"a_xyxy has {len(a)} rows and b_xyxy has {len(b)}; pairs need as many")
    return _iou(a, b)


def ioa_matrix(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Intersection over the area of the row box, for every box in `a_xyxy` and in `b_xyxy`.

    Asymmetric: this is COCO's overlap of a detection (row) with a crowd region (column).

    Args:
        a_xyxy: (A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [0, 1]. A row box without area scores 0.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        pycocotools 2.0.11, `maskApi.c` `bbIou` with `iscrowd` set.
    """
    return _matrix(_ioa, a_xyxy, b_xyxy)


def giou_matrix(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Generalised IoU: IoU less the share of the enclosing box that the union leaves empty.

    Args:
        a_xyxy: (A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [-1, 1]. An enclosing box without area gives no penalty.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, algorithm 1.
    """
    return _matrix(_giou, a_xyxy, b_xyxy)


def diou_matrix(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Distance IoU: IoU less the squared distance of the centres over the enclosing diagonal's.

    Args:
        a_xyxy: (A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [-1, 1]. Two equal points have no distance and so no penalty.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equation 7.
    """
    return _matrix(_diou, a_xyxy, b_xyxy)


def ciou_matrix(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """Complete IoU: distance IoU less a penalty for different aspect ratios.

    The penalty is `alpha v`, with `v = (2 / pi * (angle_a - angle_b))**2`, where a box's angle is
    `arctan(width / height)`, and `alpha = v / (1 - IoU + v)`.

    Args:
        a_xyxy: (A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [-2, 1]; exactly 1 for equal boxes with an area. A penalty whose
        denominator is 0 is 0.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equations 8 to 11.
    """
    return _matrix(_ciou, a_xyxy, b_xyxy)


def iou_matrix_inclusive(a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """IoU of boxes whose corners are pixels that belong to them: a width is `x2 - x1 + 1`.

    Args:
        a_xyxy: (A, 4), any real dtype; pixel indices.
        b_xyxy: (B, 4), likewise.

    Returns:
        (A, B) float64 in [0, 1]. A box always covers at least one pixel.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape, non-finite, x2 < x1 or y2 < y1; names the row.

    Source:
        PASCAL VOC 2012 development kit, `VOCevaldet.m`.
    """
    return _matrix(_iou_inclusive, a_xyxy, b_xyxy)


def _matrix(formula: Callable[[F64, F64], F64], a_xyxy: RealArray, b_xyxy: RealArray) -> F64:
    """`formula` of every box in `a_xyxy` with every box in `b_xyxy`, some rows at a time."""
    a, b = _checked_boxes(a_xyxy, "a_xyxy"), _checked_boxes(b_xyxy, "b_xyxy")
    a, b = np.asfortranarray(a)[:, None], np.asfortranarray(b)  # so that loops run over neighbours
    result = np.empty((len(a), len(b)))
    rows = max(1, _BLOCK // max(1, len(b)))
    for first in range(0, len(a), rows):
        result[first : first + rows] = formula(a[first : first + rows], b)
    return result


# Below, `a` and `b` are float64 of shapes (..., 4) that broadcast: (A, 1, 4) with (B, 4) gives a
# matrix, (N, 4) with (N, 4) gives pairs.


def _area(boxes: F64) -> F64:
    width: F64 = boxes[..., 2] - boxes[..., 0]
    height: F64 = boxes[..., 3] - boxes[..., 1]
    return width * height


def _intersection(a: F64, b: F64) -> F64:
    # In place: memory for one more large matrix costs more time than its arithmetic.
    width: F64 = np.minimum(a[..., 2], b[..., 2])
    width -= np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3])
    height -= np.maximum(a[..., 1], b[..., 1])
    width = np.maximum(width, 0.0, out=width)
    width *= np.maximum(height, 0.0, out=height)
    return width


def _union(a: F64, b: F64) -> F64:
    return _area(a) + _area(b) - _intersection(a, b)


def _iou(a: F64, b: F64) -> F64:
    intersection, area = _intersection(a, b), _area(b)
    # Without an area a box shares nothing, and any will do: a mask of a matrix would take as long
    # as all the rest.
    union = _area(a) + np.where(area > 0, area, 1.0)
    union -= intersection
    return np.divide(intersection, union, out=intersection)


def _iou_inclusive(a: F64, b: F64) -> F64:
    one_past_the_last_pixel = np.array([0.0, 0.0, 1.0, 1.0])
    return _iou(a + one_past_the_last_pixel, b + one_past_the_last_pixel)


def _ioa(a: F64, b: F64) -> F64:
    return _divided(_intersection(a, b), _area(a))


def _giou(a: F64, b: F64) -> F64:
    enclosing = _area(_enclosing(a, b))
    # Rounding can leave the union a last bit above the enclosing box, which is no penalty.
    empty = np.maximum(enclosing - _union(a, b), 0.0)
    return _iou(a, b) - _divided(empty, enclosing)


def _ciou(a: F64, b: F64) -> F64:
    v = (2.0 / np.pi * (_angle(a) - _angle(b))) ** 2
    alpha = _divided(v, 1.0 - _iou(a, b) + v)
    return _diou(a, b) - alpha * v


def _diou(a: F64, b: F64) -> F64:
    enclosing = _enclosing(a, b)
    diagonal = (enclosing[..., 2:] - enclosing[..., :2]) ** 2
    # Twice the centres' distance: the sums of two corners, without a division by 2.
    distance = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2
    return _iou(a, b) - _divided(distance.sum(axis=-1) / 4.0, diagonal.sum(axis=-1))


def _enclosing(a: F64, b: F64) -> F64:
    low = np.minimum(a[..., :2], b[..., :2])
    high = np.maximum(a[..., 2:], b[..., 2:])
    return np.concatenate([low, high], axis=-1)


def _angle(boxes: F64) -> F64:
    # arctan2 gives a flat box its limit, pi / 2, and a point 0, where w / h would not be finite.
    angle: F64 = np.arctan2(boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1])
    return angle


def _divided(numerator: F64, denominator: F64) -> F64:
    """`numerator / denominator`, in the shape of the numerator; 0 where the denominator is 0."""
    quotient = np.zeros(numerator.shape)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


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
