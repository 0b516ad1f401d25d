"""What becomes of an image on its way into Faster R-CNN, in training and otherwise.

As in `refdet.data.augmentation`, but `(3, H, W)` float32 in [0, 1] comes out, of the size that went
in: torchvision's network resizes and normalises by itself. Because it does, an image that is merely
enlarged or shrunk reaches it at the size it always has; scale jitter has to leave the image's own
size as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from refdet.data.augmentation import OnSamples, Sample, Transform, to_float
from refdet.data.colour_jitter import colour_jitter
from refdet.data.mixing import MIN_VISIBLE, place


def faster_rcnn_training_transform(
    *,
    horizontal_flip: float = 0.5,
    vertical_flip: float = 0.2,
    colour: float = 0.2,
    hue: float = 0.02,
    scale_range: tuple[float, float] = (0.8, 1.25),
    min_visible: float = MIN_VISIBLE,
) -> Transform:
    """Flips, changes of colour, scale jitter; then boxes that are hardly visible go.

    Args:
        horizontal_flip: probability that left and right are swapped.
        vertical_flip: probability that top and bottom are swapped.
        colour: the factors of brightness, contrast and saturation are within 1 -+ `colour`.
        hue: its shift is within -+ `hue`, in turns of the colour circle, at most 0.5.
        scale_range: smallest and largest factor of scale jitter, both positive.
        min_visible: as in `refdet.data.mixing.visible_boxes`, which is what decides.

    Raises:
        ValueError: a value is out of its range.
    """
    smallest, largest = scale_range
    if not 0 < smallest <= largest < float("inf"):
        raise ValueError(f"scale_range {scale_range} is not two positive numbers in order")
    steps = [
        to_float(),
        v2.RandomHorizontalFlip(horizontal_flip),
        v2.RandomVerticalFlip(vertical_flip),
        colour_jitter(brightness=colour, contrast=colour, saturation=colour, hue=hue),
    ]
    return _Training(OnSamples(v2.Compose(steps)), scale_range, min_visible)


def faster_rcnn_inference_transform() -> Transform:
    """The image as float32 in [0, 1]; the boxes as they are."""
    return OnSamples(v2.Compose([to_float()]))


def scale_in_place(
    sample: Sample,
    factor: float,
    anchor: tuple[float, float],
    min_visible: float = MIN_VISIBLE,
) -> Sample:
    """The image enlarged or shrunk on a canvas of its old size.

    What reaches over is cut off; what is left empty has the mean colour. So an object takes
    `factor` times its share of either side, however the network resizes the whole. (torchvision's
    `RandomCrop` would clip the boxes before it could be asked how much of them is hidden.)

    Args:
        sample: image, boxes, labels.
        factor: of either side, positive; rounded to whole pixels of the image.
        anchor: x and y in [0, 1]: which point of the image, and of the canvas, stays where it is.
        min_visible: as in `refdet.data.mixing.visible_boxes`.
    """
    image, boxes_xyxy, labels = sample
    height, width = image.shape[-2:]
    new_width, new_height = (max(1, round(factor * side)) for side in (width, height))
    if (new_width, new_height) != (width, height):
        image = F.resize(image, [new_height, new_width])
        grown = boxes_xyxy.new_tensor([new_width / width, new_height / height] * 2)
        boxes_xyxy = boxes_xyxy * grown
    left = round(anchor[0] * (width - new_width))
    top = round(anchor[1] * (height - new_height))
    return place((image, boxes_xyxy, labels), (width, height), (left, top), min_visible)


@dataclass(frozen=True)
class _Training:
    """`faster_rcnn_training_transform`, as an object that can be sent to a spawned worker."""

    flips_and_colours: OnSamples
    scale_range: tuple[float, float]
    min_visible: float

    def __call__(self, image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> Sample:
        sample = self.flips_and_colours(image, boxes_xyxy, labels)
        scale, across, down = torch.rand(3, dtype=torch.float64).tolist()
        smallest, largest = self.scale_range
        factor = smallest + scale * (largest - smallest)
        return scale_in_place(sample, factor, (across, down), self.min_visible)
