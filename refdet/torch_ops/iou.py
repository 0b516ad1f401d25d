"""How much two boxes overlap, for what runs inside a training step: the twin of `core.iou`.

Coordinates are continuous: a box's width is `x2 - x1`. Only the function whose name says
`inclusive` counts pixels, with a width of `x2 - x1 + 1`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
Every result is float64 if an input is float64 or integer, else float32, where sides between 1e-18
and 1e18 keep every product in range. Gradients are finite, also of boxes that touch, are equal or
have no area.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

# The coordinates x1, y1, x2, y2 of boxes. Of two such, all shapes broadcast: (..., A, 1) with
# (..., 1, B) gives a matrix, (..., N) with (..., N) gives pairs.
Corners = tuple[Tensor, ...]
Formula = Callable[[Corners, Corners], Tensor]

# Pairs at a time on each thread of a CPU.
_BLOCK = 1 << 17


def iou_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Intersection over union of every box in `a_xyxy` with every box in `b_xyxy`.

    Args:
        a_xyxy: (..., A, 4), any real dtype; pixels or fractions, same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [0, 1]. Two boxes whose union is empty score 0, never NaN.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010: overlap ratio a_o.
    """
    return _matrix(_iou, a_xyxy, b_xyxy)


def iou_paired(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Intersection over union of each box in `a_xyxy` with the box in the same row of `b_xyxy`.

    Args:
        a_xyxy: (..., N, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (..., N, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., N) in [0, 1]; the diagonal of `iou_matrix`.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, or the numbers of rows differ.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010: overlap ratio a_o.
    """
    return _iou(*_pairs(a_xyxy, "a_xyxy", b_xyxy, "b_xyxy"))


def ioa_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Intersection over the area of the row box, for every box in `a_xyxy` and in `b_xyxy`.

    Asymmetric: this is COCO's overlap of a detection (row) with a crowd region (column).

    Args:
        a_xyxy: (..., A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [0, 1]. A row box without area scores 0.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        pycocotools 2.0.11, `maskApi.c` `bbIou` with `iscrowd` set.
    """
    return _matrix(_ioa, a_xyxy, b_xyxy)


def giou_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Generalised IoU: IoU less the share of the enclosing box that the union leaves empty.

    Args:
        a_xyxy: (..., A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [-1, 1]. An enclosing box without area gives no penalty.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, algorithm 1.
    """
    return _matrix(_giou, a_xyxy, b_xyxy)


def diou_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Distance IoU: IoU less the squared distance of the centres over the enclosing diagonal's.

    Args:
        a_xyxy: (..., A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [-1, 1]. Two equal points have no distance and so no penalty.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equation 7.
    """
    return _matrix(_diou, a_xyxy, b_xyxy)


def ciou_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Complete IoU: distance IoU less a penalty for different aspect ratios.

    The penalty is `alpha v`, with `v = (2 / pi * (angle_a - angle_b))**2`, where a box's angle is
    `arctan(width / height)`, and `alpha = v / (1 - IoU + v)`. The paper calls alpha a trade-off
    parameter and derives v alone: alpha is a constant to the gradient, here as in torchvision.

    Args:
        a_xyxy: (..., A, 4), any real dtype; same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [-2, 1]; exactly 1 for equal boxes with an area. A penalty whose
        denominator is 0 is 0.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equations 8 to 12.
    """
    return _matrix(_ciou, a_xyxy, b_xyxy)


def iou_matrix_inclusive(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """IoU of boxes whose corners are pixels that belong to them: a width is `x2 - x1 + 1`.

    Args:
        a_xyxy: (..., A, 4), any real dtype; pixel indices.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [0, 1]. A box always covers at least one pixel.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        PASCAL VOC 2012 development kit, `VOCevaldet.m`.
    """
    return _matrix(_iou_inclusive, a_xyxy, b_xyxy)


def _matrix(formula: Formula, a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """`formula` of every box in `a_xyxy` with every box in `b_xyxy`; on a CPU some rows at a time.

    What some rows need stays in a processor's cache, and needs no new memory.
    """
    a, b = _rows_and_columns(a_xyxy, b_xyxy)
    if a[0].device.type != "cpu" or torch.compiler.is_compiling():
        return formula(a, b)
    shape = torch.broadcast_shapes(a[0].shape, b[0].shape)
    block = _BLOCK * torch.get_num_threads()
    rows = max(1, block * shape[-2] // max(1, math.prod(shape)))
    if shape[-2] <= rows:
        return formula(a, b)
    blocks = zip(*(column.split(rows, dim=-2) for column in a), strict=True)
    return torch.cat([formula(block, b) for block in blocks], dim=-2)


def _iou_inclusive(a: Corners, b: Corners) -> Tensor:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    return _iou((ax1, ay1, ax2 + 1, ay2 + 1), (bx1, by1, bx2 + 1, by2 + 1))


def _ioa(a: Corners, b: Corners) -> Tensor:
    return _divided(_intersection(a, b), _area(a))


def _diou(a: Corners, b: Corners) -> Tensor:
    return _iou(a, b) - _distance_penalty(a, b)


def _iou(a: Corners, b: Corners) -> Tensor:
    intersection, area = _intersection(a, b), _area(b)
    # Without an area a box shares nothing, and any will do: a mask of a matrix would take as long
    # as all the rest.
    areas = _area(a).clamp(min=0) + area.masked_fill(area <= 0, 1)
    return intersection / areas.sub_(intersection)


def _giou(a: Corners, b: Corners) -> Tensor:
    intersection, enclosing = _intersection(a, b), _area(_enclosing(a, b))
    union = _area(a) + _area(b) - intersection
    # Rounding can leave the union a last bit above the enclosing box, which is no penalty.
    empty = (enclosing - union).clamp(min=0)
    return _divided(intersection, union) - _divided(empty, enclosing)


def _ciou(a: Corners, b: Corners) -> Tensor:
    iou = _iou(a, b)
    v = (2 / math.pi * (_angle(a) - _angle(b))) ** 2
    alpha = _divided(v, 1 - iou + v).detach()
    return iou - _distance_penalty(a, b) - alpha * v


def _distance_penalty(a: Corners, b: Corners) -> Tensor:
    """The squared distance of the centres over the squared diagonal of the enclosing box."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    x1, y1, x2, y2 = _enclosing(a, b)
    # Twice the centres' distance: the sums of two corners, which are the same for equal boxes.
    dx, dy = (ax1 + ax2) - (bx1 + bx2), (ay1 + ay2) - (by1 + by2)
    return _divided((dx**2 + dy**2) / 4, (x2 - x1) ** 2 + (y2 - y1) ** 2)


def _intersection(a: Corners, b: Corners) -> Tensor:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    # In place: on a CPU, memory for one more large matrix costs more time than its arithmetic.
    width = torch.minimum(ax2, bx2).sub_(torch.maximum(ax1, bx1)).clamp_(min=0)
    height = torch.minimum(ay2, by2).sub_(torch.maximum(ay1, by1)).clamp_(min=0)
    return width.mul_(height)


def _enclosing(a: Corners, b: Corners) -> Corners:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    x1, y1 = torch.minimum(ax1, bx1), torch.minimum(ay1, by1)
    return x1, y1, torch.maximum(ax2, bx2), torch.maximum(ay2, by2)


def _area(boxes: Corners) -> Tensor:
    x1, y1, x2, y2 = boxes
    return (x2 - x1) * (y2 - y1)


def _angle(boxes: Corners) -> Tensor:
    """`arctan(width / height)`: pi / 2, the limit, for a flat box and 0 for a point."""
    width, height = boxes[2] - boxes[0], boxes[3] - boxes[1]
    # A point's gradient is 0 / 0 in earlier versions of torch; its angle is 0 at any height.
    return torch.atan2(width, height.masked_fill((width == 0) & (height == 0), 1))


def _divided(numerator: Tensor, denominator: Tensor) -> Tensor:
    """`numerator / denominator`; 0 where the denominator is 0, for the numerator is 0 there too."""
    return numerator / denominator.masked_fill(denominator <= 0, 1)


def _rows_and_columns(a_xyxy: Tensor, b_xyxy: Tensor) -> tuple[Corners, Corners]:
    """The coordinates of `a_xyxy` as (..., A, 1) and of `b_xyxy` as (..., 1, B)."""
    a, b = _widened(a_xyxy, "a_xyxy"), _widened(b_xyxy, "b_xyxy")
    dtype = torch.promote_types(a.dtype, b.dtype)
    # One contiguous row per coordinate, so that the inner loop over B runs through neighbours.
    rows = a.to(dtype).mT.contiguous().unsqueeze(-1)
    columns = b.to(dtype).mT.contiguous().unsqueeze(-2)
    return rows.unbind(-3), columns.unbind(-3)


def _pairs(a: Tensor, a_name: str, b: Tensor, b_name: str) -> tuple[Corners, Corners]:
    """The coordinates of each of `a` and `b` as (..., N)."""
    a, b = _widened(a, a_name), _widened(b, b_name)
    if a.shape[-2] != b.shape[-2]:
        lengths = f"{a_name} has {a.shape[-2]} rows and {b_name} has {b.shape[-2]}"
        raise ValueError(f"{lengths}; pairs need as many")
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype).unbind(-1), b.to(dtype).unbind(-1)


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
