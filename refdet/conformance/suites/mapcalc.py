"""mapcalc: mean average precision of one image, by VOC's rule since 2010.

Target: `calculate_map`, one class, each detection far from the others, on its object or on nothing.
"""

from __future__ import annotations

import numpy as np
from mapcalc.main import calculate_map
from numpy.typing import NDArray

from refdet.conformance.target import Target

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def average_precision_voc(scores: F64, is_true_positive: Mask, n_ground_truth: int) -> float:
    """A detection is 10 px wide and starts 20 px right of the last one."""
    boxes = [[20.0 * k, 0.0, 20.0 * k + 10, 10.0] for k in range(len(scores) + n_ground_truth)]
    found = [box for box, right in zip(boxes, is_true_positive, strict=False) if right]
    objects = found + boxes[len(scores) :][: n_ground_truth - len(found)]
    truth = {"boxes": objects, "labels": [0] * len(objects)}
    detections = {
        "boxes": boxes[: len(scores)],
        "labels": [0] * len(scores),
        "scores": scores.tolist(),
    }
    return float(calculate_map(truth, detections, 0.5))


def targets() -> tuple[Target, ...]:
    """The one."""
    return (Target("calculate_map", "average_precision_voc", average_precision_voc),)
