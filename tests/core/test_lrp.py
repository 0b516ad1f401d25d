"""What is peculiar to our LRP: errors that name row and value, purity, dtypes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from refdet.core.lrp import lrp_error, optimal_lrp


def good() -> dict[str, object]:
    """One detection that found one of two objects."""
    return {
        "scores": np.array([0.5]),
        "true_positive": np.array([True]),
        "iou": np.array([0.75]),
        "n_objects": 2,
    }


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("scores", np.array([np.nan]), ValueError, r"scores\[0\] is NaN"),
        ("scores", np.array([True]), TypeError, "scores must be of a real dtype"),
        ("true_positive", np.array([1]), TypeError, "true_positive must be of dtype bool"),
        ("true_positive", np.zeros(2, bool), ValueError, r"true_positive must have shape \(1,\)"),
        ("iou", np.array([1.5]), ValueError, r"iou\[0\] = 1.5 is not in \[0, 1\]"),
        ("iou", np.array([np.nan]), ValueError, r"iou\[0\] = nan is not in \[0, 1\]"),
        ("iou", np.array([True]), TypeError, "iou must be of a real dtype"),
        ("iou", np.zeros(2), ValueError, r"iou must have shape \(1,\)"),
        ("n_objects", 0, ValueError, "n_objects = 0 is less than the 1 true positives"),
        ("n_objects", -1, ValueError, "n_objects = -1"),
        ("iou_threshold", 0.0, ValueError, r"iou_threshold = 0.0 is not in \(0, 1\]"),
        ("iou_threshold", 1.5, ValueError, r"iou_threshold = 1.5 is not in \(0, 1\]"),
    ],
)
@pytest.mark.parametrize("function", [lrp_error, optimal_lrp])
def test_lrp_names_what_is_wrong(
    function: Callable[..., object],
    name: str,
    value: object,
    error: type[Exception],
    message: str,
) -> None:
    more = {"score_threshold": 0.5} if function is lrp_error else {}
    with pytest.raises(error, match=message):
        function(**{**good(), **more, name: value})


def test_lrp_error_refuses_a_threshold_that_is_nan() -> None:
    with pytest.raises(ValueError, match=r"^score_threshold is NaN$"):
        lrp_error(np.zeros(1), np.zeros(1, np.bool_), np.zeros(1), 1, float("nan"))


def test_lrp_error_does_not_read_the_iou_of_a_false_positive() -> None:
    scores, right = np.array([0.5, 0.25]), np.array([True, False])
    one, other = (lrp_error(scores, right, np.array([0.75, iou]), 1, 0.0) for iou in (0.0, np.nan))
    assert one == other


def test_optimal_lrp_leaves_its_inputs_alone_and_takes_integers() -> None:
    scores, right, iou = np.array([3, 1]), np.array([True, False]), np.array([1, 0])
    copies = scores.copy(), right.copy(), iou.copy()
    assert optimal_lrp(scores, right, iou, 1).score_threshold == 3
    for array, copy in zip((scores, right, iou), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_lrp_error_of_a_match_that_does_not_overlap_is_1() -> None:
    """Its share is 1 - 0 over 1 - 0.5, which is 2; but an error is 1 at most."""
    got = lrp_error(np.array([0.5]), np.array([True]), np.array([0.0]), 1, 0.5)
    assert (got.lrp, got.localization) == (1.0, 1.0)


def test_optimal_lrp_adds_up_equal_scores_in_the_order_of_the_input() -> None:
    """So that sums are the same, bit for bit, wherever it runs."""
    iou = np.random.default_rng(0).uniform(0.5, 1, 400)
    scores = np.tile([0.75, 0.5], 200)
    lost = 0.0
    for overlap in [*iou[::2], *iou[1::2]]:
        lost += 1 - overlap
    got = optimal_lrp(scores, np.ones(400, np.bool_), iou, 400)
    assert (got.score_threshold, got.localization) == (0.5, lost / 400)
