"""SSD's photometric distortion as one matrix product: ten times as fast as step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Step: TypeAlias = Callable[[float, Tensor], tuple[Tensor, Tensor]]
"""A factor and the image's mean colour so far -> a matrix (3, 3) and an offset (3,)."""


def distort_colours(
    image: Tensor,
    *,
    brightness_factor: float | None,
    contrast_factor: float | None,
    saturation_factor: float | None,
    hue_factor: float | None,
    contrast_before: bool,
    channel_permutation: Tensor | None,
) -> Tensor:
    """Photometric distortion, in the order of torchvision's `RandomPhotometricDistort`.

    Each step is affine in the colour, so all of them are one matrix and one offset. That leaves
    two differences: values are clipped to 0..255 once, at the end; and hue turns the colour
    about the grey axis instead of going through HSV, which costs ten times as much.

    Args:
        image: (3, H, W) uint8.
        brightness_factor: multiplies all channels; None, here and below, leaves the step out.
        contrast_factor: multiplies the distance to the mean grey of the image.
        saturation_factor: multiplies the distance to the pixel's own grey.
        hue_factor: turns, in -0.5..0.5 of the full circle.
        contrast_before: True if contrast comes before saturation, False if after hue.
        channel_permutation: (3,) where each channel of the result comes from.

    Returns:
        (3, H, W) float32 in 0..255.
    """
    colours = image.reshape(3, -1).float()
    matrix, offset = torch.eye(3), torch.zeros(3)
    steps: list[tuple[Step, float | None]] = [
        (_brightness, brightness_factor),
        (_saturation, saturation_factor),
        (_hue, hue_factor),
    ]
    steps.insert(1 if contrast_before else 3, (_contrast, contrast_factor))
    mean = colours.mean(dim=1)
    for step, factor in steps:
        if factor is not None:
            linear, constant = step(factor, matrix @ mean + offset)
            matrix, offset = linear @ matrix, linear @ offset + constant
    if channel_permutation is not None:
        matrix, offset = matrix[channel_permutation], offset[channel_permutation]
    distorted = torch.addmm(offset[:, None], matrix, colours)
    return distorted.clamp_(0, 255).reshape(image.shape)


_GREY = torch.tensor([0.2989, 0.587, 0.114])  # ITU-R 601-2, as torchvision has it


def _brightness(factor: float, _mean: Tensor) -> tuple[Tensor, Tensor]:
    return torch.eye(3) * factor, torch.zeros(3)


def _contrast(factor: float, mean: Tensor) -> tuple[Tensor, Tensor]:
    return torch.eye(3) * factor, ((1 - factor) * (_GREY @ mean)).expand(3)


def _saturation(factor: float, _mean: Tensor) -> tuple[Tensor, Tensor]:
    return torch.eye(3) * factor + (1 - factor) * _GREY.expand(3, 3), torch.zeros(3)


def _hue(factor: float, _mean: Tensor) -> tuple[Tensor, Tensor]:
    # Rodrigues' rotation about the axis (1, 1, 1) / sqrt(3): greys stay what they are.
    angle = torch.tensor(2 * torch.pi * factor)
    axis = 3**-0.5
    cross = torch.tensor([[0.0, -axis, axis], [axis, 0.0, -axis], [-axis, axis, 0.0]])
    third = torch.full((3, 3), 1 / 3)
    rotation = angle.cos() * torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * third
    return rotation, torch.zeros(3)
