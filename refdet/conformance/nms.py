"""Contracts of non-maximum suppression: greedy, per class, soft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Protocol, TypeAlias

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.iou import CONTINUOUS_XYXY, counted_iou
from refdet.conformance.strategies import (
    EMPTY_BOX,
    NO_BOX,
    boxes_xyxy,
    distinct_scores,
    fractional_boxes_xyxy,
    labels,
    tied_scores,
)
from refdet.conformance.vectors import Value
from refdet.core.nms import SoftNMSDecay

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class SoftLike(Protocol):
    """What soft NMS returns: any object with these attributes."""

    @property
    def indices(self) -> I64:
        """(K,), by lowered score descending."""

    @property
    def scores(self) -> F64:
        """(K,), lowered."""


NMS: TypeAlias = Callable[[F64, F64, float], I64]
BatchedNMS: TypeAlias = Callable[[F64, F64, I64, float], I64]
SoftNMS: TypeAlias = Callable[[F64, F64, SoftNMSDecay, float, float, float], SoftLike]
Detections: TypeAlias = tuple[F64, F64, I64]
Overlap: TypeAlias = Callable[[F64, F64], float]

TWINS: F64 = np.array([[0.0, 0.0, 4.0, 4.0]] * 3)
EMPTY_TWINS: F64 = np.repeat(EMPTY_BOX, 2, axis=0)
# Each overlaps its neighbour by 1/3, which is also one of the thresholds tried.
CHAIN: F64 = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [2.0, 0.0, 4.0, 2.0]])
# More ties than an unstable sort leaves in order, on boxes of which every third overlaps.
ROW_OF_MANY: F64 = np.array([[x, 0.0, x + 3.0, 2.0] for x in range(60)])

NOTHING: Detections = (NO_BOX, np.zeros(0), np.zeros(0, np.int64))
ONE: Detections = (TWINS[:1], np.array([0.5]), np.array([0]))
TIED_TWINS: Detections = (TWINS, np.full(3, 0.5), np.array([0, 1, 0]))
TIED_EMPTY: Detections = (EMPTY_TWINS, np.full(2, 0.5), np.array([0, 0]))
TIED_CHAIN: Detections = (CHAIN, np.full(3, 0.5), np.array([0, 0, 0]))
# The best overlaps nothing, the next two are one box.
ALONE: Detections = (
    np.concatenate([TWINS[:1] + 5, TWINS[:2]]),
    np.array([0.9, 0.8, 0.7]),
    np.zeros(3, np.int64),
)
LEFT_OF_THE_IMAGE: Detections = (TWINS - 5, np.array([0.9, 0.8, 0.7]), np.array([0, 1, 2]))
# Neighbours share 0.75 of their width: less than a whole pixel, but not nothing.
SLIGHT: Detections = (CHAIN * [0.75, 1, 0.75, 1], np.array([0.9, 0.8, 0.7]), np.zeros(3, np.int64))
MANY_TIED: Detections = (ROW_OF_MANY, np.tile([0.25, 0.5, 0.75], 20), np.arange(60) % 2)
# An offset per class would have to be added to coordinates of which it leaves no digit.
FAR_APART: Detections = (CHAIN / 3, np.array([0.9, 0.8, 0.7]), np.array([10**15, 10**15, 0]))

# Also left of the image and above it, where an offset per class goes the other way.
places = st.sampled_from([0.0, -6.0])
detections = st.integers(0, 7).flatmap(
    lambda n: st.tuples(
        st.tuples(boxes_xyxy(n, side=5), places).map(lambda placed: placed[0] + placed[1]),
        tied_scores(n),
        labels(n),
    )
)
fractional_detections = st.integers(0, 7).flatmap(
    lambda n: st.tuples(fractional_boxes_xyxy(n), distinct_scores(n), labels(n))
)
# IoUs that small integer boxes really have, so that equality is common.
thresholds = st.sampled_from([0.0, 1 / 7, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.7, 1.0])

# --- Oracles: plain Python, one pair at a time ---


def plain_iou(a: F64, b: F64) -> float:
    """IoU of two boxes of any corners."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.tolist(), b.tolist()
    width, height = min(ax2, bx2) - max(ax1, bx1), min(ay2, by2) - max(ay1, by1)
    shared = max(width, 0.0) * max(height, 0.0)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    return float(shared / union) if union else 0.0


def naive_nms(found: Detections, threshold: float, overlap: Overlap) -> list[int]:
    """The first of the best that are left, then without all of its class that it overlaps."""
    boxes, scores, classes = found
    left, kept = list(range(len(boxes))), []
    while left:
        best = min(left, key=lambda row: (-scores[row], row))
        kept.append(best)
        left.remove(best)
        left = [
            row
            for row in left
            if classes[row] != classes[best] or not overlap(boxes[best], boxes[row]) > threshold
        ]
    return kept


def naive_soft_nms(
    found: Detections,
    decay: SoftNMSDecay,
    threshold: float,
    sigma: float,
    min_score: float,
    overlap: Overlap,
) -> list[tuple[int, float]]:
    """The first of the best that are left, then with all others lowered."""
    boxes, scores, _ = found
    left, kept = dict(enumerate(scores.tolist())), []
    while left := {row: score for row, score in left.items() if score >= min_score}:
        best = min(left, key=lambda row: (-left[row], row))
        kept.append((best, left.pop(best)))
        for row in left:
            iou = overlap(boxes[best], boxes[row])
            if decay == "gaussian":
                left[row] *= math.exp(-(iou * iou) / sigma)
            elif iou > threshold:
                left[row] *= 1 - iou
    return kept


# --- Properties ---


def _assume_no_tie_with_the_threshold(boxes: F64, threshold: float) -> None:
    """Leave out boxes of many digits whose IoU is above a threshold or not by rounding alone."""
    if slack():
        overlaps = [plain_iou(a, b) for a, b in combinations(boxes, 2)]
        assume(not any(iou and abs(iou - threshold) <= slack() for iou in overlaps))


@given(found=detections, threshold=thresholds)
@example(found=NOTHING, threshold=0.5)
@example(found=ONE, threshold=0.0)
@example(found=TIED_TWINS, threshold=0.5)
@example(found=TIED_TWINS, threshold=1.0)
@example(found=TIED_EMPTY, threshold=0.0)
@example(found=TIED_CHAIN, threshold=1 / 3)
@example(found=TIED_CHAIN, threshold=0.25)
@example(found=ALONE, threshold=0.5)
@example(found=MANY_TIED, threshold=0.5)
def nms_equals_taking_the_best_left(nms: NMS, found: Detections, threshold: float) -> None:
    """On integer boxes, whose IoU is a ratio of two counts."""
    boxes, scores, _ = found
    one_class = (boxes, scores, np.zeros(len(boxes), np.int64))
    want = naive_nms(one_class, threshold, counted_iou)
    got = nms(boxes, scores, threshold).tolist()
    assert got == want, f"boxes {boxes}, scores {scores}: {got} instead of {want}"


@given(found=fractional_detections, threshold=st.floats(0, 1), seed=st.integers(0, 99))
def nms_survives_shuffling_distinct_scores(
    nms: NMS, found: Detections, threshold: float, seed: int
) -> None:
    """The same boxes come out in the same order, wherever they stood."""
    boxes, scores, _ = found
    _assume_no_tie_with_the_threshold(boxes, threshold)
    order = np.random.default_rng(seed).permutation(len(boxes))
    kept, shuffled = nms(boxes, scores, threshold), nms(boxes[order], scores[order], threshold)
    assert order[shuffled].tolist() == kept.tolist()


@given(found=detections, threshold=thresholds)
@example(found=NOTHING, threshold=0.5)
@example(found=TIED_TWINS, threshold=0.5)
@example(found=TIED_EMPTY, threshold=0.0)
@example(found=TIED_CHAIN, threshold=1 / 3)
@example(found=ALONE, threshold=0.5)
@example(found=LEFT_OF_THE_IMAGE, threshold=0.5)
@example(found=MANY_TIED, threshold=0.5)
def batched_nms_equals_taking_the_best_left(
    batched_nms: BatchedNMS, found: Detections, threshold: float
) -> None:
    """As `nms`, but a box drops only boxes of its own class."""
    got = batched_nms(*found, threshold).tolist()
    want = naive_nms(found, threshold, counted_iou)
    assert got == want, f"{found}: {got} instead of {want}"


@given(found=fractional_detections, threshold=st.floats(0, 1))
@example(found=FAR_APART, threshold=0.25)
@example(found=FAR_APART, threshold=1 / 3)
def batched_nms_rounds_nothing(
    batched_nms: BatchedNMS, found: Detections, threshold: float
) -> None:
    """Coordinates with many digits, and labels so far apart that an offset would lose them."""
    boxes, scores, classes = found
    _assume_no_tie_with_the_threshold(boxes, threshold)
    far = classes * 10**15 if classes.size and classes.max() < 10 else classes
    got = batched_nms(boxes, scores, far, threshold).tolist()
    assert got == naive_nms((boxes, scores, far), threshold, plain_iou), f"{found}: {got}"


@given(
    found=detections,
    decay=st.sampled_from(SoftNMSDecay),
    threshold=thresholds,
    sigma=st.sampled_from([0.1, 0.5, 2.0]),
    min_score=st.sampled_from([0.0, 0.001, 0.2]),
)
@example(NOTHING, SoftNMSDecay.LINEAR, 0.3, 0.5, 0.001)
@example(ONE, SoftNMSDecay.GAUSSIAN, 0.3, 0.5, 0.5)
@example(TIED_TWINS, SoftNMSDecay.LINEAR, 0.3, 0.5, 0.0)
@example(TIED_EMPTY, SoftNMSDecay.GAUSSIAN, 0.3, 0.5, 0.001)
@example(TIED_CHAIN, SoftNMSDecay.LINEAR, 1 / 3, 0.5, 0.001)
@example(TIED_CHAIN, SoftNMSDecay.GAUSSIAN, 0.3, 0.5, 0.001)
def soft_nms_equals_lowering_one_by_one(
    soft_nms: SoftNMS,
    found: Detections,
    decay: SoftNMSDecay,
    threshold: float,
    sigma: float,
    min_score: float,
) -> None:
    """The best left, then all others lowered, one after another."""
    got = soft_nms(found[0], found[1], decay, threshold, sigma, min_score)
    _check_soft(got, naive_soft_nms(found, decay, threshold, sigma, min_score, counted_iou))


@given(found=fractional_detections, decay=st.sampled_from(SoftNMSDecay), threshold=st.floats(0, 1))
@example(NOTHING, SoftNMSDecay.LINEAR, 0.3)
@example(SLIGHT, SoftNMSDecay.LINEAR, 0.0)
def soft_nms_equals_lowering_one_by_one_on_fractions(
    soft_nms: SoftNMS, found: Detections, decay: SoftNMSDecay, threshold: float
) -> None:
    """The same on coordinates with many digits, where overlaps can be slight."""
    _assume_no_tie_with_the_threshold(found[0], threshold)
    got = soft_nms(found[0], found[1], decay, threshold, 0.5, 0.001)
    _check_soft(got, naive_soft_nms(found, decay, threshold, 0.5, 0.001, plain_iou))


def _check_soft(got: SoftLike, want: list[tuple[int, float]]) -> None:
    assert got.indices.tolist() == [row for row, _ in want], f"{got.indices} instead of {want}"
    expected = np.array([score for _, score in want], dtype=np.float64)
    assert_close(got.scores, expected, "lowered score", rtol=1e-12)


def _with_decay(inputs: Mapping[str, Value]) -> tuple[object, ...]:
    """A vector holds the decay's name."""
    return tuple(
        SoftNMSDecay(str(value)) if name == "decay" else value for name, value in inputs.items()
    )


_BEST_FIRST = "By score descending, then input order, in what is kept as in the result."
_NOTHING = "A box without area overlaps nothing, not even its twin: it stays and drops nothing."
_DROPS = "A box is dropped at IoU > iou_threshold; at equality it stays."

CONTRACTS = (
    Contract[NMS](
        "nms",
        ("boxes_xyxy", "scores", "iou_threshold"),
        Conventions(
            rule=(
                "The best box left is kept, all that overlap it too much are dropped, and so on: a "
                "dropped box drops nothing. The result is the rows that are kept."
            ),
            boxes=CONTINUOUS_XYXY,
            ties=_BEST_FIRST,
            thresholds=_DROPS,
            undefined=_NOTHING,
        ),
        (nms_equals_taking_the_best_left, nms_survives_shuffling_distinct_scores),
    ),
    Contract[BatchedNMS](
        "batched_nms",
        ("boxes_xyxy", "scores", "labels", "iou_threshold"),
        Conventions(
            rule=(
                "As nms, but only boxes of the same label drop each other. No offset between "
                "classes may round coordinates. The result is the rows kept, of all classes."
            ),
            boxes=CONTINUOUS_XYXY,
            ties=_BEST_FIRST,
            thresholds=_DROPS,
            undefined=_NOTHING,
        ),
        (batched_nms_equals_taking_the_best_left, batched_nms_rounds_nothing),
    ),
    Contract[SoftNMS](
        "soft_nms",
        ("boxes_xyxy", "scores", "decay", "iou_threshold", "sigma", "min_score"),
        Conventions(
            rule=(
                "The box with the best score left is kept, and the scores of all others are "
                "lowered: by the factor 1 - IoU where IoU > iou_threshold (linear), or by "
                "exp(-IoU^2 / sigma) at every IoU (gaussian). The result is the rows kept "
                "(indices) and their lowered scores."
            ),
            boxes=CONTINUOUS_XYXY,
            ties="The best is the highest lowered score, of equal ones the first in input order.",
            thresholds=(
                "Linear decay leaves a box at IoU = iou_threshold alone. A box is dropped when its "
                "score is below min_score; at equality it stays."
            ),
            undefined="A box without area overlaps nothing, not even its twin.",
        ),
        (soft_nms_equals_lowering_one_by_one, soft_nms_equals_lowering_one_by_one_on_fractions),
        _with_decay,
    ),
)
