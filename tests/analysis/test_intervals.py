"""Intervals of an evaluation: of every fraction, as if each sample had been evaluated itself."""

from __future__ import annotations

import math

import numpy as np

from refdet.analysis.intervals import intervals_of
from refdet.analysis_records import Estimate, EvaluationIntervals
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.evaluate import EvaluationSettings, evaluate_columns, judged_columns
from tests.analysis.test_resampling import LEVELS, Columns, best_precision, copied, larger
from tests.evaluate.data_sets import columns_of
from tests.test_evaluate import found, truth

DEFAULT = EvaluationSettings()
CLASS_FRACTIONS = {
    *("precision", "recall", "f1"),
    *("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07"),
}
TOTAL_FRACTIONS = {
    *(f"{kind}_{name}" for kind in ("micro", "macro") for name in ("precision", "recall", "f1")),
    *(f"mean_{name}" for name in ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")),
}


def intervals(columns: Columns, n_samples: int, seed: int = 0) -> EvaluationIntervals:
    judged = judged_columns(*columns, DEFAULT)
    return intervals_of(judged, judged.evaluation("val"), n_samples, seed)


def assert_interval(got: Estimate, samples: list[float], value: float) -> None:
    ends = np.clip(bootstrap_interval(np.array(samples), value, 0.95), 0, 1)
    want = [value, *ends.tolist()]
    np.testing.assert_allclose([got.value, got.low, got.high], want, rtol=0, atol=1e-10)


def test_intervals_of_equals_evaluating_every_sample_anew() -> None:
    columns = larger(0)
    got = intervals(columns, 60, seed=5)
    assert (got.level, got.n_samples, got.seed) == (0.95, 60, 5)
    itself = evaluate_columns(*columns, split="val", settings=DEFAULT)
    weights = bootstrap_weights(40, 60, np.random.default_rng(5))
    samples = [
        evaluate_columns(*copied(columns, weight), split="val", settings=DEFAULT)
        for weight in weights.tolist()
    ]
    for place, estimate in enumerate(got.coco_stats):
        values = [one.coco_stats[place] for one in (itself, *samples)]
        values = [math.nan if value == -1 else value for value in values]
        assert_interval(estimate, values[1:], values[0])
    assert set(got.totals) == TOTAL_FRACTIONS
    for name, estimate in got.totals.items():
        sampled = [getattr(one.totals, name) for one in samples]
        assert_interval(estimate, sampled, getattr(itself.totals, name))
    assert len(got.classes) == 3
    for label, estimates in enumerate(got.classes):
        assert set(estimates) == CLASS_FRACTIONS
        for name, estimate in estimates.items():
            sampled = [getattr(one.classes[label], name) for one in samples]
            assert_interval(estimate, sampled, getattr(itself.classes[label], name))
    for label, band in got.bands.items():
        curves = np.array([best_precision(one, label) for one in samples])
        own = best_precision(itself, label)
        low, high = np.clip(bootstrap_interval(curves, own, 0.95), 0, 1)
        np.testing.assert_allclose(band.precision, own, rtol=0, atol=1e-12)
        np.testing.assert_allclose(band.low, low, rtol=0, atol=1e-10)
        np.testing.assert_allclose(band.high, high, rtol=0, atol=1e-10)
        assert band.recall.tolist() == LEVELS.tolist()


def test_intervals_of_surround_the_numbers_and_narrow_with_more_images() -> None:
    few, many = (intervals(larger(1, n_images), 200) for n_images in (10, 160))
    for got in (few, many):
        for estimate in (*got.coco_stats[:3], *got.totals.values()):
            assert estimate.low <= estimate.value <= estimate.high
    widths = [one.totals["mean_ap50"].high - one.totals["mean_ap50"].low for one in (few, many)]
    assert 2 < widths[0] / widths[1] < 8


def test_intervals_of_are_the_same_for_the_same_seed_only() -> None:
    columns = larger(2)
    first, again, other = (intervals(columns, 100, seed) for seed in (1, 1, 2))
    assert first.totals == again.totals
    assert first.totals["mean_ap"].value == other.totals["mean_ap"].value
    assert first.totals["mean_ap"] != other.totals["mean_ap"]


def test_intervals_of_a_class_that_few_samples_have_are_undefined() -> None:
    # 100 samples of 3 images: about 70 have the image with the cat; in 50 there are too few.
    box = [[0.0, 0.0, 10.0, 10.0]]
    images = [truth("a", box, [0]), truth("b", box, [1]), truth("c", box, [1])]
    found_there = [found(name, box, [0.9], [label]) for name, label in (("a", 0), ("b", 1))]
    columns = columns_of((images, found_there))
    rare = intervals(columns, 100).classes[0]["ap50"]
    assert (round(rare.value, 9), round(rare.low, 9), round(rare.high, 9)) == (1, 1, 1)
    rare = intervals(columns, 50).classes[0]["ap50"]
    assert math.isnan(rare.low)
    assert math.isnan(rare.high)


def test_intervals_of_a_class_without_objects_are_undefined() -> None:
    columns = larger(3)
    nothing = intervals(columns_of(([truth("a", [], [])], [])), 100)
    assert nothing.bands == {}
    assert all(math.isnan(one.value) and math.isnan(one.low) for one in nothing.coco_stats)
    assert sorted(intervals(columns, 100).bands) == [0, 1, 2]


def test_intervals_of_reports_as_many_samples_as_were_asked_for() -> None:
    judged = judged_columns(*larger(4), DEFAULT)
    told: list[int] = []
    intervals_of(judged, judged.evaluation("val"), 130, 0, told.append)
    assert sum(told) == 130
