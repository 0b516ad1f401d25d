"""How much two boxes overlap, for what runs inside a training step: the twin of `core.iou`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
"""

import torch
from torch import Tensor


def iou_matrix(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Intersection over union of every box in `a_xyxy` with every box in `b_xyxy`.

    Coordinates are continuous: a box's width is `x2 - x1`, without VOC's `+ 1`.

    Args:
        a_xyxy: (..., A, 4), any real dtype; pixels or fractions, same unit as `b_xyxy`.
        b_xyxy: (..., B, 4), likewise; leading dimensions broadcast with those of `a_xyxy`.

    Returns:
        (..., A, B) in [0, 1]; float64 if an input is float64 or integer, else float32, so that
        half precision cannot overflow. Two boxes whose union is empty score 0, never NaN.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010: overlap ratio a_o.
    """
    a, b = _widened(a_xyxy, "a_xyxy"), _widened(b_xyxy, "b_xyxy")
    dtype = torch.promote_types(a.dtype, b.dtype)
    # One contiguous row per coordinate: (..., A, 1) and (..., 1, B), so that the inner loop over
    # B runs through neighbouring numbers.
    ax1, ay1, ax2, ay2 = a.to(dtype).mT.contiguous().unsqueeze(-1).unbind(-3)
    bx1, by1, bx2, by2 = b.to(dtype).mT.contiguous().unsqueeze(-2).unbind(-3)
    width = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    height = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    intersection = width * height  # (..., A, B)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - intersection
    # An empty union has an empty intersection: dividing by 1 there gives 0 and a finite gradient.
    return intersection / union.masked_fill(union <= 0, 1)


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
