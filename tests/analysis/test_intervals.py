"""Intervals of an evaluation: of every fraction, as if each sample had been evaluated itself."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from refdet.analysis.intervals import intervals_of
from refdet.analysis_records import Estimate, EvaluationIntervals
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.evaluate import EvaluationSettings, evaluate_columns, judged_columns
from refdet.records import F64
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


def images_with_objects(
    columns: Columns, low: float = 0, high: float = math.inf
) -> dict[int, set[int]]:
    """Of each class that has objects of such an area that count, the images that have one."""
    objects, images = columns[0], defaultdict(set)
    names = ("image_ids", "category_ids", "area", "crowd", "ignore")
    rows = zip(*(getattr(objects, name).tolist() for name in names), strict=True)
    for image, category, area, crowd, ignore in rows:
        if low <= area <= high and not (crowd or ignore):
            images[category].add(image)
    return images


def standing(columns: Columns, weights: list[list[int]], low: float, high: float) -> int:
    """On how many images a mean over classes stands; 0 where too many samples lack a class."""
    images, ids = images_with_objects(columns, low, high), sorted(columns[0].images.ids.tolist())
    lacking = 0
    for weight in weights:
        drawn = {image for image, times in zip(ids, weight, strict=True) if times}
        lacking += any(not (drawn & of_class) for of_class in images.values())
    return len(set().union(*images.values())) if lacking <= 0.05 * len(weights) else 0


def assert_interval(got: Estimate, samples: list[float], value: float, n_images: int) -> None:
    ends = np.clip(bootstrap_interval(np.array(samples), value, 0.95, n_images), 0, 1)
    want = [value, *ends.tolist()]
    np.testing.assert_allclose([got.value, got.low, got.high], want, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("seed", "has_rare_class"), [(0, True), (2, False)])
def test_intervals_of_equals_evaluating_every_sample_anew(seed: int, has_rare_class: bool) -> None:
    columns = larger(seed)
    got = intervals(columns, 60, seed=5)
    assert (got.level, got.n_samples, got.seed) == (0.95, 60, 5)
    itself = evaluate_columns(*columns, split="val", settings=DEFAULT)
    weights = bootstrap_weights(40, 60, np.random.default_rng(5))
    samples = [
        evaluate_columns(*copied(columns, weight), split="val", settings=DEFAULT)
        for weight in weights.tolist()
    ]
    every, small, medium, large = (
        standing(columns, weights.tolist(), *ends)
        for ends in ((0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10))
    )
    of_sizes = [every] * 3 + [small, medium, large]
    assert (every == 0) == has_rare_class
    total = len(set().union(*images_with_objects(columns).values()))
    for place, (estimate, n_images) in enumerate(zip(got.coco_stats, of_sizes * 2, strict=True)):
        values = [one.coco_stats[place] for one in (itself, *samples)]
        values = [math.nan if value == -1 else value for value in values]
        assert_interval(estimate, values[1:], values[0], n_images)
    assert set(got.totals) == TOTAL_FRACTIONS
    for name, estimate in got.totals.items():
        sampled = [getattr(one.totals, name) for one in samples]
        of_class = name.removeprefix("macro_").removeprefix("mean_")
        lacking = (
            0
            if name.startswith("micro")
            else sum(
                any(
                    math.isnan(getattr(of_sample, of_class))
                    and not math.isnan(getattr(own, of_class))
                    for of_sample, own in zip(one.classes, itself.classes, strict=True)
                )
                for one in samples
            )
        )
        n_images = total if lacking <= 3 else 0
        assert_interval(estimate, sampled, getattr(itself.totals, name), n_images)
    assert len(got.classes) == 3
    for label, estimates in enumerate(got.classes):
        assert set(estimates) == CLASS_FRACTIONS
        for name, estimate in estimates.items():
            sampled = [getattr(one.classes[label], name) for one in samples]
            category = int(columns[0].categories.ids[label])
            n_images = len(images_with_objects(columns)[category])
            assert_interval(estimate, sampled, getattr(itself.classes[label], name), n_images)
    for label, band in got.bands.items():
        assert not (np.diff([band.low, band.high], axis=1) > 1e-12).any()  # as any envelope
        curves = np.array([best_precision(one, label) for one in samples])
        own = best_precision(itself, label)
        n_images = len(images_with_objects(columns)[int(columns[0].categories.ids[label])])
        low, high = band_by_sorting(curves, own, n_images)
        np.testing.assert_allclose(band.precision, own, rtol=0, atol=1e-12)
        np.testing.assert_allclose(band.low, low, rtol=0, atol=1e-10)
        np.testing.assert_allclose(band.high, high, rtol=0, atol=1e-10)
        assert band.recall.tolist() == LEVELS.tolist()


def test_intervals_of_surround_the_numbers_and_narrow_with_more_images() -> None:
    few, many = (intervals(larger(1, n_images), 200) for n_images in (10, 160))
    for got in (few, many):
        for name, estimate in got.totals.items():
            if name.startswith("micro"):  # a class is in few images
                assert estimate.low <= estimate.value <= estimate.high
    widths = [
        one.totals["micro_recall"].high - one.totals["micro_recall"].low for one in (few, many)
    ]
    assert 3 < widths[0] / widths[1] < 8


def test_intervals_of_are_the_same_for_the_same_seed_only() -> None:
    columns = larger(2)
    first, again, other = (intervals(columns, 100, seed) for seed in (1, 1, 2))
    assert str(first.totals) == str(again.totals)
    assert first.totals["mean_ap"].value == other.totals["mean_ap"].value
    assert first.totals["mean_ap"] != other.totals["mean_ap"]


def few_cats(n_cats: int, n_dogs: int, cat_found: int) -> EvaluationIntervals:
    """Images with a dog each, of which the first two of three are found, and some with a cat."""
    box = [[0.0, 0.0, 10.0, 10.0]]
    images = [truth(f"cat {k}", box, [0]) for k in range(n_cats)]
    images += [truth(f"dog {k}", box, [1]) for k in range(n_dogs)]
    found_there = [found(f"cat {k}", box, [0.9], [0]) for k in range(cat_found)]
    found_there += [found(f"dog {k}", box, [0.9], [1]) for k in range(n_dogs) if k % 3]
    for name in sorted(one.image for one in images):
        if name not in {one.image for one in found_there}:
            found_there.append(found(name, [], [], []))
    return intervals(columns_of((images, found_there), range(len(images))), 200)


def test_intervals_of_fewer_than_six_images_are_undefined() -> None:
    for n_cats, is_told in ((5, False), (6, True)):
        got = few_cats(n_cats, 12, n_cats - 2)
        assert not math.isnan(got.classes[0]["recall"].value)
        assert math.isnan(got.classes[0]["recall"].low) != is_told
        assert math.isnan(got.classes[0]["recall"].high) != is_told
        assert not math.isnan(got.totals["macro_recall"].low)  # 17 images; each sample has a cat


def test_intervals_of_a_mean_that_often_lacks_a_class_are_undefined() -> None:
    # Of 30 images with 2 cats, (28 / 30)^30 = 13 % of the samples have none; of 5 cats 0.4 %.
    for n_cats, is_told in ((2, False), (5, True)):
        got = few_cats(n_cats, 30 - n_cats, n_cats - 1)
        # Small objects are all there are.
        estimates = [got.totals[name] for name in ("macro_recall", "mean_ap50", "mean_ap50_voc")]
        for one in (*estimates, got.coco_stats[0], got.coco_stats[3], got.coco_stats[9]):
            assert not math.isnan(one.value)
            assert (math.isnan(one.low), math.isnan(one.high)) == (not is_told, not is_told)
        assert not math.isnan(got.totals["micro_recall"].low)


def test_intervals_of_what_never_varies_are_undefined() -> None:
    got = few_cats(9, 9, 9)
    recall = got.classes[0]["recall"]
    assert recall.value == 1
    assert math.isnan(recall.low)
    assert not math.isnan(got.classes[1]["recall"].low)


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


def band_by_sorting(curves: F64, own: F64, n_images: int) -> tuple[F64, F64]:
    """Quantiles between the sorted samples, widened to the curve itself."""
    ordered = np.sort(curves[~np.isnan(curves[:, 0])], axis=0)
    if n_images < 6 or len(ordered) < 40:
        return np.full(len(own), np.nan), np.full(len(own), np.nan)
    beyond = 0.025 * (len(ordered) - 1)
    whole = int(beyond)
    ends = []
    for side in (ordered, ordered[::-1]):
        ends.append(side[whole] + (beyond - whole) * (side[whole + 1] - side[whole]))
    return np.minimum(ends[0], own), np.maximum(ends[1], own)
