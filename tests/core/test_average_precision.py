"""What is peculiar to our AP: messages, purity, bits; and what a common notebook gets wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from numpy.typing import NDArray

from fixtures.from_tools.pycocotools_run import run_coco_eval
from refdet.conformance.average_precision import Judged, cases, judged
from refdet.core.average_precision import (
    average_precision_coco,
    average_precision_interp101,
    average_precision_voc,
    average_precision_voc07,
    precision_recall_curve,
)

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
AveragePrecision = Callable[[F64, Mask, int], float]

ALL_FOUR = (
    average_precision_voc07,
    average_precision_voc,
    average_precision_coco,
    average_precision_interp101,
)
SCORES = np.array([0.5, 0.25])
FOUND = np.array([True, False])


@given(case=cases())
@example(case=judged([0.5], "x", 1))
@example(case=judged([i / 128 for i in range(57)], "x" * 57, 100))
def test_average_precision_coco_equals_pycocotools_bit_for_bit(case: Judged) -> None:
    # One detection to an image, so that matching decides nothing; then images without detection.
    count, missed = len(case.scores), case.n_objects - int(case.found.sum())
    with_object = [*np.flatnonzero(case.found).tolist(), *range(count, count + missed)]
    common = {"category_id": 0, "bbox": [0.0, 0.0, 8.0, 8.0]}
    evaluation = run_coco_eval(
        count + missed,
        1,
        [{**common, "image_id": image} for image in with_object],
        [{**common, "image_id": i, "score": s} for i, s in enumerate(case.scores.tolist())],
    )
    got = average_precision_coco(case.scores, case.found, case.n_objects)
    if not case.n_objects:
        assert np.isnan(got)
        assert (evaluation.eval["precision"] == -1).all()
    else:
        assert got == np.mean(evaluation.eval["precision"][0, :, 0, 0, -1])


# --- A notebook's faults ---


def test_average_precision_interp101_reproduces_a_notebook_that_coco_contradicts() -> None:
    perfect = (np.array([0.75, 0.5]), np.array([True, True]), 2)
    one_of_ten = (np.array([0.75]), np.array([True]), 10)
    assert average_precision_interp101(*perfect) == pytest.approx(0.995, abs=1e-12)
    assert average_precision_interp101(*one_of_ten) == pytest.approx(0.55, abs=1e-12)
    assert average_precision_coco(*perfect) == 1
    assert average_precision_coco(*one_of_ten) == pytest.approx(11 / 101, abs=1e-12)


@pytest.mark.parametrize("average_precision", ALL_FOUR)
def test_average_precision_with_tied_scores_has_one_value_where_an_unstable_sort_has_many(
    average_precision: AveragePrecision,
) -> None:
    # 100 ties of each of two scores: NumPy's default sort, which is not stable, takes them in an
    # order of its own (a single score for all it would leave as it is).
    rows = np.arange(200)
    scores, found = np.where(rows % 2 == 0, 0.5, 0.25), rows < 100
    assert (np.argsort(-scores) != np.argsort(-scores, kind="stable")).any()
    for right in (found, ~found):
        untied = average_precision(scores - rows / 2**20, right, 100)
        assert average_precision(scores, right, 100) == untied
    true_first, false_first = (average_precision(scores, right, 100) for right in (found, ~found))
    assert true_first > false_first + 0.25


@pytest.mark.parametrize("average_precision", ALL_FOUR)
def test_average_precision_changes_if_a_score_threshold_comes_first(
    average_precision: AveragePrecision,
) -> None:
    scores = np.linspace(0.95, 0.05, 10)
    found = np.ones(10, np.bool_)
    confident = scores >= 0.6
    assert average_precision(scores, found, 10) >= 0.99
    assert average_precision(scores[confident], found[confident], 10) < 0.75


def test_average_precision_voc07_counts_9_of_15_as_recall_0_6() -> None:
    got = average_precision_voc07(np.arange(9) / 16, np.ones(9, np.bool_), 15)
    assert got == pytest.approx(7 / 11, abs=1e-12)  # in floating point 9 / 15 < 6 * 0.1: 6 / 11


# --- Messages, dtypes, purity ---


@pytest.mark.parametrize("function", [*ALL_FOUR, precision_recall_curve])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((SCORES > 0, FOUND, 1), TypeError, "scores must be of a real dtype, got bool"),
        ((SCORES[:, None], FOUND, 1), ValueError, r"scores must have shape \(N,\), got \(2, 1\)"),
        ((np.array([0.5, np.nan]), FOUND, 1), ValueError, r"scores\[1\] is NaN"),
        ((SCORES, np.array([1, 0]), 1), TypeError, "is_true_positive must be of dtype bool"),
        ((SCORES, FOUND[:1], 1), ValueError, r"is_true_positive has shape \(1,\) and scores \(2,"),
        ((SCORES, FOUND, 1.0), TypeError, "n_ground_truth must be an integer, got 1.0"),
        ((SCORES, FOUND, True), TypeError, "n_ground_truth must be an integer, got True"),
        ((SCORES, FOUND, 0), ValueError, "n_ground_truth = 0 is below 1 true positives"),
        ((SCORES[:0], FOUND[:0], -1), ValueError, "n_ground_truth = -1 is below 0"),
    ],
)
def test_average_precision_names_what_is_wrong(
    function: Callable[[F64, Mask, int], object],
    arguments: tuple[F64, Mask, int],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        function(*arguments)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8])
def test_precision_recall_curve_takes_any_real_dtype(dtype: type[np.generic]) -> None:
    # Unsigned scores must not wrap when their order is turned round.
    curve = precision_recall_curve(np.array([0, 1, 2], dtype), np.array([False, False, True]), 1)
    assert curve.precision.tolist() == [1, 1 / 2, 1 / 3]
    assert curve.scores.dtype == np.float64


@pytest.mark.parametrize("function", [*ALL_FOUR, precision_recall_curve])
def test_average_precision_does_not_write_to_its_inputs(
    function: Callable[[F64, Mask, int], object],
) -> None:
    scores, found = SCORES.copy(), FOUND.copy()
    scores.setflags(write=False)
    found.setflags(write=False)
    function(scores, found, 2)
