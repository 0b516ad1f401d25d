"""All numbers of a data set whose images are repeated or left out: any weights, one matching.

What becomes of a detection does not depend on other images. So a sample of the images needs no new
matching: each detection and object counts as often as its image. The detections stay in the order
of the evaluation, the copies of one behind each other. (Evaluating a data set with copied images
gives the same numbers but where detections of a class have equal scores within an image: there the
copies of an image, not those of a detection, would stand together.)

A class that a sample leaves without an object is undefined there, NaN, and left out of that
sample's means, as in an evaluation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refdet.analysis.weighted import (
    MOST_LISTS,
    ClassSums,
    Hits,
    Levels,
    Ranking,
    Size,
    needed_by_coco,
    needed_by_voc07,
)
from refdet.core.coco_eval import CocoState
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

IntArray = NDArray[np.integer]
Progress = Callable[[int], object]

RANGES = ("all", "small", "medium", "large")
FRACTIONS = ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")
COUNTS = ("n_ground_truth", "n_detections", "true_positives", "false_positives")
TOGETHER = 30_000
"""Detections that are judged at a time, if need be of several samples: as many as caches hold."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of an `Evaluation` in each of S samples of the images; NaN where undefined.

    Attributes:
        coco_stats: (S, 12) COCO's twelve numbers.
        totals: (S,) by the names of the fields of `Totals`.
        classes: (S, C) by the names of the fields of `ClassMetrics` that are counts or fractions,
            in label order.
        envelopes: (S, C, R) the best precision at each recall level or beyond, at the
            evaluation's IoU threshold; 0 where the level is not reached, NaN without an object.
    """

    coco_stats: F64
    totals: dict[str, F64]
    classes: dict[str, F64]
    envelopes: F64


class Resampler:
    """The numbers of a judged data set under any weights of its images.

    Args:
        judged: the data set.

    Attributes:
        n_images: I, how many weights there are.
        levels: (R,) of recall.
    """

    def __init__(self, judged: JudgedDataSet) -> None:
        state = judged.matches.state
        self._params, self.levels = state.params, np.array(state.params.recall_levels)
        self._size = size = Size(len(state.image_ids), len(state.category_ids))
        self.n_images = size.n_images
        self._in_label_order = np.searchsorted(state.category_ids, judged.objects.categories.ids)
        lists = len(state.params.iou_thresholds) * max(1, size.n_classes)
        self._n_together = max(1, min(TOGETHER // (len(state.image) + 1), MOST_LISTS // lists))
        self._rankings = [self._coco_ranking(state, area) for area in RANGES]
        self._objects = [
            ClassSums(state.object_image, state.object_label, counts, size)
            for counts in state.object_counts.T
        ]
        voc, row = judged.voc_matching(), judged.matches.row
        self._voc = self._ranking(state, voc.true_positive[None, row], voc.ignored[None, row])
        self._limited = [_right_within(state, n, size) for n in state.params.max_detections[:2]]
        self._counts = [ClassSums(*rows, size) for rows in _counted(judged)]
        own, self._curve_place, self._curves = judged.settings.iou_threshold, 0, None
        if own in state.params.iou_thresholds:
            self._curve_place = state.params.iou_thresholds.index(own)
        else:
            self._curves = self._coco_ranking(judged.at_threshold.state, "all")

    def _coco_ranking(self, state: CocoState, area: str) -> Ranking:
        verdicts = [state.verdicts(one, area) for one in state.params.iou_thresholds]
        right, ignored = (np.array(flags) for flags in zip(*verdicts, strict=True))
        return self._ranking(state, right, ignored)

    def _ranking(self, state: CocoState, right: Mask, ignored: Mask) -> Ranking:
        return Ranking(state.image, state.label, right, ignored, self._size, self._n_together)

    def numbers(self, weights: IntArray, progress: Progress | None = None) -> Numbers:
        """Those of each sample.

        Args:
            weights: (S, I) how often each image counts, in the order of
                `judged.matches.state.image_ids`: ascending ids.
            progress: is told how many samples more are done.

        Returns:
            `Numbers` of S samples, the same whatever the number of threads.

        Raises:
            TypeError: weights that are not integers.
            ValueError: of another shape, or a weight that is negative; names sample and image.
        """
        self._check(weights)
        n_samples, together = len(weights), self._n_together
        shape = -(-n_samples // together) * together, self._size.n_classes
        stats = np.empty((shape[0], 12))
        envelopes = np.empty((*shape, len(self.levels)))
        fractions = np.empty((len(FRACTIONS), *shape))
        counts = np.empty((len(COUNTS), *shape))

        def judge(start: int) -> int:
            part = slice(start, start + together)
            given = weights[part]
            own = np.zeros((together, self._size.n_images), np.int64)
            own[: len(given)] = given
            stats[part], fractions[:3, part], envelopes[part] = self._coco(own)
            fractions[3:, part] = self._voc_aps(own)
            counts[:, part] = [one.of(own) for one in self._counts]
            return len(given)

        # NumPy lets go of Python's lock, and a part writes nothing but its own samples.
        with ThreadPoolExecutor(_usable_cores()) as pool:
            for n_done in pool.map(judge, range(0, n_samples, together)):
                if progress is not None:
                    progress(n_done)
        order = self._in_label_order
        classes = dict(zip(COUNTS, counts[:, :n_samples, order], strict=True))
        classes |= _fractions(classes)
        classes |= dict(zip(FRACTIONS, fractions[:, :n_samples, order], strict=True))
        stats = stats[:n_samples]
        return Numbers(stats, _totals(classes, stats), classes, envelopes[:n_samples, order])

    def _check(self, weights: IntArray) -> None:
        if weights.dtype.kind not in "iu":
            raise TypeError(f"weights must be integers, got {weights.dtype}")
        if weights.ndim != 2 or weights.shape[1] != self._size.n_images:
            raise ValueError(
                f"weights must have shape (S, {self._size.n_images}), got {weights.shape}"
            )
        if weights.min(initial=0) < 0:
            sample, image = np.argwhere(weights < 0)[0].tolist()
            raise ValueError(f"weights[{sample}, {image}] = {weights[sample, image]} is negative")

    def _coco(self, weights: I64) -> tuple[F64, F64, F64]:
        """(B, 12) numbers, (3, B, K) AP, AP50 and AP75, and (B, K, R) envelopes."""
        thresholds = np.array(self._params.iou_thresholds)
        shape = len(thresholds), len(weights), self._size.n_classes
        aps, recalls, of_all = [], [], None
        for ranking, objects in zip(self._rankings, self._objects, strict=True):
            counts = objects.of(weights)
            hits = ranking.hits(weights)
            reached = hits.levels_reached(self._levels_of(counts))
            ap = hits.sums(hits.best * reached).reshape(shape) / len(self.levels)
            ap[:, counts == 0] = np.nan
            aps.append(ap)
            recalls.append(_ratio(hits.found().reshape(shape).sum(axis=0), counts * shape[0]))
            if of_all is None:
                of_all = hits, reached, counts
        assert of_all is not None
        limited = [_ratio(one.of(weights), of_all[2] * shape[0]) for one in self._limited]
        of_50, of_75 = (aps[0][thresholds == one] for one in (0.5, 0.75))
        averages = [aps[0], of_50, of_75, *aps[1:]]
        stats = [_mean(np.moveaxis(one, 1, 0).reshape(len(weights), -1)) for one in averages]
        stats += [_mean(one) for one in (limited[0], limited[-1], *recalls)]
        classes = np.array([one.mean(axis=0) for one in averages[:3]])
        return np.stack(stats, axis=1), classes, self._envelopes(weights, *of_all)

    def _levels_of(self, counts: I64) -> Levels:
        flat = counts.ravel()
        return Levels.of(needed_by_coco(flat, self.levels), flat)

    def _envelopes(self, weights: I64, hits: Hits, reached: I64, counts: I64) -> F64:
        if self._curves is not None:
            hits = self._curves.hits(weights)
            reached = hits.levels_reached(self._levels_of(counts))
        first = self._curve_place * counts.size
        own = slice(*hits.bounds[[first, first + counts.size]])
        n_reached = hits.sums(reached)[first : first + counts.size].reshape(counts.shape)
        envelopes = np.zeros((*counts.shape, len(self.levels)))
        # Class by class, from the first level on, each as often as a true positive reaches one.
        reaches = np.arange(len(self.levels)) < n_reached[..., None]
        envelopes[reaches] = np.repeat(hits.best[own], reached[own])
        envelopes[counts == 0] = np.nan
        return envelopes

    def _voc_aps(self, weights: I64) -> F64:
        """(2, B, K) area under the envelope, and VOC 2007's mean of 11."""
        counts = self._counts[0].of(weights)
        hits, flat = self._voc.hits(weights), counts.ravel()
        reached = hits.levels_reached(Levels.of(needed_by_voc07(flat), flat))
        area, levels = (
            hits.sums(hits.best * times).reshape(counts.shape) for times in (hits.gained, reached)
        )
        return np.stack([_ratio(area, counts), _ratio(levels, 11 * (counts > 0))])


def _right_within(state: CocoState, limit: int, size: Size) -> ClassSums:
    """At how many thresholds the detections are right, of a class in an image only so many."""
    verdicts = [state.verdicts(threshold)[0] for threshold in state.params.iou_thresholds]
    n_right = np.sum(verdicts, axis=0)
    kept = np.flatnonzero((n_right > 0) & (state.rank < limit))
    return ClassSums(state.image[kept], state.label[kept], n_right[kept], size)


def _counted(judged: JudgedDataSet) -> list[tuple[I64, I64, I64]]:
    """Image, class and 1 of each that is counted, in the order of `COUNTS`."""
    state = judged.matches.state
    tables = state.image_ids, state.category_ids

    def rows(image_ids: I64, category_ids: I64, chosen: Mask) -> tuple[I64, I64, I64]:
        image, label = (
            np.searchsorted(table, ids[chosen])
            for table, ids in zip(tables, (image_ids, category_ids), strict=True)
        )
        return image, label, np.ones(len(image), np.int64)

    objects, found = judged.objects, judged.detections
    judged_rows = judged.true | judged.false | judged.ignored
    return [
        rows(objects.image_ids, objects.category_ids, judged.counts),
        *(
            rows(found.image_ids, found.category_ids, chosen)
            for chosen in (
                judged_rows,
                judged.true & judged.counted,
                judged.false & judged.counted,
            )
        ),
    ]


def _fractions(counts: dict[str, F64]) -> dict[str, F64]:
    """What the counts give; F1 is 0 where nothing is detected, and undefined without an object."""
    right, wrong = counts["true_positives"], counts["false_positives"]
    objects = counts["n_ground_truth"]
    missed = objects - right
    f1 = _ratio(2 * right, 2 * right + wrong + missed)
    return {
        "false_negatives": missed,
        "precision": _ratio(right, right + wrong),
        "recall": _ratio(right, objects),
        "f1": np.where(objects > 0, f1, np.nan),
    }


def _totals(classes: dict[str, F64], stats: F64) -> dict[str, F64]:
    counts = {name: classes[name].sum(axis=1) for name in COUNTS}
    micro = _fractions(counts)
    return {
        **counts,
        "false_negatives": micro["false_negatives"],
        **{f"micro_{name}": micro[name] for name in ("precision", "recall", "f1")},
        **{f"macro_{name}": _mean(classes[name]) for name in ("precision", "recall", "f1")},
        **dict(zip(("mean_ap", "mean_ap50", "mean_ap75"), stats[:, :3].T, strict=True)),
        **{f"mean_{name}": _mean(classes[name]) for name in ("ap50_voc", "ap50_voc07")},
    }


def _usable_cores() -> int:
    """The processor's cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> F64:
    """NaN where there is nothing to divide by."""
    ratio = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio


def _mean(values: F64) -> F64:
    """Of what is defined along the last axis; NaN if nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))
