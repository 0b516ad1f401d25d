"""hotcoco: pycocotools' interface, in Rust.

Targets: `COCOeval` as that of pycocotools; detections by `loadRes`,
since its `COCO` is made to be read from.
"""

from __future__ import annotations

from collections.abc import Mapping

from hotcoco import COCO, COCOeval, mask, metrics

from refdet.conformance.suites.coco_overlaps import XYWH, Boxes
from refdet.conformance.suites.coco_tables import (
    CocoParts,
    Column,
    ground_truth,
    judged,
    quietly,
    rows,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams


def coco_eval(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Annotations numbered from 1."""
    return judged(_evaluation(columns, first_id=1), columns, params)


def coco_eval_ids_from_0(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Objects numbered from 0."""
    return judged(_evaluation(columns, first_id=0), columns, params)


def _evaluation(columns: Mapping[str, Column], first_id: int) -> COCOeval:
    with quietly():
        truth = COCO(ground_truth(columns, first_id))
        found = truth.loadRes(rows(columns, "dt"))
        return COCOeval(truth, found, "bbox")


def mask_iou(a_xywh: Boxes, b_xywh: Boxes) -> object:
    """No object is a crowd."""
    return mask.iou(a_xywh, b_xywh, [0] * len(b_xywh))


def mask_ioa(a_xywh: Boxes, b_xywh: Boxes) -> object:
    """Every object is a crowd."""
    return mask.iou(a_xywh, b_xywh, [1] * len(b_xywh))


def targets() -> tuple[Target, ...]:
    """All of them."""
    return (
        Target("COCOeval", "evaluate_coco", coco_eval),
        Target("COCOeval, ids from 0", "evaluate_coco", coco_eval_ids_from_0),
        Target(
            "hotcoco.metrics:average_precision", "average_precision_coco", metrics.average_precision
        ),
        Target("mask.iou", "iou_matrix", mask_iou, XYWH),
        Target("mask.iou of crowds", "ioa_matrix", mask_ioa, XYWH),
    )
