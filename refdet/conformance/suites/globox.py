"""globox: a COCO evaluator in plain Python, among its converters of annotations.

Targets: `COCOEvaluator`, the twelve numbers at COCO's parameters, and `BoundingBox.iou`.

It has no place for an object's area or for the flag of crowds: they are left out here, as its own
reader of COCO's files leaves them out. Its scores lie between 0 and 1, where others keep their
order alone. What it calls NaN is COCO's -1. It adds up in another
order, so that its numbers are held to 1e-12.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from globox import Annotation, AnnotationSet, BoundingBox, COCOEvaluator

from refdet.conformance.adapter import Adapter
from refdet.conformance.suites.coco_tables import (
    F64,
    CocoParts,
    Column,
    asked_for,
    by_image,
    refuse_ignored,
    refuse_other_params,
)
from refdet.conformance.target import Target
from refdet.core.coco_eval import CocoParams


def coco_evaluator(*, params: CocoParams, **columns: Column) -> CocoParts:
    """The twelve numbers."""
    refuse_other_params(params)
    refuse_ignored(columns)
    asked = asked_for({**columns, "dt_scores": _confidences(columns["dt_scores"])})
    judge = COCOEvaluator(
        ground_truths=_annotations(asked, "gt"), predictions=_annotations(asked, "dt")
    )
    numbers = (
        *(judge.ap, judge.ap_50, judge.ap_75, judge.ap_small, judge.ap_medium, judge.ap_large),
        *(_recall(judge, name) for name in ("ndets_1", "ndets_10", "ndets_100")),
        *(_recall(judge, name) for name in ("small", "medium", "large")),
    )
    stats = np.array([number() for number in numbers], np.float64)
    return CocoParts(np.where(np.isnan(stats), -1.0, stats))


def _confidences(scores: Column) -> Column:
    if not len(scores) or not (scores.min() < 0 or scores.max() > 1):
        return scores  # NaN among them
    ranks = np.unique(scores, return_inverse=True)[1]
    confidences: F64 = ranks / ranks.max(initial=1)
    return confidences


def _recall(judge: COCOEvaluator, name: str) -> object:
    return getattr(judge, f"{name}_evaluation")().ar


def _annotations(columns: Mapping[str, Column], side: str) -> AnnotationSet:
    return AnnotationSet(
        Annotation(str(number), boxes=_boxes(image))
        for number, image in enumerate(by_image(columns, side))
    )


def _boxes(image: Mapping[str, Column]) -> list[BoundingBox]:
    scores = image["scores"].tolist() if "scores" in image else [None] * len(image["labels"])
    rows = zip(image["labels"].tolist(), image["boxes_xywh"].tolist(), scores, strict=True)
    return [
        BoundingBox(label=str(label), xmin=x, ymin=y, xmax=x + w, ymax=y + h, confidence=score)
        for label, (x, y, w, h), score in rows
    ]


def iou_paired(a_xyxy: F64, b_xyxy: F64) -> F64:
    """`BoundingBox.iou` of each pair."""
    pairs = zip(_corners(a_xyxy), _corners(b_xyxy), strict=True)
    return np.array([a.iou(b) for a, b in pairs], np.float64)


def iou_matrix(a_xyxy: F64, b_xyxy: F64) -> F64:
    """`BoundingBox.iou` of all with all."""
    others = _corners(b_xyxy)
    rows = [[one.iou(other) for other in others] for one in _corners(a_xyxy)]
    return np.array(rows, np.float64).reshape(len(a_xyxy), len(b_xyxy))


def _corners(boxes_xyxy: F64) -> list[BoundingBox]:
    return [
        BoundingBox(label="", xmin=x1, ymin=y1, xmax=x2, ymax=y2)
        for x1, y1, x2, y2 in boxes_xyxy.tolist()
    ]


def targets() -> tuple[Target, ...]:
    """All of them."""
    return (
        Target("COCOEvaluator", "evaluate_coco", coco_evaluator, Adapter(tolerance=1e-12)),
        Target("BoundingBox.iou", "iou_matrix", iou_matrix),
        Target("BoundingBox.iou", "iou_paired", iou_paired),
    )
