"""Contract of the reliability curve and of its two calibration errors."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import tied_scores

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


class ReliabilityLike(Protocol):
    """What an implementation returns: see `refdet.core.calibration`."""

    @property
    def edges(self) -> F64:
        """Of the bins."""

    @property
    def counts(self) -> I64:
        """Detections in each bin."""

    @property
    def mean_score(self) -> F64:
        """Of each bin."""

    @property
    def precision(self) -> F64:
        """Of each bin."""

    @property
    def mean_iou(self) -> F64:
        """Of each bin's true positives."""

    @property
    def expected_error(self) -> float:
        """Of all detections."""

    @property
    def localization_aware_error(self) -> float:
        """Of all detections."""


Reliability: TypeAlias = Callable[[F64, Mask, F64, int], ReliabilityLike]
Case: TypeAlias = tuple[F64, Mask, F64]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 10 detections, scores k / 20, and so on edges of bins; IoUs k / 8."""
    count = draw(st.integers(0, 10))
    found = draw(hnp.arrays(np.bool_, (count,)))
    eighths = st.integers(0, 8).map(lambda k: k / 8)
    iou = draw(hnp.arrays(np.float64, (count,), elements=eighths))
    iou[~found] = np.nan  # nobody may look at it
    return draw(tied_scores(count, steps=20)), found, iou


def case(scores: list[float], found: str, iou: list[float]) -> Case:
    """A case written by hand: `x` for a true positive, `.` for a false one."""
    return np.array(scores), np.array([c == "x" for c in found], np.bool_), np.array(iou)


NOTHING = case([], "", [])
BOTH_ENDS = case([0.0, 1.0], ".x", [np.nan, 1.0])
NOTHING_FOUND = case([0.25, 0.75], "..", [np.nan, np.nan])
ALL_TIED = case([0.5] * 4, ".x.x", [np.nan, 0.5, np.nan, 1.0])
AT_EDGES = case([k / 10 for k in range(11)], "x" * 11, [0.5] * 11)
BINS = st.integers(1, 12)


def naive_bin(score: float, n_bins: int) -> int:
    """The last bin that does not begin above the score."""
    return max(k for k in range(n_bins) if k / n_bins <= score)


def mean(values: list[float]) -> Fraction | None:
    """Exact; None of nothing."""
    return sum(map(Fraction, values), Fraction(0)) / len(values) if values else None


def number(value: Fraction | None) -> float:
    """NaN for None."""
    return float("nan") if value is None else float(value)


@given(detections=cases(), n_bins=BINS)
@example(detections=NOTHING, n_bins=1)
@example(detections=BOTH_ENDS, n_bins=4)
@example(detections=NOTHING_FOUND, n_bins=4)
@example(detections=ALL_TIED, n_bins=2)
@example(detections=AT_EDGES, n_bins=10)
def reliability_equals_exact_means_bin_by_bin(
    reliability_curve: Reliability, detections: Case, n_bins: int
) -> None:
    """Each bin by itself, in fractions."""
    got = reliability_curve(*detections, n_bins)
    rows = list(zip(*(column.tolist() for column in detections), strict=True))
    table: list[list[float]] = []
    errors = [Fraction(0), Fraction(0)]
    for k in range(n_bins):
        here = [row for row in rows if naive_bin(row[0], n_bins) == k]
        score = mean([score for score, _, _ in here])
        precision = mean([float(found) for _, found, _ in here])
        iou = mean([iou for _, found, iou in here if found])
        table.append([k / n_bins, len(here), number(score), number(precision), number(iou)])
        if score is not None and precision is not None:
            share = Fraction(len(here), len(rows))
            errors[0] += share * abs(score - precision)
            errors[1] += share * abs(score - precision * (iou or 0))
    columns = np.array(table).T
    assert_close(got.edges, np.append(columns[0], 1.0), "edges")
    names = ("counts", "mean_score", "precision", "mean_iou")
    for name, column in zip(names, columns[1:], strict=True):
        assert_close(getattr(got, name), column, name, atol=1e-12)
    wanted = [number(error if rows else None) for error in errors]
    both = np.array([got.expected_error, got.localization_aware_error])
    assert_close(both, np.array(wanted), "errors", atol=1e-12)


@given(detections=cases(), n_bins=BINS, data=st.data())
@example(detections=NOTHING, n_bins=3, data=None)
def reliability_does_not_depend_on_the_order(
    reliability_curve: Reliability, detections: Case, n_bins: int, data: st.DataObject | None
) -> None:
    """Ties have no first."""
    rows = range(len(detections[0]))
    order = np.array(data.draw(st.permutations(rows)) if data else rows, np.int64)
    scores, found, iou = detections
    one = reliability_curve(scores, found, iou, n_bins)
    other = reliability_curve(scores[order], found[order], iou[order], n_bins)
    assert_close(other.counts, one.counts, f"counts in the order {order}")
    errors = np.array([one.expected_error, one.localization_aware_error])
    again = np.array([other.expected_error, other.localization_aware_error])
    assert_close(again, errors, "errors", atol=1e-12)


@given(right=st.integers(0, 8), wrong=st.integers(0, 8), n_bins=BINS)
@example(right=0, wrong=1, n_bins=1)
@example(right=1, wrong=0, n_bins=1)
def a_score_that_is_the_precision_has_no_error(
    reliability_curve: Reliability, right: int, wrong: int, n_bins: int
) -> None:
    """And with boxes that fit exactly, no localisation-aware error either."""
    count = right + wrong
    found = np.arange(count) < right
    got = reliability_curve(np.full(count, right / max(1, count)), found, np.ones(count), n_bins)
    errors = np.array([got.expected_error, got.localization_aware_error])
    assert_close(errors, np.full(2, 0.0 if count else np.nan), "errors", atol=1e-12)


RELIABILITY_CURVE = Contract[Reliability](
    "reliability_curve",
    ("scores", "is_true_positive", "iou", "n_bins"),
    Conventions(
        rule="detections in n_bins bins of equal width over their score: how many, their mean "
        "score, their precision, the mean IoU of their true positives. expected_error is the "
        "mean over all detections of |mean score - precision| of their bin; "
        "localization_aware_error that of |mean score - precision * mean IoU|, the product being "
        "0 in a bin without true positive. The IoUs of false positives are not looked at",
        thresholds="bin k of B holds k / B <= score < (k + 1) / B, the last one 1 too; edges are "
        "the quotients in float64",
        undefined="NaN: the means of an empty bin, which has no part in the errors; the mean IoU "
        "without a true positive; both errors without a detection",
    ),
    (
        reliability_equals_exact_means_bin_by_bin,
        reliability_does_not_depend_on_the_order,
        a_score_that_is_the_precision_has_no_error,
    ),
)

CONTRACTS = (RELIABILITY_CURVE,)
