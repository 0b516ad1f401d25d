"""Average precision as people got it wrong, each beside the right one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

# --- Parts ---


def refuse(scores: F64, found: Mask, n: int) -> None:
    if np.isnan(scores).any() or found.sum() > n:
        raise ValueError("a score is NaN, or more is found than there is")


def curve(scores: F64, found: Mask, n: int) -> tuple[F64, F64]:
    """Precision and recall after each detection, by score."""
    refuse(scores, found, n)
    return in_order(found[np.argsort(-scores, kind="stable")], n)


def in_order(found: Mask, n: int) -> tuple[F64, F64]:
    right = np.cumsum(found)
    return right / np.arange(1, len(right) + 1), right / max(n, 1)


def envelope(precision: F64) -> F64:
    """The best there or beyond."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def area(precision: F64, recall: F64) -> float:
    """Strips from recall to recall."""
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def at_levels(precision: F64, recall: F64, levels: F64) -> float:
    """The mean of the best precision at each level or beyond."""
    reached = [precision[recall >= level].max(initial=0.0) for level in levels]
    return float(np.mean(reached))


def undefined(value: float, n: int) -> float:
    return value if n else float("nan")


# --- Area under the envelope ---


def voc(scores: F64, found: Mask, n: int) -> float:
    precision, recall = curve(scores, found, n)
    return undefined(area(envelope(precision), recall), n)


def voc_without_envelope(scores: F64, found: Mask, n: int) -> float:
    """Each step as high as the precision there."""
    precision, recall = curve(scores, found, n)
    return undefined(area(precision, recall), n)


def voc_by_trapezoids(scores: F64, found: Mask, n: int) -> float:
    """Trapezoids between the points, which begin at the first detection's recall."""
    precision, recall = curve(scores, found, n)
    strips = (precision[1:] + precision[:-1]) / 2 * np.diff(recall)
    return undefined(float(strips.sum()), n)


def voc_from_the_first_recall(scores: F64, found: Mask, n: int) -> float:
    """The strip from recall 0 to the first detection's is left out."""
    precision, recall = curve(scores, found, n)
    return undefined(float((np.diff(recall) * envelope(precision)[1:]).sum()), n)


def voc_mean_of_precisions(scores: F64, found: Mask, n: int) -> float:
    """A mean over the detections, whatever their recall."""
    precision, _ = curve(scores, found, n)
    return undefined(float(precision.mean()) if len(precision) else 0.0, n)


def voc_of_what_was_found(scores: F64, found: Mask, n: int) -> float:
    """Objects that nothing has matched are in no table, and so not in the denominator."""
    refuse(scores, found, n)
    return undefined(voc(scores, found, int(found.sum())) if found.any() else 0.0, n)


def voc_unstable(scores: F64, found: Mask, n: int) -> float:
    """An unstable sort."""
    refuse(scores, found, n)
    precision, recall = in_order(found[np.argsort(-scores)], n)
    return undefined(area(envelope(precision), recall), n)


def voc_equals_backwards(scores: F64, found: Mask, n: int) -> float:
    """Reversed, an ascending order puts the last of equals first."""
    refuse(scores, found, n)
    precision, recall = in_order(found[np.argsort(scores, kind="stable")[::-1]], n)
    return undefined(area(envelope(precision), recall), n)


def voc_unlimited_recall(scores: F64, found: Mask, n: int) -> float:
    """More found than there is gives an AP above 1 and no error."""
    precision, recall = in_order(found[np.argsort(-scores, kind="stable")], n)
    return undefined(area(envelope(precision), recall), n)


def voc_zero_without_objects(scores: F64, found: Mask, n: int) -> float:
    """max(n, 1) in the denominator."""
    precision, recall = curve(scores, found, n)
    return area(envelope(precision), recall)


def voc_above_a_score(scores: F64, found: Mask, n: int) -> float:
    """Weak detections are dropped before the curve is drawn."""
    refuse(scores, found, n)
    strong = scores >= 0.3
    return voc(scores[strong], found[strong], n)


# --- At levels of recall ---


def voc07(scores: F64, found: Mask, n: int) -> float:
    precision, recall = curve(scores, found, n)
    tenths = np.round(recall * n) * 10  # whole numbers, compared as such
    return undefined(at_levels(precision, tenths, np.arange(11.0) * n), n)


def voc07_in_floats(scores: F64, found: Mask, n: int) -> float:
    """0.6000000000000001 is more than 9 / 15."""
    precision, recall = curve(scores, found, n)
    return undefined(at_levels(precision, recall, np.arange(0.0, 1.1, 0.1)), n)


def coco(scores: F64, found: Mask, n: int) -> float:
    precision, recall = curve(scores, found, n)
    return undefined(at_levels(precision, recall, np.linspace(0, 1, 101)), n)


def coco_float32_levels(scores: F64, found: Mask, n: int) -> float:
    """0.6 in float32 is above 0.6."""
    precision, recall = curve(scores, found, n)
    levels = np.linspace(0, 1, 101, dtype=np.float32).astype(np.float64)
    return undefined(at_levels(precision, recall, levels), n)


def coco_interpolated(scores: F64, found: Mask, n: int) -> float:
    """Lines through the envelope to an appended (1, 0)."""
    precision, recall = curve(scores, found, n)
    knots = envelope(np.concatenate([[1.0], precision, [0.0]]))
    heights = np.interp(np.linspace(0, 1, 101), [0.0, *recall, 1.0], knots)
    return undefined(float((heights[1:] + heights[:-1]).sum() / 200) if len(recall) else 0.0, n)


def coco_takes_nan(scores: F64, found: Mask, n: int) -> float:
    """A score that is NaN comes last, and nobody hears of it."""
    return coco(np.where(np.isnan(scores), -np.inf, scores), found, n)


def coco_minus_one(scores: F64, found: Mask, n: int) -> float:
    """A number where there is none."""
    return coco(scores, found, n) if n else -1.0


# --- The curve itself ---


def points(scores: F64, found: Mask, n: int) -> SimpleNamespace:
    precision, recall = curve(scores, found, n)
    nowhere = np.full(len(recall), np.nan)
    return SimpleNamespace(
        precision=precision, recall=recall if n else nowhere, scores=-np.sort(-scores)
    )


def points_of_distinct_scores(scores: F64, found: Mask, n: int) -> SimpleNamespace:
    """Detections of equal score are one point."""
    every = points(scores, found, n)
    last = np.diff(every.scores, append=-np.inf) != 0
    return SimpleNamespace(**{name: column[last] for name, column in vars(every).items()})


RIGHT = (
    Right("average_precision_voc", voc),
    Right("average_precision_voc07", voc07),
    Right("average_precision_coco", coco),
    Right("average_precision_interp101", coco_interpolated),
    Right("precision_recall_curve", points),
)

PY_FASTER_RCNN = "rbgirshick/py-faster-rcnn, lib/datasets/voc_eval.py"
BES_DEV = "bes-dev/mean_average_precision, utils.py"

ZOO = (
    Wrong(
        "average_precision_voc",
        "without-envelope",
        voc_without_envelope,
        "scikit-learn/scikit-learn#30147: average_precision_score for detections",
    ),
    Wrong(
        "average_precision_voc",
        "trapezoids",
        voc_by_trapezoids,
        "np.trapz(precision, recall), in dozens of public repositories",
    ),
    Wrong(
        "average_precision_voc",
        "from-the-first-recall",
        voc_from_the_first_recall,
        "AIR-THU/DAIR-V2X#101",
    ),
    Wrong(
        "average_precision_voc", "mean-of-precisions", voc_mean_of_precisions, "valeoai/RADIal#46"
    ),
    Wrong(
        "average_precision_voc",
        "of-what-was-found",
        voc_of_what_was_found,
        "Striveworks/valor#379, DIUx-xView/xView1_baseline#10",
    ),
    Wrong(
        "average_precision_voc",
        "unstable-sort",
        voc_unstable,
        f"{PY_FASTER_RCNN}: np.argsort(-confidence)",
    ),
    Wrong(
        "average_precision_voc",
        "equals-backwards",
        voc_equals_backwards,
        f"{BES_DEV}: argsort(...)[::-1]",
    ),
    Wrong(
        "average_precision_voc",
        "unlimited-recall",
        voc_unlimited_recall,
        "matterport/Mask_RCNN#252: an mAP above 1",
    ),
    Wrong(
        "average_precision_voc",
        "zero-without-objects",
        voc_zero_without_objects,
        f"{BES_DEV}: max(float(n_positives), 1); bes-dev/mean_average_precision#23",
    ),
    Wrong(
        "average_precision_voc",
        "only-strong-detections",
        voc_above_a_score,
        "ultralytics/yolov5#1466",
    ),
    Wrong(
        "average_precision_voc07",
        "levels-in-floats",
        voc07_in_floats,
        f"{PY_FASTER_RCNN}: np.arange(0., 1.1, 0.1)",
    ),
    Wrong(
        "average_precision_coco",
        "float32-levels",
        coco_float32_levels,
        "torchmetrics 1.9.0, detection/mean_ap.py: torch.linspace(0.0, 1.00, 101)",
    ),
    Wrong(
        "average_precision_coco",
        "interpolated",
        coco_interpolated,
        "ultralytics/yolov5 7.0, utils/metrics.py, compute_ap",
    ),
    Wrong(
        "average_precision_coco",
        "takes-nan",
        coco_takes_nan,
        "pycocotools 2.0.11, which sorts NaN last and goes on",
    ),
    Wrong(
        "average_precision_coco",
        "minus-one",
        coco_minus_one,
        "Lightning-AI/torchmetrics#794, #601: -1 in a mean",
    ),
    Wrong(
        "precision_recall_curve",
        "distinct-scores",
        points_of_distinct_scores,
        "scikit-learn's precision_recall_curve, used for detections",
    ),
)
