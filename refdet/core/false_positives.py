"""Which detections of an image are wrong, and why.

Boxes are (N, 4) `x1, y1, x2, y2`, continuous coordinates: a width is `x2 - x1`. Detections are
matched class by class by COCO's rule, so that the detections listed here are the false positives
that `matching.match_coco` counts.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]


class FalsePositiveKind(StrEnum):
    """Why a detection is wrong; the first that applies."""

    DUPLICATE = "duplicate"
    """It covers an object of its class (IoU >= threshold) that another detection has taken."""
    LOCALIZATION = "localization"
    """It is off an object of its class: background threshold <= IoU < threshold."""
    CONFUSION = "confusion"
    """It covers an object of another class: IoU >= threshold."""
    BOTH = "both"
    """It is off an object of another class: background threshold <= IoU < threshold."""
    BACKGROUND = "background"
    """Its IoU is below the background threshold with everything."""


@dataclass(frozen=True)
class FalsePositive:
    """A detection that found nothing.

    Attributes:
        index: its row in what was given.
        label: the class it was given.
        score: its score.
        best_iou: highest IoU with an object of its own class; 0 if there is none.
        box: its `x1, y1, x2, y2`.
        kind: why it is wrong.
        confused_with: for a confusion the label of the object of another class that it overlaps
            most (ties: the first); else None.
    """

    index: int
    label: int
    score: float
    best_iou: float
    box: tuple[float, float, float, float]
    kind: FalsePositiveKind
    confused_with: int | None = None


def identify_false_positives(
    boxes_xyxy: RealArray,
    scores: RealArray,
    labels: IntArray,
    gt_boxes_xyxy: RealArray,
    gt_labels: IntArray,
    iou_threshold: float = 0.5,
    background_threshold: float = 0.1,
    ignore: Mask | None = None,
) -> list[FalsePositive]:
    """The false positives of one image, by score descending (ties: input order), with their kind.

    What matches an ignored object is neither right nor wrong and is not listed. An ignored object
    can be found once; a second detection of it is a duplicate.

    Args:
        boxes_xyxy: (N, 4), any real dtype; the detections that count, at any score.
        scores: (N,), any real dtype, any order; not NaN.
        labels: (N,), any integer dtype, not negative.
        gt_boxes_xyxy: (G, 4), any real dtype, same unit as `boxes_xyxy`.
        gt_labels: (G,), any integer dtype, not negative.
        iou_threshold: in (0, 1]; at or above it a detection covers an object.
        background_threshold: in (0, iou_threshold]; below it a detection is on background.
        ignore: (G,) bool, the objects that do not count; by default none.

    Returns:
        One `FalsePositive` for each.

    Raises:
        TypeError: a real, an integer or a boolean array is of another dtype.
        ValueError: wrong shape, lengths that differ, a box that is not finite or inverted,
            a score that is NaN, a negative label, a threshold outside its range.

    Source:
        Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
        section 2.2. Where two kinds apply, the order is that of `FalsePositiveKind`; the authors'
        code lets a confusion precede a duplicate, and so does `tide.tide_errors`, whose numbers are
        the authors'.
    """
    _check_thresholds(iou_threshold, background_threshold)
    boxes, gt_boxes = (
        _checked_boxes(boxes_xyxy, "boxes_xyxy"),
        _checked_boxes(gt_boxes_xyxy, "gt_boxes_xyxy"),
    )
    checked_scores = _checked_scores(scores, "scores")
    if len(checked_scores) != len(boxes):
        raise ValueError(f"scores has {len(checked_scores)} rows and boxes_xyxy has {len(boxes)}")
    own_labels = _checked_labels(labels, "labels", len(boxes))
    object_labels = _checked_labels(gt_labels, "gt_labels", len(gt_boxes))
    ignored = _checked_mask(ignore, "ignore", len(gt_boxes))
    order = np.argsort(-checked_scores, kind="stable")
    iou = _overlaps(boxes[:, None], gt_boxes)  # (N, G)
    same_class = own_labels[:, None] == object_labels
    own_iou, other_iou = np.where(same_class, iou, 0.0), np.where(same_class, 0.0, iou)
    # COCO lowers a threshold of 1, which the rounding of an IoU could miss.
    reach = min(iou_threshold, 1 - 1e-10)
    found = _found(own_iou, order, ignored, reach)

    own, other = own_iou.max(axis=1, initial=0.0), other_iou.max(axis=1, initial=0.0)  # (N,)

    def judged(row: int) -> FalsePositive:
        kind = false_positive_kind(
            float(own[row]), float(other[row]), iou_threshold, background_threshold
        )
        confused = kind is FalsePositiveKind.CONFUSION
        x1, y1, x2, y2 = boxes[row].tolist()
        return FalsePositive(
            index=row,
            label=int(own_labels[row]),
            score=float(checked_scores[row]),
            best_iou=float(own[row]),
            box=(x1, y1, x2, y2),
            kind=kind,
            confused_with=int(object_labels[other_iou[row].argmax()]) if confused else None,
        )

    return [judged(row) for row in order.tolist() if not found[row]]


def false_positive_kind(
    own_iou: float, other_iou: float, iou_threshold: float = 0.5, background_threshold: float = 0.1
) -> FalsePositiveKind:
    """Why a detection that found nothing is wrong.

    Args:
        own_iou: its highest IoU with an object of its own class, found or not; 0 without any.
        other_iou: its highest IoU with an object of another class; 0 without any.
        iou_threshold: in (0, 1]; at or above it a detection covers an object.
        background_threshold: in (0, iou_threshold]; below it a detection is on background.

    Returns:
        The first of `FalsePositiveKind` that applies.

    Raises:
        ValueError: an IoU that is NaN or outside [0, 1], a threshold outside its range.

    Source:
        As `identify_false_positives`.
    """
    _check_thresholds(iou_threshold, background_threshold)
    for name, value in (("own_iou", own_iou), ("other_iou", other_iou)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} = {value} is not in [0, 1]")
    # COCO lowers a threshold of 1, which the rounding of an IoU could miss.
    reach = min(iou_threshold, 1 - 1e-10)
    # An object of its class that it covers would be its own, were that free.
    if own_iou >= reach:
        return FalsePositiveKind.DUPLICATE
    if own_iou >= background_threshold:
        return FalsePositiveKind.LOCALIZATION
    if other_iou >= reach:
        return FalsePositiveKind.CONFUSION
    return (
        FalsePositiveKind.BOTH
        if other_iou >= background_threshold
        else FalsePositiveKind.BACKGROUND
    )


def _found(own_iou: F64, order: NDArray[np.intp], ignored: Mask, reach: float) -> Mask:
    """The rows that find an object, by COCO's rule; `own_iou` is 0 between different classes.

    By score, each takes its best free object: rather one that counts, then the highest IoU, then
    the last.
    """
    rows, columns = np.nonzero(own_iou >= reach)
    rank = np.argsort(order, kind="stable")  # of each row, by score
    # Of several keys, `lexsort` sorts by the last one first.
    wishes = np.lexsort((-columns, -own_iou[rows, columns], ignored[columns], rank[rows]))
    found = [False] * len(own_iou)
    free = [True] * len(ignored)
    for row, column in zip(rows[wishes].tolist(), columns[wishes].tolist(), strict=True):
        if free[column] and not found[row]:
            free[column], found[row] = False, True
    return np.array(found, np.bool_)


def _overlaps(a: F64, b: F64) -> F64:
    # (N, 1, 4) and (G, 4) give (N, G), in the same steps as `iou.iou_matrix`, to the last bit.
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    intersection = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    union = area_a + area_b - intersection
    iou = np.zeros(union.shape)
    np.divide(intersection, union, out=iou, where=union > 0)
    return iou


def _check_thresholds(iou_threshold: float, background_threshold: float) -> None:
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in (0, 1]")
    if not 0 < background_threshold <= iou_threshold:
        raise ValueError(
            f"background_threshold = {background_threshold} is not in (0, {iou_threshold}]"
        )


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


def _checked_mask(mask: Mask | None, name: str, length: int) -> Mask:
    """`mask` as (G,) bool; None is none."""
    if mask is None:
        return np.zeros(length, np.bool_)
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise TypeError(f"{name} must be of dtype bool, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    return array
