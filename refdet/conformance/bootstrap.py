"""Contracts of the bootstrap: weights of images, intervals, and the test that a number is 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Weights: TypeAlias = Callable[[int, int, np.random.Generator], I64]
Interval: TypeAlias = Callable[..., tuple[F64, F64]]
PValue: TypeAlias = Callable[..., F64]

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


def naive_error(samples: list[float], n_images: int | None) -> float:
    """The standard error of defined samples; NaN of less than two, and where all are equal."""
    if len(samples) < 2 or max(samples) - min(samples) <= 1e-9:
        return NAN
    mean = sum(samples) / len(samples)
    variance = sum((one - mean) ** 2 for one in samples) / (len(samples) - 1)
    if n_images is not None:
        variance *= n_images / (n_images - 1) if n_images > 1 else 2
    return math.sqrt(variance)


def naive_tails(far: float, n_images: int | None) -> float:
    """Student's density, or the normal one, beyond `far` to both sides: Simpson's rule.

    Of 1 - the middle, after t = sqrt(freedom) tan(angle), where the density is a power of cosine.
    """
    if n_images is None:
        return 2 * (1 - NormalDist().cdf(far))
    freedom = max(1, n_images - 1)
    steps, end = 400, math.atan(far / math.sqrt(freedom))

    def area(up_to: float) -> float:
        heights = [math.cos(up_to * k / steps) ** (freedom - 1) for k in range(steps + 1)]
        odd, even = sum(heights[1:-1:2]), sum(heights[2:-1:2])
        return up_to / steps / 3 * (heights[0] + 4 * odd + 2 * even + heights[-1])

    return 1 - area(end) / area(math.pi / 2)


def naive_is_told(defined: list[float], value: float, level: float, n_images: int | None) -> bool:
    """Whether there is an interval: 2 / (1 - level) samples, and enough images for its level."""
    images_are_enough = n_images is None or (1 - level) * 2**n_images > 2
    is_known = not math.isnan(value + naive_error(defined, n_images))
    return len(defined) * (1 - level) >= 2 - 1e-9 and is_known and images_are_enough


def naive_p_value(samples: list[float], value: float, n_images: int | None) -> float:
    """As the value is that many standard errors from 0; at least 2 / (S + 1), and 2 / 2**n."""
    defined = [one for one in samples if not math.isnan(one)]
    if math.isnan(value) or not defined:
        return NAN
    if max(map(abs, [*defined, value])) <= 1e-9:
        return 1.0
    error = naive_error(defined, n_images)
    if math.isnan(error):
        return NAN
    of_images = 0 if n_images is None else 2 / 2**n_images
    tails = naive_tails(abs(value) / error, n_images)
    return min(1, max(tails, 2 / (len(defined) + 1), of_images))


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
    shape = (n_samples, n_images)
    assert first.shape == shape, f"weights: shape {first.shape} instead of {shape}"
    assert first.dtype.kind == "i", f"weights: {first.dtype} instead of integers"
    assert first.min(initial=0) >= 0, f"a weight of {first.min()}"
    assert_close(first.sum(axis=1), np.full(n_samples, n_images), "sum of a sample's weights")
    assert_close(again, first, "weights drawn again from the same seed")


def every_outcome_is_as_likely_as_with_replacement(bootstrap_weights: Weights) -> None:
    """Of 3 images: 3 of one (p = 3/27), 2 and 1 (18/27), one each (6/27)."""
    n_samples = 20_000
    weights = bootstrap_weights(3, n_samples, np.random.default_rng(0))
    shares = [float(np.mean(weights.max(axis=1) == most)) for most in (3, 2, 1)]
    for share, want in zip(shares, (3 / 27, 18 / 27, 6 / 27), strict=True):
        atol = 4 * math.sqrt(want * (1 - want) / n_samples)
        assert_close(share, want, "share of samples with 3, 2 or 1 of an image", atol=atol)
    means = weights.mean(axis=0)
    assert_close(means, np.ones(3), "mean weight of image", atol=4 * math.sqrt(2 / 3 / n_samples))
    together = np.corrcoef(weights[:-1, 0], weights[1:, 0])[0, 1]
    what = "correlation of a sample with the next one"
    assert_close(together, 0.0, what, atol=4 / math.sqrt(n_samples))


# --- Properties of intervals ---


FEW_IMAGES = st.one_of(st.none(), st.integers(0, 12), st.sampled_from([99, 100, 1000]))


@given(samples=columns(), value=st.one_of(TENTHS, st.just(NAN)), level=LEVELS, n_images=FEW_IMAGES)
@example(samples=np.zeros(0), value=0.0, level=0.5, n_images=None)
@example(samples=np.array([0.5]), value=0.5, level=0.5, n_images=None)
@example(samples=np.array([0.1, 0.2, 0.3]), value=0.2, level=0.5, n_images=None)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=0.25, level=0.5, n_images=None)
@example(samples=np.array([0.1, 0.2, 0.3, NAN, 0.4]), value=0.5, level=0.5, n_images=3)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=0.25, level=0.5, n_images=2)
@example(samples=np.array([0.1, 0.2, 0.3, 0.4]), value=NAN, level=0.5, n_images=9)
@example(samples=np.full(9, 0.5), value=0.25, level=0.75, n_images=9)
@example(samples=np.append(np.full(8, 0.3), 0.1 + 0.2), value=0.25, level=0.75, n_images=9)
@example(samples=np.append(np.arange(20), [NAN] * 9), value=0.3, level=0.9, n_images=5)
@example(samples=np.append(np.arange(20), [NAN] * 9), value=0.3, level=0.9, n_images=4)
@example(samples=np.append(np.arange(19), [NAN] * 9), value=0.3, level=0.9, n_images=None)
@example(samples=np.arange(40.0), value=19.5, level=0.95, n_images=6)
@example(samples=np.arange(40.0), value=19.5, level=0.95, n_images=5)
@example(samples=np.arange(39.0), value=19.5, level=0.95, n_images=6)
def interval_has_its_level_between_its_ends(
    bootstrap_interval: Interval, samples: F64, value: float, level: float, n_images: int | None
) -> None:
    """By a naive loop over the samples and an integral; undefined where too little is known."""
    low, high = (float(end) for end in bootstrap_interval(samples, value, level, n_images))
    defined = [one for one in samples.tolist() if not math.isnan(one)]
    is_told = naive_is_told(defined, value, level, n_images)
    told = f"{(low, high)} where an interval is {'defined' if is_told else 'undefined'}"
    assert (math.isnan(low), math.isnan(high)) == (not is_told, not is_told), told
    if is_told:
        assert_close(value - low, high - value, "width below and above the value", atol=1e-9)
        tails = naive_tails((high - value) / naive_error(defined, n_images), n_images)
        assert_close(1 - tails, level, "probability between the ends", atol=1e-7)


@given(samples=hnp.arrays(np.float64, (25, 2, 3), elements=TENTHS), value=TENTHS)
def interval_looks_at_each_number_by_itself(
    bootstrap_interval: Interval, samples: F64, value: float
) -> None:
    """Whatever the axes behind the first; images by the rules of broadcasting."""
    values, images = np.full((2, 3), value), np.array([4, 5, 20])
    low, high = bootstrap_interval(samples, values, 0.9, images)
    shapes = (np.shape(low), np.shape(high))
    assert shapes == ((2, 3), (2, 3)), f"ends of shapes {shapes}"
    for place in np.ndindex(2, 3):
        n_images = int(images[place[1]])
        ends = bootstrap_interval(np.moveaxis(samples, 0, -1)[place], value, 0.9, n_images)
        alone = [float(end) for end in ends]
        ends_there = np.array([low[place], high[place]])
        assert_close(alone, ends_there, f"interval {place} by itself", atol=1e-12)


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
        assert_close(ends, np.array(want), f"interval of {factor} times the number", atol=1e-9)


@given(samples=columns(), value=TENTHS)
def interval_of_a_higher_level_holds_that_of_a_lower(
    bootstrap_interval: Interval, samples: F64, value: float
) -> None:
    """At equality both are the same."""
    inner, outer = (bootstrap_interval(samples, value, level) for level in (0.5, 0.75))
    if not np.isnan(outer[0]):
        grown = (outer[0] - slack(), outer[1] + slack())
        told = f"{inner} at the level 0.5 is not inside {outer} at 0.75"
        assert grown[0] <= inner[0] <= inner[1] <= grown[1], told


@given(samples=columns(), n_images=st.integers(6, 200))
def interval_of_fewer_images_is_wider(
    bootstrap_interval: Interval, samples: F64, n_images: int
) -> None:
    """And of ever so many it is the normal one."""
    ends = [
        float(bootstrap_interval(samples, 0.0, 0.75, n)[1])
        for n in (n_images, n_images + 1, 10**6, None)
    ]
    if not math.isnan(ends[0]):
        told = f"upper ends of {n_images}, {n_images + 1}, 10**6 and countless images: {ends}"
        for wider, narrower in pairwise(ends):
            assert wider > narrower - slack(), told
        assert_close(ends[2], ends[3], told, rtol=1e-4)


# --- Properties of p-values ---


@given(samples=columns(), value=st.one_of(TENTHS, st.just(NAN)), n_images=FEW_IMAGES)
@example(samples=np.zeros(0), value=0.1, n_images=None)
@example(samples=np.zeros(9), value=0.0, n_images=2)
@example(samples=np.zeros(9), value=0.1, n_images=None)
@example(samples=np.full(9, 0.1), value=0.1, n_images=None)
@example(samples=np.array([NAN, NAN]), value=0.1, n_images=None)
@example(samples=np.array([NAN, 0.0]), value=0.0, n_images=None)
@example(samples=np.array([0.1]), value=0.1, n_images=None)
@example(samples=np.append(np.zeros(8), 0.3 - (0.1 + 0.2)), value=0.0, n_images=None)
@example(samples=np.array([0.9, 1.0, 1.1]), value=1.0, n_images=1)
@example(samples=np.array([0.9, 1.0, 1.1]), value=1.0, n_images=None)
def p_value_equals_a_naive_loop(
    bootstrap_p_value: PValue, samples: F64, value: float, n_images: int | None
) -> None:
    """The samples one by one, and Student's density added up by Simpson's rule."""
    got = float(bootstrap_p_value(samples, value, n_images))
    want = naive_p_value(samples.tolist(), value, n_images)
    assert_close(got, want, "p-value", atol=1e-7)
    assert not got <= 0, f"a p-value of {got}"


@given(
    samples=hnp.arrays(np.float64, (40, 2), elements=TENTHS),
    value=st.integers(-99, 99).map(lambda k: k / 33),
    n_images=FEW_IMAGES,
    level=st.sampled_from([0.5, 0.75, 0.9, 0.95]),
)
@example(samples=np.zeros((40, 2)), value=0.0, n_images=None, level=0.95)
@example(samples=np.ones((40, 2)), value=1.0, n_images=None, level=0.95)
@example(samples=1 + np.eye(40, 2) / 9, value=1.0, n_images=5, level=0.95)
@example(samples=1 + np.eye(40, 2) / 9, value=1.0, n_images=6, level=0.95)
def p_value_is_small_exactly_where_the_interval_excludes_zero(
    bootstrap_p_value: PValue, samples: F64, value: float, n_images: int | None, level: float
) -> None:
    """At every level; an interval is undefined where no p-value could be small enough."""
    values = np.full(2, value)
    p_values = bootstrap_p_value(samples, values, n_images)
    for column, p_value in enumerate(np.asarray(p_values).tolist()):
        defined = samples[:, column].tolist()
        is_told = naive_is_told(defined, value, level, n_images)
        error = naive_error(defined, n_images) if is_told else 1.0
        # As far from the value as 0 is, an interval would have the level 1 - tails.
        tails = naive_tails(abs(value) / error, n_images)
        excludes = is_told and tails < 1 - level
        told = (
            f"p-value {p_value}, and the interval of {level} {'ex' if excludes else 'in'}cludes 0"
        )
        touches = abs(tails - (1 - level)) <= max(1e-9, slack())
        assert touches or (p_value < 1 - level) == excludes, told


@given(samples=hnp.arrays(np.float64, (12, 2, 2), elements=TENTHS), value=TENTHS)
def p_value_is_of_no_direction(bootstrap_p_value: PValue, samples: F64, value: float) -> None:
    """B less A is as far from 0 as A less B, number by number."""
    values, images = np.array([[value, 0.5], [0.0, -value]]), np.array([7, 30])
    got = bootstrap_p_value(samples, values, images)
    back = bootstrap_p_value(-samples, -values, images)
    assert_close(back, got, "p-value of A less B", atol=1e-12)
    alone = bootstrap_p_value(samples[:, 1, 0], 0.0, 7)
    assert_close(alone, got[1, 0], "p-value [1, 0] by itself", atol=1e-12)


def _weights_arguments(inputs: Mapping[str, Value]) -> tuple[object, ...]:
    # A generator is no JSON; what is left to say about single weights are errors and empty sets.
    return inputs["n_images"], inputs["n_samples"], np.random.default_rng(0)


BOOTSTRAP_WEIGHTS = Contract[Weights](
    "bootstrap_weights",
    ("n_images", "n_samples", "rng"),
    Conventions(
        rule="how often each image comes in each bootstrap sample, (samples, images): as many "
        "images as there are, drawn with replacement, all equally likely, from the NumPy "
        "generator rng",
    ),
    (
        every_sample_draws_as_many_images_as_there_are,
        every_outcome_is_as_likely_as_with_replacement,
    ),
    _weights_arguments,
)
BOOTSTRAP_INTERVAL = Contract[Interval](
    "bootstrap_interval",
    ("samples", "value", "level", "n_images"),
    Conventions(
        rule="the lower and the upper end of value -+ q * e, for each number of the axes behind "
        "the first, which is the samples. e is the standard deviation of the defined samples "
        "(divided by their number less 1) times sqrt(n / (n - 1)) for n images (sqrt 2 for one); "
        "q is Student's quantile of n - 1 degrees of freedom for the level, both sides together. "
        "Without n_images the root is 1 and the quantile the normal one",
        ties="samples no further apart than 1e-9 are equal",
        undefined="samples that are NaN are left out; NaN where the value is, where less than 2 / "
        "(1 - level) samples are defined, where 2**(1 - n) >= 1 - level, and where all are equal",
    ),
    (
        interval_has_its_level_between_its_ends,
        interval_looks_at_each_number_by_itself,
        interval_follows_a_number_that_is_measured_otherwise,
        interval_of_a_higher_level_holds_that_of_a_lower,
        interval_of_fewer_images_is_wider,
    ),
)
BOOTSTRAP_P_VALUE = Contract[PValue](
    "bootstrap_p_value",
    ("difference_samples", "value", "n_images"),
    Conventions(
        rule="how likely a difference at least so far from 0 is, if there is none, to both "
        "sides: the tails of Student's distribution, or the normal one, beyond |value| / e, with "
        "e and n as in bootstrap_interval; but at least 2 / (defined samples + 1), and 2**(1 - "
        "n) of n images",
        ties="1 where samples and value are 0 up to 1e-9",
        undefined="samples that are NaN are left out; NaN where the value is, where none is "
        "defined, and where all are equal and not 0",
    ),
    (
        p_value_equals_a_naive_loop,
        p_value_is_small_exactly_where_the_interval_excludes_zero,
        p_value_is_of_no_direction,
    ),
)

CONTRACTS = (BOOTSTRAP_WEIGHTS, BOOTSTRAP_INTERVAL, BOOTSTRAP_P_VALUE)
