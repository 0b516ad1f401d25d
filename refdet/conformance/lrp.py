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
        assert_close(getattr(got, name), value, name, atol=1e-12)


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
    assert_close(got.score_threshold, float(score), "score_threshold")
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
        assert_close(got.score_threshold, nan, "score_threshold without an object")
        assert_parts(got, dict.fromkeys(naive(data, 0, 0.5), nan))
    elif not data.right.any():
        assert_close(got.score_threshold, nan, "score_threshold with nothing right")
        assert_parts(got, naive(data, np.inf, iou_threshold))
    else:
        at = {score: naive(data, score, iou_threshold) for score in data.scores.tolist()}
        assert not isnan(got.score_threshold), "score_threshold is NaN"
        chosen = min(at, key=lambda score: abs(score - got.score_threshold))
        assert_close(got.score_threshold, chosen, "score_threshold, from the nearest score")
        assert_parts(got, at[chosen])
        least = min(parts["lrp"] for parts in at.values())
        assert_close(got.lrp, least, "lrp, from the least", atol=1e-12)
        # Divided by 0.5, no loss is rounded, so that equal errors are equal to the last bit.
        higher = [score for score, parts in at.items() if score > chosen and parts["lrp"] == least]
        assert iou_threshold != 0.5 or not higher, f"{higher} are as good as {chosen} and higher"


LRP_ERROR = Contract[AtThreshold](
    "lrp_error",
    ("scores", "true_positive", "iou", "n_objects", "score_threshold", "iou_threshold"),
    Conventions(
        rule="localisation, recall and precision in one error, of the detections of a class at "
        "one score threshold: (the sum over true positives of (1 - IoU) / (1 - iou_threshold) + "
        "false positives + objects not found) / (all three counts). Its parts: localization, the "
        "mean of 1 - IoU over the true positives, not divided by 1 - iou_threshold; "
        "false_positive, 1 - precision; false_negative, 1 - recall. The IoUs of false positives "
        "are not looked at",
        thresholds="score >= score_threshold counts; at an iou_threshold of 1 placement costs "
        "nothing",
        undefined="NaN: a part without detections, objects or true positives to share; the error "
        "with neither detections nor objects",
    ),
    (equals_the_definition, loses_nothing_by_placement_at_an_iou_threshold_of_1),
)
OPTIMAL_LRP = Contract[Optimal](
    "optimal_lrp",
    ("scores", "true_positive", "iou", "n_objects", "iou_threshold"),
    Conventions(
        rule="the least lrp_error over all score thresholds, its parts there and that threshold, "
        "which is one of the scores",
        ties="of the error: the highest threshold",
        thresholds="score >= threshold counts",
        undefined="all NaN without an object; with nothing right the error is 1, its parts those "
        "of no detection, and the threshold NaN",
    ),
    (equals_the_least_of_all_thresholds,),
)

CONTRACTS = (LRP_ERROR, OPTIMAL_LRP)
