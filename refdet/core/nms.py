"""Non-maximum suppression: of detections that overlap too much, only the best one stays.

Boxes are (N, 4) `x1, y1, x2, y2`, continuous. No matrix of all pairs is ever built: for the 8,732
boxes of SSD300 it would take 600 MB.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
IntArray = NDArray[np.integer[Any]]
RealArray = NDArray[np.floating[Any] | np.integer[Any]]

_BLOCK = 8  # rows of IoU that exist at a time: few enough for the processor's cache
_GONE = -1.0  # the current score of a box that soft NMS has kept or dropped


class SoftNMSDecay(StrEnum):
    """How a kept box lowers the scores of the boxes that it overlaps.

    LINEAR: by the factor 1 - IoU, if the IoU is greater than a threshold.
    GAUSSIAN: by the factor exp(-IoU**2 / sigma), whatever the IoU.
    """

    LINEAR = "linear"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, eq=False)
class SoftNMSResult:
    """What soft NMS kept, by lowered score descending.

    Attributes:
        indices: (K,) int64, rows of the input.
        scores: (K,) float64, their lowered scores.
    """

    indices: I64
    scores: F64


def nms(boxes_xyxy: RealArray, scores: RealArray, iou_threshold: float) -> I64:
    """Keep the best box, drop all that overlap it by more than a threshold, and so on.

    Boxes are taken by score descending, then input order. A box is dropped if its IoU with a kept
    box is > iou_threshold; at equality it stays.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        iou_threshold: in [0, 1].

    Returns:
        (K,) int64, the kept rows by score descending, then input order.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: wrong shape or length, iou_threshold outside [0, 1]; a box not finite or
            inverted, a NaN score (names the row).

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, section 2.2: greedy suppression.
        Equals torchvision 0.29.2's `nms` in float64.
    """
    boxes, checked = _checked(boxes_xyxy, scores, iou_threshold)
    order = np.argsort(-checked, kind="stable")
    return order[_greedy(boxes[order], iou_threshold)]


def batched_nms(
    boxes_xyxy: RealArray, scores: RealArray, labels: IntArray, iou_threshold: float
) -> I64:
    """`nms` within each class: boxes of different labels never drop each other.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        labels: (N,), integers >= 0.
        iou_threshold: in [0, 1]; a box at equality stays.

    Returns:
        (K,) int64, the kept rows of all classes by score descending, then input order.

    Raises:
        TypeError, ValueError: as `nms`; labels that are not integers, or negative (names the row).

    Source:
        `nms` class by class: no offset moves classes apart, which would round coordinates.
    """
    boxes, checked = _checked(boxes_xyxy, scores, iou_threshold)
    classes = _checked_labels(labels, "labels", len(boxes))
    order = np.argsort(-checked, kind="stable")
    sorted_boxes, sorted_classes = boxes[order], classes[order]
    kept = np.zeros(len(order), dtype=np.bool_)
    for label in np.unique(classes):
        members = np.flatnonzero(sorted_classes == label)
        kept[members[_greedy(sorted_boxes[members], iou_threshold)]] = True
    return order[kept]


def soft_nms(
    boxes_xyxy: RealArray,
    scores: RealArray,
    decay: SoftNMSDecay,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> SoftNMSResult:
    """Keep the best box, lower the scores of the boxes that it overlaps, and so on.

    The best is the highest current score, the first in input order among equals. A box whose
    score is or falls below `min_score` is dropped.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype, finite and >= 0.
        decay: how scores are lowered, see `SoftNMSDecay`.
        iou_threshold: in [0, 1]; linear decay acts on an IoU > iou_threshold.
        sigma: > 0, the width of gaussian decay.
        min_score: >= 0; a box at equality stays.

    Returns:
        A `SoftNMSResult`.

    Raises:
        TypeError, ValueError: as `nms`; a `decay` that is no `SoftNMSDecay`, a score that is
            infinite or negative (names the row), a parameter out of range.

    Source:
        Bodla et al., "Soft-NMS", ICCV 2017, section 3 and figure 2. Linear decay takes the
        authors' code at equality (`>`), as `nms` does, where the paper's equation has `>=`.
    """
    boxes, current = _checked(boxes_xyxy, scores, iou_threshold)
    _check_soft(current, decay, sigma, min_score)
    columns = np.ascontiguousarray(boxes.T)  # (4, N)
    left = np.where(current >= min_score, current, _GONE)
    indices, lowered = [], []
    while left.size and left[best := int(left.argmax())] != _GONE:
        indices.append(best)
        lowered.append(float(left[best]))
        left[best] = _GONE
        rivals = _meeting(columns[:, best], columns)
        rivals = rivals[left[rivals] != _GONE]
        iou = _columns_iou(columns[:, [best]], columns[:, rivals])[0]
        if decay is SoftNMSDecay.LINEAR:
            factor = np.where(iou > iou_threshold, 1.0 - iou, 1.0)
        else:
            factor = np.exp(-(iou**2) / sigma)
        decayed = left[rivals] * factor
        left[rivals] = np.where(decayed >= min_score, decayed, _GONE)
    return SoftNMSResult(np.array(indices, dtype=np.int64), np.array(lowered, dtype=np.float64))


def _greedy(boxes: F64, iou_threshold: float) -> I64:
    """The rows that greedy suppression keeps of boxes sorted best first, in that order."""
    columns = np.ascontiguousarray(boxes.T)  # (4, N)
    left: I64 = np.arange(len(boxes))
    kept: list[I64] = [np.zeros(0, dtype=np.int64)]
    # The best boxes left are settled among themselves, then drop from the rest what they overlap.
    while left.size:
        candidates = columns[:, left]
        drops = _columns_iou(candidates[:, :_BLOCK], candidates) > iou_threshold  # (block, left)
        stays = np.ones(block := len(drops), dtype=np.bool_)
        for row in range(block):
            if stays[row]:
                stays[row + 1 :] &= ~drops[row, row + 1 : block]
        kept.append(left[:block][stays])
        left = left[block:][~drops[stays, block:].any(axis=0)]
    return np.concatenate(kept)


def _meeting(box: F64, columns: F64) -> I64:
    """Which of (4, N) boxes share area with `box`: four comparisons are cheaper than an IoU."""
    x1, y1, x2, y2 = columns
    return np.flatnonzero((x1 < box[2]) & (x2 > box[0]) & (y1 < box[3]) & (y2 > box[1]))


def _columns_iou(a: F64, b: F64) -> F64:
    """(A, B) IoU of boxes (4, A) and (4, B): the operations of `core.iou`, bit for bit."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a[:, :, None], b
    width = np.maximum(np.minimum(ax2, bx2) - np.maximum(ax1, bx1), 0.0)
    intersection = width * np.maximum(np.minimum(ay2, by2) - np.maximum(ay1, by1), 0.0)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - intersection
    # The smallest number above 0 leaves every union as it is but 0, where 0 / 0 becomes 0.
    iou: F64 = intersection / np.maximum(union, 5e-324)
    return iou


def _checked(boxes_xyxy: RealArray, scores: RealArray, iou_threshold: float) -> tuple[F64, F64]:
    boxes, checked = _checked_boxes(boxes_xyxy, "boxes_xyxy"), _checked_scores(scores, "scores")
    if len(checked) != len(boxes):
        raise ValueError(f"scores has {len(checked)} rows and boxes_xyxy has {len(boxes)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in [0, 1]")
    return boxes, checked


def _check_soft(scores: F64, decay: SoftNMSDecay, sigma: float, min_score: float) -> None:
    for row in np.flatnonzero((scores < 0) | np.isinf(scores)):
        raise ValueError(f"scores[{row}] = {scores[row]} is not finite and >= 0")
    if not isinstance(decay, SoftNMSDecay):
        raise TypeError(f"decay must be a SoftNMSDecay, got {decay!r}")
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma} is not > 0")
    if not min_score >= 0:
        raise ValueError(f"min_score = {min_score} is not >= 0")


def _checked_boxes(boxes: RealArray, name: str) -> F64:
    """`boxes` as (N, 4) float64; an error names the argument, the row and the value."""
    array = np.asarray(boxes)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4), got {array.shape}")
    checked = array.astype(np.float64)
    x1, y1, x2, y2 = checked.T  # by columns: rows of 4 are too short to be fast
    inverted = np.stack([x2 < x1, y2 < y1], axis=1)
    for wrong, problem in (
        (~np.isfinite(checked), "is not finite"),
        (inverted, "has x2 < x1 or y2 < y1"),
    ):
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise ValueError(f"{name}[{row}] = {array[row].tolist()} {problem}")
    return checked


def _checked_scores(scores: RealArray, name: str) -> F64:
    """`scores` as (N,) float64; an error names the argument, the row and the value."""
    array = np.asarray(scores)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {array.shape}")
    checked = array.astype(np.float64, copy=False)
    if np.isnan(checked).any():
        raise ValueError(f"{name}[{int(np.isnan(checked).argmax())}] is NaN")
    return checked


def _checked_labels(labels: IntArray, name: str, length: int) -> I64:
    """`labels` as (N,) int64; an error names the argument, the row and the value."""
    array = np.asarray(labels)
    is_empty_list = array.size == 0 and array.dtype == np.float64
    if array.dtype.kind not in "iu" and not is_empty_list:
        raise TypeError(f"{name} must be of an integer dtype, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    for rows, problem in ((array < 0, "is negative"), (array > 2**63 - 1, "exceeds int64")):
        if rows.any():
            row = int(rows.argmax())
            raise ValueError(f"{name}[{row}] = {array[row]} {problem}")
    return array.astype(np.int64, copy=False)
