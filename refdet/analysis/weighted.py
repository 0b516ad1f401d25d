"""Ranked detections whose images have weights: precision, and how many recall levels are reached.

A detection of weight w stands for w copies of itself, one behind the other; one of weight 0 is not
there. Of the copies of a true positive the last has the best precision, so one number serves all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdet.records import F64, I64, Mask

IntArray = NDArray[np.integer]
WORD = np.dtype(np.uint64)

TINY = float(np.spacing(1))
"""It is in the denominator of COCO's precision, and so in COCO's numbers."""
FLOOR = 256.0
UNIT = 1 << 45
"""More than the bits of FLOOR + 1 and of FLOOR differ, read as integers."""
MOST_LISTS = 1 << 16
"""With so many units added, the bits of FLOOR + 1 are still a positive integer."""


class Levels(NamedTuple):
    """At which true positive of a class each recall level is reached.

    Attributes:
        reached: how many levels the first k true positives reach, for k = 0, 1 ... of class after
            class; each class goes on counting from the class before.
        start: (K,) where in `reached` a class begins.
    """

    reached: I64
    start: I64

    @classmethod
    def of(cls, needed: I64, counts: I64) -> Levels:
        """From the number of true positives that each level needs, (K, R), of (K,) objects."""
        size = counts + 1
        start = np.cumsum(size) - size
        # A level of recall 0 is reached by the first true positive: what comes before is not best.
        at = start[:, None] + np.maximum(needed, 1)
        reached = np.cumsum(np.bincount(at.ravel(), minlength=int(size.sum())))
        return cls(reached, start)


def needed_by_coco(counts: I64, levels: F64) -> I64:
    """(K, R), the first k with k / count >= level, as float64 has it."""
    whole = np.maximum(counts, 1)[:, None]
    # The rounding of product and quotient is less than one count: one step either way mends it.
    needed = np.ceil(levels * whole)
    needed -= (needed - 1) / whole >= levels
    needed += needed / whole < levels
    return needed.astype(np.int64)


def needed_by_voc07(counts: I64) -> I64:
    """(K, 11), the first k with 10 k >= i count."""
    return -(-np.arange(11) * counts[:, None] // 10)


class Hits(NamedTuple):
    """The true positives of J lists, one list behind the other, in B samples.

    Attributes:
        number: (B, H) int64 objects of its list found down to it.
        gained: (B, H) int64 how many of these are its own copies.
        best: (B, H) the best precision of its list from it on.
        bounds: (J + 1,) where a list begins.
    """

    number: I64
    gained: I64
    best: F64
    bounds: I64

    def sums(self, values: F64 | I64) -> F64:
        """(B, J) sums of `values` (B, H) over each list."""
        sums = np.zeros((len(values), len(self.bounds) - 1))
        full = np.flatnonzero(np.diff(self.bounds))
        if len(full):
            sums[:, full] = np.add.reduceat(values, self.bounds[full], axis=1)
        return sums

    def found(self) -> I64:
        """(B, J) true positives of each list."""
        found = np.zeros((len(self.number), len(self.bounds) - 1), np.int64)
        full = np.flatnonzero(np.diff(self.bounds))
        found[:, full] = self.number[:, self.bounds[full + 1] - 1]
        return found

    def levels_reached(self, levels: Levels) -> I64:
        """(B, H) how many recall levels each is the first to reach.

        Args:
            levels: of B * K classes, those of the first sample first; list j is of class j mod K.
        """
        size = np.diff(self.bounds)
        n_samples = len(self.number)
        start = levels.start.reshape(n_samples, -1)
        first = np.tile(start, len(size) // max(1, start.shape[1]))
        reached = np.take(levels.reached, self.number + np.repeat(first, size, axis=1))
        gained = np.diff(reached, axis=1, prepend=0)
        full = np.flatnonzero(size)
        at = self.bounds[full]
        gained[:, at] = reached[:, at] - levels.reached[first[:, full]]
        return gained


class Ranking:
    """Detections of K classes, ranked, and judged at T thresholds: T * K lists.

    Args:
        image: (N,) positions of the images, by class, then rank.
        label: (N,) positions of the classes, ascending.
        right: (T, N) true positives.
        ignored: (T, N) neither right nor wrong.
        n_classes: K.
    """

    def __init__(
        self, image: IntArray, label: IntArray, right: Mask, ignored: Mask, n_classes: int
    ) -> None:
        kept = np.flatnonzero(~ignored.all(axis=0))
        right, ignored, label = right[:, kept], ignored[:, kept], label[kept]
        self._image = image[kept]
        n_lists = len(right) * n_classes
        if n_lists > MOST_LISTS:
            raise ValueError(f"{n_lists} curves (thresholds x classes) are more than {MOST_LISTS}")
        threshold, at = np.nonzero(right)
        self._hit_image = self._image[at]
        of_list = threshold * n_classes + label[at]
        self._bounds = np.searchsorted(of_list, np.arange(n_lists + 1))
        self._n_hits = np.diff(self._bounds)
        # The later a list, the less is added: no list's best precision reaches into another.
        self._lift = np.repeat(np.arange(n_lists)[::-1] * UNIT, self._n_hits)
        # What a hit passes: from behind the hit before it, or from the start of its class.
        self._up_to = at + 1
        self._from = np.append(0, self._up_to)[:-1]
        first = self._bounds[:-1][self._n_hits > 0]
        self._from[first] = np.searchsorted(label, label[at[first]])
        self._most_passed = int(np.max(self._up_to - self._from, initial=0))
        of_gone, gone = np.nonzero(ignored)
        self._gone_image = self._image[gone]
        key, base = of_gone * len(kept) + gone, threshold * len(kept)
        self._gone_from, self._gone_up_to = (
            np.searchsorted(key, base + end) for end in (self._from, self._up_to)
        )

    def hits(self, weights: I64) -> Hits:
        """Under the weights (B, I) of the images."""
        gained = np.take(weights, self._hit_image, axis=1)
        number = self._down_to(gained)
        seen = self._down_to(self._passed(weights))
        return Hits(number, gained, self._best_from_here(number / (seen + TINY)), self._bounds)

    def _down_to(self, values: IntArray) -> I64:
        """(B, H) sums of `values` (B, H) of a list down to each."""
        sums = np.zeros((len(values), values.shape[1] + 1), np.int64)
        np.cumsum(values, axis=1, out=sums[:, 1:])
        of_list = sums[:, 1:]
        of_list -= np.repeat(sums[:, self._bounds[:-1]], self._n_hits, axis=1)
        return of_list

    def _passed(self, weights: I64) -> IntArray:
        """(B, H) how many copies each hit passes, its own among them, without those ignored.

        Several samples are lanes of one integer, as many as have room for what the sums can be.
        Sums over all detections run over into the next lane; the difference of two takes that back.
        """
        lane = np.min_scalar_type(int(weights.max(initial=0)) * self._most_passed)
        n_samples, n_images = weights.shape
        n_lanes = WORD.itemsize // lane.itemsize
        lanes = np.zeros((-(-n_samples // n_lanes), n_images, n_lanes), lane)
        for sample, weight in enumerate(weights):
            lanes[sample // n_lanes, :, sample % n_lanes] = weight
        passed = np.empty((len(lanes), len(self._up_to)), WORD)
        for place, words in enumerate(lanes.view(WORD)[:, :, 0]):
            sums = _sums_before(np.take(words, self._image))
            passed[place] = sums[self._up_to] - sums[self._from]
            if len(self._gone_image):
                sums = _sums_before(np.take(words, self._gone_image))
                passed[place] -= sums[self._gone_up_to] - sums[self._gone_from]
        apart = passed.view(lane).reshape(*passed.shape, n_lanes).transpose(0, 2, 1)
        return apart.reshape(len(lanes) * n_lanes, passed.shape[1])[:n_samples]

    def _best_from_here(self, precision: F64) -> F64:
        """The best precision of a list at each place or behind it, rounded to 2^-44."""
        # Between FLOOR and FLOOR + 1, floats are as far apart as the integers that have their bits.
        precision += FLOOR
        bits = precision.view(np.int64)
        bits += self._lift
        backwards = bits[:, ::-1]
        np.maximum.accumulate(backwards, axis=1, out=backwards)
        bits -= self._lift
        precision -= FLOOR
        return precision


class Size(NamedTuple):
    """Of a data set."""

    n_images: int
    n_classes: int


class ClassSums:
    """Sums of values in images, by class.

    Args:
        image: (N,) positions of the images.
        label: (N,) positions of the classes.
        values: (N,) integers.
        size: how many images and classes there are.
    """

    def __init__(self, image: IntArray, label: IntArray, values: IntArray, size: Size) -> None:
        n_images = max(1, size.n_images)
        key, place = np.unique(label.astype(np.int64) * n_images + image, return_inverse=True)
        self._values = np.bincount(place, values, len(key)).astype(np.int64)
        self._image = key % n_images
        self._bounds = np.searchsorted(key // n_images, np.arange(size.n_classes + 1))

    def of(self, weights: I64) -> I64:
        """(B, K) under the weights (B, I) of the images."""
        sums = np.zeros((len(weights), len(self._image) + 1), np.int64)
        np.cumsum(np.take(weights, self._image, axis=1) * self._values, axis=1, out=sums[:, 1:])
        return np.diff(sums[:, self._bounds], axis=1)


def _sums_before(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(N + 1,) sums of what comes before each place, modulo 2^64."""
    sums = np.zeros(len(words) + 1, WORD)
    np.cumsum(words, out=sums[1:])
    return sums
