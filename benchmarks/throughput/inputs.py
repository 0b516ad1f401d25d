"""Images with objects, for both sides alike."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from refdet.data.dataset import Batch

OBJECTS = 7
"""An image has about as many in COCO."""
N_BATCHES = 3
"""They take turns, so that what an earlier step left in a cache is not measured."""


def batches(
    size: tuple[int, int], n_classes: int, batch_size: int, device: torch.device
) -> list[Batch]:
    """Batches of noise in [0, 1] with random boxes, on the device, the same ones each time."""
    return [
        batch(size, n_classes, batch_size, device, np.random.default_rng(seed))
        for seed in range(N_BATCHES)
    ]


def batch(
    size: tuple[int, int], n_classes: int, batch_size: int, device: torch.device, rng: Generator
) -> Batch:
    """One of them."""
    images = [rng.random((3, *size), np.float32) for _ in range(batch_size)]
    labels = [rng.integers(0, n_classes, OBJECTS) for _ in range(batch_size)]
    return Batch(
        [torch.from_numpy(image).to(device) for image in images],
        [torch.from_numpy(boxes(size, rng)).to(device) for _ in range(batch_size)],
        [torch.from_numpy(one).to(device) for one in labels],
        list(range(batch_size)),
    )


def boxes(size: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """(OBJECTS, 4) float32 within the image, each side a tenth of the image's at least."""
    sides = np.array(size[::-1])
    near = rng.uniform(0, 0.5, (OBJECTS, 2))
    far = near + rng.uniform(0.1, 0.5, (OBJECTS, 2))
    return np.concatenate([near * sides, far * sides], axis=1).astype(np.float32)
