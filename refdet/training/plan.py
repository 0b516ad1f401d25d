"""Which images a process sees, and when: decided by the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


def training_batches(
    n_images: int, batch_size: int, *, seed: int, epoch: int, rank: int = 0, world_size: int = 1
) -> list[list[int]]:
    """The batches of one process in one epoch, as indices of images.

    The shuffled images are dealt out in rounds of `batch_size * world_size`. So that every
    process has as many batches as the others, the first few images are seen twice if the
    processes are more than one and their number does not divide that of the images.

    Args:
        n_images: at least 1.
        batch_size: images per process and batch; the last batch may be smaller.
        seed: at least 0.
        epoch: from 1.
        rank: of the process.
        world_size: how many processes there are.
    """
    # Not seed + epoch, by which the runs of neighbouring seeds would share their epochs; nor more
    # than 32 bits for torch's generator, which drops the rest.
    order = np.random.default_rng([seed, epoch]).permutation(n_images).tolist()
    # With fewer images than processes the padding itself has to go round.
    order = [order[place % n_images] for place in range(-(-n_images // world_size) * world_size)]
    rounds = _chunks(order, batch_size * world_size)
    return [dealt[rank::world_size] for dealt in rounds]


def validation_batches(
    n_images: int, batch_size: int, *, rank: int = 0, world_size: int = 1
) -> list[tuple[int, list[int]]]:
    """The batches that one process judges, each with its place among all.

    The batches are those of a single process, dealt out whole and none twice, so that an image
    stands in the same batch however many processes there are: a network's rounding depends on it.
    """
    batches = enumerate(_chunks(range(n_images), batch_size))
    return [(place, batch) for place, batch in batches if place % world_size == rank]


class EpochBatches(Sampler[list[int]]):
    """The batches of one process in the epoch that `set_epoch` chose, from a batch on."""

    def __init__(
        self, n_images: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self._arguments = (n_images, batch_size)
        self._seed, self._rank, self._world_size = seed, rank, world_size
        self.set_epoch(1, first=0)

    def set_epoch(self, epoch: int, first: int) -> None:
        """Go to an epoch, from 1, and leave out its batches before `first`."""
        self._batches = training_batches(
            *self._arguments,
            seed=self._seed,
            epoch=epoch,
            rank=self._rank,
            world_size=self._world_size,
        )[first:]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)


def _chunks(indices: Sequence[int], size: int) -> list[list[int]]:
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]
