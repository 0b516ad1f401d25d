"""Several samples made into one: mosaic and mixup, and the rule for objects that get cut.

Images are `(3, H, W)`, uint8 or float32 in [0, 1]; boxes are in their image's pixels. No function
writes into what it is given. `Mixing` decides by chance what is applied, and draws from the NumPy
generator that it is given and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from refdet.data.augmentation import Sample
from refdet.data.mean_colour import on_canvas

ROUNDING = 1e-3
"""Pixels by which a side of 1 may be short: the difference of two float32 coordinates is."""

MIN_VISIBLE = 0.25
"""An object stays if at least this share of its area is still in the image."""


def visible_boxes(
    boxes_xyxy: Tensor, labels: Tensor, width: int, height: int, min_visible: float = MIN_VISIBLE
) -> tuple[Tensor, Tensor]:
    """The boxes clipped to the image, without those of which too little is left, and their labels.

    A box stays if its visible area >= `min_visible` * its whole area, and both of its visible
    sides are >= 1 pixel, but for rounding; at equality it stays. The whole area is that of the box
    as it is given: after two cuts an object can be left with less of the annotated box.

    Args:
        boxes_xyxy: (N, 4) float32, pixels; may reach over the edges or lie outside.
        labels: (N,).
        width: of the image, in pixels.
        height: of the image, in pixels.
        min_visible: in [0, 1].

    Returns:
        (M, 4) boxes inside the image and (M,) labels, in the order given.
    """
    # In float64, in which the product of two float32 sides is exact, and so is `min_visible`.
    whole = boxes_xyxy.double()
    clipped = torch.minimum(whole.clamp(min=0), whole.new_tensor([width, height] * 2))
    sides = clipped[:, 2:] - clipped[:, :2]
    # NaN, which is not enough, where the whole box has no area.
    share = sides.prod(dim=1) / (whole[:, 2:] - whole[:, :2]).prod(dim=1)
    kept = (share >= min_visible) & (sides >= 1 - ROUNDING).all(dim=1)
    return clipped[kept].to(boxes_xyxy.dtype), labels[kept]


def place(
    sample: Sample,
    size: tuple[int, int],
    offset: tuple[int, int],
    min_visible: float = MIN_VISIBLE,
) -> Sample:
    """The sample on a canvas of another size: cut off where it reaches over, else surrounded.

    What surrounds it has ImageNet's mean colour, which is 0 inside the network, as is what
    torchvision's detectors pad their batches with.

    Args:
        sample: image, boxes, labels.
        size: width and height of the canvas.
        offset: x and y of the image's upper left corner on it; may be negative.
        min_visible: as in `visible_boxes`.
    """
    image, boxes_xyxy, labels = sample
    canvas = on_canvas(image, size, offset)
    shifted = boxes_xyxy + boxes_xyxy.new_tensor(offset * 2)
    return canvas, *visible_boxes(shifted, labels, *size, min_visible)


def mosaic(
    samples: Sequence[Sample],
    size: tuple[int, int],
    centre: tuple[int, int],
    min_visible: float = MIN_VISIBLE,
) -> Sample:
    """Four samples that meet in one point: upper left, upper right, lower left, lower right.

    Each image touches `centre` with a corner, the first with its lower right one. It is not
    resized, so that objects keep their size: what reaches over its quadrant is cut off, and where
    it does not fill it, the mean colour shows.

    Args:
        samples: four; their images may differ in size. If some are uint8 and some float32, the
            result is float32.
        size: width and height of the result.
        centre: x and y of the point, each from 0 to the size.
        min_visible: as in `visible_boxes`, for each sample in its quadrant.

    Source:
        Bochkovskiy et al., "YOLOv4", 2020, section 3.3.
    """
    (width, height), (x, y) = size, centre
    if not (0 <= x <= width and 0 <= y <= height):
        raise ValueError(f"centre {centre} is outside of the mosaic's {width} x {height} pixels")
    corners = [(left, upper) for upper in (True, False) for left in (True, False)]
    quadrants = []
    for sample, (left, upper) in zip(samples, corners, strict=True):
        image_height, image_width = sample[0].shape[-2:]
        quadrant = (x if left else width - x, y if upper else height - y)
        offset = (x - image_width if left else 0, y - image_height if upper else 0)
        quadrants.append(place(sample, quadrant, offset, min_visible))
    images = _of_one_dtype([image for image, _, _ in quadrants])
    rows = [torch.cat(images[:2], dim=2), torch.cat(images[2:], dim=2)]
    origins = [(0 if left else x, 0 if upper else y) for left, upper in corners]
    boxes = [
        boxes_xyxy + boxes_xyxy.new_tensor(origin * 2)
        for (_, boxes_xyxy, _), origin in zip(quadrants, origins, strict=True)
    ]
    return torch.cat(rows, dim=1), torch.cat(boxes), torch.cat([labels for *_, labels in quadrants])


def mixup(one: Sample, other: Sample, weight: float) -> Sample:
    """Two images laid over each other, with the objects of both.

    Every object counts in full, however faint: with weights from a Beta distribution whose
    alpha is below 1, many are hardly to be seen.

    Args:
        one: image, boxes, labels; its pixels count by `weight`.
        other: likewise; its pixels count by 1 - `weight`.
        weight: in [0, 1].

    Returns:
        As wide and as high as the larger image: the upper left corners lie on each other, and
        the mean colour fills what one image lacks. uint8, each value rounded to the nearest, if
        both are uint8, else float32. The boxes are those given, first those of `one`.

    Source:
        Zhang et al., "Bag of Freebies for Training Object Detection Neural Networks", 2019,
        section 3.1, whose losses are not weighted either.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight {weight} is not in [0, 1]")
    images = _of_one_dtype([one[0], other[0]])
    size = (max(image.shape[2] for image in images), max(image.shape[1] for image in images))
    above, below = (on_canvas(image, size, (0, 0)) for image in images)
    mixed = torch.lerp(below.float(), above.float(), weight)
    if above.dtype == torch.uint8:
        mixed = mixed.round().to(torch.uint8)
    return mixed, torch.cat([one[1], other[1]]), torch.cat([one[2], other[2]])


@dataclass(frozen=True)
class Mixing:
    """What becomes of a sample and others drawn at random, before the transform.

    Attributes:
        mosaic_probability: of a mosaic with three others, of the sample's own size, that meet
            somewhere in the middle half of either side; each sample can have any of the places.
        mixup_probability: of mixup with one other, drawn anew, after the mosaic.
        mixup_alpha: the weight's distribution is Beta(alpha, alpha); above 0.
        min_visible: as in `visible_boxes`.

    Raises:
        ValueError: a value is out of its range.
    """

    mosaic_probability: float = 0.0
    mixup_probability: float = 0.0
    mixup_alpha: float = 1.5
    min_visible: float = MIN_VISIBLE

    def __post_init__(self) -> None:
        for name in ("mosaic_probability", "mixup_probability", "min_visible"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is not in [0, 1]")
        if not 0 < self.mixup_alpha < float("inf"):
            raise ValueError(f"mixup_alpha {self.mixup_alpha} is not a positive number")

    def __call__(
        self, sample: Sample, draw_other: Callable[[], Sample], generator: np.random.Generator
    ) -> Sample:
        """The sample, mixed with as many from `draw_other` as it takes."""
        if generator.random() < self.mosaic_probability:
            height, width = sample[0].shape[-2:]
            four = [sample, draw_other(), draw_other(), draw_other()]
            samples = [four[place] for place in generator.permutation(4)]
            across, down = generator.uniform(0.25, 0.75, size=2)
            centre = (round(across * width), round(down * height))
            sample = mosaic(samples, (width, height), centre, self.min_visible)
        if generator.random() < self.mixup_probability:
            weight = generator.beta(self.mixup_alpha, self.mixup_alpha)
            sample = mixup(sample, draw_other(), weight)
        return sample


def _of_one_dtype(images: Sequence[Tensor]) -> list[Tensor]:
    """The images as they are if they have the same dtype, else all as float32 in [0, 1]."""
    if len({image.dtype for image in images}) == 1:
        return list(images)
    return [F.to_dtype(image, torch.float32, scale=True) for image in images]
