"""COCO's AP in samples of the images, and how samples are gone through."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdet.analysis.weighted import (
    ClassSums,
    Hits,
    Levels,
    Ranking,
    Size,
    needed_by_coco,
)
from refdet.core.coco_eval import CocoState
from refdet.records import F64, I64

IntArray = NDArray[np.integer]
Progress = Callable[[int], object]

TOGETHER = 30_000
"""Detections that are judged at a time, if need be of several samples: as many as caches hold."""
AT_LEAST, AT_MOST = 4, 64
"""Samples: four are usually lanes of one integer (`Ranking`)."""


class Curves(NamedTuple):
    """What becomes of T thresholds and K classes in B samples.

    Attributes:
        ap: (B, T, K), NaN without an object.
        recall: (B, K), the mean over the thresholds; NaN without an object.
        counts: (B, K) objects.
        hits: the true positives.
        reached: (H,) how many recall levels each of them is the first to reach.
    """

    ap: F64
    recall: F64
    counts: I64
    hits: Hits
    reached: I64


class AveragePrecisions:
    """AP of each class in samples of the images, at some thresholds and in one range of areas.

    Args:
        state: the data set, matched.
        iou_thresholds: T of those that it was matched at.
        area: the name of the range.
        together: B, of how many samples `curves` are; as many as are fast if None.
    """

    def __init__(
        self,
        state: CocoState,
        iou_thresholds: Sequence[float],
        area: str = "all",
        together: int | None = None,
    ) -> None:
        self._size = size = Size(len(state.image_ids), len(state.category_ids))
        self._n_thresholds, self._levels = len(iou_thresholds), np.array(state.params.recall_levels)
        self._together = together or samples_together(state)
        verdicts = [state.verdicts(one, area) for one in iou_thresholds]
        right, ignored = (np.array(flags) for flags in zip(*verdicts, strict=True))
        self._ranking = Ranking(state.image, state.label, right, ignored, size.n_classes)
        counts = state.object_counts[:, [one[0] for one in state.params.area_ranges].index(area)]
        self._objects = ClassSums(state.object_image, state.object_label, counts, size)

    def of(self, weights: IntArray, progress: Progress | None = None) -> F64:
        """(S, T, K), NaN without an object, by ascending ids of the classes.

        Args:
            weights: (S, I) how often each image of the state counts.
            progress: is told how many samples more are done.
        """
        aps = np.empty((len(weights), self._n_thresholds, self._size.n_classes))

        def judge(part: slice, own: I64) -> None:
            aps[part] = self.curves(own).ap[: len(aps[part])]

        in_portions(judge, weights, self._together, progress)
        return aps

    def curves(self, weights: I64) -> Curves:
        """Those of B samples, of weights (B, I)."""
        counts = self._objects.of(weights)
        hits, flat = self._ranking.hits(weights), counts.ravel()
        reached = hits.levels_reached(Levels.of(needed_by_coco(flat, self._levels), flat))
        shape = len(weights), self._n_thresholds, self._size.n_classes
        ap = hits.sums(hits.best * reached).reshape(shape) / len(self._levels)
        ap[np.broadcast_to(counts[:, None] == 0, shape)] = np.nan
        found = hits.found().reshape(shape).sum(axis=1)
        recall = ratio(found, counts * self._n_thresholds)
        return Curves(ap, recall, counts, hits, reached)


def samples_together(state: CocoState) -> int:
    """How many samples are judged side by side: more where there are few detections."""
    return min(max(AT_LEAST, TOGETHER // (len(state.image) + 1)), AT_MOST)


def in_portions(
    judge: Callable[[slice, I64], object],
    weights: IntArray,
    together: int,
    progress: Progress | None = None,
) -> None:
    """Judge all samples, on all cores.

    Args:
        judge: is given which samples, and the weights of so many as are judged together; those
            beyond the last sample are 0.
        weights: (S, I).
        together: how many that is.
        progress: is told how many samples more are done.
    """

    def portion(start: int) -> int:
        part = slice(start, min(start + together, len(weights)))
        given = weights[part]
        own = np.zeros((together, weights.shape[1]), np.int64)
        own[: len(given)] = given
        judge(part, own)
        return len(given)

    # NumPy lets go of Python's lock, and a portion writes nothing but its own samples.
    with ThreadPoolExecutor(_usable_cores()) as pool:
        for n_done in pool.map(portion, range(0, len(weights), together)):
            if progress is not None:
                progress(n_done)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> F64:
    """NaN where there is nothing to divide by."""
    quotient = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=quotient, where=np.asarray(whole) > 0)
    return quotient


def mean(values: F64) -> F64:
    """Of what is defined along the last axis; NaN if nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))


def _usable_cores() -> int:
    """The processor's cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
