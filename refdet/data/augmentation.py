"""What becomes of an image on its way into the network, in training and otherwise.

A transform takes an image, its boxes and its labels, and gives the three back: `(3, H, W)` uint8
and boxes in that image's pixels go in; `(3, size, size)` float32, normalised as torchvision's
pretrained networks expect, and boxes in the new image's pixels come out. Randomness comes from
torch's global generator, which `refdet.data.dataset` seeds for every sample.

Training follows SSD (Liu et al., ECCV 2016, sections 2.2 and 3.6) by torchvision's transforms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Sample: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Image, boxes (N, 4) `x1, y1, x2, y2`, labels (N,)."""
Transform: TypeAlias = Callable[[Tensor, Tensor, Tensor], Sample]


def training_transform(
    size: int = 300, *, max_zoom_out: float = 4.0, share: float = 1.0
) -> Transform:
    """Zoom-out, IoU crop, flips, resize, photometric distortion, normalisation.

    A box stays if its centre is in the crop, and is clipped to it; one that is left with less
    than a pixel of width or height goes, and its label with it.

    Args:
        size: of the square image that comes out, in pixels.
        max_zoom_out: largest canvas for zoom-out, in sides of the image, at least 1.
        share: of the samples that are zoomed and cropped, and, drawn anew, of those whose colours
            are distorted; the others are only flipped and resized.
    """
    colours = v2.RandomApply([v2.RandomPhotometricDistort()], p=share)
    steps = [*geometric_steps(size, max_zoom_out, share), colours, *_normalising_steps()]
    return _on_samples(v2.Compose(steps))


def inference_transform(size: int = 300) -> Transform:
    """Resize to `size x size`, whatever the shape was, and normalise."""
    return _on_samples(v2.Compose([v2.Resize((size, size)), *_normalising_steps()]))


def geometric_transform(size: int = 300) -> Transform:
    """The part of the training transform that moves boxes; the image stays uint8."""
    return _on_samples(v2.Compose(geometric_steps(size, max_zoom_out=4.0, share=1.0)))


def geometric_steps(size: int, max_zoom_out: float, share: float) -> list[torch.nn.Module]:
    """Zoom-out, IoU crop, flips, resize; then boxes that are left without a pixel go."""
    mean_colour = tuple(round(255 * channel) for channel in IMAGENET_MEAN)
    fill = {tv_tensors.Image: mean_colour, "others": 0}
    zoom_out = v2.RandomZoomOut(fill=fill, side_range=(1.0, max_zoom_out))
    # No crop reaches the higher IoUs with small objects, so most trials for them are in vain:
    # 10 instead of 40 took 27 instead of 35 ms an image on the blood-cell set.
    crop = v2.RandomIoUCrop(trials=10)
    return [
        v2.RandomApply([zoom_out, crop], p=share),
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
        # Before the colours are changed, which costs time per pixel.
        v2.Resize((size, size)),
        v2.SanitizeBoundingBoxes(min_size=1.0),
    ]


def denormalise(image: Tensor) -> Tensor:
    """The inverse of the normalisation: (3, H, W) uint8, rounded and clipped."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((image * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def _normalising_steps() -> list[torch.nn.Module]:
    to_float = v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)
    return [to_float, v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]


def _on_samples(compose: v2.Compose) -> Transform:
    """`compose`, which tells images from boxes by their types, as a function of plain tensors."""

    def transform(image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> Sample:
        canvas = tuple(image.shape[-2:])
        boxes = tv_tensors.BoundingBoxes(boxes_xyxy, format="XYXY", canvas_size=canvas)
        sample = {"image": tv_tensors.Image(image), "boxes": boxes, "labels": labels}
        moved = compose(sample)
        plain_image = moved["image"].as_subclass(Tensor).contiguous()
        return plain_image, moved["boxes"].as_subclass(Tensor), moved["labels"]

    return transform
