"""What becomes of an image on its way into the network, in training and otherwise.

A transform takes an image, its boxes and its labels, and gives the three back: `(3, H, W)`, uint8
or float32 in [0, 1], and boxes in that image's pixels go in. From those of SSD, which are here,
`(3, size, size)` float32, normalised as torchvision's pretrained networks expect, and boxes in the
new image's pixels come out; Faster R-CNN's are in `refdet.data.augmentation_faster_rcnn`.
Randomness comes from torch's global generator, which `refdet.data.dataset` seeds for every sample.

The image may lie on a GPU while boxes and labels, whose values are looked at, are on the CPU: then
nothing waits for the GPU.

Training follows SSD (Liu et al., ECCV 2016, sections 2.2 and 3.6) by torchvision's transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from refdet.data.colour_jitter import colour_jitter
from refdet.data.iou_crop import IoUCrop
from refdet.data.mean_colour import IMAGENET_MEAN, on_canvas

IMAGENET_STD = (0.229, 0.224, 0.225)

Sample: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Image, boxes (N, 4) `x1, y1, x2, y2`, labels (N,)."""
Transform: TypeAlias = Callable[[Tensor, Tensor, Tensor], Sample]


@dataclass(frozen=True)
class OnSamples:
    """`compose`, which tells images from boxes by their types, as a function of plain tensors.

    An object, since functions made inside of functions cannot be sent to a spawned worker.
    """

    compose: v2.Compose

    def __call__(self, image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> Sample:
        """The three as `compose` leaves them, plain tensors again."""
        canvas = tuple(image.shape[-2:])
        boxes = tv_tensors.BoundingBoxes(boxes_xyxy, format="XYXY", canvas_size=canvas)
        sample = {"image": tv_tensors.Image(image), "boxes": boxes, "labels": labels}
        moved = self.compose(sample)
        plain_image = moved["image"].as_subclass(Tensor).contiguous()
        return plain_image, moved["boxes"].as_subclass(Tensor), moved["labels"]


def training_transform(
    size: int = 300, *, max_zoom_out: float = 4.0, share: float = 1.0
) -> Transform:
    """Zoom-out, IoU crop, flips, resize, changes of colour, normalisation.

    A box stays if its centre is in the crop, and is clipped to it; one that is left with less
    than a pixel of width or height goes, and its label with it.

    Args:
        size: of the square image that comes out, in pixels.
        max_zoom_out: largest canvas for zoom-out, in sides of the image, at least 1.
        share: of the samples that are zoomed and cropped, and, drawn anew, of those whose colours
            are changed; the others are only flipped and resized.
    """
    colours = v2.RandomApply(colour_steps(), p=share)
    steps = [*geometric_steps(size, max_zoom_out, share), colours, *_normalising_steps()]
    return OnSamples(v2.Compose(steps))


def inference_transform(size: int = 300) -> Transform:
    """Resize to `size x size`, whatever the shape was, and normalise."""
    return OnSamples(v2.Compose([v2.Resize((size, size)), *_normalising_steps()]))


def geometric_transform(size: int = 300) -> Transform:
    """The part of the training transform that moves boxes, for looking at it; uint8 stays uint8."""
    return OnSamples(v2.Compose(geometric_steps(size, max_zoom_out=4.0, share=1.0)))


def geometric_steps(size: int, max_zoom_out: float, share: float) -> list[torch.nn.Module]:
    """Zoom-out, IoU crop, flips, resize; then boxes that are left without a pixel go."""
    zoom_out = _ZoomOut(side_range=(1.0, max_zoom_out))
    # No crop reaches the higher IoUs with small objects, so most trials for them are in vain:
    # 10 instead of 40 took 27 instead of 35 ms an image on the blood-cell set.
    crop = IoUCrop(trials=10)
    return [
        v2.RandomApply([zoom_out, crop], p=share),
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
        # Before the colours are changed, which costs time per pixel.
        v2.Resize((size, size)),
        v2.SanitizeBoundingBoxes(min_size=1.0),
    ]


def colour_steps() -> list[torch.nn.Module]:
    """SSD's published changes of colour, each for half of the samples.

    Not `v2.RandomPhotometricDistort`, which swaps the channels too: the published settings never
    do (their probability is 0), and colour is what tells some kinds of cells apart.
    """
    changes = (
        colour_jitter(brightness=(0.875, 1.125)),
        colour_jitter(contrast=(0.5, 1.5)),
        colour_jitter(saturation=(0.5, 1.5)),
        colour_jitter(hue=(-0.05, 0.05)),
    )
    return [v2.RandomApply([change], p=0.5) for change in changes]


def to_float() -> v2.ToDtype:
    """The step that gives float32 in [0, 1]; boxes and labels keep their dtypes."""
    return v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)


def denormalise(image: Tensor) -> Tensor:
    """The inverse of the normalisation: (3, H, W) uint8, rounded and clipped."""
    mean, std = _mean_and_std(image.device)
    return ((image * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


class _ZoomOut(v2.RandomZoomOut):  # type: ignore[misc]  # torchvision has no annotations
    """torchvision's, on a canvas in the mean colour of the image's dtype."""

    def transform(self, inpt: object, params: Mapping[str, list[int]]) -> object:
        """An image is put on its canvas here, for torchvision would copy the colour to a GPU."""
        if not isinstance(inpt, tv_tensors.Image):
            return super().transform(inpt, params)
        left, top, right, bottom = params["padding"]
        height, width = inpt.shape[-2:]
        size = (left + width + right, top + height + bottom)
        return tv_tensors.Image(on_canvas(inpt.as_subclass(Tensor), size, (left, top)))


def _normalising_steps() -> list[torch.nn.Module]:
    return [to_float(), v2.Lambda(_normalised, tv_tensors.Image)]


def _normalised(image: Tensor) -> Tensor:
    """As `v2.Normalize`, which copies its numbers to a GPU for every image."""
    mean, std = _mean_and_std(image.device)
    again: Tensor = tv_tensors.Image(image.as_subclass(Tensor).sub(mean).div_(std))
    return again


@cache
def _mean_and_std(device: torch.device) -> tuple[Tensor, Tensor]:
    """Each (3, 1, 1)."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean.to(device), std.to(device)
