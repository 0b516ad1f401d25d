"""The implementations that the contracts are run on, as pytest parameters.

`core` is called as it is. A torch twin gets tensors on a device and gives arrays back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch

DEVICES = ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))


def on_torch(function: Callable[..., object], device: str = "cpu") -> Callable[..., object]:
    """`function` of tensors as a function of arrays: same dtypes, float64 in, float64 out."""

    def called(*arguments: object) -> object:
        return _to_numpy(function(*(_to_torch(argument, device) for argument in arguments)))

    return called


def _to_torch(value: object, device: str) -> object:
    # uint16 and its like have no torch twin; no contract uses them.
    return torch.from_numpy(value.copy()).to(device) if isinstance(value, np.ndarray) else value


def _to_numpy(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.cpu().numpy()
    if isinstance(value, tuple):
        return tuple(_to_numpy(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return SimpleNamespace(**{name: _to_numpy(getattr(value, name)) for name in names})
    return value
