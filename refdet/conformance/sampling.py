"""Contracts of sampling: hard negatives, and balanced random samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


class SampleLike(Protocol):
    """What a balanced sample returns: any object with these attributes."""

    @property
    def positive(self) -> Mask:
        """(P,)."""

    @property
    def negative(self) -> Mask:
        """(P,)."""


HardNegatives: TypeAlias = Callable[[F64, Mask, float], Mask]
BalancedSampler: TypeAlias = Callable[[Mask, Mask, int, float, np.random.Generator], SampleLike]

NO_POSITIVE = (np.array([[3.0, 1.0, 2.0]]), np.zeros((1, 3), np.bool_))
ALL_POSITIVE = (np.array([[3.0, 1.0, 2.0]]), np.ones((1, 3), np.bool_))
ALL_TIED = (np.ones((2, 5)), np.array([[0, 1, 0, 0, 0], [0, 0, 1, 1, 0]], np.bool_))
POSITIVE_IS_HARDEST = (np.array([[9.0, 0.0, 0.0, -np.inf]]), np.array([[1, 0, 0, 0]], np.bool_))
# Sorting functions that are not stable still seem so on a handful of values.
MANY_TIED = (np.tile([[1.0, 2.0, 3.0]], 67)[:, :200], np.arange(200)[None] % 20 == 0)
NO_IMAGE = (np.zeros((0, 3)), np.zeros((0, 3), np.bool_))
NO_PRIOR = (np.zeros((2, 0)), np.zeros((2, 0), np.bool_))

_shapes = st.tuples(st.integers(0, 3), st.integers(0, 8))
batches = _shapes.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=st.integers(0, 3).map(float)),
        hnp.arrays(np.bool_, shape),
    )
)
# Of each prior: -1 ignored, 0 negative, 1 positive.
kinds = st.lists(st.sampled_from([-1, 0, 1]), max_size=12)
fractions = st.sampled_from([0.0, 0.25, 0.29, 0.5, 1.0])

# --- Oracles: plain Python, one prior at a time ---


def naive_hard_negatives(losses: list[float], positive: list[bool], ratio: float) -> set[int]:
    """One image: the hardest negative left, as long as there is one and the quota allows."""
    left = [prior for prior, is_positive in enumerate(positive) if not is_positive]
    hard: set[int] = set()
    while left and len(hard) + 1 <= ratio * sum(positive):
        hardest = left[0]
        for prior in left:
            if losses[prior] > losses[hardest]:
                hardest = prior
        left.remove(hardest)
        hard.add(hardest)
    return hard


# --- Properties ---


@given(batch=batches, ratio=st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0]))
@example(batch=NO_POSITIVE, ratio=3.0)
@example(batch=ALL_POSITIVE, ratio=3.0)
@example(batch=ALL_TIED, ratio=1.0)
@example(batch=MANY_TIED, ratio=2.5)
@example(batch=POSITIVE_IS_HARDEST, ratio=3.0)
@example(batch=NO_IMAGE, ratio=3.0)
@example(batch=NO_PRIOR, ratio=3.0)
def hard_negatives_equal_taking_the_hardest_left(
    hard_negative_mask: HardNegatives, batch: tuple[F64, Mask], ratio: float
) -> None:
    """Image by image, one negative after another."""
    losses, positive = batch
    got = hard_negative_mask(losses, positive, ratio)
    assert got.shape == losses.shape
    for image in range(len(losses)):
        want = naive_hard_negatives(losses[image].tolist(), positive[image].tolist(), ratio)
        hard = set(np.flatnonzero(got[image]))
        assert hard == want, f"losses {losses[image]}, positive {positive[image]}: {hard}"


@given(kinds=kinds, size=st.integers(0, 8), fraction=fractions, seed=st.integers(0, 99))
@example(kinds=[], size=4, fraction=0.5, seed=0)
@example(kinds=[1, 1, 1], size=4, fraction=0.25, seed=0)
@example(kinds=[0, 0, 0], size=4, fraction=0.5, seed=0)
@example(kinds=[-1, -1], size=4, fraction=0.5, seed=0)
@example(kinds=[1, 0, 0, 0], size=3, fraction=0.25, seed=0)
def sample_has_as_many_of_each_as_the_rule_says(
    balanced_sample: BalancedSampler, kinds: list[int], size: int, fraction: float, seed: int
) -> None:
    """Only positives among the positives, only negatives among the negatives, counted."""
    given_kinds = np.array(kinds, np.int64)
    positive, negative = given_kinds == 1, given_kinds == 0
    got = balanced_sample(positive, negative, size, fraction, np.random.default_rng(seed))
    assert got.positive.shape == got.negative.shape == positive.shape
    assert not (got.positive & ~positive).any(), f"{got.positive} of {positive}"
    assert not (got.negative & ~negative).any(), f"{got.negative} of {negative}"
    n_positive = min(kinds.count(1), int(size * fraction))
    assert got.positive.sum() == n_positive
    assert got.negative.sum() == min(kinds.count(0), size - n_positive)


def sample_draws_every_prior_as_often_as_another(balanced_sample: BalancedSampler) -> None:
    """In 4,000 draws of 1 of 2 positives and 2 of 4 negatives, each is drawn about 2,000 times.

    The standard deviation is below 32, so that 200 away would be a fault in any sound sampler.
    """
    kinds = np.array([1, 0, 0, -1, 1, 0, 0])
    rng = np.random.default_rng(0)
    times = np.zeros(len(kinds))
    for _ in range(4000):
        got = balanced_sample(kinds == 1, kinds == 0, 3, 0.34, rng)
        times += got.positive
        times += got.negative
    assert (np.abs(times[kinds >= 0] - 2000) < 200).all(), times
    assert times[kinds < 0].sum() == 0


@given(seed=st.integers(0, 99))
def sample_follows_its_generator(balanced_sample: BalancedSampler, seed: int) -> None:
    """Equal generators give equal samples, and the global random state plays no part."""
    half = np.arange(40) < 20
    first, second = (
        balanced_sample(half, ~half, 10, 0.5, np.random.default_rng(seed)) for _ in range(2)
    )
    assert_close(first.positive, second.positive, "positive")
    assert_close(first.negative, second.negative, "negative")


def _with_generator(inputs: Mapping[str, Value]) -> tuple[object, ...]:
    """A vector holds a seed where the function takes a generator."""
    *others, seed = inputs.values()
    assert isinstance(seed, int)
    return (*others, np.random.default_rng(seed))


HARD_NEGATIVE_MASK = Contract[HardNegatives](
    "hard_negative_mask",
    ("losses", "positive", "ratio"),
    Conventions(
        rule=(
            "Of each image, not of the batch, the floor(ratio * positives) negatives with the "
            "highest losses, or all if there are fewer. The positives' own losses play no part."
        ),
        ties="Equal losses go to the lowest index.",
        thresholds="A quota that is not whole is rounded down.",
        undefined="An image without a positive gets no negative.",
    ),
    (hard_negatives_equal_taking_the_hardest_left,),
)
BALANCED_SAMPLE = Contract[BalancedSampler](
    "balanced_sample",
    ("positive", "negative", "size", "positive_fraction", "rng"),
    Conventions(
        rule=(
            "floor(size * positive_fraction) positives, or all if there are fewer, then negatives "
            "up to size, or all if there are fewer. Drawn at random without replacement, each of a "
            "kind as likely as another, from the generator alone; what is neither is never drawn."
        ),
        thresholds="A number of positives that is not whole is rounded down.",
        undefined="Without positives all are negatives; nothing is drawn twice to fill the size.",
    ),
    (
        sample_has_as_many_of_each_as_the_rule_says,
        sample_draws_every_prior_as_often_as_another,
        sample_follows_its_generator,
    ),
    _with_generator,
)

CONTRACTS = (HARD_NEGATIVE_MASK, BALANCED_SAMPLE)
