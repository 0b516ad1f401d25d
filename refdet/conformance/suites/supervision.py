"""supervision: its box overlaps, conversions, clipping and suppression, on NumPy arrays.

A function is a target under its own name where it takes core's arguments. The others stand behind
the functions below, which translate names, order and structure, and repair nothing. Overlaps are
given in float32, so that they are held to 1e-6.
"""

from __future__ import annotations

import numpy as np
import supervision
from numpy.typing import NDArray
from supervision.detection.utils import iou_and_nms

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.contract import BoxFormat
from refdet.conformance.suites.supervision_evaluation import TARGETS
from refdet.conformance.target import Target
from refdet.core.nms import SoftNMSDecay, SoftNMSResult

Boxes = NDArray[np.generic]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# --- Overlaps ---


def iou_paired(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    """`box_iou`, which takes one pair."""
    pairs = zip(a_xyxy, b_xyxy, strict=True)
    return np.array([supervision.box_iou(a, b) for a, b in pairs], dtype=np.float64)


def iou_of_lists(a_xywh: list[list[float]], b_xywh: list[list[float]]) -> object:
    """`box_iou_batch_with_jaccard`, whose rows are its second argument; its evaluation uses it."""
    crowd = [False] * len(b_xywh)
    return iou_and_nms.box_iou_batch_with_jaccard(b_xywh, a_xywh, crowd)


def ioa_of_lists(a_xywh: list[list[float]], b_xywh: list[list[float]]) -> object:
    """The same with crowd regions."""
    return iou_and_nms.box_iou_batch_with_jaccard(b_xywh, a_xywh, [True] * len(b_xywh))


# --- Boxes ---


def clip_boxes(boxes: Boxes, width: float, height: float) -> object:
    """`clip_boxes`, which takes (width, height)."""
    return supervision.clip_boxes(boxes, (width, height))


# --- Suppression: they take one array and answer with a row for each of its rows ---


def nms(boxes: Boxes, scores: F64, iou_threshold: float) -> I64:
    """`box_non_max_suppression` without labels; what it keeps, by score, then input order."""
    keep = supervision.box_non_max_suppression(np.c_[boxes, scores], iou_threshold)
    return _by_score(np.flatnonzero(keep), scores)


def batched_nms(boxes: Boxes, scores: F64, labels: I64, iou_threshold: float) -> I64:
    """The same with labels."""
    keep = supervision.box_non_max_suppression(np.c_[boxes, scores, labels], iou_threshold)
    return _by_score(np.flatnonzero(keep), scores)


def soft_nms(
    boxes: Boxes,
    scores: F64,
    decay: SoftNMSDecay,
    iou_threshold: float,
    sigma: float,
    min_score: float,
) -> SoftNMSResult:
    """`box_soft_non_max_suppression`, which lowers by a gaussian and drops nothing itself.

    A gaussian has no threshold.
    """
    if decay is not SoftNMSDecay.GAUSSIAN:
        raise NotImplementedError("box_soft_non_max_suppression has no linear decay")
    lowered = iou_and_nms.box_soft_non_max_suppression(np.c_[boxes, scores], sigma)
    rows = _by_score(np.flatnonzero(lowered >= min_score), lowered)
    return SoftNMSResult(rows, lowered[rows])


def _by_score(rows: I64, scores: F64) -> I64:
    return rows[np.argsort(-scores[rows], kind="stable")]


_FLOAT32 = Adapter(tolerance=1e-6)
# What a corner loses on its way through width and height.
_LISTS = Adapter(arrays=Arrays.LIST, box_format=BoxFormat.XYWH, tolerance=1e-12)


def targets() -> tuple[Target, ...]:
    """All of them."""
    iou_batch, suppression = supervision.box_iou_batch, "box_non_max_suppression"
    return (
        Target("supervision:box_iou_batch", "iou_matrix", iou_batch, _FLOAT32),
        Target("box_iou", "iou_paired", iou_paired),
        Target("box_iou_batch_with_jaccard", "iou_matrix", iou_of_lists, _LISTS),
        Target("box_iou_batch_with_jaccard, crowds", "ioa_matrix", ioa_of_lists, _LISTS),
        Target("supervision:xywh_to_xyxy", "xywh_to_xyxy", supervision.xywh_to_xyxy),
        Target("supervision:xyxy_to_xywh", "xyxy_to_xywh", supervision.xyxy_to_xywh),
        Target("supervision:xcycwh_to_xyxy", "cxcywh_to_xyxy", supervision.xcycwh_to_xyxy),
        Target("clip_boxes", "clip_boxes", clip_boxes),
        Target(suppression, "nms", nms),
        Target(suppression, "batched_nms", batched_nms),
        Target("box_soft_non_max_suppression", "soft_nms", soft_nms, _FLOAT32),
        *TARGETS,
    )
