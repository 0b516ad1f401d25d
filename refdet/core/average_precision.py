"""Average precision: the precision-recall curve of one class, and four definitions of its area.

All take every detection of the class in the whole data set, whatever its score (a score threshold
before AP changes it), without those that are ignored, and how many objects there are to find.
Detections are ordered by score descending; ties keep their input order, so that the same input
always gives the same number.

Without an object to find, AP is undefined: NaN. With objects and without detections it is 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """One point for each of N detections: the detections down to that one, judged.

    Attributes:
        precision: (N,) float64, true positives / detections.
        recall: (N,) float64, true positives / objects; NaN without an object.
        scores: (N,) float64, descending.
    """

    precision: F64
    recall: F64
    scores: F64


def precision_recall_curve(
    scores: RealArray, is_true_positive: Mask, n_ground_truth: int
) -> PrecisionRecallCurve:
    """Precision and recall after each detection, the highest score first.

    Detections with the same score are one point each, in input order.

    Args:
        scores: (N,), any real dtype, any order; not NaN.
        is_true_positive: (N,) bool; the others are false positives.
        n_ground_truth: how many objects there are to find, at least the true positives.

    Returns:
        A `PrecisionRecallCurve` of N points.

    Raises:
        TypeError: `scores` is not of a real dtype, `is_true_positive` not boolean,
            `n_ground_truth` not an integer.
        ValueError: wrong shape, lengths that differ, a score that is NaN, a negative
            `n_ground_truth` or one below the number of true positives.

    Source:
        Everingham et al., "The PASCAL VOC Challenge", IJCV 2010, section 4.2.
    """
    ordered, true_positives = _ranked(scores, is_true_positive, n_ground_truth)
    detections = np.arange(1, len(ordered) + 1)
    with np.errstate(invalid="ignore"):
        recall = true_positives / np.float64(n_ground_truth)
    return PrecisionRecallCurve(true_positives / detections, recall, ordered)


def average_precision_voc07(
    scores: RealArray, is_true_positive: Mask, n_ground_truth: int
) -> float:
    """Mean over recall 0, 0.1 ... 1 of the best precision at that recall or beyond.

    Recall is compared in integers, `10 * tp >= i * n`: 9 of 15 reach 0.6, which they miss in
    floating point.

    Args:
        scores: as in `precision_recall_curve`.
        is_true_positive: likewise.
        n_ground_truth: likewise.

    Returns:
        In [0, 1]; NaN without an object.

    Raises:
        TypeError: as `precision_recall_curve`.
        ValueError: likewise.

    Source:
        PASCAL VOC 2007 development kit, `VOCap.m`; Everingham et al., IJCV 2010, equation 1.
    """
    _, true_positives = _ranked(scores, is_true_positive, n_ground_truth)
    if n_ground_truth == 0:
        return float("nan")
    envelope = _envelope(true_positives / np.arange(1, len(true_positives) + 1))
    levels = np.arange(11) * n_ground_truth
    return float(np.mean(_at(envelope, np.searchsorted(10 * true_positives, levels, "left"))))


def average_precision_voc(scores: RealArray, is_true_positive: Mask, n_ground_truth: int) -> float:
    """Area under the envelope: at every recall the best precision at that recall or beyond.

    Args:
        scores: as in `precision_recall_curve`.
        is_true_positive: likewise.
        n_ground_truth: likewise.

    Returns:
        In [0, 1]; NaN without an object.

    Raises:
        TypeError: as `precision_recall_curve`.
        ValueError: likewise.

    Source:
        PASCAL VOC 2012 development kit, `VOCap.m`.
    """
    _, true_positives = _ranked(scores, is_true_positive, n_ground_truth)
    if n_ground_truth == 0:
        return float("nan")
    envelope = _envelope(true_positives / np.arange(1, len(true_positives) + 1))
    # Recall grows only at a true positive, each time by one n-th.
    grows = np.diff(true_positives, prepend=0) == 1
    return float(envelope[grows].sum() / n_ground_truth)


def average_precision_coco(scores: RealArray, is_true_positive: Mask, n_ground_truth: int) -> float:
    """Mean over recall 0, 0.01 ... 1 of the best precision at that recall or beyond.

    Recall is compared in float64 and precision has a smallest float64 in its denominator, because
    the published numbers do. One object found by one detection therefore scores 1 - 2.2e-16.

    Args:
        scores: as in `precision_recall_curve`.
        is_true_positive: likewise.
        n_ground_truth: likewise.

    Returns:
        In [0, 1]; NaN without an object, where pycocotools has -1.

    Raises:
        TypeError: as `precision_recall_curve`.
        ValueError: likewise.

    Source:
        pycocotools 2.0.11, `COCOeval.accumulate`, bit for bit.
    """
    _, true_positives = _ranked(scores, is_true_positive, n_ground_truth)
    if n_ground_truth == 0:
        return float("nan")
    detections = np.arange(1, len(true_positives) + 1)
    envelope = _envelope(true_positives / (detections + np.spacing(1)))
    recall = true_positives / n_ground_truth
    levels = np.linspace(0.0, 1.0, 101)
    return float(np.mean(_at(envelope, np.searchsorted(recall, levels, "left"))))


def average_precision_interp101(
    scores: RealArray, is_true_positive: Mask, n_ground_truth: int
) -> float:
    """Area under the envelope drawn as a line to an appended (1, 0), by 101 trapezoid points.

    Kept only so that old numbers can be reproduced: a perfect detector scores 0.995, and what was
    never found counts as half found.

    Args:
        scores: as in `precision_recall_curve`.
        is_true_positive: likewise.
        n_ground_truth: likewise.

    Returns:
        In [0, 0.995]; NaN without an object, 0 without a detection.

    Raises:
        TypeError: as `precision_recall_curve`.
        ValueError: likewise.

    Source:
        The rule of many training notebooks; ultralytics/yolov5 7.0, `utils/metrics.py`,
        `compute_ap` with `method = "interp"`.
    """
    _, true_positives = _ranked(scores, is_true_positive, n_ground_truth)
    if n_ground_truth == 0:
        return float("nan")
    if not len(true_positives):
        return 0.0
    precision = true_positives / np.arange(1, len(true_positives) + 1)
    recall = true_positives / n_ground_truth
    envelope = _envelope(np.concatenate([[1.0], precision, [0.0]]))
    heights = np.interp(np.linspace(0.0, 1.0, 101), [0.0, *recall, 1.0], envelope)
    return float(((heights[1:] + heights[:-1]) / 2.0).sum() * 0.01)


def _ranked(
    scores: RealArray, is_true_positive: Mask, n_ground_truth: int
) -> tuple[F64, NDArray[np.int64]]:
    """The scores in descending order, and the number of true positives down to each."""
    checked = _checked_scores(scores, "scores")
    flags = np.asarray(is_true_positive)
    if flags.dtype != np.bool_:
        raise TypeError(f"is_true_positive must be of dtype bool, got {flags.dtype}")
    if flags.shape != checked.shape:
        raise ValueError(f"is_true_positive has shape {flags.shape} and scores {checked.shape}")
    if isinstance(n_ground_truth, bool) or not isinstance(n_ground_truth, int | np.integer):
        raise TypeError(f"n_ground_truth must be an integer, got {n_ground_truth!r}")
    found = np.count_nonzero(flags)
    if n_ground_truth < found:
        raise ValueError(f"n_ground_truth = {n_ground_truth} is below {found} true positives")
    order = np.argsort(-checked, kind="stable")
    return checked[order], np.cumsum(flags[order], dtype=np.int64)


def _envelope(precision: F64) -> F64:
    """The best precision at each point or beyond."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def _at(envelope: F64, positions: NDArray[np.intp]) -> F64:
    """The envelope at `positions`; 0 past its end, where recall is never reached."""
    return np.append(envelope, 0.0)[positions]


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
