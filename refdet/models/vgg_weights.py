"""Pretrained VGG-16 weights for the base of SSD300, from torchvision or from a file."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights

from refdet.models.ssd300 import SSD300
from refdet.models.state_files import read_state_file

NO_WEIGHTS = "none"
IMAGENET = "imagenet"
VGG_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where conv1_1 ... conv5_3 stand in torchvision's `vgg16().features`."""


def load_base_weights(model: SSD300, source: str) -> str:
    """Copy VGG-16 convolutions into the base of `model`, and say in a sentence what was done.

    Args:
        model: the published network; a narrow one or one with BatchNorm has other shapes.
        source: `none`, `imagenet` (torchvision's weights, fetched once and kept), or a file that
            holds a VGG-16 state dict with torchvision's names (`features.0.weight` ...).

    Raises:
        ValueError: the weights cannot be had or do not fit; says why and what else to do.
    """
    if source == NO_WEIGHTS:
        return "base: random weights"
    convolutions = [m for m in (*model.to_conv4_3, *model.to_conv7) if isinstance(m, nn.Conv2d)]
    base = convolutions[: len(VGG_INDICES)]  # conv6 and conv7 have no counterpart
    if base[0].bias is None or base[0].out_channels != 64:
        raise ValueError(
            f"the VGG-16 weights ({source}) fit only the published network, with width=1 and "
            "batch_norm=False; or train from random weights with --weights none"
        )
    state = _imagenet_state() if source == IMAGENET else _state_from_file(Path(source))
    with torch.no_grad():
        for index, convolution in zip(VGG_INDICES, base, strict=True):
            for name, parameter in convolution.named_parameters():
                parameter.copy_(_entry(state, f"features.{index}.{name}", parameter, source))
    return f"base: VGG-16 weights from {source}"


def _entry(state: dict[str, Tensor], name: str, like: Tensor, source: str) -> Tensor:
    value = state.get(name)
    if value is None or value.shape != like.shape:
        found = "is not there" if value is None else f"has shape {tuple(value.shape)}"
        raise ValueError(f"{source} holds no VGG-16 weights: {name!r} {found}")
    return value


def _imagenet_state() -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = VGG16_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise ValueError(
            f"torchvision's VGG-16 weights could not be fetched ({error}); give a local file with "
            "--weights vgg16.pth, or train from random weights with --weights none"
        ) from error
    return state


def _state_from_file(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise ValueError(f"no file {file} for --weights; it takes none, imagenet or a file")
    return read_state_file(file)
