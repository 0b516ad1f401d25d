"""Contracts of the localisation-recall-precision error, at one score threshold and at the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
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
Mask = NDArray[np.bool_]


class LrpErrorLike(Protocol):
    """What an implementation returns: see `refdet.core.lrp.LrpError`."""

    @property
    def score_threshold(self) -> float:
        """Detections from this score on count."""

    @property
    def lrp(self) -> float:
        """The whole."""

    @property
    def localization(self) -> float:
        """How badly placed the true positives are."""

    @property
    def false_positive(self) -> float:
        """1 - precision."""

    @property
    def false_negative(self) -> float:
        """1 - recall."""


AtThreshold: TypeAlias = Callable[[F64, Mask, F64, int, float, float], LrpErrorLike]
Optimal: TypeAlias = Callable[[F64, Mask, F64, int, float], LrpErrorLike]


@dataclass(frozen=True)
class Found:
    """Detections of one class: scores, which are right, their IoUs, and the objects there are."""

    scores: F64
    right: Mask
    iou: F64
    n_objects: int


@st.composite
def founds(draw: st.DrawFn) -> Found:
    """Up to 8 detections with IoUs k / 8 of at least 1/2, and up to 3 objects not found."""
    count = draw(st.integers(0, 8))
    right = draw(hnp.arrays(np.bool_, (count,)))
    eighths = st.integers(4, 8).map(lambda k: k / 8)
    return Found(
        draw(tied_scores(count)),
        right,
        draw(hnp.arrays(np.float64, (count,), elements=eighths)),
        int(right.sum()) + draw(st.integers(0, 3)),
    )


def found(scores: list[float], right: list[bool], iou: list[float], n_objects: int) -> Found:
    """Written by hand."""
    return Found(np.array(scores), np.array(right, np.bool_), np.array(iou), n_objects)


NOTHING = found([], [], [], 0)
NO_DETECTION = found([], [], [], 2)
NO_OBJECT = found([0.5, 0.2], [False, False], [0.5, 0.5], 0)
ALL_WRONG = found([0.5, 0.2], [False, False], [0.5, 0.5], 2)
SINGLE = found([0.5], [True], [0.75], 1)
ALL_TIED = found([0.4] * 4, [True, False, True, False], [1.0, 1.0, 0.5, 1.0], 3)
AT_THE_IOU_THRESHOLD = found([0.8, 0.6], [True, True], [0.5, 0.5], 2)
THRESHOLDS = st.sampled_from([0.125, 0.5])

# --- Oracle: one threshold after the other ---


def naive(data: Found, score_threshold: float, iou_threshold: float) -> dict[str, float]:
    """The definition, with counts."""
    rows = [row for row in range(len(data.scores)) if data.scores[row] >= score_threshold]
    losses = [1 - float(data.iou[row]) for row in rows if data.right[row]]
    wrong, missed = len(rows) - len(losses), data.n_objects - len(losses)
    total = len(losses) + wrong + missed
    placed = sum(loss / (1 - iou_threshold) if iou_threshold < 1 else 0.0 for loss in losses)
    return {
        "lrp": (placed + wrong + missed) / total if total else nan,
        "localization": sum(losses) / len(losses) if losses else nan,
        "false_positive": wrong / len(rows) if rows else nan,
        "false_negative": missed / data.n_objects if data.n_objects else nan,
    }


def assert_parts(got: LrpErrorLike, want: dict[str, float]) -> None:
    """Up to rounding."""
    for name, value in want.items():
        assert_close(np.asarray(getattr(got, name)), np.asarray(value), name, atol=1e-12)


@given(data=founds(), score=st.integers(0, 6).map(lambda k: k / 5), iou_threshold=THRESHOLDS)
@example(data=NOTHING, score=0.5, iou_threshold=0.5)
@example(data=NO_DETECTION, score=0.5, iou_threshold=0.5)
@example(data=NO_OBJECT, score=0.0, iou_threshold=0.5)
@example(data=SINGLE, score=0.5, iou_threshold=0.5)
@example(data=SINGLE, score=0.75, iou_threshold=0.5)
@example(data=ALL_TIED, score=0.4, iou_threshold=0.5)
@example(data=AT_THE_IOU_THRESHOLD, score=0.0, iou_threshold=0.5)
def equals_the_definition(
    lrp_error: AtThreshold, data: Found, score: float, iou_threshold: float
) -> None:
    """A score that equals the threshold reaches it."""
    got = lrp_error(data.scores, data.right, data.iou, data.n_objects, score, iou_threshold)
    assert got.score_threshold == score
    assert_parts(got, naive(data, score, iou_threshold))


@given(data=founds())
@example(data=SINGLE)
def loses_nothing_by_placement_at_an_iou_threshold_of_1(
    lrp_error: AtThreshold, data: Found
) -> None:
    """Whatever rounding leaves of 1 - IoU, it is not divided by 0."""
    got = lrp_error(data.scores, data.right, data.iou, data.n_objects, 0.0, 1.0)
    assert_parts(got, naive(data, 0.0, 1.0))


@given(data=founds(), iou_threshold=THRESHOLDS)
@example(data=NOTHING, iou_threshold=0.5)
@example(data=NO_DETECTION, iou_threshold=0.5)
@example(data=NO_OBJECT, iou_threshold=0.5)
@example(data=ALL_WRONG, iou_threshold=0.5)
@example(data=SINGLE, iou_threshold=0.5)
@example(data=ALL_TIED, iou_threshold=0.5)
@example(data=AT_THE_IOU_THRESHOLD, iou_threshold=0.5)
def equals_the_least_of_all_thresholds(
    optimal_lrp: Optimal, data: Found, iou_threshold: float
) -> None:
    """Of several the highest; none where nothing is found."""
    got = optimal_lrp(data.scores, data.right, data.iou, data.n_objects, iou_threshold)
    if not data.n_objects:
        values = (got.score_threshold, *(getattr(got, name) for name in naive(data, 0, 0.5)))
        assert all(isnan(value) for value in values)
    elif not data.right.any():
        assert isnan(got.score_threshold)
        assert_parts(got, naive(data, np.inf, iou_threshold))
    else:
        assert got.score_threshold in data.scores
        at = {score: naive(data, score, iou_threshold) for score in data.scores.tolist()}
        assert_parts(got, at[got.score_threshold])
        least = min(parts["lrp"] for parts in at.values())
        assert_close(np.asarray(got.lrp), np.asarray(least), "lrp", atol=1e-12)
        higher = [parts["lrp"] for score, parts in at.items() if score > got.score_threshold]
        # Divided by 0.5, no loss is rounded, so that equal errors are equal to the last bit.
        assert iou_threshold != 0.5 or least not in higher


LRP_ERROR = Contract[AtThreshold](
    "lrp_error",
    ("scores", "true_positive", "iou", "n_objects", "score_threshold", "iou_threshold"),
    Conventions(
        "detections of one class; score >= threshold counts; localization is the mean of 1 - IoU, not "
        "divided by 1 - the IoU threshold; undefined parts are NaN, and the error of nothing at all is"
    ),
    (equals_the_definition, loses_nothing_by_placement_at_an_iou_threshold_of_1),
)
OPTIMAL_LRP = Contract[Optimal](
    "optimal_lrp",
    ("scores", "true_positive", "iou", "n_objects", "iou_threshold"),
    Conventions(
        "over the distinct scores, ties going to the highest; error 1 and threshold NaN where nothing "
        "is found; NaN without objects"
    ),
    (equals_the_least_of_all_thresholds,),
)

CONTRACTS = (LRP_ERROR, OPTIMAL_LRP)
