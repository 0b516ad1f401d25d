"""TIDE: what a detector does wrong over a whole data set, and what each kind of error costs in AP.

Nothing here loops over images. Detections and objects meet through pairs: a detection, an object of
any class in its image, and their overlap.

The kinds differ from those of `false_positives.identify_false_positives`, which words a list for
one image: there a duplicate precedes a confusion, here a confusion precedes a duplicate, as in the
authors' code; and there an ignored object is overlapped like any other, here it only excuses.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]


class TideKind(IntEnum):
    """What is wrong. Of a detection it is the first that applies, in the order named in brackets.

    Below, t is the IoU threshold and b the background threshold.
    """

    CONFUSION = 0
    """[2] It covers an object of another class: IoU >= t. Corrected, it has that class."""
    LOCALIZATION = 1
    """[1] The best IoU with an object of its class is in b..t, both included. Corrected, it covers
    that object."""
    BOTH = 2
    """[5] Anything else: b < best IoU < t, with objects of other classes. Corrected, it is gone."""
    DUPLICATE = 3
    """[3] It covers an object of its class, which another has found. Corrected, it is gone."""
    BACKGROUND = 4
    """[4] IoU <= b with everything. Corrected, it is gone."""
    MISSED = 5
    """An object that nothing has found, nor would find if it were corrected. Corrected, it is
    gone."""


@dataclass(frozen=True, eq=False)
class TideErrors:
    """What D detections of G objects of C classes come to.

    Attributes:
        true_positive: (D,) bool.
        ignored: (D,) bool, neither right nor wrong.
        kind: (D,) int64, the `TideKind` of the detections that are wrong. It is 0 for all others,
            and means nothing there: read it through `wrong`.
        missed: (G,) bool, the objects that are errors of the kind `MISSED`.
        counts: (6, C) int64, errors of each `TideKind` by the class of the detection or object.
        ap: mean of the AP, in [0, 1], of the classes that have objects. NaN if none has.
        class_aps: (C,) NaN for a class without an object.
        gains: (6,) by how much `ap` rises if all errors of a kind are corrected; not below 0. Of
            a class that has lost its last object, AP is 0 if it has a detection; otherwise it is
            left out. NaN where no class is left.
        class_gains: (6, C) likewise for each class; NaN where it has no object, or none is left.
        false_positive_gain: by how much `ap` rises if all wrong detections come last.
        false_negative_gain: likewise if the objects that were not found were not there.
        tie_cost: by how much `ap` falls if of equal scores those that are wrong come first, as in
            a corrected list: by up to as much, gains may be too low, and the last one below 0.
        tidecv_ap: tidecv's mean. It differs from `ap` where a class has detections and no object,
            which counts as 0 here and is left out there. NaN if no class has either.
        tidecv_gains: (6,) `gains` in that mean: an error that only takes a detection from such a
            class may gain there, as the class is gone with its last detection.
        tidecv_false_positive_gain: likewise.
        tidecv_false_negative_gain: likewise.
    """

    true_positive: Mask
    ignored: Mask
    kind: I64
    missed: Mask
    counts: I64
    ap: float
    class_aps: F64
    gains: F64
    class_gains: F64
    false_positive_gain: float
    false_negative_gain: float
    tie_cost: float
    tidecv_ap: float
    tidecv_gains: F64
    tidecv_false_positive_gain: float
    tidecv_false_negative_gain: float

    @property
    def wrong(self) -> Mask:
        """The detections that are errors."""
        return ~(self.true_positive | self.ignored)


def tide_errors(
    pair_detection: IntArray,
    pair_object: IntArray,
    pair_iou: RealArray,
    scores: RealArray,
    labels: IntArray,
    object_labels: IntArray,
    ignore: Mask,
    n_classes: int,
    iou_threshold: float = 0.5,
    background_threshold: float = 0.1,
) -> TideErrors:
    """TIDE's six kinds of error, and the AP at one IoU threshold that each of them costs.

    By score, a detection finds the object of its class that it overlaps most among those that are
    free (ties: the first) if IoU >= `iou_threshold`. Of equal scores, the earlier row comes first.
    AP is the mean, over the recalls 0, 1/100 .. 1, of the best precision there or beyond.

    What is wrong is corrected as `TideKind` says, one kind at a time. A confusion or localization
    is corrected for an object that nothing has found, by the first such detection of that object;
    any other is gone. In a corrected list, of equal scores, those come first that were wrong.

    A detection that finds nothing, but reaches `iou_threshold` with an ignored object of its
    class, is ignored: it is no error, and nothing is gained by correcting it. Any number of
    detections may be. In all else ignored objects are as if they were not there.

    Args:
        pair_detection: (P,), any integer dtype, rows of `scores`. The pairs of a detection with an
            object of its image, whatever their classes: all with an overlap of at least
            `background_threshold`, in any order; it does not matter which of the others are there.
        pair_object: (P,), any integer dtype, rows of `ignore`.
        pair_iou: (P,), any real dtype, in [0, 1]; with a crowd, COCO's intersection over the
            detection's area.
        scores: (D,), any real dtype, any order; not NaN.
        labels: (D,), any integer dtype, in 0..n_classes-1.
        object_labels: (G,), likewise.
        ignore: (G,) bool, the objects that do not count, crowds among them.
        n_classes: C.
        iou_threshold: in (0, 1]; usually 0.5.
        background_threshold: in (0, iou_threshold].

    Returns:
        A `TideErrors`.

    Raises:
        TypeError: rows or labels of another than an integer dtype, IoUs or scores of another than
            a real one, `ignore` not boolean.
        ValueError: lengths that differ, a row that does not exist, an IoU that is NaN or outside
            [0, 1], a score that is NaN, a label that no class has, a threshold outside its range.

    Source:
        Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
        and its code, tidecv 1.0.1, whose numbers these are (in percent there) without ignored
        objects; of the means, those that bear its name. It takes the best 100 detections of an
        image; here, all that are given are judged. With its ignore regions AP is the same, but for
        an overlap of exactly the threshold, which is not enough there; and an ignored detection is
        an error there.
    """
    _check_thresholds(iou_threshold, background_threshold)
    checked = _checked_scores(scores, "scores")
    excused = _checked_mask(ignore, "ignore", len(ignore))
    given = _checked_labels(labels, "labels", len(checked))
    objects = _checked_labels(object_labels, "object_labels", len(excused))
    for name, column in (("labels", given), ("object_labels", objects)):
        if (column >= n_classes).any():
            row = int((column >= n_classes).argmax())
            raise ValueError(f"{name}[{row}] = {column[row]}, of {n_classes} classes")
    pairs = _checked_pairs(pair_detection, pair_object, pair_iou, len(checked), len(objects))
    order = np.argsort(-checked, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    # From here on, detections are counted by score.
    pairs = pairs._replace(detection=rank[pairs.detection])
    classes = _Classes(given[order], objects, n_classes)
    thresholds = iou_threshold, background_threshold
    judged = _judged(pairs, classes, excused, thresholds)
    found = _counts_and_gains(judged, checked[order], classes, ~excused)
    return TideErrors(
        true_positive=judged.true_positive[rank],
        ignored=judged.ignored[rank],
        kind=judged.kind[rank],
        missed=judged.missed,
        counts=found.counts,
        class_aps=found.class_aps,
        class_gains=found.class_gains,
        tie_cost=found.tie_cost,
        **found.of_known._asdict(),
        **{f"tidecv_{name}": value for name, value in found.of_all._asdict().items()},
    )


class _Pairs(NamedTuple):
    """A detection, an object in its image, and their overlap."""

    detection: I64
    object: I64
    iou: F64

    def only(self, some: Mask) -> "_Pairs":
        return _Pairs(self.detection[some], self.object[some], self.iou[some])


class _Classes(NamedTuple):
    """Which of `n_classes` classes each detection and each object has."""

    detection: I64
    object: I64
    n_classes: int


class _Judged(NamedTuple):
    """The attributes of `TideErrors`, detections by score, and what is corrected.

    Attributes:
        target: (D,) the object that a corrected detection would find.
        mends: (D,) whether it does find it, so that it stays.
    """

    true_positive: Mask
    ignored: Mask
    kind: I64
    missed: Mask
    target: I64
    mends: Mask

    @property
    def wrong(self) -> Mask:
        return ~(self.true_positive | self.ignored)


def _judged(
    pairs: _Pairs, classes: _Classes, ignore: Mask, thresholds: tuple[float, float]
) -> _Judged:
    covers, background = thresholds
    n_detections, n_objects = len(classes.detection), len(classes.object)
    same = classes.detection[pairs.detection] == classes.object[pairs.object]
    excused = ignore[pairs.object]
    finder = _finders(pairs.only(same & ~excused & (pairs.iou >= covers)), n_detections, n_objects)
    found = finder < n_detections
    true_positive, ignored = np.zeros((2, n_detections), np.bool_)
    true_positive[finder[found]] = True
    ignored[pairs.detection[same & excused & (pairs.iou >= covers)]] = True
    ignored &= ~true_positive
    wrong = ~(true_positive | ignored)
    own, own_object = _best(pairs.only(same & ~excused), n_detections)
    other, other_object = _best(pairs.only(~same & ~excused), n_detections)
    applies = {
        TideKind.LOCALIZATION: (own >= background) & (own <= covers),
        TideKind.CONFUSION: other >= covers,
        TideKind.DUPLICATE: own >= covers,
        TideKind.BACKGROUND: np.maximum(own, other) <= background,
    }
    kind = np.select(list(applies.values()), list(applies), TideKind.BOTH) * wrong
    target = np.where(kind == TideKind.LOCALIZATION, own_object, other_object)
    fixable = wrong & ((kind == TideKind.LOCALIZATION) | (kind == TideKind.CONFUSION))
    fixable[fixable] = ~found[target[fixable]]
    # Of several values that are written to one place the last one stays: here, the best score's.
    worst_first = np.flatnonzero(fixable)[::-1]
    mender = np.full(n_objects, -1)
    mender[target[worst_first]] = worst_first
    mends = np.zeros(n_detections, np.bool_)
    mends[mender[mender >= 0]] = True
    missed = ~ignore & ~found & (mender < 0)
    return _Judged(true_positive, ignored, kind, missed, target, mends)


def _finders(pairs: _Pairs, n_detections: int, n_objects: int) -> I64:
    """(G,) the detection that finds each object; D where there is none.

    All ask at once for the object that they like best. Each object keeps the best of its suitors,
    and those that it refuses ask for their next. As all objects agree on who is better, that ends
    as if the detections had chosen one after the other.
    """
    preference = np.lexsort((pairs.object, -pairs.iou, pairs.detection))
    wish = pairs.object[preference]
    start = np.searchsorted(pairs.detection[preference], np.arange(n_detections + 1))
    place, end = start[:-1].copy(), start[1:]
    keeper = np.full(n_objects, n_detections)
    asking = np.flatnonzero(place < end)
    while len(asking):
        wanted = wish[place[asking]]
        before = keeper[wanted]
        np.minimum.at(keeper, wanted, asking)
        left = before[(before < n_detections) & (keeper[wanted] < before)]
        asking = np.concatenate([asking[keeper[wanted] != asking], np.unique(left)])
        place[asking] += 1
        asking = asking[place[asking] < end[asking]]
    return keeper


def _best(pairs: _Pairs, n_detections: int) -> tuple[F64, I64]:
    """(D,) the highest overlap of each detection, 0 without any; its object (ties: the first)."""
    iou, best = np.zeros(n_detections), np.zeros(n_detections, np.int64)
    order = np.lexsort((-pairs.object, pairs.iou))
    iou[pairs.detection[order]] = pairs.iou[order]  # of several, the last one stays
    best[pairs.detection[order]] = pairs.object[order]
    return iou, best


class _Means(NamedTuple):
    """Of one choice of classes, as `TideErrors` has them."""

    ap: float
    gains: F64
    false_positive_gain: float
    false_negative_gain: float


class _CountsAndGains(NamedTuple):
    """As `TideErrors` has them; the means of the classes that have objects, and of all."""

    counts: I64
    class_aps: F64
    class_gains: F64
    tie_cost: float
    of_known: _Means
    of_all: _Means


def _counts_and_gains(
    judged: _Judged, scores: F64, classes: _Classes, counted: Mask
) -> _CountsAndGains:
    labels, object_labels, n_classes = classes
    right, wrong = judged.true_positive, judged.wrong
    n_objects = np.bincount(object_labels[counted], minlength=n_classes)
    rows = np.flatnonzero(right | wrong)
    aps, known = _class_aps(labels[rows], right[rows], n_objects), n_objects > 0
    # Of equal scores, in a corrected list, those come first that were wrong.
    corrected = rows[np.lexsort((right[rows], -scores[rows]))]
    counts = np.zeros((len(TideKind), n_classes), np.int64)
    better, class_gains = np.zeros(counts.shape), np.full(counts.shape, np.nan)
    for kind in TideKind:
        fixed = wrong & (judged.kind == kind)
        gone = judged.missed & (kind == TideKind.MISSED)
        gone_by_class = np.bincount(object_labels[gone], minlength=n_classes)
        counts[kind] = np.bincount(labels[fixed], minlength=n_classes) + gone_by_class
        mended = fixed & judged.mends
        relabelled = labels.copy()
        relabelled[mended] = object_labels[judged.target[mended]]
        rest = corrected[~(fixed & ~mended)[corrected]]
        left = n_objects - gone_by_class
        better[kind] = _class_aps(relabelled[rest], (right | mended)[rest], left)
        gained = np.maximum(better[kind] - aps, 0)
        class_gains[kind] = np.where(known & (left > 0), gained, np.nan)
    last = rows[np.argsort(~right[rows], kind="stable")]
    all_found = np.bincount(labels[right], minlength=n_classes)
    without_wrong = _class_aps(labels[last], right[last], n_objects)
    without_unfound = _class_aps(labels[corrected], right[corrected], all_found)
    by_class = aps, better, without_wrong, without_unfound
    of_known = _means(*(each[..., known] for each in by_class))
    wrong_first = _class_aps(labels[corrected], right[corrected], n_objects)
    tie_cost = of_known.ap - _mean(wrong_first[known])
    class_aps = np.where(known, aps, np.nan)
    return _CountsAndGains(counts, class_aps, class_gains, tie_cost, of_known, _means(*by_class))


def _means(aps: F64, better: F64, without_wrong: F64, without_unfound: F64) -> _Means:
    """Of AP as it is, (6, C) with each kind corrected, and without what is wrong or not found."""
    ap = _mean(aps)
    gains = np.maximum([_mean(after) - ap for after in better], 0)
    return _Means(ap, gains, _mean(without_wrong) - ap, _mean(without_unfound) - ap)


def _class_aps(labels: I64, right: Mask, n_objects: I64) -> F64:
    """(C,) AP of detections in their order; 0 without an object, NaN with nothing at all."""
    n_classes, order = len(n_objects), np.argsort(labels, kind="stable")
    labels, at = labels[order], np.flatnonzero(right[order])
    sizes = np.bincount(labels, minlength=n_classes)
    hits = np.bincount(labels[at], minlength=n_classes)
    start, first = np.cumsum(sizes) - sizes, np.cumsum(hits) - hits
    number = np.arange(1, len(at) + 1) - first[labels[at]]
    precision = number / (at + 1 - start[labels[at]])  # at each true positive
    # The first number of true positives whose recall is at least 0, 1/100 .. 1: in integers, which
    # do not round.
    needed = np.maximum((n_objects[:, None] * np.arange(101) + 99) // 100, 1)  # (C, 101)
    reached = needed <= hits[:, None]
    # The best from each level to the next; an entry at the end is where unreached levels point to.
    reach = first[:, None] + np.minimum(needed - 1, hits[:, None])
    best = np.maximum.reduceat(np.append(precision, 0.0), reach.ravel()).reshape(reach.shape)
    envelope = np.maximum.accumulate((best * reached)[:, ::-1], axis=1)
    aps: F64 = envelope.mean(axis=1)
    aps[n_objects == 0] = 0.0
    aps[(n_objects == 0) & (sizes == 0)] = np.nan
    return aps


def _mean(aps: F64) -> float:
    defined = aps[~np.isnan(aps)]
    return float(defined.mean()) if len(defined) else float("nan")


def _check_thresholds(iou_threshold: float, background_threshold: float) -> None:
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in (0, 1]")
    if not 0 < background_threshold <= iou_threshold:
        raise ValueError(
            f"background_threshold = {background_threshold} is not in (0, {iou_threshold}]"
        )


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


def _checked_pairs(
    pair_detection: IntArray,
    pair_object: IntArray,
    pair_iou: RealArray,
    n_detections: int,
    n_objects: int,
) -> _Pairs:
    iou = _checked_scores(pair_iou, "pair_iou")
    outside = (iou < 0) | (iou > 1)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(f"pair_iou[{place}] = {iou[place]} is not in [0, 1]")
    detection = _checked_rows(pair_detection, "pair_detection", len(iou), n_detections)
    return _Pairs(detection, _checked_rows(pair_object, "pair_object", len(iou), n_objects), iou)
