"""Contracts of the choice of a score threshold: the best F-beta, a required precision or recall."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import tied_scores

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class CountsLike(Protocol):
    """What an implementation returns: see `refdet.core.tuning`."""

    @property
    def thresholds(self) -> F64:
        """Descending."""

    @property
    def true_positives(self) -> I64:
        """From each threshold on."""

    @property
    def false_positives(self) -> I64:
        """From each threshold on."""


Counts: TypeAlias = Callable[[F64, Mask], CountsLike]
BestFBeta: TypeAlias = Callable[[F64, I64, I64, I64, float], F64]
ForPrecision: TypeAlias = Callable[[F64, I64, I64, float], F64]
ForRecall: TypeAlias = Callable[[F64, I64, I64, float], F64]
Detections: TypeAlias = tuple[list[float], list[bool]]
Samples: TypeAlias = tuple[list[Detections], list[int]]


@st.composite
def detections(draw: st.DrawFn) -> Detections:
    """Up to 10, with scores k / 5."""
    count = draw(st.integers(0, 10))
    found: list[bool] = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return draw(tied_scores(count)).tolist(), found


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    """Up to 3 sets of detections, each with up to 3 objects that are never found."""
    sets = draw(st.lists(detections(), max_size=3))
    return sets, [sum(found) + draw(st.integers(0, 3)) for _, found in sets]


NOTHING: Samples = ([([], [])], [0])
NO_DETECTION: Samples = ([([], [])], [3])
NO_OBJECT: Samples = ([([0.5], [False])], [0])
SINGLE: Samples = ([([0.5], [True])], [1])
TIED: Samples = ([([0.5, 0.5, 0.25], [False, True, True])], [2])
# TP / FP of 1 / 0, then 2 / 2: an F1 of 2 / 4 both times, with three objects. A precision of 1 / 2.
EQUALLY_GOOD: Samples = ([([0.75, 0.5, 0.5, 0.5], [True, True, False, False])], [3])

# --- Oracles: every score as a threshold, one detection at a time ---


def kept(one: Detections, threshold: float) -> tuple[int, int]:
    """True and false positives from the threshold on."""
    flags = [flag for score, flag in zip(*one, strict=True) if score >= threshold]
    return sum(flags), len(flags) - sum(flags)


def table_of(sets: list[Detections]) -> tuple[F64, I64, I64]:
    """All scores of all sets, descending, and what each keeps of each set: (S, M)."""
    scores = sorted({score for one in sets for score in one[0]}, reverse=True)
    counts = np.array([[kept(one, score) for score in scores] for one in sets], np.int64)
    counts = counts.reshape(len(sets), len(scores), 2)
    return np.array(scores, np.float64), counts[..., 0], counts[..., 1]


def quotient(part: float, whole: float) -> float:
    """0 of nothing."""
    return part / whole if whole else 0.0


def best(one: Detections, worth: Callable[[int, int], Fraction | int]) -> float:
    """The score of this set that is worth most, the highest of several; NaN where that is 0."""
    choice, highest = float("nan"), Fraction(0)
    for score in sorted(set(one[0]), reverse=True):
        value = Fraction(worth(*kept(one, score)))
        if value > highest:
            choice, highest = score, value
    return choice


def assert_same(got: F64, want: list[float]) -> None:
    """NaN equals NaN."""
    assert_close(got, np.array(want, np.float64), "threshold")


@given(one=detections())
@example(one=([], []))
@example(one=([0.5], [True]))
@example(one=([0.5, 0.5, 0.25], [False, True, True]))
@example(one=([0.0, -0.0], [False, True]))
def counts_equal_a_naive_loop(threshold_counts: Counts, one: Detections) -> None:
    """A threshold takes all detections of equal score."""
    scores, found = one
    got = threshold_counts(np.array(scores, np.float64), np.array(found, np.bool_))
    want = sorted(set(scores), reverse=True)
    assert_close(got.thresholds, np.array(want, np.float64), "thresholds")
    counts = np.array([kept(one, score) for score in want], np.int64).reshape(-1, 2)
    assert_close(got.true_positives, counts[:, 0], "true_positives")
    assert_close(got.false_positives, counts[:, 1], "false_positives")


@given(case=samples(), beta=st.sampled_from([0.5, 1.0, 2.0]))
@example(case=NOTHING, beta=1.0)
@example(case=NO_DETECTION, beta=1.0)
@example(case=NO_OBJECT, beta=1.0)
@example(case=SINGLE, beta=1.0)
@example(case=TIED, beta=1.0)
@example(case=EQUALLY_GOOD, beta=1.0)
def best_f_beta_equals_trying_every_score(
    threshold_of_best_f_beta: BestFBeta, case: Samples, beta: float
) -> None:
    """In fractions; a score that only another set has makes no difference."""
    sets, n_objects = case
    weight = Fraction(beta) ** 2

    def f_beta(n: int) -> Callable[[int, int], Fraction]:
        return lambda right, wrong: (
            (1 + weight) * right / (weight * n + right + wrong) if right else Fraction(0)
        )

    want = [best(one, f_beta(n)) for one, n in zip(sets, n_objects, strict=True)]
    thresholds, right, wrong = table_of(sets)
    objects = np.array(n_objects, np.int64)
    assert_same(threshold_of_best_f_beta(thresholds, right, wrong, objects, beta), want)


REQUIRED = st.integers(1, 10).map(lambda k: k / 10)


@given(case=samples(), required=REQUIRED)
@example(case=NOTHING, required=0.5)
@example(case=NO_OBJECT, required=0.1)
@example(case=SINGLE, required=1.0)
@example(case=TIED, required=0.5)
@example(case=EQUALLY_GOOD, required=0.5)
def precision_equals_trying_every_score(
    threshold_of_precision: ForPrecision, case: Samples, required: float
) -> None:
    """Of those that reach it the most true positives, then the highest score."""
    sets, _ = case

    def worth(right: int, wrong: int) -> int:
        return right if quotient(right, right + wrong) >= required else 0

    thresholds, right, wrong = table_of(sets)
    got = threshold_of_precision(thresholds, right, wrong, required)
    assert_same(got, [best(one, worth) for one in sets])


@given(case=samples(), required=REQUIRED)
@example(case=NOTHING, required=0.5)
@example(case=NO_DETECTION, required=0.1)
@example(case=SINGLE, required=1.0)
@example(case=TIED, required=1.0)
@example(case=EQUALLY_GOOD, required=0.7)
def recall_equals_trying_every_score(
    threshold_of_recall: ForRecall, case: Samples, required: float
) -> None:
    """The highest score that reaches it."""
    sets, n_objects = case
    want = []
    for one, n in zip(sets, n_objects, strict=True):
        reach = [t for t in one[0] if quotient(kept(one, t)[0], n) >= required]
        want.append(max(reach, default=float("nan")))
    thresholds, right, _ = table_of(sets)
    objects = np.array(n_objects, np.int64)
    assert_same(threshold_of_recall(thresholds, right, objects, required), want)


@given(scores=hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)), data=st.data())
@example(scores=np.array([0.5]), data=None)
def best_f_beta_of_any_beta_is_not_exceeded(
    threshold_of_best_f_beta: BestFBeta, scores: F64, data: st.DataObject | None
) -> None:
    """Up to rounding, which a beta such as 0.7 brings with it."""
    count = len(scores)
    flags = data.draw(hnp.arrays(np.bool_, (count,))) if data else np.ones(count, np.bool_)
    beta = data.draw(st.floats(0.1, 10)) if data else 1.0
    one: Detections = (scores.tolist(), flags.tolist())
    n = int(flags.sum()) + 1

    def f_beta(threshold: float) -> float:
        right, wrong = kept(one, threshold)
        return (1 + beta**2) * right / (beta**2 * n + right + wrong)

    thresholds, right, wrong = table_of([one])
    got = float(threshold_of_best_f_beta(thresholds, right, wrong, np.array([n]), beta)[0])
    if np.isnan(got):
        assert not flags.any(), "threshold is NaN, and some find something"
    else:
        chosen = [score for score in one[0] if abs(score - got) <= slack()]
        assert chosen, f"threshold {got} is no score"
        reached, best_of_all = max(map(f_beta, chosen)), max(map(f_beta, one[0]))
        told = f"F of {beta} is {reached} at the threshold {got}, and can be {best_of_all}"
        assert reached >= best_of_all - max(1e-12, slack()), told


_TABLE = (
    "thresholds are M, descending; the counts from each on are (..., M), a row for each set of "
    "detections, and the result is (...)"
)

THRESHOLD_COUNTS = Contract[Counts](
    "threshold_counts",
    ("scores", "is_true_positive"),
    Conventions(
        rule="how many true and false positives there are from each distinct score on; thresholds "
        "are those scores, descending; scores come in any order",
        ties="of score: one threshold, which takes all of them (0.0 and -0.0 are equal)",
        thresholds="score >= threshold counts",
    ),
    (counts_equal_a_naive_loop,),
)
THRESHOLD_OF_BEST_F_BETA = Contract[BestFBeta](
    "threshold_of_best_f_beta",
    ("thresholds", "true_positives", "false_positives", "n_objects", "beta"),
    Conventions(
        rule="the threshold of the highest F = (1 + beta**2) TP / (beta**2 n_objects + TP + FP). "
        f"{_TABLE}; n_objects is (...)",
        ties="of F: the highest threshold",
        undefined="NaN where no threshold finds anything",
    ),
    (best_f_beta_equals_trying_every_score, best_f_beta_of_any_beta_is_not_exceeded),
)
THRESHOLD_OF_PRECISION = Contract[ForPrecision](
    "threshold_of_precision",
    ("thresholds", "true_positives", "false_positives", "required"),
    Conventions(
        rule="of the thresholds whose precision reaches what is required, the one with most true "
        f"positives. {_TABLE}",
        ties="of true positives: the highest threshold",
        thresholds="TP / (TP + FP) >= required, the quotient in float64",
        undefined="NaN where no threshold with a true positive reaches it",
    ),
    (precision_equals_trying_every_score,),
)
THRESHOLD_OF_RECALL = Contract[ForRecall](
    "threshold_of_recall",
    ("thresholds", "true_positives", "n_objects", "required"),
    Conventions(
        rule=f"the highest threshold whose recall reaches what is required. {_TABLE}; n_objects is "
        "(...)",
        thresholds="TP / n_objects >= required, the quotient in float64",
        undefined="NaN where no threshold reaches it, or there is no object",
    ),
    (recall_equals_trying_every_score,),
)

CONTRACTS = (
    THRESHOLD_COUNTS,
    THRESHOLD_OF_BEST_F_BETA,
    THRESHOLD_OF_PRECISION,
    THRESHOLD_OF_RECALL,
)
