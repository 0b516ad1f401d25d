"""Pretrained VGG-16 weights for the base of SSD300, from torchvision or from a file."""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights

from refdet.models.ssd300 import SSD300

NO_WEIGHTS = "none"
IMAGENET = "imagenet"


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
    base = convolutions[:13]  # conv1_1 ... conv5_3; conv6 and conv7 have no counterpart
    state = _imagenet_state() if source == IMAGENET else _state_from_file(Path(source))
    weights = [value for name, value in state.items() if name.startswith("features.")]
    parameters = [parameter for convolution in base for parameter in convolution.parameters()]
    shapes = [tuple(value.shape) for value in weights[: len(parameters)]]
    if shapes != [tuple(parameter.shape) for parameter in parameters]:
        raise ValueError(
            f"the VGG-16 weights ({source}) do not fit this network: they need width=1 and "
            "batch_norm=False; or train from random weights with --weights none"
        )
    with torch.no_grad():
        for parameter, value in zip(parameters, weights, strict=False):
            parameter.copy_(value)
    return f"base: VGG-16 weights from {source}"


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
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{file} holds no weights that torch can read: {error}") from error
    if not isinstance(state, dict) or "features.0.weight" not in state:
        raise ValueError(f"{file} is no VGG-16 state dict: it has no entry 'features.0.weight'")
    return state
