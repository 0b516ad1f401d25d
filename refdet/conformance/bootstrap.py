"""Contracts of the bootstrap: weights of images, intervals, and the test that a number is 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.contract import Contract
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Weights: TypeAlias = Callable[[int, int, np.random.Generator], I64]
Interval: TypeAlias = Callable[..., tuple[F64, F64]]
PValue: TypeAlias = Callable[[F64], F64]

NAN = float("nan")
TENTHS = st.integers(-10, 10).map(lambda k: k / 10)
LEVELS = st.sampled_from([0.5, 0.6, 0.75, 0.9])

# --- Strategies ---


def columns(max_samples: int = 30) -> st.SearchStrategy[F64]:
    """(S,) samples k / 10, ties and NaN among them."""
    values = st.one_of(TENTHS, TENTHS, TENTHS, st.just(NAN))
    return st.integers(0, max_samples).flatmap(
        lambda count: hnp.arrays(np.float64, (count,), elements=values)
    )


# --- Oracles: plain Python, one sample at a time ---


def naive_interval(samples: list[float], value: float, level: float) -> tuple[float, float]:
    """The value and as many standard deviations to either side as a normal distribution needs."""
    defined = [one for one in samples if not math.isnan(one)]
    if len(defined) * (1 - level) < 2 - 1e-9:
        return NAN, NAN
    mean = sum(defined) / len(defined)
    variance = sum((one - mean) ** 2 for one in defined) / (len(defined) - 1)
    normal = NormalDist(value, math.sqrt(variance) or 1e-300)
    return normal.inv_cdf((1 - level) / 2), normal.inv_cdf((1 + level) / 2)


def naive_p_value(samples: list[float]) -> float:
    """Twice the rarer side, the data set itself on both."""
    defined = [one for one in samples if not math.isnan(one)]
    if not defined:
        return NAN
    sides = [sum(one < 1e-9 for one in defined), sum(one > -1e-9 for one in defined)]
    return min(1.0, 2 * (1 + min(sides)) / (len(defined) + 1))


# --- Properties of weights ---


@given(n_images=st.integers(0, 9), n_samples=st.integers(0, 9), seed=st.integers(0, 99))
@example(n_images=0, n_samples=3, seed=0)
@example(n_images=1, n_samples=3, seed=0)
def every_sample_draws_as_many_images_as_there_are(
    bootstrap_weights: Weights, n_images: int, n_samples: int, seed: int
) -> None:
    """And nothing is drawn less than 0 times; the same seed draws the same."""
    first, again = (
        bootstrap_weights(n_images, n_samples, np.random.default_rng(seed)) for _ in range(2)
    )
    assert first.shape == (n_samples, n_images)
    assert first.dtype.kind == "i"
    assert first.min(initial=0) >= 0
    assert first.sum(axis=1).tolist() == [n_images] * n_samples
    assert first.tolist() == again.tolist()


def every_outcome_is_as_likely_as_with_replacement(bootstrap_weights: Weights) -> None:
    """Of 3 images: 3 of one (p = 3/27), 2 and 1 (18/27), one each (6/27)."""
    n_samples = 20_000
    weights = bootstrap_weights(3, n_samples, np.random.default_rng(0))
    shares = [float(np.mean(weights.max(axis=1) == most)) for most in (3, 2, 1)]
    for share, want in zip(shares, (3 / 27, 18 / 27, 6 / 27), strict=True):
        assert abs(share - want) < 4 * math.sqrt(want * (1 - want) / n_samples)
    for image in range(3):
        assert abs(float(weights[:, image].mean()) - 1) < 4 * math.sqrt(2 / 3 / n_samples)
    # Samples do not depend on each other.
    together = np.corrcoef(weights[:-1, 0], weights[1:, 0])[0, 1]
    assert abs(float(together)) < 4 / math.sqrt(n_samples)


# --- Properties of intervals ---


@given(samples=columns(), value=st.one_of(TENTHS, st.just(NAN)), level=LEVELS)
@example(samples=np.zeros(0), value=0.0, level=0.5)
@example(samples=np.array([0.5]), value=0.5, level=0.5)
@example(samples=np.array([0.1, 0.2, 0.3]), value=0.2, level=0.5)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=0.25, level=0.5)
@example(samples=np.array([0.1, 0.2, 0.3, NAN, 0.4]), value=0.5, level=0.5)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=0.0, level=0.5)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=NAN, level=0.5)
@example(samples=np.full(9, 0.5), value=0.25, level=0.75)
@example(samples=np.append(np.arange(20), [NAN] * 9), value=0.3, level=0.9)
@example(samples=np.append(np.arange(19), [NAN] * 9), value=0.3, level=0.9)
def interval_equals_a_naive_loop(
    bootstrap_interval: Interval, samples: F64, value: float, level: float
) -> None:
    """Undefined samples left out; undefined with fewer than 2 / (1 - level)."""
    low, high = bootstrap_interval(samples, value, level)
    want = naive_interval(samples.tolist(), value, level)
    np.testing.assert_allclose([float(low), float(high)], want, rtol=0, atol=1e-7)


@given(samples=hnp.arrays(np.float64, (25, 2, 3), elements=TENTHS), value=TENTHS)
def interval_looks_at_each_number_by_itself(
    bootstrap_interval: Interval, samples: F64, value: float
) -> None:
    """Whatever the axes behind the first."""
    values = np.full((2, 3), value)
    low, high = bootstrap_interval(samples, values, 0.9)
    assert low.shape == high.shape == (2, 3)
    for place in np.ndindex(2, 3):
        alone = [float(end) for end in bootstrap_interval(samples[:, *place], value, 0.9)]
        np.testing.assert_allclose(alone, [low[place], high[place]], rtol=0, atol=1e-12)


@given(samples=columns(), value=TENTHS)
def interval_follows_a_number_that_is_measured_otherwise(
    bootstrap_interval: Interval, samples: F64, value: float
) -> None:
    """In per cent it is a hundred times as high; of the opposite it is the opposite."""
    low, high = bootstrap_interval(samples, value, 0.75)
    for factor in (100.0, -1.0):
        ends = sorted(
            float(end) for end in bootstrap_interval(factor * samples, factor * value, 0.75)
        )
        want = sorted([factor * float(low), factor * float(high)])
        np.testing.assert_allclose(ends, want, rtol=0, atol=1e-9)


@given(samples=columns(), value=TENTHS)
def interval_of_a_higher_level_holds_that_of_a_lower(
    bootstrap_interval: Interval, samples: F64, value: float
) -> None:
    """At equality both are the same."""
    inner, outer = (bootstrap_interval(samples, value, level) for level in (0.5, 0.75))
    if not np.isnan(outer[0]):
        assert outer[0] <= inner[0] <= inner[1] <= outer[1]


# --- Properties of p-values ---


@given(samples=columns())
@example(samples=np.zeros(0))
@example(samples=np.zeros(9))
@example(samples=np.array([NAN, NAN]))
@example(samples=np.array([0.1]))
@example(samples=np.array([0.3 - (0.1 + 0.2), 0.1, 0.1, 0.1]))
@example(samples=np.array([0.1 + 0.2 - 0.3, -0.1, -0.1, -0.1]))
def p_value_equals_a_naive_loop(bootstrap_p_value: PValue, samples: F64) -> None:
    """A sample of 0 is on both sides."""
    got = float(bootstrap_p_value(samples))
    np.testing.assert_allclose(got, naive_p_value(samples.tolist()), rtol=1e-12)


@given(samples=hnp.arrays(np.float64, (12, 2, 2), elements=TENTHS))
def p_value_is_of_no_direction(bootstrap_p_value: PValue, samples: F64) -> None:
    """B less A is as far from 0 as A less B, number by number."""
    got = bootstrap_p_value(samples)
    assert got.shape == (2, 2)
    assert got.tolist() == bootstrap_p_value(-samples).tolist()
    assert got[1, 0] == float(bootstrap_p_value(samples[:, 1, 0]))


def _weights_arguments(inputs: Mapping[str, Value]) -> tuple[object, ...]:
    # A generator is no JSON; what is left to say about single weights are errors and empty sets.
    return inputs["n_images"], inputs["n_samples"], np.random.default_rng(0)


BOOTSTRAP_WEIGHTS = Contract[Weights](
    "bootstrap_weights",
    "rows are samples; each draws as many images as there are, with replacement",
    (
        every_sample_draws_as_many_images_as_there_are,
        every_outcome_is_as_likely_as_with_replacement,
    ),
    _weights_arguments,
)
BOOTSTRAP_INTERVAL = Contract[Interval](
    "bootstrap_interval",
    "the first axis is samples; NaN samples are left out; NaN where too few are defined",
    (
        interval_equals_a_naive_loop,
        interval_looks_at_each_number_by_itself,
        interval_follows_a_number_that_is_measured_otherwise,
        interval_of_a_higher_level_holds_that_of_a_lower,
    ),
)
BOOTSTRAP_P_VALUE = Contract[PValue](
    "bootstrap_p_value",
    "the first axis is samples; two-sided; a sample of 0 is on both sides; never 0",
    (p_value_equals_a_naive_loop, p_value_is_of_no_direction),
)

CONTRACTS = (BOOTSTRAP_WEIGHTS, BOOTSTRAP_INTERVAL, BOOTSTRAP_P_VALUE)
