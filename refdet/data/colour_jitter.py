"""torchvision's change of colours, with the same result for any number of threads.

torchvision takes the mean for contrast from a sum of floats that every thread adds a part to: its
last bits depend on how many there are. A worker process has one thread, the process itself
several, and samples must not depend on which of them prepares them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

Range = tuple[float, float]


def colour_jitter(
    brightness: float | Range = 0.0,
    contrast: float | Range = 0.0,
    saturation: float | Range = 0.0,
    hue: float | Range = 0.0,
) -> v2.Lambda:
    """The step that does what torchvision's `ColorJitter` does, with the same random draws.

    Args:
        brightness: its factor is within 1 -+ this, or in this range.
        contrast: likewise.
        saturation: likewise.
        hue: its shift, in turns of the colour circle, is within -+ this, or in this range.

    Raises:
        ValueError: a value is out of its range.
    """
    jitter = v2.ColorJitter(brightness, contrast, saturation, hue)
    return v2.Lambda(_ColourJitter(jitter), tv_tensors.Image)


def with_contrast(image: Tensor, factor: float) -> Tensor:
    """Every pixel `factor` times as far from the image's mean grey, cut off at black and white.

    Args:
        image: (3, H, W), uint8 or floats in [0, 1].
        factor: not negative; 1 changes nothing.
    """
    grey = F.rgb_to_grayscale(image)
    if image.is_floating_point():
        # In whole 2**-24ths, of which float64 adds up more than there are pixels without rounding:
        # then no order of the terms gives another sum.
        grey = (grey * 2**24).round() / 2**24
    mean = grey.mean(dtype=torch.float64)  # a tensor, since to ask a GPU for it is to wait for it
    white = 1 if image.is_floating_point() else 255
    changed = (image * factor).add_((1 - factor) * mean).clamp_(0, white)
    return changed.to(image.dtype)


_CHANGES: tuple[Callable[[Tensor, float], Tensor], ...] = (
    F.adjust_brightness,
    with_contrast,
    F.adjust_saturation,
    F.adjust_hue,
)
"""As torchvision numbers them."""


@dataclass(frozen=True)
class _ColourJitter:
    """What `colour_jitter` does, as an object that can be sent to a spawned worker."""

    torchvisions: v2.ColorJitter

    def __call__(self, image: Tensor) -> Tensor:
        jitter = self.torchvisions
        order, *factors = jitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
        )
        changed = image.as_subclass(Tensor)
        for place in order.tolist():
            if factors[place] is not None:
                changed = _CHANGES[place](changed, factors[place])
        again: Tensor = tv_tensors.Image(changed)
        return again
