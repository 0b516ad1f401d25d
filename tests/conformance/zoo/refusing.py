"""What the functions of the zoo refuse, so that a break is never just a missing check."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def refusing(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which raises as the contracts want it where boxes, scores or labels are none."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*positional: P.args, **keywords: P.kwargs) -> R:
        given = signature.bind(*positional, **keywords).arguments
        for name, value in given.items():
            if name.endswith(("_xyxy", "_xywh", "_cxcywh")):
                _check_boxes(value, corners=name.endswith("_xyxy"))
            elif name in ("scores", "labels"):
                _check_column(value, name, len(given["boxes_xyxy"]))
            elif name in ("width", "height") and not 0 < value < np.inf:
                raise ValueError(f"{name} = {value}")
        return function(*positional, **keywords)

    return checked


def _check_boxes(boxes: np.ndarray, corners: bool) -> None:
    if boxes.dtype.kind not in "fiu":
        raise TypeError(f"boxes of {boxes.dtype}")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes of shape {boxes.shape}")
    numbers = boxes.astype(np.float64)
    sides = numbers[:, 2:] - numbers[:, :2] if corners else numbers[:, 2:]
    if not (np.isfinite(numbers).all() and (sides >= 0).all()):
        raise ValueError(f"no boxes: {boxes}")


def _check_column(values: np.ndarray, name: str, length: int) -> None:
    if values.dtype.kind not in ("iu" if name == "labels" else "fiu"):
        raise TypeError(f"{name} of {values.dtype}")
    if values.shape != (length,) or np.isnan(values).any():
        raise ValueError(f"{name} = {values} for {length} boxes")
    if name == "labels" and (values < 0).any():
        raise ValueError(f"labels = {values}")
