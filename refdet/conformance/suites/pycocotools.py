"""pycocotools: COCOeval, the evaluator whose numbers COCO's leaderboard shows.

Targets, all by way of its own classes:

- `COCOeval`: on two indexed data sets whose annotations are numbered from 1.
- `COCOeval, ids from 0`: numbered from 0, as many converters do.
- `COCO.loadRes`: detections as its demo reads them, from a list of results.
- `COCOeval.evaluateImg`: the matching of one image, given the overlaps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refdet.conformance.suites.coco_overlaps import Boxes, list_targets, reshaped
from refdet.conformance.suites.coco_tables import (
    CocoParts,
    Column,
    Row,
    ground_truth,
    judged,
    quietly,
    rows,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams
from refdet.core.matching import Matching


def coco_eval(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Annotations numbered from 1."""
    return judged(_evaluation(columns, first_id=1), columns, params)


def coco_eval_ids_from_0(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Annotations numbered from 0."""
    return judged(_evaluation(columns, first_id=0), columns, params)


def coco_load_res(*, params: CocoParams, **columns: Column) -> CocoParts:
    """Detections read by `loadRes`."""
    truth = _indexed(columns, ground_truth(columns)["annotations"])
    with quietly():
        found = truth.loadRes(rows(columns, "dt"))
        evaluation = COCOeval(truth, found, "bbox")
    return judged(evaluation, columns, params)


def evaluate_img(
    iou: NDArray[np.float64],
    scores: NDArray[np.float64],
    iou_thresholds: NDArray[np.float64],
    ignore: NDArray[np.bool_] | None = None,
    crowd: NDArray[np.bool_] | None = None,
) -> Matching:
    """`evaluateImg` of one image and class, whose overlaps are given instead of computed.

    The flag `ignore` is set where `evaluate` sets it, which looks at crowds alone.
    """
    none = np.zeros(iou.shape[1], np.bool_)
    ignore, crowd = none if ignore is None else ignore, none if crowd is None else crowd
    with quietly():
        evaluation = COCOeval(iouType="bbox")
    evaluation.params.imgIds, evaluation.params.catIds = [1], [1]
    evaluation.params.iouThrs = iou_thresholds
    objects: list[Row] = [
        {"id": number, "ignore": int(ignored or of_crowd), "iscrowd": int(of_crowd), "area": 1.0}
        for number, (ignored, of_crowd) in enumerate(zip(ignore, crowd, strict=True), 1)
    ]
    detections: list[Row] = [
        {"id": number, "score": score, "area": 1.0} for number, score in enumerate(scores, 1)
    ]
    by_score = np.argsort(-scores, kind="mergesort")
    evaluation._gts = defaultdict(list, {(1, 1): objects})
    evaluation._dts = defaultdict(list, {(1, 1): detections})
    evaluation.ious = {(1, 1): iou[by_score]}
    judged_image = evaluation.evaluateImg(1, 1, [0.0, 1e10], len(detections) + 1)
    shape = (len(iou_thresholds), len(scores))
    found, ignored = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    if judged_image is not None:  # it has nothing to say where there is nothing
        found[:, by_score] = judged_image["dtMatches"]
        ignored[:, by_score] = judged_image["dtIgnore"]
    return Matching(np.maximum(found - 1, 0), found > 0, ignored)


def _evaluation(columns: Mapping[str, Column], first_id: int) -> COCOeval:
    sides = (ground_truth(columns, first_id)["annotations"], rows(columns, "dt", first_id))
    with quietly():
        return COCOeval(*(_indexed(columns, _with_area(side)) for side in sides), "bbox")


def _with_area(annotations: list[Row]) -> list[Row]:
    # A detection's area is what loadRes computes; the rest of loadRes is a target of its own.
    return [{"area": _area(one), "iscrowd": 0, **one} for one in annotations]


def _area(annotation: Row) -> object:
    box = annotation["bbox"]
    assert isinstance(box, list)
    return box[2] * box[3]


def _indexed(columns: Mapping[str, Column], annotations: list[Row]) -> COCO:
    with quietly():
        data_set = COCO()
        data_set.dataset = {**ground_truth(columns), "annotations": annotations}
        data_set.createIndex()
    return data_set


def mask_iou(a_xywh: Boxes, b_xywh: Boxes) -> object:
    """No object is a crowd."""
    return mask.iou(a_xywh, b_xywh, [0] * len(b_xywh))


def mask_iou_reshaped(a_xywh: Boxes, b_xywh: Boxes) -> object:
    """The same as a matrix."""
    return reshaped(mask.iou(a_xywh, b_xywh, [0] * len(b_xywh)), a_xywh, b_xywh)


def mask_ioa_reshaped(a_xywh: Boxes, b_xywh: Boxes) -> object:
    """Every object is a crowd."""
    return reshaped(mask.iou(a_xywh, b_xywh, [1] * len(b_xywh)), a_xywh, b_xywh)


def targets() -> tuple[Target, ...]:
    """All of them."""
    return (
        Target("COCOeval", "evaluate_coco", coco_eval),
        Target("COCOeval, ids from 0", "evaluate_coco", coco_eval_ids_from_0),
        Target("COCO.loadRes", "evaluate_coco", coco_load_res),
        Target("COCOeval.evaluateImg", "match_coco", evaluate_img),
        *list_targets(mask_iou, mask_iou_reshaped, mask_ioa_reshaped),
    )
