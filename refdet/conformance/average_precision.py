"""Contracts of the precision-recall curve and of four definitions of average precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import distinct_scores, tied_scores

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


class CurveLike(Protocol):
    """What an implementation returns: see `refdet.core.average_precision`."""

    @property
    def precision(self) -> F64:
        """After each detection."""

    @property
    def recall(self) -> F64:
        """After each detection."""

    @property
    def scores(self) -> F64:
        """Descending."""


Curve: TypeAlias = Callable[[F64, Mask, int], CurveLike]
AveragePrecision: TypeAlias = Callable[[F64, Mask, int], float]


@dataclass(frozen=True)
class Judged:
    """The detections of a class, judged, and how many objects there were to find."""

    scores: F64
    found: Mask
    n_objects: int


def judged(scores: list[float], found: str, n_objects: int) -> Judged:
    """A case written by hand: `x` for a true positive, `.` for a false one."""
    return Judged(np.array(scores), np.array([c == "x" for c in found], np.bool_), n_objects)


@st.composite
def cases(draw: st.DrawFn, scores: Callable[[int], st.SearchStrategy[F64]] = tied_scores) -> Judged:
    """Up to 12 detections, and up to 4 objects that are never found."""
    count = draw(st.integers(0, 12))
    found = draw(hnp.arrays(np.bool_, (count,)))
    return Judged(draw(scores(count)), found, int(found.sum()) + draw(st.integers(0, 4)))


NOTHING = judged([], "", 0)
NO_OBJECT = judged([0.5, 0.25], "..", 0)
NO_DETECTION = judged([], "", 3)
SINGLE = judged([0.5], "x", 1)
ALL_TIED = judged([0.5] * 4, ".x.x", 3)
UNSORTED = judged([0.25, 0.75, 0.5], "x.x", 2)
REACHES_A_LEVEL = judged([i / 16 for i in range(9)], "x" * 9, 15)
# 7 / 20 is less than 35 times 0.01, which is COCO's level in float64, and as much as 35 / 100.
MISSES_A_LEVEL = judged([i / 8 for i in range(7)], "x" * 7, 20)
# More ties than an unstable sort leaves in order.
MANY_TIED = judged([0.25, 0.5, 0.75] * 20, "xxxxxx......" * 5, 40)

# --- Oracles: exact fractions, one detection at a time ---


def naive_points(case: Judged) -> list[tuple[int, Fraction]]:
    """After each detection, by score: how many objects are found, and the precision."""
    points: list[tuple[int, Fraction]] = []
    found = 0
    for row in sorted(range(len(case.scores)), key=lambda row: -case.scores[row]):
        found += bool(case.found[row])
        points.append((found, Fraction(found, len(points) + 1)))
    return points


def _best(points: list[tuple[int, Fraction]], reached: list[bool]) -> Fraction:
    """The best precision among the points that have reached a recall; 0 without any."""
    candidates = [precision for (_, precision), far in zip(points, reached, strict=True) if far]
    return max(candidates, default=Fraction(0))


def naive_voc07(case: Judged) -> float:
    """The mean over recall 0, 0.1 .. 1 of the best precision there or beyond, exactly."""
    points, n = naive_points(case), case.n_objects
    tenths = [Fraction(i, 10) for i in range(11)]
    levels = [_best(points, [Fraction(tp, n) >= x for tp, _ in points]) for x in tenths]
    return float(sum(levels, Fraction(0)) / 11)


def naive_voc(case: Judged) -> float:
    """The area under the envelope, exactly.

    Each of the n objects adds a strip one n-th wide, as high as the best precision from there on.
    """
    points, n = naive_points(case), case.n_objects
    strips = [_best(points, [tp >= k for tp, _ in points]) for k in range(1, n + 1)]
    return float(sum(strips, Fraction(0)) / n)


def naive_coco(case: Judged) -> float:
    """The mean over recall 0, 0.01 .. 1 of the best precision there or beyond.

    Exact but for the levels, which pycocotools compares in float64.
    """
    points, n = naive_points(case), case.n_objects
    places = np.linspace(0, 1, 101).tolist()
    levels = [_best(points, [tp / n >= x for tp, _ in points]) for x in places]
    return float(sum(levels, Fraction(0)) / 101)


def naive_interp101(case: Judged) -> float:
    """The area under lines from (0, 1) through the envelope to (1, 0), exactly.

    Read at 101 places; of several knots at a place the last one counts.
    """
    if not len(case.scores):
        return 0.0
    points, n = naive_points(case), case.n_objects
    at = [(Fraction(tp, n), max(p for _, p in points[row:])) for row, (tp, _) in enumerate(points)]
    knots = [(Fraction(0), Fraction(1)), *at, (Fraction(1), Fraction(0))]
    heights = [_on_the_line(knots, Fraction(i, 100)) for i in range(101)]
    return float((sum(heights) - (heights[0] + heights[-1]) / 2) / 100)


def _on_the_line(knots: list[tuple[Fraction, Fraction]], x: Fraction) -> Fraction:
    left = max(row for row, (place, _) in enumerate(knots) if place <= x)
    (x0, y0), (x1, y1) = knots[left], knots[min(left + 1, len(knots) - 1)]
    return y0 if x == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


# --- Properties ---


@given(case=cases())
@example(case=NOTHING)
@example(case=NO_OBJECT)
@example(case=NO_DETECTION)
@example(case=SINGLE)
@example(case=ALL_TIED)
@example(case=UNSORTED)
@example(case=MANY_TIED)
def curve_equals_counting(precision_recall_curve: Curve, case: Judged) -> None:
    """One point a detection, ties in input order; recall is NaN without an object."""
    got = precision_recall_curve(case.scores, case.found, case.n_objects)
    points = naive_points(case)
    n = case.n_objects
    assert_close(got.scores, np.sort(case.scores)[::-1], "scores")
    precision = np.array([float(precision) for _, precision in points], np.float64)
    assert_close(got.precision, precision, "precision")
    recall = [found / n if n else float("nan") for found, _ in points]
    assert_close(got.recall, np.array(recall, np.float64), "recall")


def _equals(oracle: Callable[[Judged], float]) -> Callable[[AveragePrecision], None]:
    @given(case=cases())
    @example(case=NOTHING)
    @example(case=NO_OBJECT)
    @example(case=NO_DETECTION)
    @example(case=SINGLE)
    @example(case=ALL_TIED)
    @example(case=UNSORTED)
    @example(case=REACHES_A_LEVEL)
    @example(case=MISSES_A_LEVEL)
    @example(case=MANY_TIED)
    def check(average_precision: AveragePrecision, case: Judged) -> None:
        got = average_precision(case.scores, case.found, case.n_objects)
        want = oracle(case) if case.n_objects else float("nan")
        assert_close(got, want, "average precision", atol=1e-13)

    # Contracts are run by property; each tells its name and what it asks.
    check.__name__ = f"equals_{oracle.__name__}"
    check.__doc__ = oracle.__doc__
    return check


@given(case=cases())
@example(case=SINGLE)
def stays_between_0_and_1(average_precision: AveragePrecision, case: Judged) -> None:
    """Without tolerance; NaN exactly where there is no object."""
    got = average_precision(case.scores, case.found, case.n_objects)
    if case.n_objects == 0:
        assert_close(got, float("nan"), "average precision without an object")
    else:
        assert -slack() <= got <= 1 + slack(), f"average precision {got!r} is not in [0, 1]"


@given(case=cases(distinct_scores), data=st.data())
def does_not_depend_on_input_order(
    average_precision: AveragePrecision, case: Judged, data: st.DataObject
) -> None:
    """With distinct scores the detections may come in any order."""
    order = np.array(data.draw(st.permutations(range(len(case.scores)))), np.int64)
    before = average_precision(case.scores, case.found, case.n_objects)
    after = average_precision(case.scores[order], case.found[order], case.n_objects)
    assert_close(after, before, f"average precision in the order {order}")


@given(case=cases())
def ignores_the_scale_of_scores(average_precision: AveragePrecision, case: Judged) -> None:
    """Only their order counts: doubled and moved by a power of two they keep it."""
    before = average_precision(case.scores, case.found, case.n_objects)
    after = average_precision(case.scores * 2 - 4, case.found, case.n_objects)
    assert_close(after, before, "average precision with scores doubled, less 4")


@given(case=cases(), more=st.integers(1, 3))
@example(case=SINGLE, more=1)
def more_false_positives_at_the_end_change_nothing(
    average_precision: AveragePrecision, case: Judged, more: int
) -> None:
    """What comes after the last true positive is below no envelope."""
    if not len(case.scores):
        return
    scores = np.concatenate([case.scores, np.full(more, -1.0)])
    found = np.concatenate([case.found, np.zeros(more, np.bool_)])
    before = average_precision(case.scores, case.found, case.n_objects)
    after = average_precision(scores, found, case.n_objects)
    assert_close(after, before, f"average precision with {more} more at the end", atol=1e-15)


_TIES = "of score: input order"
_UNDEFINED = "NaN without an object; 0 with objects and without a detection"
_OF_A_CLASS = (
    "All detections of a class in a whole data set, in any order, whatever their score, without "
    "the ignored ones; which of them are true positives; how many objects there are to find."
)
_SCALE_FREE = (
    stays_between_0_and_1,
    does_not_depend_on_input_order,
    ignores_the_scale_of_scores,
)
_ALWAYS = (*_SCALE_FREE, more_false_positives_at_the_end_change_nothing)

PRECISION_RECALL_CURVE = Contract[Curve](
    "precision_recall_curve",
    ("scores", "is_true_positive", "n_ground_truth"),
    Conventions(
        rule="by score descending, after each detection: precision, true positives / detections so "
        f"far; recall, true positives / objects; its score. {_OF_A_CLASS}",
        ties=f"{_TIES}; detections of equal score are a point each",
        undefined="recall is NaN without an object",
    ),
    (curve_equals_counting,),
)
AVERAGE_PRECISION_VOC07 = Contract[AveragePrecision](
    "average_precision_voc07",
    ("scores", "is_true_positive", "n_ground_truth"),
    Conventions(
        rule="PASCAL VOC 2007's: the mean over recall 0, 0.1 .. 1 of the best precision there or "
        f"beyond, 0 where no recall gets there. {_OF_A_CLASS}",
        ties=_TIES,
        thresholds="a recall reaches level i if 10 * true positives >= i * objects, in integers",
        undefined=_UNDEFINED,
    ),
    (_equals(naive_voc07), *_ALWAYS),
)
AVERAGE_PRECISION_VOC = Contract[AveragePrecision](
    "average_precision_voc",
    ("scores", "is_true_positive", "n_ground_truth"),
    Conventions(
        rule="PASCAL VOC's since 2010: the area under the envelope, which is at every recall the "
        f"best precision there or beyond, 0 beyond the last recall. {_OF_A_CLASS}",
        ties=_TIES,
        undefined=_UNDEFINED,
    ),
    (_equals(naive_voc), *_ALWAYS),
)
AVERAGE_PRECISION_COCO = Contract[AveragePrecision](
    "average_precision_coco",
    ("scores", "is_true_positive", "n_ground_truth"),
    Conventions(
        rule="COCO's: the mean over recall 0, 0.01 .. 1 of the best precision there or beyond, 0 "
        "where no recall gets there, up to rounding: pycocotools adds 2**-52 to the denominator of "
        f"precision, which others leave out. {_OF_A_CLASS}",
        ties=_TIES,
        thresholds="true positives / objects >= level, both in float64, the levels as "
        "np.linspace(0, 1, 101) has them",
        undefined=f"{_UNDEFINED}. pycocotools has -1 for NaN",
    ),
    (_equals(naive_coco), *_ALWAYS),
)
AVERAGE_PRECISION_INTERP101 = Contract[AveragePrecision](
    "average_precision_interp101",
    ("scores", "is_true_positive", "n_ground_truth"),
    Conventions(
        rule="that of many training notebooks, for old numbers only: straight lines from (recall "
        "0, precision 1) through the envelope's points to an appended (1, 0), read at 101 "
        f"recalls and added up as trapezoids: 0.995 for a perfect detector. {_OF_A_CLASS}",
        ties=_TIES,
        undefined=_UNDEFINED,
    ),
    # A false positive at the end lowers the knot from which the last line falls.
    (_equals(naive_interp101), *_SCALE_FREE),
)

CONTRACTS = (
    PRECISION_RECALL_CURVE,
    AVERAGE_PRECISION_VOC07,
    AVERAGE_PRECISION_VOC,
    AVERAGE_PRECISION_COCO,
    AVERAGE_PRECISION_INTERP101,
)
