"""Assignment of priors to objects as people got it wrong, each beside the right one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

NOBODY = -1


def best_objects(iou: F64, threshold: float) -> I64:
    """The object that each prior overlaps most, or nobody below the threshold."""
    if iou.shape[1] == 0:
        return np.full(len(iou), NOBODY)
    return np.where(iou.max(axis=1) >= threshold, iou.argmax(axis=1), NOBODY)


def assignment(learned: I64, ignored: Mask, n_objects: int) -> SimpleNamespace:
    """What the contract reads, from the object of each prior."""
    positive = learned != NOBODY
    unmatched = ~np.isin(np.arange(n_objects), learned)
    return SimpleNamespace(
        object_index=np.where(positive, learned, 0),
        positive=positive,
        ignored=ignored & ~positive,
        unmatched_objects=unmatched,
    )


def highest_pairs(iou: F64, least: float) -> list[tuple[int, int]]:
    """Forced pairs (prior, object), greedily, of overlaps above `least`."""
    left, pairs = iou.T.copy(), []  # by object first, which decides ties
    while left.size and left.max() > least:
        thing, prior = np.unravel_index(left.argmax(), left.shape)
        pairs.append((int(prior), int(thing)))
        left[thing, :] = left[:, prior] = least
    return pairs


def nobody_ignored(iou: F64) -> Mask:
    """SSD ignores nothing."""
    return np.zeros(len(iou), dtype=np.bool_)


def assign_ssd(iou: F64, threshold: float) -> SimpleNamespace:
    learned = best_objects(iou, threshold)
    for prior, thing in highest_pairs(iou, least=0.0):
        learned[prior] = thing
    return assignment(learned, nobody_ignored(iou), iou.shape[1])


def assign_ssd_last_overwrites(iou: F64, threshold: float) -> SimpleNamespace:
    learned = best_objects(iou, threshold)
    for thing in np.flatnonzero((iou > 0).any(axis=0)):
        learned[iou[:, thing].argmax()] = thing
    return assignment(learned, nobody_ignored(iou), iou.shape[1])


def assign_ssd_without_overlap(iou: F64, threshold: float) -> SimpleNamespace:
    learned = best_objects(iou, threshold)
    for prior, thing in highest_pairs(iou, least=-0.5):
        learned[prior] = thing
    return assignment(learned, nobody_ignored(iou), iou.shape[1])


def assign_ssd_flag_alone(iou: F64, threshold: float) -> SimpleNamespace:
    learned = best_objects(iou, threshold)
    for prior, _ in highest_pairs(iou, least=0.0):
        learned[prior] = iou[prior].argmax()
    return assignment(learned, nobody_ignored(iou), iou.shape[1])


# --- Faster R-CNN's rule ---


def asked(iou: F64) -> F64:
    """Each object's highest overlaps, and 0 elsewhere."""
    return np.where(iou == iou.max(axis=0, initial=0.0), iou, 0.0)


def assign_rcnn(iou: F64, high: float, low: float, allow_low_quality: bool) -> SimpleNamespace:
    learned = best_objects(iou, high)
    if allow_low_quality and iou.size:
        asks = asked(iou)
        late = (learned == NOBODY) & (asks.max(axis=1) > 0)
        learned[late] = asks.argmax(axis=1)[late]
    return assignment(learned, best_objects(iou, low) != NOBODY, iou.shape[1])


def assign_rcnn_all_positive(
    iou: F64, high: float, low: float, allow_low_quality: bool
) -> SimpleNamespace:
    learned = best_objects(iou, high)
    if allow_low_quality and iou.size:
        asks = np.where(iou == iou.max(axis=0), iou, -1.0)
        late = (learned == NOBODY) & (asks.max(axis=1) >= 0)
        learned[late] = asks.argmax(axis=1)[late]
    return assignment(learned, best_objects(iou, low) != NOBODY, iou.shape[1])


def assign_rcnn_to_the_priors_best(
    iou: F64, high: float, low: float, allow_low_quality: bool
) -> SimpleNamespace:
    learned = best_objects(iou, high)
    if allow_low_quality and iou.size:
        late = (learned == NOBODY) & (asked(iou).max(axis=1) > 0)
        learned[late] = iou.argmax(axis=1)[late]
    return assignment(learned, best_objects(iou, low) != NOBODY, iou.shape[1])


def assign_rcnn_overwrites_good_matches(
    iou: F64, high: float, low: float, allow_low_quality: bool
) -> SimpleNamespace:
    learned = best_objects(iou, high)
    if allow_low_quality and iou.size:
        asks = asked(iou)
        late = asks.max(axis=1) > 0
        learned[late] = asks.argmax(axis=1)[late]
    return assignment(learned, best_objects(iou, low) != NOBODY, iou.shape[1])


RIGHT = (Right("assign_ssd", assign_ssd), Right("assign_rcnn", assign_rcnn))

ZOO = (
    Wrong(
        "assign_ssd",
        "last-object-overwrites",
        assign_ssd_last_overwrites,
        "amdegroot/ssd.pytorch#354, amdegroot/ssd.pytorch#193",
    ),
    Wrong(
        "assign_ssd",
        "forced-without-overlap",
        assign_ssd_without_overlap,
        "HYPJUDY/Decouple-SSAD#11: match scores above -0.5",
    ),
    Wrong(
        "assign_ssd",
        "forced-flag-without-its-object",
        assign_ssd_flag_alone,
        "isl-org/Open3D-ML#602",
    ),
    Wrong(
        "assign_rcnn",
        "no-overlap-makes-all-positive",
        assign_rcnn_all_positive,
        "torchvision 0.29.2, models.detection._utils.Matcher",
    ),
    Wrong(
        "assign_rcnn",
        "low-quality-goes-to-the-priors-best",
        assign_rcnn_to_the_priors_best,
        "facebookresearch/detectron2#1162",
    ),
    Wrong(
        "assign_rcnn",
        "low-quality-overwrites-good-matches",
        assign_rcnn_overwrites_good_matches,
        "open-mmlab/mmdetection, MaxIoUAssigner, the comment on match_low_quality",
    ),
)
