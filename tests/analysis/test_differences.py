"""Whether p-values and verdicts claim what they may: simulations with fixed seeds, bounds by hand.

The limits of a count out of n are those that a binomial of the claimed share, 5 %, passes in one of
a thousand cases.
"""

from __future__ import annotations

import math
from dataclasses import replace
from math import comb

import numpy as np
import pytest

from refdet.analysis.differences import compared_numbers, corrected_p_values, least_p_value, stretch
from refdet.analysis.resampling import Resampler
from refdet.analysis.verdicts import shows, verdict_of
from refdet.analysis_records import ComparedNumber, Estimate
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64
from tests.analysis.runs import Detector, run_of, some_objects


def limit(n: int, share: float) -> int:
    """The least count that a binomial reaches in less than one of a thousand cases."""
    left, count = 1.0, 0
    while left >= 1e-3:
        left -= comb(n, count) * share**count * (1 - share) ** (n - count)
        count += 1
    return count


def test_limit_of_fair_coins() -> None:
    # 10 heads of 10: 1 in 1024; 9 or 10: 11 in 1024.
    assert limit(10, 0.5) == 10
    assert limit(9, 0.5) == 10  # even 9 of 9 is more often than one in a thousand


def class_differences(
    first: Detector, second: Detector, n_classes: int, n_images: int
) -> list[ComparedNumber]:
    """Each class is an experiment of its own: its objects and detections depend on no other's."""
    rng = np.random.default_rng(0)
    objects = some_objects(rng, n_images, n_classes, per_image=2 * n_classes)
    settings = EvaluationSettings()
    runs = [
        judged_columns(objects, run_of(detector, objects, rng, np.ones(n_images)), settings)
        for detector in (
            replace(first, wrong=first.wrong * n_classes),
            replace(second, wrong=second.wrong * n_classes),
        )
    ]
    weights = bootstrap_weights(n_images, 150, rng)
    every = np.concatenate([np.ones((1, n_images), np.int64), weights])
    a, b = (Resampler(judged).numbers(every).classes["ap"] for judged in runs)
    names = [str(label) for label in range(n_classes)]
    return list(compared_numbers(names, a, b, np.full(n_classes, n_images)))


@pytest.mark.parametrize("n_images", [10, 30])
def test_runs_of_equally_good_detectors_differ_in_one_case_of_twenty(n_images: int) -> None:
    n = 120
    numbers = class_differences(Detector(), Detector(), n, n_images)
    assert sum(shows(one, 0.95) for one in numbers) < limit(n, 0.05)


def test_runs_of_a_better_detector_are_found_to_be_better() -> None:
    n = 30
    better = Detector(found=0.95, jitter=0.03)
    numbers = class_differences(Detector(), better, n, 30)
    assert all(one.difference.value > 0 for one in numbers)
    assert sum(shows(one, 0.95) for one in numbers) > 0.9 * n


@pytest.mark.parametrize(
    ("low", "high", "p_value", "shown"),
    [
        (0.1, 0.3, 0.01, True),
        (-0.3, -0.1, 0.01, True),
        (0.1, 0.3, 0.05, True),
        (0.1, 0.3, 0.051, False),
        (0.0, 0.3, 0.01, False),
        (-0.3, 0.0, 0.01, False),
        (math.nan, math.nan, 0.01, False),
        (0.1, 0.3, math.nan, False),
    ],
)
def test_shows_needs_both_the_interval_and_the_p_value(
    low: float, high: float, p_value: float, shown: bool
) -> None:
    assert shows(ComparedNumber("x", 0, 0.2, Estimate(0.2, low, high), p_value), 0.95) == shown


def families(rng: np.random.Generator, n: int, size: int, common: float) -> tuple[F64, F64]:
    """(n, size) differences of mean 0, and (n, S, size) samples around each, as correlated."""

    def draw(*shape: int) -> F64:
        own, shared = rng.normal(size=(*shape, size)), rng.normal(size=(*shape, 1))
        mixed: F64 = math.sqrt(1 - common) * own + math.sqrt(common) * shared
        return mixed

    values = draw(n)
    return values, values[:, None] + draw(n, 199)


@pytest.mark.parametrize(("size", "common"), [(1, 0.0), (6, 0.0), (6, 0.9)])
def test_corrected_p_values_err_in_one_family_of_twenty(size: int, common: float) -> None:
    n = 600
    values, samples = families(np.random.default_rng(1), n, size, common)
    wrong = sum(bool((corrected_p_values(samples[i], values[i]) <= 0.05).any()) for i in range(n))
    assert n - limit(n, 0.95) < wrong < limit(n, 0.05)


def test_corrected_p_values_find_what_is_there_among_a_hundred() -> None:
    # Holm's rule on p-values of at least 2 / 1001 would find nothing among more than 25.
    rng = np.random.default_rng(2)
    values = np.where(np.arange(100) < 3, 8.0, 0) + rng.normal(size=100)
    samples = values + rng.normal(size=(1000, 100))
    got = corrected_p_values(samples, values)
    assert (got[:3] <= 0.05).all()
    assert (got[3:] > 0.05).all()


def test_corrected_p_values_by_hand() -> None:
    # Spreads are 1. The second is at 3, further than any of the 8 distances: 1 / 5. Of those left,
    # the first is at 2 and so far move: first itself 1 1 1 1; never: 1 / 5. The third is 0.
    values = np.array([2.0, -3.0, 0.0, np.nan])
    moves = np.array([[1.0, -1, 1, 0], [-1, 1, -1, 0], [1, 1, 1, 0], [-1, -1, -1, 0]])
    got = corrected_p_values(values + moves, values)
    assert got[:3].tolist() == [1 / 5, 1 / 5, 1]
    assert math.isnan(got[3])
    # At 1 itself, all four samples are as far: 5 / 5; a step down is never below the step before.
    assert corrected_p_values(values + moves, np.array([1.0, -3.0, 0.0, np.nan]))[0] == 1


def test_corrected_p_values_never_fall_from_a_larger_difference_to_a_smaller() -> None:
    # Moves of the first: 3 and -3 in 2 of 10 samples, 2.24 of its spread of 1.34, beyond its own
    # 2.2: 3 / 11. The second is 2 from 0 and moves by 1 of its spread: 1 / 11 if it were alone.
    moves = np.zeros((10, 2))
    moves[:2, 0] = 3, -3
    moves[:, 1] = np.tile([1, -1], 5)
    values = np.array([2.2 * math.sqrt(1.8), 2.0])
    assert corrected_p_values(values + moves, values).tolist() == [3 / 11, 3 / 11]
    assert corrected_p_values(values[1:] + moves[:, 1:], values[1:]).tolist() == [1 / 11]


def test_corrected_p_values_leave_out_samples_that_are_undefined() -> None:
    samples = np.array([[3.0, np.nan], [1.0, np.nan], [np.nan, np.nan]])
    got = corrected_p_values(samples, np.array([2.0, 1.0]))
    # A spread of 1, moved by 1 twice, less than 2; of the other no sample says anything.
    assert got.tolist() == [1 / 4, 1]


@pytest.mark.parametrize(("n", "want"), [(0, 1), (1, 1), (2, 0.5), (5, 1 / 16), (6, 1 / 32)])
def test_least_p_value_is_that_of_coins_that_all_fall_alike(n: int, want: float) -> None:
    assert least_p_value(np.array([n]))[0] == want


@pytest.mark.parametrize(
    ("n", "student"), [(6, 2.5706), (10, 2.2622), (31, 2.0423), (10**6, 1.9600)]
)
def test_stretch_is_that_of_students_quantile(n: int, student: float) -> None:
    # Any table of t at 0.975 with n - 1 degrees of freedom.
    want = student / 1.9600 * math.sqrt(n / (n - 1))
    assert stretch(np.array([n]))[0] == pytest.approx(want, rel=5e-5)
    assert stretch(np.array(5)) == stretch(np.array(6))


def compared(values: list[float], n_images: int, *, corrected: bool) -> list[ComparedNumber]:
    """Differences whose samples vary by 0.01 to either side, independent of each other."""
    moves = 0.01 * np.random.default_rng(0).normal(size=(999, len(values)))
    b = np.concatenate([np.zeros((1, len(values))), moves]) + np.array(values)
    images = np.full(len(values), n_images)
    names = [str(value) for value in values]
    return list(compared_numbers(names, np.zeros_like(b), b, images, corrected=corrected))


def test_compared_numbers_correct_the_least_p_value_too() -> None:
    # 8 images: 2 in 256 for one number, 4 in 256 for one of two.
    rows = compared([1.0, 1.0], 8, corrected=True)
    assert [row.p_value for row in rows] == [4 / 256, 4 / 256]
    rows = compared([1.0, 1.0], 8, corrected=False)
    assert [row.p_value for row in rows] == [2 / 256, 2 / 256]
    assert not math.isnan(rows[0].difference.low)


def test_compared_numbers_are_corrected_upwards_alone() -> None:
    values = [0.0, 0.012, 0.016, 0.021, 0.024, 0.03]
    raw, together = (compared(values, 40, corrected=which) for which in (False, True))
    for one, other in zip(raw, together, strict=True):
        assert other.p_value >= one.p_value
        assert other.difference == one.difference
        assert (one.p_value < 0.05) == (one.difference.low > 0)
    assert [shows(one, 0.95) for one in raw] == [False, False, False, True, True, True]
    assert [shows(one, 0.95) for one in together] == [False, False, False, False, False, True]
    alone, same_alone = (compared([0.021], 40, corrected=which) for which in (False, True))
    assert alone == same_alone


def test_compared_numbers_of_a_constant_difference_have_no_interval() -> None:
    b = np.full((100, 2), 0.75)
    a = np.stack([np.full(100, 0.5), np.linspace(0.5, 0.6, 100)], axis=1)
    constant, varied = compared_numbers(["x", "y"], a, b, np.array([40, 40]))
    assert math.isnan(constant.difference.low)
    assert math.isnan(constant.p_value)
    assert not math.isnan(varied.difference.low)
    for same in compared_numbers(["x", "y"], b, b, np.array([3, 0])):
        assert (same.difference.low, same.difference.high, same.p_value) == (0, 0, 1)


def test_compared_numbers_stay_within_the_range_of_differences() -> None:
    b = np.linspace(-1, 1, 200)[:, None] ** 3
    b[0] = 0.9
    (row,) = compared_numbers(["x"], np.zeros_like(b), b, np.array([6]))
    assert row.difference.high == 1


@pytest.mark.parametrize(("low", "p_value"), [(0.01, 0.2), (0.01, math.nan), (-0.01, 0.01)])
def test_verdict_says_one_thing_where_interval_and_p_value_do_not_agree(
    low: float, p_value: float
) -> None:
    ap = ComparedNumber("AP", 0.5, 0.6, Estimate(0.1, low, 0.2), p_value)
    said = verdict_of(("a", "b"), 0.95, ap, [ap, ap], 40)
    assert said.startswith("No difference is shown: b's AP is 0.100 higher than a's")
    assert "better" not in said
    assert ("includes 0" in said) == (low < 0)
    assert "would often go unseen" in said


def test_verdict_of_a_shown_difference_does_not_doubt_it() -> None:
    ap = ComparedNumber("AP", 0.5, 0.6, Estimate(0.1, 0.001, 0.199), 0.049)
    said = verdict_of(("a", "b"), 0.95, ap, [ap], 40)
    assert said == "b is better than a by 0.100 AP (95 % interval 0.001 to 0.199)."


def test_verdict_tells_of_thresholds_what_ap_hides() -> None:
    ap = ComparedNumber("AP", 0.5, 0.5, Estimate(0.0, -0.1, 0.1), 0.9)
    recall = ComparedNumber("micro R", 0.9, 0.85, Estimate(-0.05, -0.08, -0.02), 0.002)
    precision = ComparedNumber("micro P", 0.7, 0.71, Estimate(0.01, -0.01, 0.03), 0.3)
    said = verdict_of(
        *(("a", "b"), 0.95, ap, [ap], 40), at_thresholds={"precision": precision, "recall": recall}
    )
    assert said.endswith(
        "At the score thresholds a's recall is 0.050 higher (95 % interval 0.020 to 0.080)."
    )
    assert "precision" not in said
    silent = verdict_of(("a", "b"), 0.95, ap, [ap], 40, at_thresholds={"precision": precision})
    assert "thresholds" not in silent
