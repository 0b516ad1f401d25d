"""What is peculiar to our bootstrap: messages, dtypes, purity."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refdet.core.bootstrap import (
    ROUNDING,
    bootstrap_interval,
    bootstrap_p_value,
    bootstrap_weights,
)

SAMPLES = np.arange(60.0).reshape(30, 2)


@pytest.mark.parametrize(
    ("n_images", "n_samples", "error", "message"),
    [
        (-1, 2, ValueError, "n_images = -1 is negative"),
        (2, -1, ValueError, "n_samples = -1 is negative"),
        (2.0, 2, TypeError, "n_images must be an integer, got 2.0"),
        (2, True, TypeError, "n_samples must be an integer, got True"),
    ],
)
def test_bootstrap_weights_names_a_wrong_number(
    n_images: int, n_samples: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bootstrap_weights(n_images, n_samples, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("samples", "value", "level", "error", "message"),
    [
        (SAMPLES, [1.0], 0.9, ValueError, r"value has shape \(1,\) and samples \(30, 2\)"),
        (1.0, 1.0, 0.9, ValueError, r"samples must have shape \(S, ...\), got \(\)"),
        (SAMPLES, [1.0, 2.0], 0.0, ValueError, r"level = 0.0 is not in \(0, 1\)"),
        (SAMPLES, [1.0, 2.0], 1.0, ValueError, r"level = 1.0 is not in \(0, 1\)"),
        (SAMPLES, [1.0, 2.0], float("nan"), ValueError, "level = nan is not in"),
        (SAMPLES > 2, [1.0, 2.0], 0.9, TypeError, "samples must be of a real dtype, got bool"),
        (SAMPLES, [1j, 2.0], 0.9, TypeError, "value must be of a real dtype, got complex128"),
    ],
)
def test_bootstrap_interval_names_what_is_wrong(
    samples: np.ndarray, value: np.ndarray, level: float, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bootstrap_interval(samples, value, level)


@pytest.mark.parametrize(
    ("samples", "value", "error", "message"),
    [
        (1.0, 1.0, ValueError, r"difference_samples must have shape \(S, ...\), got \(\)"),
        (SAMPLES > 2, [1.0, 2.0], TypeError, "difference_samples must be of a real dtype, got bo"),
        (SAMPLES, 1.0, ValueError, r"value has shape \(\) and difference_samples \(30, 2\)"),
        (SAMPLES, [True, False], TypeError, "value must be of a real dtype, got bool"),
    ],
)
def test_bootstrap_p_value_names_what_is_wrong(
    samples: np.ndarray, value: np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bootstrap_p_value(samples, value)


@pytest.mark.parametrize(
    ("n_images", "error", "message"),
    [
        (2.0, TypeError, "n_images must be integers, got float64"),
        (True, TypeError, "n_images must be integers, got bool"),
        ([5, -2], ValueError, "n_images = -2 is negative"),
        ([1, 2, 3], ValueError, r"n_images has shape \(3,\) and value \(2,\)"),
        ([[1], [2]], ValueError, r"n_images has shape \(2, 1\) and value \(2,\)"),
    ],
)
def test_bootstrap_names_wrong_images(
    n_images: np.ndarray, error: type[Exception], message: str
) -> None:
    value = np.array([1.0, 2.0])
    with pytest.raises(error, match=message):
        bootstrap_interval(SAMPLES, value, 0.9, n_images)
    with pytest.raises(error, match=message):
        bootstrap_p_value(SAMPLES, value, n_images)


def test_bootstrap_takes_any_real_dtype() -> None:
    integers = np.arange(60, dtype=np.int16).reshape(30, 2)
    for got, want in zip(
        bootstrap_interval(integers, np.array([20, 30]), 0.9),
        bootstrap_interval(SAMPLES, np.array([20.0, 30.0]), 0.9),
        strict=True,
    ):
        assert got.dtype == np.float64
        assert got.tolist() == want.tolist()
    value = np.array([20, 30], np.uint8)
    p_values = (
        bootstrap_p_value(one, value, np.array(30, np.uint8)) for one in (integers, SAMPLES)
    )
    assert next(p_values).tolist() == next(p_values).tolist()


def test_bootstrap_interval_is_of_95_percent_unasked() -> None:
    samples, value = SAMPLES.repeat(2, axis=0), np.array([30.0, 31.0])
    for got, want in zip(
        bootstrap_interval(samples, value), bootstrap_interval(samples, value, 0.95), strict=True
    ):
        assert got.tolist() == want.tolist()


def test_bootstrap_p_value_of_two_samples_equals_the_hand_derivation() -> None:
    # The standard deviation of 0 and 2 is sqrt(2); erfc(x / sqrt(2)) is the normal's two tails.
    samples = np.array([0.0, 2.0])
    assert bootstrap_p_value(samples, 0.1) == pytest.approx(math.erfc(0.05), rel=1e-12)
    # Two images: the variance times 1 + 1 / (2 - 1), and Student's t of one degree of freedom,
    # which is Cauchy's distribution.
    cauchy = 1 - 2 / math.pi * math.atan(0.1 / 2)
    assert bootstrap_p_value(samples, 0.1, 2) == pytest.approx(cauchy, rel=1e-12)


def test_bootstrap_p_value_is_1_where_there_is_no_image() -> None:
    assert bootstrap_p_value(np.array([0.0, 2.0]), 0.1, 0) == 1


def test_bootstrap_takes_differences_up_to_rounding_for_none() -> None:
    same = np.full(50, ROUNDING)
    assert bootstrap_p_value(same, ROUNDING) == 1
    samples = np.where(np.arange(50) % 2, ROUNDING, 0.0)
    assert np.isnan(bootstrap_interval(samples, 0.0)).all()


def test_bootstrap_of_no_numbers_is_empty() -> None:
    none, images = np.zeros(0), np.zeros(0, np.int64)
    low, high = bootstrap_interval(np.zeros((50, 0)), none, n_images=images)
    assert (low.shape, high.shape) == ((0,), (0,))


def test_bootstrap_leaves_its_inputs_alone() -> None:
    samples, value, images = SAMPLES[::-1].copy(), np.array([20.0, 30.0]), np.array([7, 30])
    for array in (samples, value, images):
        array.setflags(write=False)
    bootstrap_interval(samples, value, 0.95, images)
    bootstrap_p_value(samples, value, images)
