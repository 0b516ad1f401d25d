"""torchmetrics: MeanAveragePrecision, fed with lists of tensors, an image at a time.

Targets: as it comes, with its own levels where COCO's are asked for; and with the levels of COCO
given to it in float64. Both with `extended_summary`, for the arrays. Its twelve numbers are
float32, so that everything is held to 1e-6.

It judges all that it is given, and lists the classes that occur: one that occurs nowhere is -1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torchmetrics.detection import MeanAveragePrecision
from torchmetrics.functional.detection import intersection_over_union

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.suites.coco_tables import (
    F64,
    NOT_GIVEN,
    CocoParts,
    Column,
    asked_for,
    by_image,
    quietly,
    refuse_ignored,
    refuse_other_params,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams

STATS = (
    *("map", "map_50", "map_75", "map_small", "map_medium", "map_large"),
    *("mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"),
)
OWN = CocoParams()


def mean_average_precision(*, params: CocoParams, **columns: Column) -> CocoParts:
    """With its own levels where they are COCO's."""
    iou = None if params.iou_thresholds == OWN.iou_thresholds else list(params.iou_thresholds)
    recall = None if params.recall_levels == OWN.recall_levels else list(params.recall_levels)
    return _judged(columns, params, iou, recall)


def mean_average_precision_float64(*, params: CocoParams, **columns: Column) -> CocoParts:
    """With all levels given."""
    return _judged(columns, params, list(params.iou_thresholds), list(params.recall_levels))


def _judged(
    columns: Mapping[str, Column],
    params: CocoParams,
    iou_thresholds: list[float] | None,
    recall_levels: list[float] | None,
) -> CocoParts:
    refuse_ignored(columns)
    refuse_other_params(params, "iou_thresholds", "recall_levels", "class_agnostic")
    asked = asked_for(columns)
    with quietly():
        metric = MeanAveragePrecision(
            box_format="xywh",
            iou_thresholds=iou_thresholds,
            rec_thresholds=recall_levels,
            extended_summary=True,
            average="micro" if params.class_agnostic else "macro",
        )
        metric.update(_predictions(asked), _targets(asked))
        computed = metric.compute()
    stats = np.array([float(computed[name]) for name in STATS])
    classes = _classes(asked, params)
    found = (
        _at_classes(computed[name].numpy(), classes, axis) if name in computed else NOT_GIVEN
        for name, axis in (("precision", 2), ("recall", 1), ("scores", 2))
    )
    return CocoParts(stats, *found)


def _predictions(columns: Mapping[str, Column]) -> list[dict[str, torch.Tensor]]:
    return [
        {
            "boxes": torch.from_numpy(image["boxes_xywh"]),
            "scores": torch.from_numpy(image["scores"]),
            "labels": torch.from_numpy(image["labels"]),
        }
        for image in by_image(columns, "dt")
    ]


def _targets(columns: Mapping[str, Column]) -> list[dict[str, torch.Tensor]]:
    return [
        {
            "boxes": torch.from_numpy(image["boxes_xywh"]),
            "labels": torch.from_numpy(image["labels"]),
            "area": torch.from_numpy(image["area"]),
            "iscrowd": torch.from_numpy(image["crowd"]).long(),
        }
        for image in by_image(columns, "gt")
    ]


def _classes(columns: Mapping[str, Column], params: CocoParams) -> list[bool]:
    """Of each class that is asked for, whether it occurs."""
    if params.class_agnostic:
        return [True]
    occur = np.concatenate([columns["gt_labels"], columns["dt_labels"]])
    occurs: list[bool] = np.isin(np.unique(columns["category_ids"]), occur).tolist()
    return occurs


def _at_classes(array: F64, occurs: list[bool], axis: int) -> F64:
    shape = list(array.shape)
    if shape[axis] != sum(occurs):
        return array  # which is not what was asked for, and is held to it as it is
    shape[axis] = len(occurs)
    placed = np.full(shape, -1.0)
    place: list[slice | list[bool]] = [slice(None)] * len(shape)
    place[axis] = occurs
    placed[tuple(place)] = array
    return placed


def iou_matrix(boxes: torch.Tensor, others: torch.Tensor) -> object:
    """`intersection_over_union`, which by default gives the mean of the diagonal."""
    return intersection_over_union(boxes, others, aggregate=False)


def targets() -> tuple[Target, ...]:
    """Both."""
    float32 = Adapter(tolerance=1e-6)
    name, rule = "MeanAveragePrecision", "evaluate_coco"
    return (
        Target(name, rule, mean_average_precision, float32),
        Target(f"{name}, levels in float64", rule, mean_average_precision_float64, float32),
        Target("intersection_over_union", "iou_matrix", iou_matrix, Adapter(arrays=Arrays.TORCH)),
    )
