"""What becomes of an image on its way into the network, in training and otherwise.

A transform takes an image, its boxes and its labels, and gives the three back: `(3, H, W)` uint8
and boxes in that image's pixels go in; `(3, size, size)` float32, normalised as torchvision's
pretrained networks expect, and boxes in the new image's pixels come out. Randomness comes from
torch's global generator, which `refdet.data.dataset` seeds for every sample.

Training follows SSD (Liu et al., ECCV 2016, section 2.2 and 3.6). Geometry is decided first, on
boxes alone, as one window of an imagined larger canvas; the pixels in it are then cut out and
resized once. Colours are changed after that, on `size x size` pixels, as one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from refdet.data.photometric import distort_colours

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Sample: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Image, boxes (N, 4) `x1, y1, x2, y2`, labels (N,)."""
Transform: TypeAlias = Callable[[Tensor, Tensor, Tensor], Sample]

CROP_TRIALS = 40
MIN_CROP_SIDE = 0.3
MAX_CROP_ASPECT = 2.0
# The last, 1, stands for the whole canvas.
MIN_CROP_IOUS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
MIN_BOX_SIDE = 1.0
"""Pixels of the resized image; what a window leaves of a box must be at least that."""


class Window(NamedTuple):
    """The part of the canvas that is shown, in pixels of the image; it may reach beyond it."""

    left: int
    top: int
    width: int
    height: int


def inference_transform(size: int = 300) -> Transform:
    """Resize to `size x size`, whatever the shape was, and normalise."""

    def transform(image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> Sample:
        whole = Window(0, 0, image.shape[-1], image.shape[-2])
        resized, boxes = show_window(image, boxes_xyxy, whole, size)
        return normalise(resized), boxes, labels

    return transform


def training_transform(size: int = 300) -> Transform:
    """Zoom-out, IoU crop, resize, flips, photometric distortion, normalisation.

    A box stays if its centre is in the window, and is clipped to it.
    """
    distort = v2.RandomPhotometricDistort()

    def transform(image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> Sample:
        resized, boxes, kept = random_geometry(image, boxes_xyxy, size)
        # torchvision draws what to do; doing it in one product is ten times as fast.
        drawn = distort.make_params([resized])
        return normalise(distort_colours(resized, **drawn)), boxes, labels[kept]

    return transform


def random_geometry(image: Tensor, boxes_xyxy: Tensor, size: int) -> Sample:
    """The part of the training transform that moves boxes: zoom-out, IoU crop, resize, flips.

    Returns:
        The (3, size, size) uint8 image, the boxes that are left, and their rows in `boxes_xyxy`.
    """
    window = random_crop(random_zoom_out(image), boxes_xyxy)
    kept = torch.nonzero(_centre_inside(boxes_xyxy, window))[:, 0]
    resized, boxes = show_window(image, boxes_xyxy[kept], window, size)
    big_enough = (boxes[:, 2:] - boxes[:, :2] >= MIN_BOX_SIDE).all(dim=1)
    boxes, kept = boxes[big_enough], kept[big_enough]
    if torch.rand(()) < 0.5:
        resized, boxes = flip(resized, boxes, axis=0)
    if torch.rand(()) < 0.5:
        resized, boxes = flip(resized, boxes, axis=1)
    return resized, boxes, kept


def random_zoom_out(image: Tensor) -> Window:
    """With probability 1/2, a canvas of up to four times the sides with the image in it."""
    height, width = image.shape[-2:]
    if torch.rand(()) < 0.5:
        return Window(0, 0, width, height)
    left, top, right, bottom = v2.RandomZoomOut().make_params([image])["padding"]
    return Window(-left, -top, width + left + right, height + top + bottom)


def random_crop(canvas: Window, boxes_xyxy: Tensor) -> Window:
    """The whole canvas or a part of it that overlaps an object by a random least IoU.

    The rule of torchvision's `RandomIoUCrop`, with all trials for one least IoU at once, which
    is what makes it fast. A canvas without objects is shown whole.
    """
    while len(boxes_xyxy):
        min_iou = MIN_CROP_IOUS[int(torch.randint(len(MIN_CROP_IOUS), ()))]
        if min_iou >= 1.0:
            break
        windows = _random_windows(canvas)  # (T, 4)
        left, top, right, bottom = windows.T[..., None]  # (T, 1) each
        x1, y1, x2, y2 = boxes_xyxy.T  # (N,) each
        middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
        inside = (left < middle_x) & (middle_x < right) & (top < middle_y) & (middle_y < bottom)
        shared_x = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp(min=0)
        shared_y = (torch.minimum(y2, bottom) - torch.maximum(y1, top)).clamp(min=0)
        shared = shared_x * shared_y  # (T, N)
        union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - shared
        fits = (inside & (shared >= min_iou * union)).any(dim=1)
        if fits.any():
            x1, y1, x2, y2 = windows[int(fits.int().argmax())].int().tolist()
            return Window(x1, y1, x2 - x1, y2 - y1)
    return canvas


def _random_windows(canvas: Window) -> Tensor:
    """(T, 4) whole-numbered corners of parts of the canvas, T up to `CROP_TRIALS`."""
    drawn = torch.rand(CROP_TRIALS, 4)
    sides = torch.tensor([canvas.width, canvas.height])
    parts = ((MIN_CROP_SIDE + (1 - MIN_CROP_SIDE) * drawn[:, :2]) * sides).floor()
    parts = parts.clamp(min=1)
    aspect = parts[:, 0] / parts[:, 1]
    low = ((sides - parts) * drawn[:, 2:]).floor() + torch.tensor([canvas.left, canvas.top])
    windows = torch.cat([low, low + parts], dim=1)
    return windows[(aspect >= 1 / MAX_CROP_ASPECT) & (aspect <= MAX_CROP_ASPECT)]


def _centre_inside(boxes_xyxy: Tensor, window: Window) -> Tensor:
    low = torch.tensor([window.left, window.top])
    high = low + torch.tensor([window.width, window.height])
    middle = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    return ((low <= middle) & (middle <= high)).all(dim=1)


def show_window(
    image: Tensor, boxes_xyxy: Tensor, window: Window, size: int
) -> tuple[Tensor, Tensor]:
    """What a window shows, resized to `size x size`; beyond the image is ImageNet's mean colour.

    The part of the image is snapped to whole pixels of the result, and the boxes follow exactly
    that, so that they fit the pixels; they are clipped to the result.
    """
    height, width = image.shape[-2:]
    x_from, x_to, left, right = _snap(window.left, window.width, width, size)
    y_from, y_to, top, bottom = _snap(window.top, window.height, height, size)
    part = image[:, y_from:y_to, x_from:x_to]
    shown = F.resize(part, [bottom - top, right - left], antialias=True)
    if (right - left, bottom - top) != (size, size):
        mean = torch.tensor([round(255 * channel) for channel in IMAGENET_MEAN])
        canvas = mean.to(torch.uint8)[:, None, None].repeat(1, size, size)
        canvas[:, top:bottom, left:right] = shown
        shown = canvas
    start, to = torch.tensor([x_from, y_from] * 2), torch.tensor([left, top] * 2)
    scale = torch.tensor([(right - left) / (x_to - x_from), (bottom - top) / (y_to - y_from)] * 2)
    return shown, ((boxes_xyxy - start) * scale + to).clamp(0, size)


def _snap(start: int, length: int, image_length: int, size: int) -> tuple[int, int, int, int]:
    """Along one axis: the part of the image in the window, and where in the result it goes."""
    first, last = max(start, 0), min(start + length, image_length)
    to_first = min(round((first - start) * size / length), size - 1)
    to_last = max(round((last - start) * size / length), to_first + 1)
    return first, last, to_first, to_last


def flip(image: Tensor, boxes_xyxy: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mirror an image and its boxes: left and right with axis 0, top and bottom with axis 1."""
    length = image.shape[-1 - axis]
    flipped = boxes_xyxy.clone()
    flipped[:, axis] = length - boxes_xyxy[:, axis + 2]
    flipped[:, axis + 2] = length - boxes_xyxy[:, axis]
    return image.flip(-1 - axis), flipped


def normalise(image: Tensor) -> Tensor:
    """(3, H, W) in 0..255, uint8 or float, as float32 with ImageNet's mean 0 and deviation 1."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image.contiguous().float() - 255 * mean).div_(255 * std)


def denormalise(image: Tensor) -> Tensor:
    """The inverse of `normalise`: (3, H, W) uint8, rounded and clipped."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image * (255 * std) + 255 * mean).round().clamp(0, 255).to(torch.uint8)
