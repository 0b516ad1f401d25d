"""Localisation-recall-precision error: one number for what is missed, wrong and badly placed.

Detections are those of one class over the whole data set, in any order. Whether each is right is
known: matching by score decides it once, whatever the score threshold, since a detection never
loses its object to one of a lower score.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]


@dataclass(frozen=True)
class LrpError:
    """The error at one score threshold; lower is better.

    Attributes:
        score_threshold: detections from this score on count.
        lrp: the error, in [0, 1]; 1 where nothing is found, NaN without an object and a detection.
        localization: mean of 1 - IoU over the true positives; NaN without one.
        false_positive: 1 - precision; NaN without a detection.
        false_negative: 1 - recall; NaN without an object.
    """

    score_threshold: float
    lrp: float
    localization: float
    false_positive: float
    false_negative: float


def lrp_error(
    scores: RealArray,
    true_positive: Mask,
    iou: RealArray,
    n_objects: int,
    score_threshold: float,
    iou_threshold: float = 0.5,
) -> LrpError:
    """LRP of the detections whose score is at least `score_threshold`.

    The error is the sum of (1 - IoU) / (1 - `iou_threshold`) over the true positives, plus the
    false positives, plus the objects not found, over the number of all three. At an IoU threshold
    of 1 a true positive has nothing to lose, and adds 0.

    Args:
        scores: (N,), any real dtype, any order; not NaN.
        true_positive: (N,) bool; all others are false positives. Leave out what is ignored.
        iou: (N,), any real dtype; in [0, 1] and read where `true_positive` is set.
        n_objects: objects that are to be found.
        score_threshold: not NaN.
        iou_threshold: in (0, 1]; that of the matching.

    Returns:
        An `LrpError`.

    Raises:
        TypeError: `scores` or `iou` is not of a real dtype, `true_positive` not boolean.
        ValueError: wrong shape, lengths that differ, a score or threshold that is NaN, an IoU
            outside [0, 1], fewer objects than true positives, an IoU threshold outside (0, 1].

    Source:
        Oksuz et al., "Localization Recall Precision (LRP): A New Performance Metric for Object
        Detection", ECCV 2018; "One Metric to Measure them All", TPAMI 2021, has the components.
    """
    curve = _counts_by_score(scores, true_positive, iou, n_objects, iou_threshold)
    if np.isnan(score_threshold):
        raise ValueError("score_threshold is NaN")
    reached = int(np.searchsorted(-curve.scores, -score_threshold, side="right"))
    return curve.at(reached - 1, float(score_threshold))


def optimal_lrp(
    scores: RealArray,
    true_positive: Mask,
    iou: RealArray,
    n_objects: int,
    iou_threshold: float = 0.5,
) -> LrpError:
    """The least LRP over all score thresholds, with the score that gives it.

    A threshold takes all detections of equal score or none. Of several that give the least error
    it is the highest.

    Args:
        scores: (N,), any real dtype, any order; not NaN.
        true_positive: (N,) bool; all others are false positives. Leave out what is ignored.
        iou: (N,), any real dtype; in [0, 1] and read where `true_positive` is set.
        n_objects: objects that are to be found.
        iou_threshold: in (0, 1]; that of the matching.

    Returns:
        An `LrpError` whose threshold is one of `scores`. Where none finds anything, no detection
        at all is as good: the error is 1 and the threshold NaN. Without an object all is NaN.

    Raises:
        TypeError: as `lrp_error`.
        ValueError: as `lrp_error`.

    Source:
        As `lrp_error`.
    """
    curve = _counts_by_score(scores, true_positive, iou, n_objects, iou_threshold)
    if not n_objects:
        return LrpError(*[float("nan")] * 5)
    if not curve.right.max(initial=0):
        return LrpError(float("nan"), 1.0, float("nan"), float("nan"), 1.0)
    best = int(np.argmin(curve.errors()))
    return curve.at(best, float(curve.scores[best]))


@dataclass(frozen=True, eq=False)
class _Counts:
    """What the detections come to at each of M distinct scores, descending.

    Attributes:
        scores: (M,).
        taken: (M,) detections of at least that score.
        right: (M,) true positives among them.
        lost: (M,) sum of their 1 - IoU.
        n_objects: to be found.
        room: 1 - the IoU threshold.
    """

    scores: F64
    taken: F64
    right: F64
    lost: F64
    n_objects: int
    room: float

    def errors(self) -> F64:
        """(M,)."""
        placed = self.lost / self.room if self.room else np.zeros(len(self.lost))
        total = self.taken - self.right + self.n_objects
        # Rounding may make a sum of terms of 1 a little more than their number.
        errors: F64 = np.minimum((placed + total - self.right) / total, 1.0)
        return errors

    def at(self, place: int, score_threshold: float) -> LrpError:
        """The error at the score of that place; -1 is above all scores."""
        if place < 0:
            missing = 1.0 if self.n_objects else float("nan")
            return LrpError(score_threshold, missing, float("nan"), float("nan"), missing)
        taken, right = float(self.taken[place]), float(self.right[place])
        return LrpError(
            score_threshold=score_threshold,
            lrp=float(self.errors()[place]),
            localization=float(self.lost[place]) / right if right else float("nan"),
            false_positive=1 - right / taken,
            false_negative=1 - right / self.n_objects if self.n_objects else float("nan"),
        )


def _counts_by_score(
    scores: RealArray, true_positive: Mask, iou: RealArray, n_objects: int, iou_threshold: float
) -> _Counts:
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in (0, 1]")
    checked = _checked_scores(scores, "scores")
    right = _checked_mask(true_positive, "true_positive", len(checked))
    loss = np.where(right, 1 - _checked_iou_of(iou, right), 0.0)
    if n_objects < np.count_nonzero(right):
        raise ValueError(
            f"n_objects = {n_objects} is less than the {np.count_nonzero(right)} true positives"
        )
    order = np.argsort(-checked, kind="stable")
    by_score = checked[order]
    last = np.flatnonzero(np.append(by_score[1:] != by_score[:-1], True)[: len(by_score)])
    right_so_far = np.cumsum(right[order])
    lost_so_far: F64 = np.cumsum(loss[order])
    return _Counts(
        by_score[last],
        (last + 1).astype(np.float64),
        right_so_far[last].astype(np.float64),
        lost_so_far[last],
        n_objects,
        1 - iou_threshold,
    )


def _checked_iou_of(iou: RealArray, right: Mask) -> F64:
    """`iou` as (N,) float64, 1 where it is not read; an error names the row and the value."""
    array = np.asarray(iou)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"iou must be of a real dtype, got {array.dtype}")
    if array.shape != right.shape:
        raise ValueError(f"iou must have shape {right.shape}, got {array.shape}")
    checked: F64 = np.where(right, array, 1.0).astype(np.float64)
    outside = ~((checked >= 0) & (checked <= 1))
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(f"iou[{row}] = {array[row]} is not in [0, 1]")
    return checked


def _checked_scores(scores: RealArray, name: str) -> F64:
    """`scores` as (N,) float64; an error names the argument, the row and the value."""
    array = np.asarray(scores)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {array.shape}")
    checked = array.astype(np.float64, copy=False)
    if np.isnan(checked).any():
        raise ValueError(f"{name}[{int(np.isnan(checked).argmax())}] is NaN")
    return checked


def _checked_mask(mask: Mask | None, name: str, length: int) -> Mask:
    """`mask` as (G,) bool; None is none."""
    if mask is None:
        return np.zeros(length, np.bool_)
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise TypeError(f"{name} must be of dtype bool, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    return array
