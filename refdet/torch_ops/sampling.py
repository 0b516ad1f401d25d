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
    order = losses.detach().sort(dim=1, descending=True, stable=True).indices  # (B, P)
    negative = ~positive.gather(1, order)
    # Counting only the negatives leaves them in order, whatever the losses of the positives are.
    rank = negative.cumsum(dim=1)
    # In float64, as in core: float32 would round a product such as 0.29 * 100 to another integer.
    wanted = (positive.sum(dim=1, keepdim=True).double() * ratio).floor()  # (B, 1)
    return torch.zeros_like(positive).scatter_(1, order, negative & (rank <= wanted))


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
