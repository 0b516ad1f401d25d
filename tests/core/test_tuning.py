"""What is peculiar to our choice of thresholds: messages, dtypes, purity."""

from __future__ import annotations

import numpy as np
import pytest

from refdet.core.thresholds import score_threshold_mask
from refdet.core.tuning import (
    threshold_counts,
    threshold_of_best_f_beta,
    threshold_of_precision,
    threshold_of_recall,
)

THRESHOLDS = np.array([0.75, 0.5])
RIGHT = np.array([1, 2])
WRONG = np.array([0, 1])


def test_threshold_counts_names_what_is_wrong() -> None:
    found = np.array([True, False])
    with pytest.raises(ValueError, match=r"scores\[1\] is NaN"):
        threshold_counts(np.array([0.5, np.nan]), found)
    with pytest.raises(TypeError, match="scores must be of a real dtype, got object"):
        threshold_counts(THRESHOLDS.astype(object), found)
    with pytest.raises(TypeError, match="is_true_positive must be of dtype bool, got int64"):
        threshold_counts(THRESHOLDS, RIGHT)
    with pytest.raises(ValueError, match=r"is_true_positive has shape \(1,\) and scores \(2,\)"):
        threshold_counts(THRESHOLDS, found[:1])


def test_threshold_counts_keeps_float32_scores_as_they_are() -> None:
    scores = np.array([0.7, 0.7, 0.1], np.float32)
    got = threshold_counts(scores, np.array([True, True, False]))
    assert (len(got.thresholds), got.true_positives.tolist()) == (2, [2, 2])
    mask = score_threshold_mask(scores, np.zeros(3, np.int64), float(got.thresholds[0]), {})
    assert mask.tolist() == [True, True, False]


def test_threshold_functions_name_what_is_wrong_with_the_counts() -> None:
    with pytest.raises(ValueError, match=r"thresholds\[1\] = 0.75 comes after 0.5"):
        threshold_of_best_f_beta(THRESHOLDS[::-1], RIGHT, WRONG, 2)
    with pytest.raises(ValueError, match=r"thresholds\[1\] = 0.5 comes after 0.5"):
        threshold_of_recall(np.array([0.5, 0.5]), RIGHT, 2, 0.5)
    with pytest.raises(ValueError, match=r"thresholds\[2\] = 0.5 comes after 0.25"):
        threshold_of_recall(np.array([0.75, 0.25, 0.5]), np.array([1, 2, 3]), 3, 0.5)
    with pytest.raises(ValueError, match=r"^thresholds\[1\] is NaN"):
        threshold_of_recall(np.array([0.5, np.nan]), RIGHT, 2, 0.5)
    with pytest.raises(TypeError, match="true_positives must be of an integer dtype, got float64"):
        threshold_of_precision(THRESHOLDS, THRESHOLDS, WRONG, 0.5)
    with pytest.raises(ValueError, match=r"false_positives must have shape \(..., 2\), got \(1,\)"):
        threshold_of_precision(THRESHOLDS, RIGHT, WRONG[:1], 0.5)
    with pytest.raises(ValueError, match=r"false_positives\[0, 1\] = -1 is negative"):
        threshold_of_precision(THRESHOLDS, RIGHT[None], -WRONG[None], 0.5)
    with pytest.raises(ValueError, match=r"has shape \(1, 2\), false_positives \(2,\)"):
        threshold_of_best_f_beta(THRESHOLDS, RIGHT[None], WRONG, np.array([2]))


def test_threshold_functions_name_the_counts() -> None:
    with pytest.raises(ValueError, match=r"^true_positives\[0\] = -1 is negative"):
        threshold_of_best_f_beta(THRESHOLDS, -RIGHT, WRONG, 2)
    with pytest.raises(ValueError, match=r"^false_positives\[0\] = -1 is negative"):
        threshold_of_best_f_beta(THRESHOLDS, RIGHT, WRONG - 1, 2)
    with pytest.raises(ValueError, match=r"^true_positives\[0\] = -1 is negative"):
        threshold_of_recall(THRESHOLDS, -RIGHT, 2, 0.5)


def test_threshold_of_best_f_beta_is_that_of_f1_unasked() -> None:
    # F1 is 0.667 and 0.571, F2 0.556 and 0.769.
    counts = (THRESHOLDS, RIGHT, np.array([0, 3]), 2)
    assert threshold_of_best_f_beta(*counts) == 0.75
    assert threshold_of_best_f_beta(*counts, 2.0) == 0.5


def test_threshold_functions_name_what_is_wrong_with_the_objects() -> None:
    with pytest.raises(ValueError, match=r"n_objects must have shape \(3, 1\), got \(3,\)"):
        threshold_of_recall(THRESHOLDS, np.tile(RIGHT, (3, 1, 1)), np.array([2, 2, 2]), 0.5)
    with pytest.raises(ValueError, match="n_objects = 1 is below the number of true positives"):
        threshold_of_recall(THRESHOLDS, RIGHT, 1, 0.5)
    with pytest.raises(ValueError, match=r"n_objects\[0\] = 1 is below the number"):
        threshold_of_best_f_beta(THRESHOLDS, RIGHT[None], WRONG[None], np.array([1]))
    with pytest.raises(ValueError, match=r"n_objects must have shape \(1,\), got \(\)"):
        threshold_of_recall(THRESHOLDS, RIGHT[None], 2, 0.5)
    with pytest.raises(TypeError, match="n_objects must be integers, got bool"):
        threshold_of_recall(THRESHOLDS, RIGHT, True, 0.5)


@pytest.mark.parametrize("required", [0.0, -0.5, 1.5, np.nan])
def test_threshold_functions_refuse_what_nothing_can_be_required_to_reach(required: float) -> None:
    with pytest.raises(ValueError, match=rf"required must be in \(0, 1\], got {required}"):
        threshold_of_precision(THRESHOLDS, RIGHT, WRONG, required)
    with pytest.raises(ValueError, match=rf"required must be in \(0, 1\], got {required}"):
        threshold_of_recall(THRESHOLDS, RIGHT, 2, required)


@pytest.mark.parametrize("beta", [0.0, -1.0, np.inf, np.nan])
def test_threshold_of_best_f_beta_refuses_a_beta_without_meaning(beta: float) -> None:
    with pytest.raises(ValueError, match=f"beta must be positive and finite, got {beta}"):
        threshold_of_best_f_beta(THRESHOLDS, RIGHT, WRONG, 2, beta)


def test_threshold_functions_do_not_write_to_their_inputs() -> None:
    columns = [column.copy() for column in (THRESHOLDS, RIGHT, WRONG)]
    for column in columns:
        column.setflags(write=False)
    thresholds, right, wrong = columns
    assert threshold_of_best_f_beta(thresholds, right, wrong, 2) == 0.5
    assert threshold_of_precision(thresholds, right, wrong, 1.0) == 0.75
    assert threshold_of_recall(thresholds, right, 2, 1.0) == 0.5
