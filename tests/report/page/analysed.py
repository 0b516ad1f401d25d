"""Analyses of invented runs: what is beyond their evaluations, by rules as simple."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refdet.analysis_records import (
    Analysis,
    Calibration,
    ChangedImage,
    ComparedNumber,
    Comparison,
    ErrorAnalysis,
    ErrorKind,
    ErrorsOfKind,
    Estimate,
    Lrp,
    Reliability,
    Slice,
)
from refdet.records import I64, ClassMetrics, Evaluation
from tests.report.page.invented import (
    HALF_WIDTH,
    NAN,
    Case,
    estimate,
    evaluation_of,
    intervals_of,
    ratio,
    threshold_curve_of,
)


def errors_of(evaluation: Evaluation) -> ErrorAnalysis:
    """Each kind as often as in the list; its AP gain is 1/8, 1/16 ... in the order of the kinds."""
    classes, n_classes = evaluation.classes, len(evaluation.classes)
    objects = np.array([one.n_ground_truth for one in classes], np.int64)
    kinds = []
    for number, kind in enumerate(ErrorKind):
        counts: I64 = np.zeros(n_classes, np.int64)
        for record in evaluation.false_positives:
            counts[record.label] += record.kind.value == kind.value
        if kind is ErrorKind.MISSED:
            counts = np.array([one.false_negatives for one in classes], np.int64)
        gain = 0.5 ** (3 + number) if objects.any() else NAN
        kinds.append(ErrorsOfKind(kind, counts, gain, np.where(objects > 0, gain, NAN)))
    lrp = tuple(_lrp(one, one.score_threshold) for one in classes)
    optimal = tuple(_lrp(one, 0.625) for one in classes)
    mean = np.mean([one.error for one in lrp if not np.isnan(one.error)]) if objects.any() else NAN
    return ErrorAnalysis(
        iou_threshold=0.5,
        background_threshold=0.1,
        ap=evaluation.totals.mean_ap50,
        class_aps=np.array([one.ap50 for one in classes]),
        kinds=tuple(kinds),
        false_positive_gain=0.1875 if objects.any() else NAN,
        false_negative_gain=0.25 if objects.any() else NAN,
        tie_cost=0.0 if objects.any() else NAN,
        lrp=lrp,
        optimal_lrp=optimal,
        mean_lrp=float(mean),
        mean_optimal_lrp=float(mean),
    )


def _lrp(one: ClassMetrics, threshold: float) -> Lrp:
    if not one.n_ground_truth:
        return Lrp(threshold, NAN, NAN, NAN, NAN)
    localization = 0.125 if one.true_positives else NAN
    error = 1 - 0.75 * one.f1
    return Lrp(threshold, error, localization, 1 - one.precision, 1 - one.recall)


def reliability_of(metrics: Sequence[ClassMetrics]) -> Reliability:
    """Ten bins, those from 0.5 on filled; scores are 1/16 above the precision."""
    n_detections = sum(one.true_positives + one.false_positives for one in metrics)
    counts: I64 = np.zeros(10, np.int64)
    counts[5:] = n_detections // 5
    filled = counts > 0
    middle = np.linspace(0.05, 0.95, 10)
    error = 0.0625 if filled.any() else NAN
    return Reliability(
        edges=np.linspace(0, 1, 11),
        counts=counts,
        mean_score=np.where(filled, middle, NAN),
        precision=np.where(filled, middle - 0.0625, NAN),
        mean_iou=np.where(filled, 0.875, NAN),
        expected_error=error,
        localization_aware_error=2 * error,
    )


def slices_of() -> tuple[Slice, ...]:
    """Three sites, one of which is worse, and one too small to say."""
    rows = (
        ("north", 20, 0.375, -0.25, 0.002, 0.008),
        ("south", 30, 0.625, 0.0, 0.875, 1.0),
        ("east", 22, 0.75, 0.125, 0.25, 0.5),
        ("west", 0, NAN, NAN, NAN, NAN),
    )
    return tuple(
        Slice(
            column="site",
            value=value,
            n_images=n_images,
            n_objects=4 * n_images,
            mean_ap=estimate(0.75 * ap50),
            mean_ap50=estimate(ap50),
            difference=Estimate(difference, difference - 0.125, difference + 0.125),
            p_value=p_value,
            adjusted_p_value=adjusted,
        )
        for value, n_images, ap50, difference, p_value, adjusted in rows
    )


def analysis_of(name: str, cases: Sequence[Case], slices: tuple[Slice, ...] = ()) -> Analysis:
    evaluation = evaluation_of(cases)
    classes = tuple(reliability_of([one]) for one in evaluation.classes)
    errors = [one.localization_aware_error for one in classes]
    defined = [error for error in errors if not np.isnan(error)]
    return Analysis(
        name=name,
        evaluation=evaluation,
        intervals=intervals_of(evaluation),
        errors=errors_of(evaluation),
        calibration=Calibration(
            overall=reliability_of(evaluation.classes),
            classes=classes,
            mean_localization_aware_error=ratio(sum(defined), len(defined)),
        ),
        thresholds=tuple(threshold_curve_of(one) for one in evaluation.classes),
        slices=slices,
    )


def comparison_of(a: Analysis, b: Analysis, verdict: str = "") -> Comparison:
    """Differences with `HALF_WIDTH` to both sides; p is 1/64 where the interval excludes 0."""

    def compared(name: str, first: float, second: float) -> ComparedNumber:
        difference = second - first
        interval = Estimate(difference, difference - HALF_WIDTH, difference + HALF_WIDTH)
        p_value = 1 / 64 if abs(difference) > HALF_WIDTH else 0.5
        return ComparedNumber(
            name, first, second, interval, NAN if np.isnan(difference) else p_value
        )

    totals = (a.evaluation.totals, b.evaluation.totals)
    names = {"AP": "mean_ap", "AP50": "mean_ap50", "AP75": "mean_ap75", "F1": "micro_f1"}
    classes = zip(a.evaluation.classes, b.evaluation.classes, strict=True)
    return Comparison(
        names=(a.name, b.name),
        level=0.95,
        n_samples=1000,
        overall=tuple(
            compared(name, getattr(totals[0], key), getattr(totals[1], key))
            for name, key in names.items()
        ),
        classes=tuple(compared(one.name, one.ap, another.ap) for one, another in classes),
        images=(ChangedImage("image 3.png", 4, 1, 0, 2), ChangedImage("image 0.png", 0, 2, 5, 0)),
        verdict=verdict or "The two runs do not differ in mean AP: the interval holds 0.",
    )
