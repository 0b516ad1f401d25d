"""Which detection has found which object, when detections are judged: VOC's rule and COCO's.

Rows of an IoU matrix are the detections of one class in one image, columns are that class's
objects there. Detections come in any order; both rules treat them by score.

How many detections of an image are judged (COCO's `maxDets`) is the caller's business: give only
those. So are area ranges: `ignore` the objects outside, and ignore the detections outside that
came back unmatched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Matching:
    """What each of D detections has found, in the order in which they were given.

    The shape is (D,) for one IoU threshold and (T, D) for a row of T thresholds.

    Attributes:
        object_index: int64, the object that a matched detection has found. It is 0 where a
            detection is not matched, and means nothing there: read it through `matched`.
        matched: bool, the detections that found an object.
        ignored: bool, the matched detections whose object is ignored: neither right nor wrong.
    """

    object_index: I64
    matched: Mask
    ignored: Mask

    @property
    def true_positive(self) -> Mask:
        """The detections that found an object that counts."""
        return self.matched & ~self.ignored

    @property
    def false_positive(self) -> Mask:
        """The detections that found nothing."""
        return ~self.matched & ~self.ignored


def match_voc(
    iou: RealArray, scores: RealArray, iou_threshold: float, ignore: Mask | None = None
) -> Matching:
    """Match by VOC's rule: a detection takes the object it overlaps most, or nothing.

    By score descending (ties: input order), each detection asks for the object that it overlaps
    most (ties: the first), whether that is free or not. It gets it if IoU >= `iou_threshold` and
    the object is free. It never turns to its second best. An ignored object is never used up.

    Args:
        iou: (P, G), any real dtype, in [0, 1]; rows are detections, columns are objects.
        scores: (P,), any real dtype, any order; not NaN.
        iou_threshold: in (0, 1]; usually 0.5.
        ignore: (G,) bool, the objects that do not count (VOC's "difficult"); by default none.

    Returns:
        A `Matching` of shape (P,).

    Raises:
        TypeError: `iou` or `scores` is not of a real dtype, `ignore` not boolean.
        ValueError: wrong shape, an IoU that is NaN or outside [0, 1], a score that is NaN,
            a threshold outside (0, 1].

    Source:
        PASCAL VOC 2012 development kit, `VOCevaldet.m`.
    """
    overlaps = _checked_iou(iou)
    n_detections, n_objects = overlaps.shape
    order = _by_score(scores, n_detections)
    _check_in_0_1(iou_threshold, "iou_threshold")
    ignored = _checked_mask(ignore, "ignore", n_objects)
    if not overlaps.size:
        return _matching(np.zeros(0, np.int64), np.zeros(0, np.int64), n_detections, ignored)
    best = overlaps.argmax(axis=1)  # (P,)
    reached = order[overlaps[order, best[order]] >= iou_threshold]
    rows, columns = _granted(reached, best[reached], reusable=ignored)
    return _matching(rows, columns, n_detections, ignored)


def match_voc_pairs(
    pair_detection: IntArray,
    pair_object: IntArray,
    pair_iou: RealArray,
    scores: RealArray,
    iou_threshold: float,
    ignore: Mask,
) -> Matching:
    """Match a whole data set by VOC's rule, as `match_voc` does class by class, image by image.

    Args:
        pair_detection: (P,), any integer dtype, rows of `scores`. The pairs of a detection with an
            object of its class and image: all with IoU >= `iou_threshold`, in any order; it does
            not matter which of the others are there.
        pair_object: (P,), any integer dtype, rows of `ignore`.
        pair_iou: (P,), any real dtype, in [0, 1].
        scores: (D,), any real dtype, any order; not NaN. Ties: input order.
        iou_threshold: in (0, 1]; usually 0.5.
        ignore: (G,) bool, the objects that do not count.

    Returns:
        A `Matching` of shape (D,).

    Raises:
        TypeError: a column of rows is not of an integer dtype, `pair_iou` or `scores` not of a
            real one, `ignore` not boolean.
        ValueError: lengths that differ, a row that does not exist, an IoU that is NaN or outside
            [0, 1], a score that is NaN, a threshold outside (0, 1].

    Source:
        As `match_voc`.
    """
    _check_in_0_1(iou_threshold, "iou_threshold")
    checked = _checked_scores(scores, "scores")
    ignored = _checked_mask(ignore, "ignore", len(ignore))
    iou = _checked_scores(pair_iou, "pair_iou")
    outside = (iou < 0) | (iou > 1)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(f"pair_iou[{place}] = {iou[place]} is not in [0, 1]")
    detection = _checked_rows(pair_detection, "pair_detection", len(iou), len(checked))
    objects = _checked_rows(pair_object, "pair_object", len(iou), len(ignored))
    # What a detection overlaps most (ties: the first) is what it asks for.
    preference = np.lexsort((objects, -iou, detection))
    asks = preference[np.diff(detection[preference], prepend=-1) != 0]
    asks = asks[iou[asks] >= iou_threshold]
    rank = np.empty(len(checked), np.int64)
    rank[np.argsort(-checked, kind="stable")] = np.arange(len(checked))
    asks = asks[np.lexsort((rank[detection[asks]], objects[asks]))]
    is_first = np.diff(objects[asks], prepend=-1) != 0
    granted = asks[is_first | ignored[objects[asks]]]
    return _matching(detection[granted], objects[granted], len(checked), ignored)


def match_coco(
    iou: RealArray,
    scores: RealArray,
    iou_thresholds: Sequence[float] | RealArray,
    ignore: Mask | None = None,
    crowd: Mask | None = None,
) -> Matching:
    """Match by COCO's rule: a detection takes the best object that is still free.

    By score descending (ties: input order), each detection takes, among the free objects with
    IoU >= threshold that count, the one it overlaps most (ties: the last). Only if there is none
    does it turn to the ignored objects, in the same way. A crowd is ignored and never used up; an
    object that is ignored without being a crowd can be found once. A threshold above 1 - 1e-10
    is lowered to that.

    Args:
        iou: (P, G), any real dtype, in [0, 1]; rows are detections, columns are objects. COCO's
            overlap with a crowd is intersection over the detection's area: put `ioa_matrix` in
            the columns of `crowd`.
        scores: (P,), any real dtype, any order; not NaN.
        iou_thresholds: (T,), each in (0, 1]; COCO's are `np.linspace(0.5, 0.95, 10)`.
        ignore: (G,) bool, the objects that do not count; by default none.
        crowd: (G,) bool, the objects that stand for many, ignored as well; by default none.

    Returns:
        A `Matching` of shape (T, P).

    Raises:
        TypeError: `iou`, `scores` or `iou_thresholds` is not of a real dtype, `ignore` or `crowd`
            not boolean.
        ValueError: wrong shape, an IoU that is NaN or outside [0, 1], a score that is NaN,
            a threshold outside (0, 1].

    Source:
        pycocotools 2.0.11, `COCOeval.evaluateImg`.
    """
    overlaps = _checked_iou(iou)
    n_detections, n_objects = overlaps.shape
    order = _by_score(scores, n_detections)
    thresholds = np.minimum(_checked_thresholds(iou_thresholds, "iou_thresholds"), 1 - 1e-10)
    reusable = _checked_mask(crowd, "crowd", n_objects)
    ignored = _checked_mask(ignore, "ignore", n_objects) | reusable
    rows, columns = _wishes(overlaps, order, ignored, float(thresholds.min(initial=1.0)))
    wished = overlaps[rows, columns]
    levels = [
        _matching(
            *_granted(rows[wished >= threshold], columns[wished >= threshold], reusable),
            n_detections,
            ignored,
        )
        for threshold in thresholds
    ]
    shape = (len(levels), n_detections)
    return Matching(
        np.array([level.object_index for level in levels], np.int64).reshape(shape),
        np.array([level.matched for level in levels], np.bool_).reshape(shape),
        np.array([level.ignored for level in levels], np.bool_).reshape(shape),
    )


def _wishes(overlaps: F64, order: I64, ignored: Mask, lowest: float) -> tuple[I64, I64]:
    """The pairs with IoU >= `lowest`: by score, then in the order a detection prefers objects."""
    rows, columns = np.nonzero(overlaps >= lowest)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    # Of several keys, `lexsort` sorts by the last one first.
    preference = np.lexsort((-columns, -overlaps[rows, columns], ignored[columns], rank[rows]))
    return rows[preference], columns[preference]


def _granted(rows: I64, columns: I64, reusable: Mask) -> tuple[I64, I64]:
    """The pairs that come true if each is granted, in order, while both its sides are free."""
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    granted = []
    always_free = reusable.tolist()
    for pair, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        if row in used_rows or (column in used_columns and not always_free[column]):
            continue
        used_rows.add(row)
        used_columns.add(column)
        granted.append(pair)
    return rows[granted], columns[granted]


def _matching(rows: I64, columns: I64, n_detections: int, ignored_objects: Mask) -> Matching:
    object_index = np.zeros(n_detections, np.int64)
    matched = np.zeros(n_detections, np.bool_)
    ignored = np.zeros(n_detections, np.bool_)
    object_index[rows] = columns
    matched[rows] = True
    ignored[rows] = ignored_objects[columns]
    return Matching(object_index, matched, ignored)


def _by_score(scores: RealArray, n_detections: int) -> I64:
    """The order of `scores`, the highest first, ties in input order."""
    checked = _checked_scores(scores, "scores")
    if len(checked) != n_detections:
        raise ValueError(f"scores has {len(checked)} rows and iou has {n_detections}")
    return np.argsort(-checked, kind="stable")


def _checked_iou(iou: RealArray) -> F64:
    """`iou` as (P, G) float64; an error names the row, the column and the value."""
    array = np.asarray(iou)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"iou must be of a real dtype, got {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"iou must have shape (P, G), got {array.shape}")
    checked = array.astype(np.float64, copy=False)
    # Two reductions pass over the matrix faster than three masks; NaN passes neither comparison.
    if checked.size and not (checked.min() >= 0 and checked.max() <= 1):
        row, column = np.argwhere(~((checked >= 0) & (checked <= 1)))[0]
        raise ValueError(f"iou[{row}, {column}] = {array[row, column]} is not in [0, 1]")
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


def _checked_rows(rows: IntArray, name: str, length: int, n_rows: int) -> I64:
    """`rows` as (P,) int64, each in 0..n_rows-1; an error names the place and the value."""
    array = np.asarray(rows)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be of an integer dtype, got {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    outside = (array < 0) | (array >= n_rows)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(f"{name}[{place}] = {array[place]} is no row of {n_rows}")
    return array.astype(np.int64, copy=False)


def _checked_thresholds(thresholds: Sequence[float] | RealArray, name: str) -> F64:
    """`thresholds` as (T,) float64; an error names the row and the value."""
    array = np.asarray(thresholds)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (T,), got {array.shape}")
    for row, threshold in enumerate(array.tolist()):
        _check_in_0_1(threshold, f"{name}[{row}]")
    return array.astype(np.float64, copy=False)


def _check_in_0_1(threshold: float, name: str) -> None:
    # At 0, a detection that touches nothing would find an object.
    if not 0 < threshold <= 1:
        raise ValueError(f"{name} = {threshold} is not in (0, 1]")


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
