"""An interval for every number of an evaluation, from resampling its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from refdet.analysis.object_images import CLASS_FIELDS, ObjectImages, mixed_mean
from refdet.analysis.resampling import Resampler
from refdet.analysis_records import CurveBand, Estimate, EvaluationIntervals
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, ClassMetrics, Evaluation, Totals

LEVEL = 0.95


def intervals_of(
    judged: JudgedDataSet,
    evaluation: Evaluation,
    n_samples: int,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> EvaluationIntervals:
    """What else its numbers could have been, had as many other images of the kind been taken.

    A number stands on the images with an object of its class, or of its size; a total on those with
    any object. Fewer than six images tell no interval, nor do equal samples. A class is
    undefined in a sample without an object of it, and the sample's means are over the others: a
    mean that is one over other classes in more than 5 % of the samples has no interval.

    Args:
        judged: the data set.
        evaluation: its numbers.
        n_samples: bootstrap samples of its images.
        seed: of their random numbers; the same seed gives the same intervals.
        progress: is told how many samples more are done.

    Returns:
        Intervals of 95 %, within [0, 1].

    Source:
        `refdet.core.bootstrap`; why this kind of interval, and what it covers, is in
        docs/confidence.md.
    """
    resampler, totals, images = Resampler(judged), evaluation.totals, ObjectImages.of(judged)
    weights = bootstrap_weights(resampler.n_images, n_samples, np.random.default_rng(seed))
    numbers = resampler.numbers(weights, progress)
    stats = np.array(evaluation.coco_stats)
    stats[stats == -1] = np.nan
    own = {name: _column(evaluation, name) for name in _fractions(ClassMetrics)}
    classes = {
        name: _estimates(numbers.classes[name], values, images.of_classes)
        for name, values in own.items()
    }

    def of_total(name: str) -> Estimate:
        of_class = CLASS_FIELDS.get(name)
        is_mixed = of_class is not None and mixed_mean(numbers.classes[of_class], own[of_class])
        samples, value = numbers.totals[name][:, None], np.array([getattr(totals, name)])
        return _estimates(samples, value, np.array([0 if is_mixed else images.total]))[0]

    return EvaluationIntervals(
        level=LEVEL,
        n_samples=n_samples,
        seed=seed,
        coco_stats=_estimates(
            numbers.coco_stats, stats, np.where(images.mixed_stats(weights), 0, images.of_stats)
        ),
        totals={name: of_total(name) for name in _fractions(Totals)},
        classes=tuple(
            {name: estimates[label] for name, estimates in classes.items()}
            for label in range(len(evaluation.classes))
        ),
        bands=_bands(resampler, evaluation, numbers.envelopes, images),
    )


def _fractions(record: type[ClassMetrics] | type[Totals]) -> list[str]:
    """The fields that are neither counts nor given."""
    return [
        field.name
        for field in fields(record)
        if field.type == "float" and field.name != "score_threshold"
    ]


def _column(evaluation: Evaluation, name: str) -> F64:
    return np.array([getattr(metrics, name) for metrics in evaluation.classes], np.float64)


def _estimates(samples: F64, values: F64, n_images: I64) -> tuple[Estimate, ...]:
    """Of N numbers from (S, N) samples, each of so many images."""
    columns = (values, *_ends(samples, values, n_images))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(Estimate(value, low, high) for value, low, high in rows)


def _ends(samples: F64, values: F64, n_images: I64) -> tuple[F64, F64]:
    """Lower and upper ends of fractions, which go no further than 0 and 1."""
    low, high = bootstrap_interval(samples, values, LEVEL, n_images)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def _bands(
    resampler: Resampler, evaluation: Evaluation, envelopes: F64, images: ObjectImages
) -> dict[int, CurveBand]:
    """Class by class, since the samples of a curve are many."""
    itself = resampler.numbers(np.ones((1, resampler.n_images), np.int64)).envelopes[0]
    bands = {}
    for metrics in evaluation.classes:
        if metrics.n_ground_truth:
            own = itself[metrics.label]
            n_images = images.of_classes[metrics.label]
            low, high = _band(envelopes[:, metrics.label], own, int(n_images))
            bands[metrics.label] = CurveBand(resampler.levels, own, low, high)
    return bands


def _band(curves: F64, own: F64, n_images: int) -> tuple[F64, F64]:
    """Quantiles of (S, L) curves, widened to hold the curve itself.

    Where a curve ends, it goes on in some samples and is 0 in the others: a multiple of their
    spread would reach from 0 to 1. Quantiles fall with recall, as every curve does.
    """
    defined = curves[~np.isnan(curves).any(axis=1)]
    # As for any number: too few images, or too few samples, tell nothing.
    if 2.0 ** (1 - n_images) >= 1 - LEVEL or len(defined) < 2 / (1 - LEVEL) - 1e-6:
        nothing = np.full(len(own), np.nan)
        return nothing, nothing
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return np.minimum(low, own), np.maximum(high, own)
