"""supervision's `MeanAveragePrecision`, which gives the first six of the twelve numbers.

Boxes go in as corners, and the class of a target must be among those of the ground truth to count.
It takes 1, 10 and 100 detections, or three other limits, of which the largest is used.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import supervision
from supervision.metrics import MeanAveragePrecision

from refdet.conformance.adapter import Adapter
from refdet.conformance.suites.coco_tables import (
    F64,
    CocoParts,
    Column,
    asked_for,
    by_image,
    quietly,
    refuse_other_params,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams


def mean_average_precision(*, params: CocoParams, **columns: Column) -> CocoParts:
    """AP, AP50, AP75, and AP of small, medium and large objects."""
    refuse_other_params(params)
    asked = asked_for(columns)
    metric = MeanAveragePrecision()
    with quietly():
        metric.update(_predictions(asked), _targets(asked))
        result = metric.compute()
    sizes = (result.small_objects, result.medium_objects, result.large_objects)
    given = [result.map50_95, result.map50, result.map75, *(one.map50_95 for one in sizes)]
    stats = np.array([*given, *[0.0] * 6], np.float64)
    return CocoParts(np.ma.masked_array(stats, np.arange(12) >= 6))


def _predictions(columns: Mapping[str, Column]) -> list[supervision.Detections]:
    return [
        supervision.Detections(
            _corners(image["boxes_xywh"]), class_id=image["labels"], confidence=image["scores"]
        )
        for image in by_image(columns, "dt")
    ]


def _targets(columns: Mapping[str, Column]) -> list[supervision.Detections]:
    flags = {"crowd": "iscrowd", "ignore": "ignore", "area": "area"}
    return [
        supervision.Detections(
            _corners(image["boxes_xywh"]),
            class_id=image["labels"],
            data={theirs: image[ours] for ours, theirs in flags.items() if ours in image},
        )
        for image in by_image(columns, "gt")
    ]


def _corners(boxes_xywh: Column) -> F64:
    boxes: F64 = boxes_xywh.astype(np.float64)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


TARGETS = (
    # A mean of float32 numbers.
    Target(
        "MeanAveragePrecision", "evaluate_coco", mean_average_precision, Adapter(tolerance=1e-6)
    ),
)
