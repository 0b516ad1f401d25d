"""Calibration: whether the scores of detections mean what they say.

A detector is calibrated if, of the detections that it scores 0.8, 80 % are true positives. Here
they are gathered in bins of equal width, and a bin's mean score is set beside its precision.
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


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """What detections come to in B bins of their score, and how far the scores are off.

    Attributes:
        edges: (B + 1,) float64, k / B.
        counts: (B,) int64 detections in each bin.
        mean_score: (B,) float64; NaN in an empty bin.
        precision: (B,) float64, share of true positives; NaN in an empty bin.
        mean_iou: (B,) float64, of the true positives with their objects; NaN without any.
        expected_error: in [0, 1]; NaN without a detection.
        localization_aware_error: in [0, 1]; likewise.
    """

    edges: F64
    counts: I64
    mean_score: F64
    precision: F64
    mean_iou: F64
    expected_error: float
    localization_aware_error: float


def reliability_curve(
    scores: RealArray, is_true_positive: Mask, iou: RealArray, n_bins: int
) -> ReliabilityCurve:
    """Mean score, precision and mean IoU over bins of equal width; two calibration errors.

    Bin k holds the scores s with k / B <= s < (k + 1) / B; the last one holds 1, too. The edges are
    the quotients k / B in float64, so that a score of 0.3 lies at 3 / 10 and in the bin above it.

    The expected calibration error is the mean over the detections of |mean score - precision| of
    their bin: an empty bin has no part in it. The localisation-aware error is that of
    |mean score - precision * mean IoU|; the product is 0 in a bin without true positive.

    Args:
        scores: (N,), any real dtype, any order; in [0, 1].
        is_true_positive: (N,) bool; the others are false positives.
        iou: (N,), any real dtype: of each true positive with its object, in [0, 1]. Those of false
            positives are not looked at and may be NaN.
        n_bins: B, at least 1.

    Returns:
        A `ReliabilityCurve`.

    Raises:
        TypeError: `scores` or `iou` is not of a real dtype, `is_true_positive` not boolean,
            `n_bins` not an integer.
        ValueError: wrong shape, lengths that differ, a score or a true positive's IoU that is not
            in [0, 1], `n_bins` below 1; names the row.

    Source:
        Küppers et al., "Multivariate Confidence Calibration for Object Detection", CVPR Workshops
        2020: D-ECE over the score alone. Oksuz et al., "Towards Building Self-Aware Object
        Detectors via Reliable Uncertainty Quantification and Calibration", CVPR 2023: the LaECE of
        one class.
    """
    checked = _checked_scores(scores, "scores")
    _refuse_outside_unit(checked, np.ones(len(checked), np.bool_), "scores")
    right = np.asarray(is_true_positive)
    if right.dtype != np.bool_:
        raise TypeError(f"is_true_positive must be of dtype bool, got {right.dtype}")
    overlaps = np.asarray(iou)
    if overlaps.dtype.kind not in "fiu":
        raise TypeError(f"iou must be of a real dtype, got {overlaps.dtype}")
    for name, column in (("is_true_positive", right), ("iou", overlaps)):
        if column.shape != checked.shape:
            raise ValueError(f"{name} has shape {column.shape} and scores {checked.shape}")
    _refuse_outside_unit(overlaps, right, "iou")
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer):
        raise TypeError(f"n_bins must be an integer, got {n_bins!r}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    return _reliability_of(checked, right, overlaps.astype(np.float64, copy=False), int(n_bins))


def _reliability_of(scores: F64, right: Mask, iou: F64, n_bins: int) -> ReliabilityCurve:
    edges = np.arange(n_bins + 1) / n_bins
    bins = np.minimum(np.searchsorted(edges, scores, side="right") - 1, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    n_right = np.bincount(bins[right], minlength=n_bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        mean_score = np.bincount(bins, scores, n_bins) / counts
        precision = n_right / counts
        mean_iou = np.bincount(bins[right], iou[right], n_bins) / n_right
    filled = counts > 0
    shares = counts[filled] / max(1, len(scores))
    product = np.where(n_right > 0, precision * mean_iou, 0.0)
    gaps = [np.abs(mean_score - worth)[filled] for worth in (precision, product)]
    expected, aware = (float((shares * gap).sum()) if len(gap) else float("nan") for gap in gaps)
    return ReliabilityCurve(edges, counts, mean_score, precision, mean_iou, expected, aware)


def _refuse_outside_unit(values: RealArray, rows: Mask, name: str) -> None:
    bad = rows & ~((values >= 0) & (values <= 1))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{name}[{row}] = {values[row]} is not in [0, 1]")


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
