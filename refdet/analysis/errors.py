"""What a detector does wrong: TIDE's kinds with the AP each would give back, and LRP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from refdet.analysis_records import ErrorAnalysis, ErrorKind, ErrorsOfKind, Lrp
from refdet.core.coco_eval import CocoParams
from refdet.core.lrp import LrpError, lrp_error, optimal_lrp
from refdet.core.tide import TideErrors, TideKind, tide_errors
from refdet.evaluate import JudgedDataSet
from refdet.records import F64


def analyse_errors(judged: JudgedDataSet) -> ErrorAnalysis:
    """TIDE's errors at the evaluation's IoU threshold, and LRP at its score thresholds.

    Both see what the evaluation judges: of a class in an image the best `max_detections`. TIDE's AP
    is not quite the evaluation's: of equal overlaps the first object is taken, and any number of
    detections of an ignored object are neither right nor wrong. Nor is the mean quite tidecv's,
    where a class that has detections but no object counts as 0: here, as everywhere else, it is
    left out. LRP reads the evaluation's own matching.

    Args:
        judged: the data set.

    Returns:
        An `ErrorAnalysis`.
    """
    tide = _tide(judged)
    at, optimal = _lrps(judged)
    has_objects = ~np.isnan(tide.class_aps)
    return ErrorAnalysis(
        iou_threshold=judged.settings.iou_threshold,
        background_threshold=judged.settings.background_threshold,
        ap=tide.ap,
        class_aps=tide.class_aps,
        kinds=tuple(
            ErrorsOfKind(
                kind=ErrorKind[kind.name],
                counts=tide.counts[kind],
                ap_gain=float(tide.gains[kind]),
                class_ap_gains=tide.class_gains[kind],
            )
            for kind in TideKind
        ),
        false_positive_gain=tide.false_positive_gain,
        false_negative_gain=tide.false_negative_gain,
        tie_cost=tide.tie_cost,
        lrp=tuple(_record(one) for one in at),
        optimal_lrp=tuple(_record(one) for one in optimal),
        mean_lrp=_mean_error(at, has_objects.tolist()),
        mean_optimal_lrp=_mean_error(optimal, has_objects.tolist()),
    )


def _tide(judged: JudgedDataSet) -> TideErrors:
    """From the pairs of one matching at the background threshold, whatever the classes."""
    settings, data = judged.settings, judged.data
    # Of equal scores, those in the image of the lower id come first, then the earlier row.
    rows = np.sort(judged.matches.row)
    rows = rows[np.argsort(data.dt_image_ids[rows], kind="stable")]
    part = replace(
        data,
        dt_image_ids=data.dt_image_ids[rows],
        dt_labels=data.dt_labels[rows],
        dt_boxes_xywh=data.dt_boxes_xywh[rows],
        dt_scores=data.dt_scores[rows],
    )
    pairs = part.match(
        CocoParams(
            iou_thresholds=(settings.background_threshold,),
            area_ranges=(("all", 0, 1e10),),
            max_detections=(max(1, len(rows)),),
            class_agnostic=True,
        )
    )
    return tide_errors(
        pairs.detection,
        pairs.object,
        np.minimum(pairs.iou, 1),  # COCO's operations may round to a little more
        part.dt_scores,
        judged.labels[rows],
        judged.object_labels,
        ~judged.counts,
        judged.n_classes,
        settings.iou_threshold,
        settings.background_threshold,
    )


def _lrps(judged: JudgedDataSet) -> tuple[list[LrpError], list[LrpError]]:
    """Each class at its score threshold, and where the error is lowest."""
    pairs = judged.at_threshold
    iou = np.zeros(len(judged.labels))
    won = judged.object_row[pairs.detection] == pairs.object
    iou[pairs.detection[won]] = np.minimum(pairs.iou[won], 1)
    n_objects = np.bincount(judged.object_labels[judged.counts], minlength=judged.n_classes)
    iou_threshold = judged.settings.iou_threshold
    rows = np.flatnonzero(judged.true | judged.false)
    rows = rows[np.argsort(judged.labels[rows], kind="stable")]
    ends = np.cumsum(np.bincount(judged.labels[rows], minlength=judged.n_classes))
    at, optimal = [], []
    # Without a class there is one part all the same.
    for label, own in zip(range(judged.n_classes), np.split(rows, ends[:-1]), strict=False):
        scores: F64 = judged.data.dt_scores[own].astype(np.float64)
        found = scores, judged.true[own], iou[own], int(n_objects[label])
        at.append(lrp_error(*found, float(judged.thresholds[label]), iou_threshold))
        optimal.append(optimal_lrp(*found, iou_threshold))
    return at, optimal


def _record(one: LrpError) -> Lrp:
    return Lrp(
        score_threshold=one.score_threshold,
        error=one.lrp,
        localization=one.localization,
        false_positive=one.false_positive,
        false_negative=one.false_negative,
    )


def _mean_error(errors: Sequence[LrpError], has_objects: Sequence[bool]) -> float:
    chosen = [one.lrp for one, has in zip(errors, has_objects, strict=True) if has]
    return float(np.mean(chosen)) if chosen else float("nan")
