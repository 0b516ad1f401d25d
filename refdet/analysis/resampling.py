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
    ClassSums,
    Hits,
    Levels,
    Ranking,
    needed_by_coco,
    needed_by_voc07,
)
from refdet.core.coco_eval import CocoMatches
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

IntArray = NDArray[np.integer]
Progress = Callable[[int], object]

RANGES = ("all", "small", "medium", "large")
CLASS_NUMBERS = ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")
COUNTS = ("n_ground_truth", "n_detections", "true_positives", "false_positives")


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
    """

    def __init__(self, judged: JudgedDataSet) -> None:
        state = judged.matches.state
        self._n_images, self._n_classes = len(state.image_ids), len(state.category_ids)
        self._in_label_order = np.searchsorted(state.category_ids, judged.objects.categories.ids)
        self._params = state.params
        self._levels = np.array(state.params.recall_levels)
        self._rankings = [_coco_ranking(judged.matches, area) for area in RANGES]
        self._objects = [
            ClassSums(state.object_image, state.object_label, counts, self._n_classes)
            for counts in state.object_counts.T
        ]
        self._voc = _voc_ranking(judged)
        self._limited = [_hits_within(judged.matches, n) for n in state.params.max_detections[:2]]
        self._counts = [ClassSums(*rows, self._n_classes) for rows in _counted(judged)]
        own = judged.settings.iou_threshold
        self._curve_place = 0
        self._curves = None
        if own in state.params.iou_thresholds:
            self._curve_place = state.params.iou_thresholds.index(own)
        else:
            self._curves = _coco_ranking(judged.at_threshold, "all")

    def numbers(self, weights: IntArray, progress: Progress | None = None) -> Numbers:
        """Those of each sample.

        Args:
            weights: (S, I) how often each image counts, in the order of
                `judged.matches.state.image_ids`: ascending ids.
            progress: is told 1 after each sample.

        Returns:
            `Numbers` of S samples, the same whatever the number of threads.

        Raises:
            TypeError: weights that are not integers.
            ValueError: of another shape, or a weight that is negative; names sample and image.
        """
        self._check(weights)
        shape = len(weights), self._n_classes
        stats = np.empty((len(weights), 12))
        envelopes = np.empty((*shape, len(self._levels)))
        fractions = np.empty((len(CLASS_NUMBERS), *shape))
        counts = np.empty((len(COUNTS), *shape))

        def judge(sample: int) -> None:
            weight = weights[sample].astype(np.int64)
            stats[sample], fractions[:3, sample], envelopes[sample] = self._coco(weight)
            fractions[3:, sample] = self._voc_aps(weight)
            counts[:, sample] = [one.of(weight) for one in self._counts]

        # NumPy lets go of Python's lock, and a sample writes nothing but its own rows.
        with ThreadPoolExecutor(_usable_cores()) as pool:
            for _ in pool.map(judge, range(len(weights))):
                if progress is not None:
                    progress(1)
        order = self._in_label_order
        classes = dict(zip(COUNTS, counts[..., order], strict=True))
        classes |= _fractions(classes)
        classes |= dict(zip(CLASS_NUMBERS, fractions[..., order], strict=True))
        return Numbers(stats, _totals(classes, stats), classes, envelopes[:, order])

    def _check(self, weights: IntArray) -> None:
        if weights.dtype.kind not in "iu":
            raise TypeError(f"weights must be integers, got {weights.dtype}")
        if weights.ndim != 2 or weights.shape[1] != self._n_images:
            raise ValueError(f"weights must have shape (S, {self._n_images}), got {weights.shape}")
        if weights.min(initial=0) < 0:
            sample, image = np.argwhere(weights < 0)[0].tolist()
            raise ValueError(f"weights[{sample}, {image}] = {weights[sample, image]} is negative")

    def _coco(self, weight: I64) -> tuple[F64, F64, F64]:
        """(12,) numbers, (3, K) AP, AP50 and AP75, and (K, R) the envelopes."""
        thresholds = np.array(self._params.iou_thresholds)
        shape = len(thresholds), self._n_classes
        aps, recalls, found = [], [], []
        for ranking, objects in zip(self._rankings, self._objects, strict=True):
            counts = objects.of(weight)
            levels = Levels.of(needed_by_coco(counts, self._levels), counts)
            hits = ranking.hits(weight)
            reached = hits.levels_reached(levels)
            sums = hits.sums(hits.best * reached).reshape(shape) / len(self._levels)
            sums[:, counts == 0] = np.nan
            aps.append(sums)
            found.append((hits, reached, counts))
            recalls.append(
                _ratio(hits.found().reshape(shape).sum(axis=0), len(thresholds) * counts)
            )
        limited = [_ratio(one.of(weight), len(thresholds) * found[0][2]) for one in self._limited]
        of_all = [aps[0], aps[0][thresholds == 0.5], aps[0][thresholds == 0.75]]
        averages = [*of_all, *aps[1:], limited[0], limited[-1], *recalls]
        stats = np.array([float(_mean(one.ravel())) for one in averages])
        classes = np.array([one.mean(axis=0) for one in of_all])
        return stats, classes, self._envelopes(weight, *found[0])

    def _envelopes(self, weight: I64, hits: Hits, reached: I64, counts: I64) -> F64:
        place = self._curve_place
        if self._curves is not None:
            hits = self._curves.hits(weight)
            reached = hits.levels_reached(Levels.of(needed_by_coco(counts, self._levels), counts))
        own = slice(*hits.bounds[[place * self._n_classes, (place + 1) * self._n_classes]])
        n_reached = hits.sums(reached).reshape(-1, self._n_classes)[place]
        envelopes = np.zeros((self._n_classes, len(self._levels)))
        # Class by class, from the first level on, each as often as a true positive reaches one.
        reaches = np.arange(len(self._levels)) < n_reached[:, None]
        envelopes[reaches] = np.repeat(hits.best[own], reached[own])
        envelopes[counts == 0] = np.nan
        return envelopes

    def _voc_aps(self, weight: I64) -> F64:
        """(2, K) area under the envelope, and VOC 2007's mean of 11."""
        counts = self._counts[0].of(weight)
        hits = self._voc.hits(weight)
        reached = hits.levels_reached(Levels.of(needed_by_voc07(counts), counts))
        area = _ratio(hits.sums(hits.best * hits.gained), counts)
        return np.stack([area, _ratio(hits.sums(hits.best * reached), 11 * (counts > 0))])


def _coco_ranking(matches: CocoMatches, area: str) -> Ranking:
    state = matches.state
    right, ignored = np.zeros((2, len(state.params.iou_thresholds), len(matches.row)), np.bool_)
    for place, threshold in enumerate(state.params.iou_thresholds):
        outcomes = matches.outcomes(threshold, area)
        right[place] = outcomes.true_positive[matches.row]
        ignored[place] = outcomes.ignored[matches.row]
    return Ranking(state.image, state.label, right, ignored, len(state.category_ids))


def _voc_ranking(judged: JudgedDataSet) -> Ranking:
    state, row, voc = judged.matches.state, judged.matches.row, judged.voc_matching()
    right, ignored = voc.true_positive[row], voc.ignored[row]
    return Ranking(state.image, state.label, right[None], ignored[None], len(state.category_ids))


def _hits_within(matches: CocoMatches, limit: int) -> ClassSums:
    """At how many thresholds the detections are right, of a class in an image only so many."""
    state = matches.state
    n_right = np.zeros(len(matches.row), np.int64)
    for threshold in state.params.iou_thresholds:
        n_right += matches.outcomes(threshold).true_positive[matches.row]
    kept = np.flatnonzero((n_right > 0) & (state.rank < limit))
    return ClassSums(state.image[kept], state.label[kept], n_right[kept], len(state.category_ids))


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
