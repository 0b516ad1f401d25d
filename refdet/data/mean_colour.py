"""What surrounds an image that does not fill its canvas: ImageNet's mean colour."""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Red, green, blue in [0, 1]; 0 inside a network, as is what torchvision's detectors pad with."""


def on_canvas(image: Tensor, size: tuple[int, int], offset: tuple[int, int]) -> Tensor:
    """The image on a canvas in the mean colour, cut off where it reaches over.

    Nothing is copied from the host to the image's device, for which a GPU would be waited for.

    Args:
        image: (3, H, W), uint8 or float32 in [0, 1].
        size: width and height of the canvas.
        offset: x and y of the image's upper left corner on it; may be negative.

    Returns:
        (3, height, width); `image` itself if it fills the canvas.
    """
    (width, height), (left, top) = size, offset
    image_height, image_width = image.shape[-2:]
    if (size, offset) == ((image_width, image_height), (0, 0)):
        return image
    canvas = torch.empty((3, height, width), dtype=image.dtype, device=image.device)
    for channel, mean in zip(canvas, IMAGENET_MEAN, strict=True):
        channel.fill_(mean if image.is_floating_point() else round(255 * mean))
    # Negative ends would count from the far side.
    rows = slice(max(top, 0), max(min(top + image_height, height), 0))
    columns = slice(max(left, 0), max(min(left + image_width, width), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        canvas[:, rows, columns] = image[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return canvas
