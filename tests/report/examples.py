"""Small evaluations written by hand, which the reports' tests share."""

from __future__ import annotations

import numpy as np

from refdet.records import (
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
NAMES = ("WBC", "RBC", "Platelets")


def class_metrics(
    label: int,
    counts: tuple[int, int, int],
    rates: tuple[float, float, float],
    aps: tuple[float, float],
    score_threshold: float = 0.5,
) -> ClassMetrics:
    """A class with TP, FP, FN; precision, recall, F1; AP50, AP."""
    true_positives, false_positives, false_negatives = counts
    return ClassMetrics(
        label=label,
        name=NAMES[label],
        score_threshold=score_threshold,
        n_ground_truth=true_positives + false_negatives,
        n_detections=true_positives + false_positives,
        true_positives=true_positives,
        false_positives=false_positives,
        false_negatives=false_negatives,
        precision=rates[0],
        recall=rates[1],
        f1=rates[2],
        ap=aps[1],
        ap50=aps[0],
        ap75=aps[1],
        ap50_voc=aps[0],
        ap50_voc07=aps[0],
    )


# By hand from the classes below; a mean is of those in which the number is defined.
TOTALS = Totals(
    n_ground_truth=89,
    n_detections=73,
    true_positives=70,
    false_positives=3,
    false_negatives=19,
    micro_precision=70 / 73,
    micro_recall=70 / 89,
    micro_f1=140 / 162,
    macro_precision=35 / 72,
    macro_recall=0.4375,
    macro_f1=70 / 152,
    mean_ap=0.375,
    mean_ap50=0.5,
    mean_ap75=0.375,
    mean_ap50_voc=0.5,
    mean_ap50_voc07=0.5,
)
# The row sums are TP + FP, the column sums TP + FN; one false positive of Platelets lies on a WBC.
CONFUSION = ConfusionMatrix(
    class_names=NAMES,
    counts=np.array([[70, 0, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0], [9, 9, 0, 0]]),
    ignored_detections=4,
    ignored_objects=5,
    unjudged_detections=6,
)
STATS = (0.375, 0.5, 0.375, -1.0, 0.25, 0.5, 0.125, 0.625, 0.75, -1.0, 0.5, 1.0)


def evaluation(platelets_score_threshold: float = 0.5) -> Evaluation:
    """Two classes with objects, one without; three false positives and a missed object."""
    duplicate = FalsePositiveRecord(
        "b", 1, 0, 0.75, 0.9, (1.0, 2.0, 3.0, 4.5), FalsePositiveKind.DUPLICATE
    )
    confusion = FalsePositiveRecord(
        "b", 2, 2, 0.5, 0.0, (5.0, 5.0, 9.0, 9.0), FalsePositiveKind.CONFUSION, confused_with=0
    )
    background = FalsePositiveRecord(
        "a", 0, 0, 0.625, 0.0, (0.0, 0.0, 2.0, 2.0), FalsePositiveKind.BACKGROUND
    )
    curve = PrecisionRecall(np.array([0.0, 0.5]), np.array([0.0, 0.5]), np.array([0.9, 0.625]))
    return Evaluation(
        split="test",
        n_images=3,
        iou_threshold=0.5,
        max_detections=100,
        classes=(
            class_metrics(0, (70, 2, 10), (70 / 72, 70 / 80, 140 / 152), (0.75, 0.5)),
            class_metrics(1, (0, 0, 9), (NAN, 0.0, 0.0), (0.25, 0.25)),
            class_metrics(2, (0, 1, 0), (0.0, NAN, NAN), (NAN, NAN), platelets_score_threshold),
        ),
        totals=TOTALS,
        coco_stats=STATS,
        curves={0: curve, 1: PrecisionRecall(np.zeros(0), np.zeros(0), np.zeros(0))},
        confusion=CONFUSION,
        classes_without_ground_truth=("Platelets",),
        false_positives=(background, duplicate, confusion),
        missed=(MissedObject("a", 4, 1, (1.0, 1.0, 2.0, 2.0)),),
    )
