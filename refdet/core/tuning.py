"""Which score threshold a class should have: the best F-beta, a required precision or recall.

`threshold_counts` counts what each possible threshold keeps; the others choose among these. They
take leading axes, for counts of many samples of a data set at once.

A threshold t keeps the detections with score >= t. So it keeps all detections of equal score or
none, and only the scores themselves have to be looked at: between two of them, nothing changes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """What each of M thresholds keeps of the detections of a class.

    Attributes:
        thresholds: (M,) float64, the distinct scores, descending.
        true_positives: (M,) int64, with at least that score.
        false_positives: (M,) int64, likewise.
    """

    thresholds: F64
    true_positives: I64
    false_positives: I64


def threshold_counts(scores: RealArray, is_true_positive: Mask) -> ThresholdCounts:
    """How many true and false positives there are from each score on.

    Args:
        scores: (N,), any real dtype, any order; not NaN.
        is_true_positive: (N,) bool; the others are false positives.

    Returns:
        `ThresholdCounts` of the M distinct scores.

    Raises:
        TypeError: `scores` is not of a real dtype, `is_true_positive` not boolean.
        ValueError: wrong shape, lengths that differ, a score that is NaN.

    Source:
        This project's own rule: at equality a detection stays, as in `score_threshold_mask`.
    """
    checked = _checked_scores(scores, "scores")
    right = np.asarray(is_true_positive)
    if right.dtype != np.bool_:
        raise TypeError(f"is_true_positive must be of dtype bool, got {right.dtype}")
    if right.shape != checked.shape:
        raise ValueError(f"is_true_positive has shape {right.shape} and scores {checked.shape}")
    order = np.argsort(-checked, kind="stable")
    ordered = checked[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])
    found = np.cumsum(right[order], dtype=np.int64)[last]
    return ThresholdCounts(ordered[last], found, last + 1 - found)


def threshold_of_best_f_beta(
    thresholds: RealArray,
    true_positives: IntArray,
    false_positives: IntArray,
    n_objects: IntArray | int,
    beta: float = 1.0,
) -> F64:
    """The threshold at which F-beta is highest; of several, the highest.

    F-beta = (1 + beta^2) TP / (beta^2 * objects + TP + FP): recall weighs beta times as much as
    precision. Of thresholds that are equally good, the highest keeps the fewest detections, and so
    it stays the same if detections are added below that are worth nothing.

    Args:
        thresholds: (M,), descending; see `threshold_counts`.
        true_positives: (..., M) integers, from each threshold on.
        false_positives: (..., M) integers, likewise.
        n_objects: (...) integers, objects that are to be found.
        beta: positive.

    Returns:
        (...) float64; NaN where nothing is found at any threshold, or there is nothing to find.

    Raises:
        TypeError: an input of a wrong dtype.
        ValueError: wrong shapes, thresholds that do not descend, negative counts, fewer objects
            than true positives, `beta` that is not positive and finite.

    Source:
        van Rijsbergen, "Information Retrieval", 2nd edition, 1979, chapter 7.
    """
    table = _checked_descending(thresholds)
    right = _checked_counts(true_positives, "true_positives", len(table))
    wrong = _checked_counts(false_positives, "false_positives", len(table))
    _refuse_unlike(right, wrong)
    objects = _checked_objects(n_objects, right)
    if not 0 < beta < np.inf:
        raise ValueError(f"beta must be positive and finite, got {beta}")
    weight = float(beta) ** 2
    kept = np.maximum(right + wrong, 1)  # where nothing is kept, nothing is right
    # Without the factor 1 + beta^2, which is the same at every threshold.
    return _chosen(table, right / (weight * objects[..., None] + kept))


def threshold_of_precision(
    thresholds: RealArray, true_positives: IntArray, false_positives: IntArray, required: float
) -> F64:
    """The threshold with the highest recall among those that reach a precision.

    Of several with that recall it is the highest, which has the best precision. The quotient
    TP / (TP + FP) >= `required` is compared in float64: 9 of 10 reach 0.9.

    Args:
        thresholds: (M,), descending; see `threshold_counts`.
        true_positives: (..., M) integers, from each threshold on.
        false_positives: (..., M) integers, likewise.
        required: in (0, 1].

    Returns:
        (...) float64; NaN where no threshold reaches it.

    Raises:
        TypeError: an input of a wrong dtype.
        ValueError: wrong shapes, thresholds that do not descend, negative counts, `required`
            outside (0, 1].

    Source:
        This project's own rule.
    """
    table = _checked_descending(thresholds)
    right = _checked_counts(true_positives, "true_positives", len(table))
    wrong = _checked_counts(false_positives, "false_positives", len(table))
    _refuse_unlike(right, wrong)
    _check_required(required)
    reaches = right / np.maximum(right + wrong, 1) >= required
    return _chosen(table, np.where(reaches, right, 0))


def threshold_of_recall(
    thresholds: RealArray, true_positives: IntArray, n_objects: IntArray | int, required: float
) -> F64:
    """The highest threshold that reaches a recall: the fewest detections that do.

    The quotient TP / objects >= `required` is compared in float64: 9 of 10 reach 0.9.

    Args:
        thresholds: (M,), descending; see `threshold_counts`.
        true_positives: (..., M) integers, from each threshold on.
        n_objects: (...) integers, objects that are to be found.
        required: in (0, 1].

    Returns:
        (...) float64; NaN where no threshold reaches it, or there is nothing to find.

    Raises:
        TypeError: an input of a wrong dtype.
        ValueError: wrong shapes, thresholds that do not descend, negative counts, fewer objects
            than true positives, `required` outside (0, 1].

    Source:
        This project's own rule.
    """
    table = _checked_descending(thresholds)
    right = _checked_counts(true_positives, "true_positives", len(table))
    objects = _checked_objects(n_objects, right)
    _check_required(required)
    return _chosen(table, right / np.maximum(objects, 1)[..., None] >= required)


def _chosen(thresholds: F64, worth: F64 | I64 | Mask) -> F64:
    """(...) the threshold where `worth` (..., M) is highest, the first of several; NaN at 0."""
    if not len(thresholds):
        return np.full(worth.shape[:-1], np.nan)
    best = worth.argmax(axis=-1)
    is_worth_something = np.take_along_axis(worth, best[..., None], axis=-1)[..., 0] != 0
    return np.where(is_worth_something, thresholds[best], np.nan)


def _checked_descending(thresholds: RealArray) -> F64:
    checked = _checked_scores(thresholds, "thresholds")
    rising = np.flatnonzero(checked[1:] >= checked[:-1])
    if len(rising):
        row = int(rising[0]) + 1
        raise ValueError(
            f"thresholds must descend, but thresholds[{row}] = {checked[row]} comes after "
            f"{checked[row - 1]}"
        )
    return checked


def _checked_counts(counts: IntArray, name: str, length: int) -> I64:
    array = np.asarray(counts)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} must be of an integer dtype, got {array.dtype}")
    if array.shape[-1:] != (length,):
        raise ValueError(f"{name} must have shape (..., {length}), got {array.shape}")
    checked = array.astype(np.int64, copy=False)
    if (checked < 0).any():
        index = tuple(np.argwhere(checked < 0)[0].tolist())
        raise ValueError(f"{name}{list(index)} = {checked[index]} is negative")
    return checked


def _refuse_unlike(right: I64, wrong: I64) -> None:
    if right.shape != wrong.shape:
        raise ValueError(f"true_positives has shape {right.shape}, false_positives {wrong.shape}")


def _checked_objects(n_objects: IntArray | int, right: I64) -> I64:
    objects = np.asarray(n_objects)
    if objects.dtype.kind not in "iu":
        raise TypeError(f"n_objects must be integers, got {objects.dtype}")
    if objects.shape != right.shape[:-1]:
        raise ValueError(f"n_objects must have shape {right.shape[:-1]}, got {objects.shape}")
    too_few = objects < right.max(axis=-1, initial=0)
    if too_few.any():
        index = tuple(np.argwhere(too_few)[0].tolist())
        raise ValueError(
            f"n_objects{list(index) or ''} = {objects[index]} is below the number of true positives"
        )
    return objects.astype(np.int64, copy=False)


def _check_required(required: float) -> None:
    if not 0 < required <= 1:
        raise ValueError(f"required must be in (0, 1], got {required}")


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
