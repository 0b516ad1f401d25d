"""What is peculiar to `refdet.core.sampling`: errors, purity, dtypes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.sampling import balanced_sample, hard_negative_mask

LOSSES = np.array([[0.5, 0.25, 0.75], [3.0, 2.0, 1.0]])
POSITIVE = np.array([[True, False, False], [False, False, True]])


def test_hard_negative_mask_of_a_batch_without_positives_is_empty() -> None:
    """The first notebook's mining fails on such a batch."""
    assert not hard_negative_mask(LOSSES, np.zeros((2, 3), np.bool_), 3.0).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8, np.int64])
def test_hard_negative_mask_sorts_every_real_dtype(dtype: type[np.generic]) -> None:
    losses: NDArray[np.floating] = np.array([[1, 0, 3, 2]]).astype(dtype)
    positive = np.array([[True, False, False, False]])
    assert hard_negative_mask(losses, positive, 1.0).tolist() == [[False, False, True, False]]


def test_hard_negative_mask_leaves_its_inputs_as_they_were() -> None:
    losses, positive = LOSSES.copy(), POSITIVE.copy()
    losses.setflags(write=False)
    positive.setflags(write=False)
    hard_negative_mask(losses, positive, 3.0)
    np.testing.assert_array_equal(losses, LOSSES)
    np.testing.assert_array_equal(positive, POSITIVE)


def test_hard_negative_mask_names_image_and_prior_of_a_nan() -> None:
    losses = LOSSES.copy()
    losses[1, 2] = np.nan
    with pytest.raises(ValueError, match=re.escape("losses[1, 2] is NaN")):
        hard_negative_mask(losses, POSITIVE, 3.0)


@pytest.mark.parametrize("ratio", [-1.0, np.nan, np.inf])
def test_hard_negative_mask_names_a_bad_ratio(ratio: float) -> None:
    with pytest.raises(ValueError, match=f"ratio = {ratio} is not finite and >= 0"):
        hard_negative_mask(LOSSES, POSITIVE, ratio)


def test_hard_negative_mask_refuses_wrong_dtypes_and_shapes() -> None:
    with pytest.raises(TypeError, match="losses must be of a real dtype, got bool"):
        hard_negative_mask(POSITIVE, POSITIVE, 3.0)
    with pytest.raises(TypeError, match="positive must be of dtype bool, got float64"):
        hard_negative_mask(LOSSES, LOSSES, 3.0)
    with pytest.raises(ValueError, match=r"losses must have shape \(B, P\), got \(3,\)"):
        hard_negative_mask(LOSSES[0], POSITIVE[0], 3.0)
    with pytest.raises(ValueError, match=r"positive must have shape \(2, 3\), got \(1, 3\)"):
        hard_negative_mask(LOSSES, POSITIVE[:1], 3.0)


def test_balanced_sample_draws_differently_from_different_generators() -> None:
    half = np.arange(40) < 20
    draws = {
        balanced_sample(half, ~half, 10, 0.5, np.random.default_rng(seed)).positive.tobytes()
        for seed in range(5)
    }
    assert len(draws) == 5


def test_balanced_sample_leaves_its_inputs_as_they_were() -> None:
    positive, negative = POSITIVE[0].copy(), ~POSITIVE[0]
    before = negative.copy()
    positive.setflags(write=False)
    negative.setflags(write=False)
    balanced_sample(positive, negative, 2, 0.5, np.random.default_rng(0))
    np.testing.assert_array_equal(positive, POSITIVE[0])
    np.testing.assert_array_equal(negative, before)


def test_balanced_sample_names_a_prior_that_is_positive_and_negative() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="prior 2 is in both positive and negative"):
        balanced_sample(np.arange(4) == 2, np.arange(4) >= 2, 2, 0.5, rng)


def test_balanced_sample_refuses_a_bad_size_or_fraction() -> None:
    rng, positive = np.random.default_rng(0), POSITIVE[0]
    with pytest.raises(ValueError, match="size = -1 is negative"):
        balanced_sample(positive, ~positive, -1, 0.5, rng)
    with pytest.raises(ValueError, match=r"positive_fraction = 1\.5 is not in \[0, 1\]"):
        balanced_sample(positive, ~positive, 2, 1.5, rng)


def test_balanced_sample_refuses_wrong_dtypes_and_shapes() -> None:
    rng, positive = np.random.default_rng(0), POSITIVE[0]
    with pytest.raises(TypeError, match="negative must be of dtype bool, got int64"):
        balanced_sample(positive, np.array([0, 1, 0]), 2, 0.5, rng)
    with pytest.raises(ValueError, match=r"negative must have shape \(3,\), got \(2,\)"):
        balanced_sample(positive, ~positive[:2], 2, 0.5, rng)
    with pytest.raises(ValueError, match=r"positive must have shape \(6,\), got \(2, 3\)"):
        balanced_sample(POSITIVE, ~POSITIVE, 2, 0.5, rng)


def test_sampling_takes_lists() -> None:
    hard = hard_negative_mask(LOSSES.tolist(), POSITIVE.tolist(), 1.0)
    np.testing.assert_array_equal(hard, hard_negative_mask(LOSSES, POSITIVE, 1.0))
    row, rng = POSITIVE[0], np.random.default_rng(0)
    sample = balanced_sample(row.tolist(), (~row).tolist(), 3, 0.5, rng)
    np.testing.assert_array_equal(sample.positive, row)
    np.testing.assert_array_equal(sample.negative, ~row)


@pytest.mark.parametrize("size", [1.5, 2.0, True, "2"])
def test_balanced_sample_names_a_size_that_is_no_integer(size: int) -> None:
    rng, positive = np.random.default_rng(0), POSITIVE[0]
    with pytest.raises(TypeError, match=re.escape(f"size must be an integer, got {size!r}")):
        balanced_sample(positive, ~positive, size, 0.5, rng)


@pytest.mark.parametrize("size", [200, np.uint8(200)])
def test_balanced_sample_takes_an_integer_of_numpy(size: int) -> None:
    rng, half = np.random.default_rng(0), np.arange(400) < 200
    sample = balanced_sample(half, ~half, size, 0.5, rng)
    assert (sample.positive.sum(), sample.negative.sum()) == (100, 100)
