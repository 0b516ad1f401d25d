"""Non-maximum suppression as people got it wrong, each beside the right one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from refdet.core.nms import SoftNMSDecay
from tests.conformance.zoo.iou import (
    area,
    crossed,
    iou_matrix,
    iou_with_a_pixel_more,
    meeting,
    ratio,
)
from tests.conformance.zoo.refusing import refusing
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

# --- Greedy: an order, what drops what, and the loop ---

Order = Callable[[F64], I64]
Drops = Callable[[F64, float], Mask]
Keep = Callable[[Mask], I64]


def best_first(scores: F64) -> I64:
    """Of equal scores the first."""
    return np.argsort(-scores, kind="stable")


def backwards(scores: F64) -> I64:
    return np.argsort(scores, kind="stable")[::-1]


def unstable(scores: F64) -> I64:
    return np.argsort(-scores)


def as_it_comes(scores: F64) -> I64:
    return np.arange(len(scores))


def above(boxes: F64, threshold: float) -> Mask:
    """(N, N): whether the row drops the column."""
    return iou_matrix(boxes, boxes) > threshold


def at_or_above(boxes: F64, threshold: float) -> Mask:
    return iou_matrix(boxes, boxes) >= threshold


def above_with_a_pixel_more(boxes: F64, threshold: float) -> Mask:
    return iou_with_a_pixel_more(boxes, boxes) > threshold


def above_of_its_own_area(boxes: F64, threshold: float) -> Mask:
    a, b = crossed(boxes, boxes)
    return ratio(meeting(a, b), area(b)[None]) > threshold


def greedily(drops: Mask) -> I64:
    """Of rows in order, those that no kept row drops."""
    kept: list[int] = []
    for row in range(len(drops)):
        if not drops[kept, row].any():
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def all_at_once(drops: Mask) -> I64:
    """A dropped row drops others, too."""
    return np.flatnonzero(~np.triu(drops, k=1).any(axis=0))


def until_one_is_alone(drops: Mask) -> I64:
    """Stops at a row that drops nothing, and keeps all the rest."""
    left, kept = np.arange(len(drops)), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        if not drops[best, left].any():
            return np.array([*kept, *left], dtype=np.int64)
        left = left[~drops[best, left]]
    return np.array(kept, dtype=np.int64)


@refusing
def suppressed(
    boxes_xyxy: F64, scores: F64, iou_threshold: float, order: Order, drops: Drops, keep: Keep
) -> I64:
    rows = order(scores)
    return rows[keep(drops(boxes_xyxy[rows], iou_threshold))]


nms = partial(suppressed, order=best_first, drops=above, keep=greedily)


def nms_in_input_order(boxes_xyxy: F64, scores: F64, iou_threshold: float) -> I64:
    return np.sort(nms(boxes_xyxy, scores, iou_threshold))


# --- Per class: which boxes are compared ---

Apart = Callable[[F64, I64], F64]


@refusing
def batched_nms(boxes_xyxy: F64, scores: F64, labels: I64, iou_threshold: float) -> I64:
    rows = best_first(scores)
    same = labels[rows][:, None] == labels[rows]
    return rows[greedily(above(boxes_xyxy[rows], iou_threshold) & same)]


def by_the_largest_coordinate(boxes: F64, labels: I64) -> F64:
    """The boxes of each class beyond those of the one before, if coordinates are positive."""
    offsets: F64 = labels[:, None] * (boxes.max() + 1)
    return boxes + offsets


def by_4096(boxes: F64, labels: I64) -> F64:
    return boxes + (labels * 4096.0)[:, None]


def not_at_all(boxes: F64, labels: I64) -> F64:
    return boxes


@refusing
def batched_by_offsets(
    boxes_xyxy: F64, scores: F64, labels: I64, iou_threshold: float, apart: Apart
) -> I64:
    if not len(boxes_xyxy):
        return np.zeros(0, dtype=np.int64)
    return nms(apart(boxes_xyxy.astype(np.float64), labels), scores, iou_threshold)


# --- Soft: how a score is lowered, which boxes take part, what is returned ---

Lower = Callable[[float, SoftNMSDecay, float, float], float]
Start = Callable[[F64, float], list[int]]


def lower(iou: float, decay: SoftNMSDecay, threshold: float, sigma: float) -> float:
    """The factor for a box with that overlap."""
    if decay is SoftNMSDecay.GAUSSIAN:
        return float(np.exp(-(iou**2) / sigma))
    return 1.0 - iou if iou > threshold else 1.0


def lower_by_half(iou: float, decay: SoftNMSDecay, threshold: float, sigma: float) -> float:
    return lower(iou, decay, threshold, 2 * sigma)


def good_enough(scores: F64, min_score: float) -> list[int]:
    """The rows that take part."""
    return [row for row, score in enumerate(scores.tolist()) if score >= min_score]


def all_of_them(scores: F64, min_score: float) -> list[int]:
    return list(range(len(scores)))


@refusing
def softened(
    boxes_xyxy: F64,
    scores: F64,
    decay: SoftNMSDecay,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    lower: Lower,
    start: Start,
) -> SimpleNamespace:
    if (scores < 0).any():
        raise ValueError(f"scores = {scores}")
    overlaps = iou_matrix(boxes_xyxy, boxes_xyxy)
    current, left = scores.astype(np.float64), start(scores, min_score)
    kept: list[int] = []
    while left:
        best = max(left, key=lambda row: (current[row], -row))
        kept.append(best)
        left.remove(best)
        for row in left:
            current[row] *= lower(overlaps[best, row], decay, iou_threshold, sigma)
        left = [row for row in left if current[row] >= min_score]
    return SimpleNamespace(indices=np.array(kept, np.int64), scores=current[kept])


soft_nms = partial(softened, lower=lower, start=good_enough)


def soft_nms_with_old_scores(
    boxes_xyxy: F64,
    scores: F64,
    decay: SoftNMSDecay,
    iou_threshold: float,
    sigma: float,
    min_score: float,
) -> SimpleNamespace:
    kept = soft_nms(boxes_xyxy, scores, decay, iou_threshold, sigma, min_score)
    return SimpleNamespace(indices=kept.indices, scores=scores[kept.indices])


RIGHT = (
    Right("nms", nms),
    Right("batched_nms", batched_nms),
    Right("soft_nms", soft_nms),
)

ZOO = (
    Wrong(
        "nms", "drops-at-equality", partial(nms, drops=at_or_above), "tensorflow/tensorflow#34268"
    ),
    Wrong(
        "nms",
        "equals-backwards",
        partial(nms, order=backwards),
        "py-faster-rcnn, lib/nms/py_cpu_nms.py: scores.argsort()[::-1]",
    ),
    Wrong("nms", "unstable-sort", partial(nms, order=unstable), "pytorch/vision#4488"),
    Wrong(
        "nms",
        "not-sorted",
        partial(nms, order=as_it_comes),
        "facebookresearch/maskrcnn-benchmark#289, jwyang/faster-rcnn.pytorch#320",
    ),
    Wrong(
        "nms",
        "a-pixel-more",
        partial(nms, drops=above_with_a_pixel_more),
        "hhj1897/face_detection#2",
    ),
    Wrong(
        "nms",
        "its-own-area-for-the-union",
        partial(nms, drops=above_of_its_own_area),
        "PyImageSearch/imutils#88",
    ),
    Wrong(
        "nms",
        "dropped-boxes-drop",
        partial(nms, keep=all_at_once),
        "Bolya et al., YOLACT, ICCV 2019, section 3.3: Fast NMS",
    ),
    Wrong(
        "nms",
        "stops-at-a-box-alone",
        partial(nms, keep=until_one_is_alone),
        "ultralytics/ultralytics#22013",
    ),
    Wrong("nms", "in-input-order", nms_in_input_order, "jwyang/faster-rcnn.pytorch#729"),
    Wrong(
        "batched_nms",
        "regardless-of-class",
        partial(batched_by_offsets, apart=not_at_all),
        "guichristmann/edge-tpu-tiny-yolo#19",
    ),
    Wrong(
        "batched_nms",
        "offset-by-the-largest-coordinate",
        partial(batched_by_offsets, apart=by_the_largest_coordinate),
        "torchvision 0.29.2, ops.batched_nms of boxes left of or above the image",
    ),
    Wrong(
        "batched_nms",
        "offset-by-4096",
        partial(batched_by_offsets, apart=by_4096),
        "ultralytics/yolov3#1268",
    ),
    Wrong(
        "soft_nms",
        "half-the-exponent",
        partial(soft_nms, lower=lower_by_half),
        "openvinotoolkit/openvino#10729: exp(-0.5 * iou * iou / soft_nms_sigma)",
    ),
    Wrong(
        "soft_nms",
        "smallest-score-after-a-round",
        partial(soft_nms, start=all_of_them),
        "open-mmlab/mmcv#1726",
    ),
    Wrong("soft_nms", "scores-not-lowered", soft_nms_with_old_scores, "bharatsingh430/soft-nms#14"),
)
