"""Hard negatives and balanced samples as people got them wrong, each beside the right one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rng = np.random.Generator


def hardest_first(losses: F64, positive: Mask) -> I64:
    """(B, P) priors by class, negatives first, then by loss, then by index."""
    indices = np.broadcast_to(np.arange(losses.shape[1]), losses.shape)
    return np.lexsort((indices, -losses, positive), axis=1)


def ranks(order: I64) -> I64:
    """(B, P) the place of each prior in the order."""
    return np.argsort(order, axis=1)


def quota(positive: Mask, ratio: float) -> F64:
    """(B, 1)."""
    wanted: F64 = np.floor(ratio * positive.sum(axis=1, keepdims=True))
    return wanted


def hard_negative_mask(losses: F64, positive: Mask, ratio: float) -> Mask:
    hard: Mask = ranks(hardest_first(losses, positive)) < quota(positive, ratio)
    return hard & ~positive


def hard_negatives_of_all(losses: F64, positive: Mask, ratio: float) -> Mask:
    everybody = np.zeros_like(positive)
    hard: Mask = ranks(hardest_first(losses, everybody)) < quota(positive, ratio)
    return hard & ~positive


def hard_negatives_sorted_once(losses: F64, positive: Mask, ratio: float) -> Mask:
    hard: Mask = hardest_first(losses, positive) < quota(positive, ratio)
    return hard & ~positive


def hard_negatives_and_positives(losses: F64, positive: Mask, ratio: float) -> Mask:
    hard: Mask = ranks(hardest_first(losses, positive)) < quota(positive, ratio)
    return hard


# --- Balanced samples ---


def drawn(candidates: Mask, count: int, rng: Rng) -> Mask:
    """`count` of the candidates, or all."""
    chosen = np.zeros_like(candidates)
    chosen[rng.permutation(np.flatnonzero(candidates))[:count]] = True
    return chosen


def drawn_with_repeats(candidates: Mask, count: int, rng: Rng) -> Mask:
    """`count` draws of any of the candidates."""
    indices = np.flatnonzero(candidates)
    chosen = np.zeros_like(candidates)
    chosen[rng.choice(indices, size=min(count, len(indices)))] = True
    return chosen


def balanced_sample(
    positive: Mask, negative: Mask, size: int, positive_fraction: float, rng: Rng
) -> SimpleNamespace:
    chosen = drawn(positive, int(size * positive_fraction), rng)
    return SimpleNamespace(positive=chosen, negative=drawn(negative, size - int(chosen.sum()), rng))


def sample_with_repeats(
    positive: Mask, negative: Mask, size: int, positive_fraction: float, rng: Rng
) -> SimpleNamespace:
    chosen = drawn(positive, int(size * positive_fraction), rng)
    return SimpleNamespace(
        positive=chosen, negative=drawn_with_repeats(negative, size - int(chosen.sum()), rng)
    )


def sample_less_all_positives(
    positive: Mask, negative: Mask, size: int, positive_fraction: float, rng: Rng
) -> SimpleNamespace:
    chosen = drawn(positive, int(size * positive_fraction), rng)
    left = max(size - int(positive.sum()), 0)
    return SimpleNamespace(positive=chosen, negative=drawn(negative, left, rng))


def sample_of_enough_negatives(
    positive: Mask, negative: Mask, size: int, positive_fraction: float, rng: Rng
) -> SimpleNamespace:
    chosen = drawn(positive, int(size * positive_fraction), rng)
    left = rng.choice(np.flatnonzero(negative), size - int(chosen.sum()), replace=False)
    return SimpleNamespace(positive=chosen, negative=np.isin(np.arange(len(negative)), left))


def sample_with_a_rounded_quota(
    positive: Mask, negative: Mask, size: int, positive_fraction: float, rng: Rng
) -> SimpleNamespace:
    chosen = drawn(positive, int(np.round(size * positive_fraction)), rng)
    return SimpleNamespace(positive=chosen, negative=drawn(negative, size - int(chosen.sum()), rng))


RIGHT = (
    Right("hard_negative_mask", hard_negative_mask),
    Right("balanced_sample", balanced_sample),
)

ZOO = (
    Wrong(
        "hard_negative_mask",
        "positives-take-the-places",
        hard_negatives_of_all,
        "ChunML/ssd-tf2#34",
    ),
    Wrong(
        "hard_negative_mask",
        "order-taken-for-rank",
        hard_negatives_sorted_once,
        "GOATmessi8/RFBNet#115, which takes the second sort for a mistake",
    ),
    Wrong(
        "hard_negative_mask",
        "positives-fill-the-quota",
        hard_negatives_and_positives,
        "NVIDIA/DeepLearningExamples#948",
    ),
    Wrong(
        "balanced_sample",
        "drawn-twice",
        sample_with_repeats,
        "ruoqianguo/cascade-rcnn_Pytorch#31",
    ),
    Wrong(
        "balanced_sample",
        "less-the-positives-not-drawn",
        sample_less_all_positives,
        "jwyang/faster-rcnn.pytorch#109",
    ),
    Wrong(
        "balanced_sample",
        "too-few-negatives-fail",
        sample_of_enough_negatives,
        "trzy/FasterRCNN#7",
    ),
    Wrong(
        "balanced_sample",
        "quota-rounded-to-the-nearest",
        sample_with_a_rounded_quota,
        "chenyuntc/simple-faster-rcnn-pytorch, ProposalTargetCreator: np.round",
    ),
)
