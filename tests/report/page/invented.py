"""Evaluations of invented runs: every number follows from the counts of a `Case` by a rule.

Nothing was measured, and each rule can be done by hand, so that a test can say what the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from refdet.analysis_records import CurveBand, Estimate, EvaluationIntervals, ThresholdCurve
from refdet.records import (
    F64,
    I64,
    ClassMetrics,
    ConfusionMatrix,
    Evaluation,
    FalsePositiveKind,
    FalsePositiveRecord,
    MissedObject,
    PrecisionRecall,
    Totals,
)

NAN = float("nan")
HALF_WIDTH = 0.0625
"""Of every interval."""
LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Case:
    """A class of an invented run: TP and FP at its score threshold, and its AP50."""

    name: str
    n_objects: int
    true_positives: int
    false_positives: int
    ap50: float = 0.5


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def estimate(value: float) -> Estimate:
    """The value with `HALF_WIDTH` to both sides, inside [0, 1]."""
    if np.isnan(value):
        return Estimate(NAN, NAN, NAN)
    return Estimate(value, max(0.0, value - HALF_WIDTH), min(1.0, value + HALF_WIDTH))


def metrics_of(label: int, case: Case, score_threshold: float = 0.5) -> ClassMetrics:
    """AP is 3/4 of AP50, AP75 is 5/8 of it; there is a detection below the threshold for each."""
    right, wrong, missed = (
        case.true_positives,
        case.false_positives,
        case.n_objects - case.true_positives,
    )
    ap50 = case.ap50 if case.n_objects else NAN
    return ClassMetrics(
        label=label,
        name=case.name,
        score_threshold=score_threshold,
        n_ground_truth=case.n_objects,
        n_detections=2 * (right + wrong),
        true_positives=right,
        false_positives=wrong,
        false_negatives=missed,
        precision=ratio(right, right + wrong),
        recall=ratio(right, case.n_objects),
        f1=ratio(2 * right, 2 * right + wrong + missed) if case.n_objects else NAN,
        ap=0.75 * ap50,
        ap50=ap50,
        ap75=0.625 * ap50,
        ap50_voc=ap50,
        ap50_voc07=ap50,
    )


def totals_of(classes: Sequence[ClassMetrics]) -> Totals:
    right = sum(one.true_positives for one in classes)
    wrong = sum(one.false_positives for one in classes)
    missed = sum(one.false_negatives for one in classes)

    def mean(name: str) -> float:
        values = [value for one in classes if not np.isnan(value := getattr(one, name))]
        return ratio(sum(values), len(values))

    return Totals(
        n_ground_truth=right + missed,
        n_detections=sum(one.n_detections for one in classes),
        true_positives=right,
        false_positives=wrong,
        false_negatives=missed,
        micro_precision=ratio(right, right + wrong),
        micro_recall=ratio(right, right + missed),
        micro_f1=ratio(2 * right, 2 * right + wrong + missed),
        macro_precision=mean("precision"),
        macro_recall=mean("recall"),
        macro_f1=mean("f1"),
        mean_ap=mean("ap"),
        mean_ap50=mean("ap50"),
        mean_ap75=mean("ap75"),
        mean_ap50_voc=mean("ap50_voc"),
        mean_ap50_voc07=mean("ap50_voc07"),
    )


def curve_of(metrics: ClassMetrics) -> PrecisionRecall:
    """True positives first, then false ones, over scores from 0.99 down to 0.5."""
    right, wrong = metrics.true_positives, metrics.false_positives
    hits = np.repeat([1.0, 0.0], [right, wrong])
    found = np.cumsum(hits)
    ranks = np.arange(1, len(hits) + 1)
    return PrecisionRecall(
        precision=found / ranks,
        recall=found / max(1, metrics.n_ground_truth),
        scores=np.linspace(0.99, 0.5, len(hits)),
    )


def band_of(metrics: ClassMetrics) -> CurveBand:
    """Precision 1 up to the recall that is reached, 0 beyond."""
    reached = metrics.true_positives / metrics.n_ground_truth
    precision: F64 = np.where(reached >= LEVELS, 1.0 if reached else 0.0, 0.0)
    low: F64 = np.where(reached - HALF_WIDTH >= LEVELS, precision * 0.875, 0.0)
    high: F64 = np.where(reached + HALF_WIDTH >= LEVELS, 1.0 if reached else 0.0, 0.0)
    return CurveBand(LEVELS, precision, low, high)


def threshold_curve_of(metrics: ClassMetrics) -> ThresholdCurve:
    """One detection at each score, true positives first."""
    curve = curve_of(metrics)
    hits = np.arange(1, len(curve.scores) + 1)
    true: I64 = np.minimum(hits, metrics.true_positives)
    return ThresholdCurve(curve.scores, true, hits - true, metrics.n_ground_truth)


def false_positives_of(classes: Sequence[ClassMetrics]) -> tuple[FalsePositiveRecord, ...]:
    """The kinds take turns; a confusion is with the next class."""
    records = []
    for one in classes:
        kinds = islice(cycle(FalsePositiveKind), one.false_positives)
        for number, kind in enumerate(kinds):
            confused = (one.label + 1) % len(classes)
            x, y = 10.0 * (number % 30), 8.0 * one.label
            records.append(
                FalsePositiveRecord(
                    image=f"image {number % 7}.png",
                    index=number,
                    label=one.label,
                    score=0.99 - 0.4 * number / one.false_positives,
                    best_iou=0.25 if kind is FalsePositiveKind.LOCALIZATION else 0.0,
                    box_xyxy=(x, y, x + 20.0, y + 16.0),
                    kind=kind,
                    confused_with=confused if kind is FalsePositiveKind.CONFUSION else None,
                )
            )
    return tuple(sorted(records, key=lambda record: (record.image, -record.score)))


def confusion_of(classes: Sequence[ClassMetrics]) -> ConfusionMatrix:
    """The first false positive of a class lies on a missed object of the next one."""
    n_classes = len(classes)
    counts: I64 = np.zeros((n_classes + 1, n_classes + 1), np.int64)
    for one in classes:
        counts[one.label, one.label] = one.true_positives
        counts[one.label, -1] = one.false_positives
        counts[-1, one.label] = one.false_negatives
    for one in classes:
        following = (one.label + 1) % n_classes
        if following != one.label and one.false_positives and counts[-1, following]:
            counts[one.label, following] += 1
            counts[one.label, -1] -= 1
            counts[-1, following] -= 1
    return ConfusionMatrix(tuple(one.name for one in classes), counts, 4, 5, 6)


def evaluation_of(cases: Sequence[Case], split: str = "test", n_images: int = 72) -> Evaluation:
    classes = tuple(metrics_of(label, case) for label, case in enumerate(cases))
    totals = totals_of(classes)
    mean_ap = totals.mean_ap
    sizes = (0.25 * mean_ap, 0.75 * mean_ap, mean_ap)
    stats = (mean_ap, totals.mean_ap50, totals.mean_ap75, *sizes, 0.25, 0.5, 0.625, *sizes)
    return Evaluation(
        split=split,
        n_images=n_images,
        iou_threshold=0.5,
        max_detections=100,
        classes=classes,
        totals=totals,
        coco_stats=tuple(-1.0 if np.isnan(value) else value for value in stats),
        curves={one.label: curve_of(one) for one in classes if one.n_ground_truth},
        confusion=confusion_of(classes),
        classes_without_ground_truth=tuple(one.name for one in classes if not one.n_ground_truth),
        false_positives=false_positives_of(classes),
        missed=tuple(
            MissedObject(f"image {number % 7}.png", number, one.label, (4.0, 4.0, 40.0, 30.0))
            for one in classes
            for number in range(one.false_negatives)
        ),
    )


def intervals_of(evaluation: Evaluation) -> EvaluationIntervals:
    fractions = ("precision", "recall", "f1", "ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")
    means = [
        name for name in vars(evaluation.totals) if name.startswith(("micro", "macro", "mean"))
    ]
    return EvaluationIntervals(
        level=0.95,
        n_samples=1000,
        seed=0,
        coco_stats=tuple(
            estimate(NAN if value == -1 else value) for value in evaluation.coco_stats
        ),
        totals={name: estimate(getattr(evaluation.totals, name)) for name in means},
        classes=tuple(
            {name: estimate(getattr(one, name)) for name in fractions} for one in evaluation.classes
        ),
        bands={one.label: band_of(one) for one in evaluation.classes if one.n_ground_truth},
    )
