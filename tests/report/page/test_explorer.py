from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.analysis_records import ThresholdCurve
from refdet.report.page.explorer import counts_at, explorer_data, threshold_steps
from tests.report.page.examples import empty, large, small
from tests.report.page.measured import curve_of, evaluation_at, measured


def classes_of(data: dict[str, object], run: int = 0) -> list[dict[str, object]]:
    runs = cast("list[dict[str, list[dict[str, object]]]]", data["runs"])
    return runs[run]["classes"]


def unpacked(changes: object) -> list[int]:
    """As the page unpacks them: counts from the lowest threshold upwards."""
    numbers = [int(text) for text in str(changes).split(",")]
    return [sum(numbers[: stop + 1]) for stop in range(len(numbers))][::-1]


SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.3, 0.5005, 1.0]), st.booleans()))


@given(SCORED, st.sampled_from([0.0, 0.3, 0.30000000000000004, 0.7, 1.0]))
@example([], 0.5)
@example([(0.5, True)], 0.5)
def test_counts_at_equals_counting(scored: list[tuple[float, bool]], threshold: float) -> None:
    right, wrong = counts_at(curve_of(scored, 3), np.array([threshold]))
    assert right.tolist() == [sum(s >= threshold and is_true for s, is_true in scored)]
    assert wrong.tolist() == [sum(s >= threshold and not is_true for s, is_true in scored)]


def test_threshold_steps_are_thousandths_and_the_threshold_itself() -> None:
    steps = threshold_steps(curve_of([(0.9, True), (0.2, False)], 1), 0.7).tolist()
    assert steps == [number / 1000 for number in range(1001)]
    steps = threshold_steps(curve_of([(0.9, True)], 1), 0.70005).tolist()
    assert len(steps) == 1002
    assert steps[701:703] == [0.70005, 0.701]


def test_threshold_steps_of_other_scores_are_the_scores() -> None:
    few = curve_of([(-2.5, True), (7.0, False), (3.0, True)], 2)
    assert threshold_steps(few, 0.5).tolist() == [-2.5, 0.5, 3.0, 7.0]
    counts = np.arange(1, 5001)
    many = ThresholdCurve(np.arange(5000.0)[::-1], counts, 0 * counts, 5000)
    steps = threshold_steps(many, 0.0).tolist()
    assert len(steps) == 1000
    assert (steps[0], steps[-1]) == (0.0, 4999.0)


def test_explorer_data_holds_the_counts_of_every_step() -> None:
    curve = curve_of([(0.9, True), (0.9, False), (0.5005, True), (0.5, False)], 4)
    analysis = small()
    metrics = replace(analysis.evaluation.classes[0], score_threshold=0.5)
    evaluation = replace(analysis.evaluation, classes=(metrics,))
    data = explorer_data([replace(analysis, evaluation=evaluation, thresholds=(curve,))])
    assert data["n_steps"] == 1000
    (one,) = classes_of(data)
    assert (one["name"], one["start"], one["objects"], one["steps"]) == ("WBC", 0.5, 4, None)
    right, wrong = unpacked(one["true_positives"]), unpacked(one["false_positives"])
    assert len(right) == len(wrong) == 1001
    assert (right[0], right[500], right[501], right[900], right[901]) == (2, 2, 1, 1, 0)
    assert (wrong[0], wrong[500], wrong[501], wrong[900], wrong[901]) == (2, 2, 1, 1, 0)


def test_explorer_data_of_nothing_is_empty() -> None:
    assert classes_of(explorer_data([empty()])) == []


def test_explorer_data_of_80_classes_is_small() -> None:
    dice = np.random.default_rng(1)
    scores = np.sort(np.unique(dice.random(20_000)))[::-1]
    right = np.cumsum(dice.integers(0, 2, len(scores)))
    wrong = np.arange(1, len(scores) + 1) - right
    analysis = large(80)
    curves = (ThresholdCurve(scores, right, wrong, 30_000),) * 80
    data = explorer_data([replace(analysis, thresholds=curves)])
    assert len(json.dumps(data)) < 1_000_000


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.33, 0.5, 0.505, 0.99, 1.0])
def test_explorer_data_equals_the_evaluation_at_that_threshold(threshold: float) -> None:
    want = evaluation_at((threshold, threshold, threshold))
    shown = classes_of(explorer_data([measured()]))
    for one, metrics in zip(shown, want.classes, strict=True):
        step = round(threshold * 1000)
        assert unpacked(one["true_positives"])[step] == metrics.true_positives
        assert unpacked(one["false_positives"])[step] == metrics.false_positives
        assert one["objects"] == metrics.n_ground_truth
