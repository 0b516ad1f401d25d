"""Box formats and clipping, for what runs inside a training step: the twin of `core.boxes`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
Every result is float64 if the input is float64 or integer, else float32.
"""

import torch
from torch import Tensor


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
        ValueError: wrong shape, an image side that is not positive.

    Source:
        As torchvision 0.29.2's `clip_boxes_to_image`.
    """
    boxes = _widened(boxes_xyxy, "boxes_xyxy")
    if not (width > 0 and height > 0):
        raise ValueError(f"width and height must be positive, got {width} and {height}")
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)  # (..., N, 2, 2) to (..., N, 4)


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
