"""vernier: an evaluator in Rust, from columns, in pycocotools' rules (`parity_mode="strict"`).

Targets: `evaluate_bbox_grid` with objects numbered from 1, and from 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from vernier.instance import Breakdown, CocoDataset, evaluate_bbox_grid

from refdet.conformance.suites.coco_tables import (
    CocoParts,
    Column,
    asked_for,
    ground_truth,
    refuse_ignored,
    rows,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams


def evaluate_grid(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Objects numbered from 1."""
    return _judged(columns, params, first_id=1)


def evaluate_grid_ids_from_0(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Objects numbered from 0."""
    return _judged(columns, params, first_id=0)


def _judged(columns: Mapping[str, Column], params: CocoParams, first_id: int) -> CocoParts:
    refuse_ignored(columns)
    asked = asked_for(columns)
    limits = list(params.max_detections)
    grid = evaluate_bbox_grid(
        _data_set(asked, first_id),
        rows(asked, "dt"),
        parity_mode="strict",
        max_dets_per_image=limits[-1],
        use_cats=not params.class_agnostic,
        iou_thresholds=list(params.iou_thresholds),
        recall_thresholds=list(params.recall_levels),
        area_ranges=Breakdown.from_ranges("area", params.area_ranges),
    )
    curves = grid.accumulate(limits)
    try:
        stats = np.array(curves.summarize(limits).stats, np.float64)
    except Exception:  # whatever it is, the arrays are there to be looked at
        stats = np.full(12, np.nan)
    return CocoParts(stats, curves.precision, curves.recall, curves.scores)


def _data_set(columns: Mapping[str, Column], first_id: int) -> CocoDataset:
    table = ground_truth(columns, first_id)
    images = np.array([one["id"] for one in table["images"]], np.int64)
    size = np.full(len(images), 100, np.int64)
    return CocoDataset.from_arrays(
        {"id": images, "width": size, "height": size},
        {
            "id": np.arange(first_id, first_id + len(columns["gt_labels"])),
            "image_id": columns["gt_image_ids"],
            "category_id": columns["gt_labels"],
            "bbox": columns["gt_boxes_xywh"],
            "area": columns["gt_area"],
            "iscrowd": columns["gt_crowd"],
        },
        table["categories"],
    )


def targets() -> tuple[Target, ...]:
    """Both."""
    return (
        Target("evaluate_bbox_grid", "evaluate_coco", evaluate_grid),
        Target("evaluate_bbox_grid, ids from 0", "evaluate_coco", evaluate_grid_ids_from_0),
    )
