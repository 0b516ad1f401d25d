"""What the scores of a judged data set are worth: reliability over all detections and by class."""

from __future__ import annotations

import numpy as np

from refdet.analysis_records import Calibration, Reliability
from refdet.core.calibration import reliability_curve
from refdet.core.iou import iou_paired
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, Mask

BINS = 25
"""As Oksuz et al. (CVPR 2023) have it."""


def calibration_of(judged: JudgedDataSet, bins: int = BINS) -> Calibration:
    """Reliability at the evaluation's IoU threshold, over judged detections of any score.

    Detections that are neither right nor wrong have no part in it. A low score is a statement like
    any other: the detections that no score threshold lets pass are mostly right in being low, and,
    being many, make the errors small. The curve shows how many lie in each bin.

    Args:
        judged: the data set.
        bins: of equal width, at least 1.

    Returns:
        A `Calibration`; all of it is empty and undefined where a score is outside [0, 1], since
        such scores do not claim to be probabilities.
    """
    scores = judged.detections.scores
    counted = judged.true | judged.false
    if not np.all((scores >= 0) & (scores <= 1)):
        counted = np.zeros(len(scores), np.bool_)
    iou = np.full(len(scores), np.nan)
    right = np.flatnonzero(judged.true)
    objects = judged.gt_xyxy[judged.object_row[right]]
    iou[right] = np.minimum(iou_paired(judged.dt_xyxy[right], objects), 1)
    classes = tuple(
        _reliability(judged, counted & (judged.labels == label), iou, bins)
        for label in range(judged.n_classes)
    )
    errors = [one.localization_aware_error for one in classes]
    defined = [error for error in errors if not np.isnan(error)]
    return Calibration(
        overall=_reliability(judged, counted, iou, bins),
        classes=classes,
        mean_localization_aware_error=float(np.mean(defined)) if defined else float("nan"),
    )


def _reliability(judged: JudgedDataSet, rows: Mask, iou: F64, bins: int) -> Reliability:
    curve = reliability_curve(judged.detections.scores[rows], judged.true[rows], iou[rows], bins)
    return Reliability(
        edges=curve.edges,
        counts=curve.counts,
        mean_score=curve.mean_score,
        precision=curve.precision,
        mean_iou=curve.mean_iou,
        expected_error=curve.expected_error,
        localization_aware_error=curve.localization_aware_error,
    )
