"""Score thresholds: what each would keep, and which one does what is asked for.

A threshold is chosen where it looks best on the data at hand, and looks better there than it will
elsewhere. Two things are said against that. Its interval: where it lies in 95 % of the bootstrap
samples of the images, chosen anew in each. And precision, recall and F-beta on unseen images: each
sample's own threshold, on the images that the sample has left out ("out of bag"; Efron, "Estimating
the error rate of a prediction rule", JASA 1983).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

import numpy as np

from refdet.analysis.class_counts import I32, ClassCounts, Rates
from refdet.analysis_records import REASONS, Estimate, ThresholdCurve, TunedThreshold
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.core.tuning import (
    threshold_of_best_f_beta,
    threshold_of_precision,
    threshold_of_recall,
)
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64

LEVEL = 0.95
"""Of the intervals."""

LEAST_SAMPLES = 40
"""Of fewer, none lies beyond an end."""

TOLD_APART = 0.9
"""Where no number is required, a class needs enough objects to tell a recall of 1 from this one."""

CELLS = 2_000_000
"""Samples times detections that are counted at once: some 100 MB."""

_NOT_DEFINED = Estimate(float("nan"), float("nan"), float("nan"))


class Quantity(StrEnum):
    """What a threshold is chosen by."""

    F_BETA = "f_beta"
    PRECISION = "precision"
    RECALL = "recall"


@dataclass(frozen=True)
class Criterion:
    """What is asked of a threshold: the highest F-beta, or at least some precision or recall.

    Attributes:
        quantity: which of them.
        value: beta, or what is required.
    """

    quantity: Quantity
    value: float

    def __post_init__(self) -> None:
        if self.quantity is Quantity.F_BETA:
            if not 0 < self.value < float("inf"):
                raise ValueError(f"beta must be positive and finite, got {self.value:g}")
        elif not 0 < self.value <= 1:
            raise ValueError(f"{self.quantity} must be in (0, 1], got {self.value:g}")

    @property
    def beta(self) -> float:
        """Of the F-beta that is told: 1 where another number is required."""
        return self.value if self.quantity is Quantity.F_BETA else 1.0

    def __str__(self) -> str:
        if self.quantity is Quantity.F_BETA:
            return f"highest F{self.value:g}"
        return f"{self.quantity} >= {self.value:g}"

    def threshold(self, thresholds: F64, right: I64, wrong: I64, n_objects: I64) -> F64:
        """(...) chosen from counts (..., M); NaN where none does what is asked for."""
        if self.quantity is Quantity.PRECISION:
            return threshold_of_precision(thresholds, right, wrong, self.value)
        if self.quantity is Quantity.RECALL:
            return threshold_of_recall(thresholds, right, n_objects, self.value)
        return threshold_of_best_f_beta(thresholds, right, wrong, n_objects, self.value)


def threshold_curves(judged: JudgedDataSet) -> tuple[ThresholdCurve, ...]:
    """What each class comes to at every score threshold, in label order.

    At the score threshold of a class they are the evaluation's own counts.

    Args:
        judged: the data set.

    Returns:
        A curve for each class.
    """
    classes = (ClassCounts.of(judged, label) for label in range(judged.n_classes))
    return tuple(
        ThresholdCurve(
            one.counts.thresholds,
            one.counts.true_positives,
            one.counts.false_positives,
            one.n_objects,
        )
        for one in classes
    )


def tune(
    judged: JudgedDataSet,
    criterion: Criterion,
    n_samples: int,
    seed: int,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[TunedThreshold, ...]:
    """The threshold of each class by `criterion`, with its interval and what it is worth unseen.

    A class for which none does what is asked for keeps the threshold that it was judged at.

    Args:
        judged: the data set, whose score thresholds are the ones to keep.
        criterion: what is asked for.
        n_samples: bootstrap samples of the images.
        seed: of their random numbers.
        progress: is told 1 after each class.

    Returns:
        One for each class, in label order.
    """
    rng = np.random.default_rng(seed)
    weights = bootstrap_weights(len(judged.matches.state.image_ids), n_samples, rng)
    by_image = np.ascontiguousarray(weights.T, np.int32)
    tuned = []
    for label in range(judged.n_classes):
        tuned.append(_tuned(judged, label, criterion, by_image))
        progress(1)
    return tuple(tuned)


def _tuned(
    judged: JudgedDataSet, label: int, criterion: Criterion, by_image: I32
) -> TunedThreshold:
    one = ClassCounts.of(judged, label)
    counts, weights = one.counts, by_image[one.images]  # (J, S)
    chosen = float(
        criterion.threshold(
            counts.thresholds,
            counts.true_positives,
            counts.false_positives,
            np.array(one.n_objects),
        )
    )
    default = float(judged.thresholds[label])
    applied = default if np.isnan(chosen) else chosen
    anew, left_out = _chosen_anew(one, criterion, weights)
    told = _told(one, applied, criterion.beta, weights)
    expected = [_NOT_DEFINED] * 3 if np.isnan(chosen) else _expected(left_out, criterion.beta)
    return TunedThreshold(
        label=label,
        name=judged.objects.categories.names[label],
        threshold=_estimate(chosen, *_quantiles(anew)),
        applied=applied,
        precision=told[0],
        recall=told[1],
        f_beta=told[2],
        unseen_precision=expected[0],
        unseen_recall=expected[1],
        unseen_f_beta=expected[2],
        n_objects=one.n_objects,
        warning=REASONS.join(
            [*_warnings(one, criterion, chosen, default, anew), *_misses(criterion, expected)]
        ),
    )


def _chosen_anew(one: ClassCounts, criterion: Criterion, weights: I32) -> tuple[F64, I64]:
    """(S,) each sample's threshold; on the images left out, (3, S) TP, FP and objects at it.

    Of samples in which no threshold could be chosen the counts are 0, which says nothing.
    """
    n_samples = weights.shape[1]
    table = one.counts.thresholds[one.is_worthwhile]
    thresholds = np.full(n_samples, np.nan)
    counts = np.zeros((3, n_samples), np.int64)
    step = max(1, CELLS // max(1, len(one.image)))
    for start in range(0, n_samples, step):
        columns = slice(start, start + step)
        drawn = np.ascontiguousarray(weights[:, columns])
        chosen = criterion.threshold(table, *one.kept(drawn), _sums(one.objects[None], drawn)[0])
        left_out = ((drawn == 0) & ~np.isnan(chosen)).astype(np.int32)
        place = one.place(chosen, table)[:, None]
        for row, kept in enumerate(one.kept(left_out)):
            # Before the first threshold, nothing is kept.
            there = np.take_along_axis(kept, np.maximum(place - 1, 0), axis=1) if len(table) else 0
            counts[row, columns] = np.where(place > 0, there, 0)[:, 0]
        counts[2, columns] = _sums(one.objects[None], left_out)[0]
        thresholds[columns] = chosen
    return thresholds, counts


def _sums(counts: I64, weights: I32) -> I64:
    """(K, S) of counts (K, J) in samples: exact, and in float64 as fast as matrices are."""
    return (counts.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)


def _told(one: ClassCounts, threshold: float, beta: float, weights: I32) -> list[Estimate]:
    """Precision, recall and F-beta at a threshold that stays."""
    place = one.place(np.array(threshold), one.counts.thresholds)
    n_kept = int(np.append(0, one.n_kept)[place])
    n_images = len(one.objects)
    right = np.bincount(one.image[:n_kept][one.right[:n_kept]], minlength=n_images)
    wrong = np.bincount(one.image[:n_kept], minlength=n_images) - right
    counts = np.array([right, wrong, one.objects])  # (3, J)
    samples = Rates.of(_sums(counts, weights), beta)
    value = Rates.of(counts.sum(axis=1), beta)
    n_with = int(np.count_nonzero(one.objects))
    return [
        _estimate(
            float(own), *np.clip(bootstrap_interval(drawn, own, LEVEL, n_with), 0, 1).tolist()
        )
        for own, drawn in zip(value.all, samples.all, strict=True)
    ]


def _expected(left_out: I64, beta: float) -> list[Estimate]:
    """Precision, recall and F-beta from (3, S) TP, FP and objects of images not seen."""
    value, samples = Rates.of(left_out.sum(axis=1), beta), Rates.of(left_out, beta)
    return [
        _estimate(float(mean), *_quantiles(rates))
        for mean, rates in zip(value.all, samples.all, strict=True)
    ]


def _estimate(value: float, low: float, high: float) -> Estimate:
    if np.isnan(value):
        return _NOT_DEFINED
    return Estimate(value, low, high)


def _quantiles(samples: F64) -> tuple[float, float]:
    """Between which `LEVEL` of the (S,) samples lie that are defined; NaN if they are too few.

    What is chosen, and what is seen of images left out, differ from sample to sample by more than
    a number of the data set: these quantiles say where they lie, which no normal interval around a
    value does, and lie where thresholds and rates can.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) < LEAST_SAMPLES:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return low, high


def _warnings(
    one: ClassCounts, criterion: Criterion, chosen: float, default: float, anew: F64
) -> Iterator[str]:
    """What is doubtful about the threshold of a class."""
    if np.isnan(chosen):
        yield f"{_why_not(one, criterion)}: keeps {default:g}"
        return
    trials, what, rate = one.n_objects, "objects", "recall"
    if criterion.quantity is Quantity.PRECISION:
        trials = int(one.n_kept[one.counts.thresholds >= chosen][-1])
        what, rate = "detections at this threshold", "precision"
    required = TOLD_APART if criterion.quantity is Quantity.F_BETA else criterion.value
    if shown_by(trials) < required:
        # In words that are the same for every class, so that they can be said once for all.
        yield f"too few {what} to show a {rate} of {required:g}: {_needed(required)}"
    missed = float(np.isnan(anew).mean()) if len(anew) else 0.0
    if missed > 1 - LEVEL:
        yield f"no threshold does what is asked for in {100 * missed:.0f} % of the samples"


def _misses(criterion: Criterion, expected: list[Estimate]) -> Iterator[str]:
    """That what is required is not to be expected elsewhere."""
    place = {Quantity.PRECISION: 0, Quantity.RECALL: 1}.get(criterion.quantity)
    if place is not None and round(expected[place].value, 3) < criterion.value:
        yield (
            f"on other images a lower {criterion.quantity} is to be expected than the "
            f"{criterion.value:g} asked for"
        )


def shown_by(trials: int) -> float:
    """The share of successes that so many trials show, with 95 % certainty, if all succeed.

    A true share of p lets all of n trials succeed with probability p^n; below 5 %, it is ruled out.
    29 trials are needed to show 0.9, 59 for 0.95. What lies in one image is not independent, so
    that more would be better.
    """
    return float((1 - LEVEL) ** (1 / trials)) if trials else 0.0


def _needed(required: float) -> str:
    if required == 1:
        return "no number of them does, even if all succeed"
    n_needed = next(n for n in count(1) if shown_by(n) >= required)
    return f"that takes {n_needed}, even if all succeed"


def _why_not(one: ClassCounts, criterion: Criterion) -> str:
    right = one.counts.true_positives
    if not one.n_objects:
        return "no objects"
    if not right.any():
        return "nothing found"
    if criterion.quantity is Quantity.PRECISION:
        precision = right / one.n_kept
        best = int(precision.argmax())
        return (
            f"precision {precision[best]:.3f} at best, at {one.counts.thresholds[best]:.3g} "
            f"with recall {right[best] / one.n_objects:.3f}"
        )
    return f"recall {right[-1] / one.n_objects:.3f} at best, with every detection"
