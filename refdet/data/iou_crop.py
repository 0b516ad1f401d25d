"""torchvision's crop by IoU, whose search for a window is done in NumPy.

torchvision asks tensors of a few boxes some 25 small questions at each of its trials: a sample of
SSD's, but for its pixels, took 1.8 times as long. The windows found here are the same, from the
same random draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

Window: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""
F32: TypeAlias = NDArray[np.float32]


class IoUCrop(v2.RandomIoUCrop):  # type: ignore[misc]  # torchvision has no annotations
    """As `v2.RandomIoUCrop`, but an image of a few pixels is no error.

    Boxes are `x1, y1, x2, y2`, float32, on the CPU.

    Source:
        Liu et al., "SSD", ECCV 2016, section 2.2; the order of the draws: torchvision 0.29.
    """

    def make_params(self, flat_inputs: Sequence[object]) -> dict[str, object]:
        """The window and which boxes have their centre in it; nothing if there is to be no crop."""
        boxes = next(one for one in flat_inputs if isinstance(one, tv_tensors.BoundingBoxes))
        corners: F32 = boxes.as_subclass(Tensor).numpy()
        while True:
            # All in float32, as torch computes: NumPy before 2 would widen what meets a number.
            least = np.float32(self.options[int(torch.randint(len(self.options), (1,)))])
            if least >= 1:  # the option to leave the image as it is
                return {}
            for _ in range(self.trials):
                window = self._window(*boxes.canvas_size)
                if window is None:
                    continue
                inside = _centre_inside(corners, window)
                if inside.any() and _iou(corners[inside], window).max() >= least:
                    left, top, right, bottom = window
                    place = {"left": left, "top": top, "width": right - left}
                    place["height"] = bottom - top
                    return {**place, "is_within_crop_area": torch.from_numpy(inside)}

    def _window(self, height: int, width: int) -> Window | None:
        """A window at random; None if it is too long or has no pixel."""
        across, down = self.min_scale + (self.max_scale - self.min_scale) * torch.rand(2).numpy()
        new_width, new_height = int(np.float32(width) * across), int(np.float32(height) * down)
        if not (new_width and new_height):
            return None
        if not self.min_aspect_ratio <= new_width / new_height <= self.max_aspect_ratio:
            return None
        across, down = torch.rand(2).numpy()
        left = int(np.float32(width - new_width) * across)
        top = int(np.float32(height - new_height) * down)
        return left, top, left + new_width, top + new_height


def _centre_inside(corners: F32, window: Window) -> NDArray[np.bool_]:
    left, top, right, bottom = window
    x, y = 0.5 * (corners[:, 0] + corners[:, 2]), 0.5 * (corners[:, 1] + corners[:, 3])
    inside: NDArray[np.bool_] = (left < x) & (x < right) & (top < y) & (y < bottom)
    return inside


def _iou(corners: F32, window: Window) -> F32:
    left, top, right, bottom = window
    x1, y1, x2, y2 = corners.T
    width = np.minimum(x2, right) - np.maximum(x1, left)
    height = np.minimum(y2, bottom) - np.maximum(y1, top)
    inter = np.maximum(width, 0) * np.maximum(height, 0)
    area = np.float32((right - left) * (bottom - top))
    iou: F32 = inter / ((x2 - x1) * (y2 - y1) + area - inter)
    return iou
