"""mean-average-precision: VOC's and COCO's rules on NumPy arrays and pandas tables.

Targets: its overlaps, held to the plain rule and to VOC's with the far edge included; its two ways
of matching, one detection at a time as it goes; and its average precision by three sets of
recalls, which its description calls those of VOC 2007, of VOC since 2010 and of COCO. For the last,
every detection is an image of its own, with or without its object. It gives float32, so that
they are held to 1e-6.
"""

from __future__ import annotations

import numpy as np
from mean_average_precision import MeanAveragePrecision2d
from mean_average_precision.utils import check_box, compute_iou
from numpy.typing import NDArray

from refdet.conformance.adapter import Adapter
from refdet.conformance.target import Target
from refdet.core.matching import Matching

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

BOX = (0.0, 0.0, 10.0, 10.0)


def match_greedy(iou: F64, scores: F64, iou_threshold: float, ignore: Mask) -> Matching:
    """`check_box` with the policy of VOC; ignored objects are difficult ones."""
    crowd = np.zeros(len(ignore), np.bool_)
    return _match(iou, scores, iou_threshold, ignore, crowd, "greedy")


def _match(
    iou: F64, scores: F64, iou_threshold: float, difficult: Mask, crowd: Mask, policy: str
) -> Matching:
    found = np.zeros(len(scores), np.int64)
    matched, ignored = np.zeros(len(scores), np.bool_), np.zeros(len(scores), np.bool_)
    taken: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        order = np.argsort(iou[row])[::-1]
        answer, column = check_box(
            iou[row], difficult, crowd, order, taken, iou_threshold, mpolicy=policy
        )
        if answer == "tp":
            taken.append(column)
            found[row] = column
        elif answer == "ignore":  # it does not say by whom
            ignored[row] = True
            found[row] = order[0]
        matched[row] = answer != "fp"
    return Matching(found, matched, ignored)


def average_precision_voc(scores: F64, is_true_positive: Mask, n_ground_truth: int) -> float:
    """At all recalls."""
    return _average_precision(scores, is_true_positive, n_ground_truth, None, "greedy")


def average_precision_voc07(scores: F64, is_true_positive: Mask, n_ground_truth: int) -> float:
    """At the recalls that its description has for VOC 2007."""
    levels = np.arange(0.0, 1.1, 0.1)
    return _average_precision(scores, is_true_positive, n_ground_truth, levels, "greedy")


def average_precision_coco(scores: F64, is_true_positive: Mask, n_ground_truth: int) -> float:
    """At the recalls that its description has for COCO."""
    levels = np.arange(0.0, 1.01, 0.01)
    return _average_precision(scores, is_true_positive, n_ground_truth, levels, "soft")


def _average_precision(
    scores: F64, is_true_positive: Mask, n_ground_truth: int, levels: F64 | None, policy: str
) -> float:
    metric = MeanAveragePrecision2d(num_classes=1)
    objects = np.array([[*BOX, 0, 0, 0]])
    for score, right in zip(scores.tolist(), is_true_positive.tolist(), strict=True):
        metric.add(np.array([[*BOX, 0, score]]), objects if right else objects[:0])
    for _ in range(n_ground_truth - int(is_true_positive.sum())):
        metric.add(np.zeros((0, 6)), objects)
    values = metric.value(iou_thresholds=0.5, recall_thresholds=levels, mpolicy=policy)
    return float(values["mAP"])


def targets() -> tuple[Target, ...]:
    """All of them."""
    module, float32 = "mean_average_precision.utils", Adapter(tolerance=1e-6)
    name = "MeanAveragePrecision2d"
    return (
        Target(f"{module}:compute_iou", "iou_matrix", compute_iou),
        Target(f"{module}:compute_iou", "iou_matrix_inclusive", compute_iou),
        Target("check_box, greedy", "match_voc", match_greedy),
        Target(name, "average_precision_voc", average_precision_voc, float32),
        Target(name, "average_precision_voc07", average_precision_voc07, float32),
        Target(name, "average_precision_coco", average_precision_coco, float32),
    )
