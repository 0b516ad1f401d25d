"""Which prior learns which object: SSD's rule and Faster R-CNN's.

Rows of an IoU matrix are priors (anchors), columns are objects.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Assignment:
    """What each of P priors learns, and which of G objects no prior learns.

    A prior that is neither positive nor ignored is background.

    Attributes:
        object_index: (P,) int64, the object that a positive prior learns. It is 0 where a prior
            is not positive, and means nothing there: read it through `positive`.
        positive: (P,) bool, the priors that learn an object.
        ignored: (P,) bool, the priors that learn nothing, not even background.
        unmatched_objects: (G,) bool, the objects that no prior learns.
    """

    object_index: I64
    positive: Mask
    ignored: Mask
    unmatched_objects: Mask


def assign_ssd(iou: RealArray, threshold: float) -> Assignment:
    """Assign objects to priors by SSD's rule: one prior for each object, then a threshold.

    Forcing: among all pairs with IoU > 0 take the highest (ties: lowest object, then lowest
    prior), bind them, take both out, and repeat. Two objects never share a forced prior. Then
    every other prior takes the object it overlaps most (ties: lowest object), if their IoU is
    >= threshold.

    An object is left without a prior only if it overlaps none, or if every prior that it
    overlaps was forced to learn another object.

    Args:
        iou: (P, G), any real dtype, in [0, 1]; rows are priors, columns are objects.
        threshold: in (0, 1]; usually 0.5.

    Returns:
        An `Assignment`; no prior is ignored.

    Raises:
        TypeError: `iou` is not of a real dtype.
        ValueError: wrong shape, an IoU that is NaN or outside [0, 1], threshold outside (0, 1].

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, "Matching
        strategy"; conflicts are settled as `BipartiteMatch` of the authors' Caffe does.
    """
    overlaps = _checked_iou(iou)
    _check_threshold(threshold, "threshold")
    forced_prior = _bipartite(overlaps)  # (G,), -1 where no prior was left
    best_object, best_iou = _best_object(overlaps)
    positive = best_iou >= threshold
    objects = np.flatnonzero(forced_prior >= 0)
    positive[forced_prior[objects]] = True
    best_object[forced_prior[objects]] = objects
    return _assignment(best_object, positive, np.zeros_like(positive), overlaps.shape[1])


def assign_rcnn(iou: RealArray, high: float, low: float, allow_low_quality: bool) -> Assignment:
    """Assign objects to priors by Faster R-CNN's rule: two thresholds, and a prior for the rest.

    A prior takes the object that it overlaps most (ties: lowest object) if their IoU is >= high.
    Below `low` it is background, and ignored between the two.

    With `allow_low_quality`, every object that overlaps any prior also asks for the prior that it
    overlaps most, or for all of them if several share that IoU. A prior that took no object above
    learns the object that asked for it. If several asked, the one with the higher IoU gets it,
    then the lowest. A prior that reached `high` keeps its object whoever asks.

    An object that overlaps nothing asks for nothing.

    Args:
        iou: (P, G), any real dtype, in [0, 1]; rows are priors, columns are objects.
        high: in (0, 1]; 0.7 for region proposals, 0.5 for the box head.
        low: in (0, high]; 0.3 for region proposals, 0.5 for the box head.
        allow_low_quality: True for region proposals, False for the box head.

    Returns:
        An `Assignment`. An object whose asked-for priors all learn another is unmatched.

    Raises:
        TypeError: `iou` is not of a real dtype.
        ValueError: wrong shape, an IoU that is NaN or outside [0, 1], a threshold outside (0, 1],
            low > high.

    Source:
        Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.1.2. Equals torchvision 0.29.2's
        `Matcher` but for two faults of it: there a low-quality match goes to the prior's best
        object instead of the one that asked, and an object that overlaps nothing makes every
        prior positive.
    """
    overlaps = _checked_iou(iou)
    _check_threshold(high, "high")
    _check_threshold(low, "low")
    if low > high:
        raise ValueError(f"low = {low} is greater than high = {high}")
    best_object, best_iou = _best_object(overlaps)
    positive = best_iou >= high
    if allow_low_quality and overlaps.size:
        most = overlaps.max(axis=0)  # (G,)
        asked = np.where(overlaps == most, overlaps, 0.0)  # (P, G)
        asking_object, asking_iou = _best_object(asked)  # an IoU of 0 asks for nothing
        low_quality = (asking_iou > 0) & ~positive
        best_object[low_quality] = asking_object[low_quality]
        positive |= low_quality
    ignored = (best_iou >= low) & ~positive
    return _assignment(best_object, positive, ignored, overlaps.shape[1])


def _bipartite(overlaps: F64) -> I64:
    """For each object the prior that it is forced on, or -1: greedy, by the highest pair."""
    n_priors, n_objects = overlaps.shape
    forced = np.full(n_objects, -1, dtype=np.int64)
    if not overlaps.size:
        return forced
    by_object = np.ascontiguousarray(overlaps.T)  # (G, P): an object's overlaps lie together
    free = np.ones(n_priors)
    # Each object's best free prior is kept, and looked up again only when another object takes it.
    # `argmax` finds the first maximum: the lowest prior here, the lowest object below.
    best_prior = by_object.argmax(axis=1)
    best_iou = by_object[np.arange(n_objects), best_prior]
    for _ in range(n_objects):
        winner = int(best_iou.argmax())
        if best_iou[winner] <= 0:
            break
        forced[winner] = best_prior[winner]
        free[forced[winner]] = 0.0
        best_iou[winner] = 0.0
        for loser in np.flatnonzero((best_prior == forced[winner]) & (best_iou > 0)):
            candidates = by_object[loser] * free
            best_prior[loser] = candidates.argmax()
            best_iou[loser] = candidates[best_prior[loser]]
    return forced


def _best_object(overlaps: F64) -> tuple[I64, F64]:
    """For each prior the object that it overlaps most, the lowest of several, and their IoU."""
    n_priors, n_objects = overlaps.shape
    if n_objects == 0:
        return np.zeros(n_priors, dtype=np.int64), np.zeros(n_priors)
    best = overlaps.argmax(axis=1).astype(np.int64, copy=False)
    return best, overlaps[np.arange(n_priors), best]


def _assignment(best_object: I64, positive: Mask, ignored: Mask, n_objects: int) -> Assignment:
    unmatched = np.ones(n_objects, dtype=np.bool_)
    unmatched[best_object[positive]] = False
    return Assignment(np.where(positive, best_object, 0), positive, ignored, unmatched)


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


def _check_threshold(threshold: float, name: str) -> None:
    # At 0, a prior that overlaps nothing would learn an object.
    if not 0 < threshold <= 1:
        raise ValueError(f"{name} = {threshold} is not in (0, 1]")
