"""Which priors a training step looks at: the hardest negatives, or a balanced random sample."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]


@dataclass(frozen=True, eq=False)
class BalancedSample:
    """The priors drawn from an image.

    Attributes:
        positive: (P,) bool, the positives that were drawn.
        negative: (P,) bool, the negatives that were drawn.
    """

    positive: Mask
    negative: Mask


def hard_negative_mask(losses: RealArray, positive: Mask, ratio: float) -> Mask:
    """Mark in each image the negatives with the highest losses, `ratio` for each positive.

    An image gets floor(ratio * its positives) of its negatives, or all if it has fewer; one
    without a positive gets none. Equal losses go to the lowest index.

    Args:
        losses: (B, P), any real dtype, confidence losses; the positives' values play no part.
        positive: (B, P) bool; every other prior is a negative.
        ratio: negatives for each positive, finite and >= 0; SSD takes 3.

    Returns:
        (B, P) bool, never True where `positive` is.

    Raises:
        TypeError: `losses` is not of a real dtype, `positive` is not boolean.
        ValueError: wrong shape, a loss that is NaN (names image and prior), a bad ratio.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, "Hard negative
        mining"; for each image, as in torchvision 0.29.2's `SSD.compute_loss`.
    """
    checked = _checked_losses(losses)
    positives = _mask_of_shape(positive, "positive", checked.shape)
    _check_ratio(ratio)
    order = np.argsort(-checked, axis=1, kind="stable")  # (B, P)
    negative = ~np.take_along_axis(positives, order, axis=1)
    # Counting only the negatives leaves them in order, whatever the losses of the positives are.
    rank = np.cumsum(negative, axis=1)
    wanted = np.floor(ratio * positives.sum(axis=1, keepdims=True))  # (B, 1)
    hard = np.zeros(positives.shape, dtype=np.bool_)
    np.put_along_axis(hard, order, negative & (rank <= wanted), axis=1)
    return hard


def balanced_sample(
    positive: Mask,
    negative: Mask,
    size: int,
    positive_fraction: float,
    rng: np.random.Generator,
) -> BalancedSample:
    """Draw `size` priors of an image at random, at most a fraction of them positive.

    floor(size * positive_fraction) positives are drawn, or all if there are fewer; negatives fill
    the rest, or all are taken if there are fewer. Every prior of a kind is as likely as another.

    Args:
        positive: (P,) bool.
        negative: (P,) bool; what is neither is never drawn.
        size: how many priors to draw, >= 0; 256 for region proposals, 512 for the box head.
        positive_fraction: in [0, 1]; 0.5 for region proposals, 0.25 for the box head.
        rng: where the randomness comes from; the same state gives the same sample.

    Returns:
        A `BalancedSample`.

    Raises:
        TypeError: a mask is not boolean, `size` is not an integer.
        ValueError: wrong shape, a prior that is both (named), a size or fraction out of range.

    Source:
        Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.1.3; the counts are those of
        torchvision 0.29.2's `BalancedPositiveNegativeSampler`.
    """
    positives = _mask_of_shape(positive, "positive", (np.asarray(positive).size,))
    negatives = _mask_of_shape(negative, "negative", positives.shape)
    both = positives & negatives
    if both.any():
        raise ValueError(f"prior {int(both.argmax())} is in both positive and negative")
    _check_integer(size, "size")
    if size < 0:
        raise ValueError(f"size = {size} is negative")
    if not 0 <= positive_fraction <= 1:
        raise ValueError(f"positive_fraction = {positive_fraction} is not in [0, 1]")
    drawn_positive = _drawn(positives, math.floor(size * positive_fraction), rng)
    drawn_negative = _drawn(negatives, int(size) - int(drawn_positive.sum()), rng)
    return BalancedSample(drawn_positive, drawn_negative)


def _drawn(candidates: Mask, count: int, rng: np.random.Generator) -> Mask:
    """`count` of the candidates, or all if there are fewer."""
    indices = np.flatnonzero(candidates)
    drawn = np.zeros(candidates.shape, dtype=np.bool_)
    drawn[rng.permutation(indices)[:count]] = True
    return drawn


def _checked_losses(losses: RealArray) -> NDArray[np.float64]:
    """`losses` as (B, P) float64; an error names the image and the prior."""
    array = np.asarray(losses)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"losses must be of a real dtype, got {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"losses must have shape (B, P), got {array.shape}")
    checked = array.astype(np.float64, copy=False)
    if np.isnan(checked).any():
        image, prior = np.argwhere(np.isnan(checked))[0]
        raise ValueError(f"losses[{image}, {prior}] is NaN")
    return checked


def _mask_of_shape(mask: Mask, name: str, shape: tuple[int, ...]) -> Mask:
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise TypeError(f"{name} must be of dtype bool, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


def _check_integer(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")


def _check_ratio(ratio: float) -> None:
    if not (math.isfinite(ratio) and ratio >= 0):
        raise ValueError(f"ratio = {ratio} is not finite and >= 0")
