"""Which priors a training step looks at: the twin of `core.sampling` for a batch on the device.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
"""

import math

import torch
from torch import Tensor


def hard_negative_mask(losses: Tensor, positive: Tensor, ratio: float) -> Tensor:
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
        TypeError: `losses` is boolean or complex, `positive` is not boolean.
        ValueError: wrong shape, a bad ratio.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, "Hard negative
        mining"; for each image, as in torchvision 0.29.2's `SSD.compute_loss`.
    """
    _check_losses(losses, positive, ratio)
    if losses.numel() == 0:
        return torch.zeros_like(positive)
    lowest = -math.inf if losses.is_floating_point() else torch.iinfo(losses.dtype).min
    # A NaN, which should not be there, would equal nothing: it counts as infinity, the hardest.
    candidates = losses.detach().nan_to_num(math.inf, math.inf, -math.inf)
    candidates.masked_fill_(positive, lowest)
    n_positive = positive.sum(dim=1, keepdim=True)
    # In float64, as in core: float32 would round a product such as 0.29 * 100 to another integer.
    wanted = (n_positive.double() * ratio).floor().minimum(losses.shape[1] - n_positive).long()
    last = _of_rank(candidates, wanted)
    harder, as_hard = candidates > last, (candidates == last) & ~positive
    free = wanted - harder.sum(dim=1, keepdim=True)
    return harder | (as_hard & (as_hard.cumsum(dim=1) <= free))


def _of_rank(values: Tensor, rank: Tensor) -> Tensor:
    """In each row of (B, P) the value of this rank, (B, 1): 1 is the highest, and 0 likewise."""
    if values.device.type == "cpu" and not torch.compiler.is_compiling():
        highest = values.topk(max(1, int(rank.max())), dim=1).values
    else:  # the lowest rank that is asked for is not known without waiting for the device
        highest = values.sort(dim=1, descending=True).values
    return highest.gather(1, (rank - 1).clamp(min=0))


def _check_losses(losses: Tensor, positive: Tensor, ratio: float) -> None:
    if losses.dtype == torch.bool or losses.is_complex():
        raise TypeError(f"losses must be of a real dtype, got {losses.dtype}")
    if positive.dtype != torch.bool:
        raise TypeError(f"positive must be of dtype bool, got {positive.dtype}")
    if losses.ndim != 2:
        raise ValueError(f"losses must have shape (B, P), got {tuple(losses.shape)}")
    if positive.shape != losses.shape:
        raise ValueError(
            f"positive must have shape {tuple(losses.shape)}, got {tuple(positive.shape)}"
        )
    if not (math.isfinite(ratio) and ratio >= 0):
        raise ValueError(f"ratio = {ratio} is not finite and >= 0")
