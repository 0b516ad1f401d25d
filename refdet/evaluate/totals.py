"""From the numbers of single classes to those of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refdet.core.coco_eval import CocoResult
from refdet.records import F64, I64, ClassMetrics, Totals


def class_aps(result: CocoResult, category_ids: I64) -> F64:
    """(C, 3) AP, AP50 and AP75 of each class in the table's order; NaN without an object."""
    precision = result.precision[..., 0, -1]  # (T, R, K) of all sizes
    thresholds = np.array(result.params.iou_thresholds)
    parts = (precision, precision[thresholds == 0.5], precision[thresholds == 0.75])
    aps = np.stack([part.mean(axis=(0, 1)) for part in parts], axis=1)
    aps[precision[0, 0] == -1] = np.nan
    return aps[np.searchsorted(result.category_ids, category_ids)]


def totals_of(classes: Sequence[ClassMetrics], result: CocoResult) -> Totals:
    """All classes together; the means of AP are those of `result.stats`, to the last bit."""
    right, wrong, missed = (
        sum(getattr(one, name) for one in classes)
        for name in ("true_positives", "false_positives", "false_negatives")
    )
    precision, recall = ratio_of(right, right + wrong), ratio_of(right, right + missed)
    means = [float("nan") if value == -1 else value for value in result.stats[:3].tolist()]
    return Totals(
        n_ground_truth=right + missed,
        n_detections=sum(one.n_detections for one in classes),
        true_positives=right,
        false_positives=wrong,
        false_negatives=missed,
        micro_precision=precision,
        micro_recall=recall,
        micro_f1=f1_of(right, wrong, missed),
        macro_precision=_mean([one.precision for one in classes]),
        macro_recall=_mean([one.recall for one in classes]),
        macro_f1=_mean([one.f1 for one in classes]),
        mean_ap=means[0],
        mean_ap50=means[1],
        mean_ap75=means[2],
        mean_ap50_voc=_mean([one.ap50_voc for one in classes]),
        mean_ap50_voc07=_mean([one.ap50_voc07 for one in classes]),
    )


def ratio_of(part: int, whole: int) -> float:
    """NaN if there is nothing to divide by."""
    return part / whole if whole else float("nan")


def f1_of(true_positives: int, false_positives: int, false_negatives: int) -> float:
    """The harmonic mean of precision and recall, from the counts; NaN without an object.

    Where nothing is detected, precision is undefined but F1 is 0: silence finds nothing.
    """
    if not true_positives + false_negatives:
        return float("nan")
    return 2 * true_positives / (2 * true_positives + false_positives + false_negatives)


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
