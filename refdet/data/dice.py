"""Random numbers for the synthetic data sets: the same on every machine and in every version."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Dice:
    """Whole random numbers from PCG64's raw output, whose stream never changes."""

    def __init__(self, *seed: int) -> None:
        self._bits = np.random.PCG64(list(seed))

    def between(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + int(self._bits.random_raw()) % (high - low + 1)

    def field(self, below: int, shape: tuple[int, int]) -> NDArray[np.float64]:
        """A whole number in 0..below-1 for every pixel."""
        raw = np.array(self._bits.random_raw(shape[0] * shape[1]), np.uint64) % np.uint64(below)
        numbers: NDArray[np.float64] = raw.reshape(shape).astype(np.float64)
        return numbers
