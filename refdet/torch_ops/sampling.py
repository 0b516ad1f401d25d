"""Which priors a training step looks at: the twin of `core.sampling` for a batch on the device.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
Counts are multiplied in float64, which MPS does not have.
"""

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

# Random keys lie below it: so many bits that no two priors of an image will have the same.
_NO_KEY = 2**62


@dataclass(frozen=True, eq=False)
class BalancedSample:
    """The priors drawn from each image.

    Attributes:
        positive: (..., P) bool, the positives that were drawn.
        negative: (..., P) bool, the negatives that were drawn.
    """

    positive: Tensor
    negative: Tensor


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


def balanced_sample(
    positive: Tensor,
    negative: Tensor,
    size: int,
    positive_fraction: float,
    generator: torch.Generator | None = None,
) -> BalancedSample:
    """Draw `size` priors of each image at random, at most a fraction of them positive.

    floor(size * positive_fraction) positives are drawn, or all if there are fewer; negatives fill
    the rest, or all are taken if there are fewer. Every prior of a kind is as likely as another.

    Args:
        positive: (..., P) bool.
        negative: (..., P) bool, nowhere True where `positive` is; what is neither is never drawn.
        size: how many priors to draw of an image, >= 0; 256 for region proposals, 512 for the box
            head.
        positive_fraction: in [0, 1]; 0.5 for region proposals, 0.25 for the box head.
        generator: where the randomness comes from, on the device of the masks; the same state gives
            the same sample. None is torch's own of the device, the only one in compiled code.

    Returns:
        A `BalancedSample`.

    Raises:
        TypeError: a mask is not boolean, `size` is not an integer.
        ValueError: wrong shape, a size or fraction out of range, a generator of another device.

    Source:
        Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.1.3; the counts are those of
        torchvision 0.29.2's `BalancedPositiveNegativeSampler`.
    """
    _check_kinds(positive, negative)
    _check_quota(size, positive_fraction)
    _check_generator(generator, positive.device)
    shape, device = positive.shape, positive.device
    if generator is None:  # as an argument, None could not be compiled for more sizes than one
        keys = torch.randint(_NO_KEY, shape, device=device)
    else:
        keys = torch.randint(_NO_KEY, shape, generator=generator, device=device)
    most = math.floor(int(size) * positive_fraction)
    drawn_positive, n_drawn = _drawn(positive, keys, most, most)
    return BalancedSample(drawn_positive, _drawn(negative, keys, int(size), int(size) - n_drawn)[0])


def _drawn(
    candidates: Tensor, keys: Tensor, most: int, count: int | Tensor
) -> tuple[Tensor, Tensor]:
    """The `count` candidates of each image that have the lowest keys, or all if there are fewer.

    Args:
        candidates: (..., P) bool.
        keys: (..., P) int64.
        most: no count is higher; other than the counts it is known without waiting for the device.
        count: of each image, (..., 1).

    Returns:
        (..., P) bool; how many, (..., 1) int64.
    """
    most = min(most, candidates.shape[-1])
    lowest, places = torch.where(candidates, keys, _NO_KEY).topk(most, largest=False)
    taken = (lowest < _NO_KEY) & (torch.arange(most, device=keys.device) < count)
    drawn = torch.zeros_like(candidates).scatter_(-1, places, taken)
    return drawn, taken.sum(dim=-1, keepdim=True)


def _of_rank(values: Tensor, rank: Tensor) -> Tensor:
    """In each row of (B, P) the value of this rank, (B, 1): 1 is the highest, and 0 likewise."""
    rank = rank.clamp(min=1)
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        # The lowest rank that is asked for is not known without waiting for the device.
        return values.sort(dim=1, descending=True).values.gather(1, rank - 1)
    most, least = int(rank.max()), int(rank.min())
    # Only between these two are values put in order, which takes longer than to choose the most.
    best = values.topk(most, dim=1, sorted=False).values
    return best.topk(most - least + 1, dim=1, largest=False).values.gather(1, most - rank)


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
    if not 0 <= ratio < math.inf:
        raise ValueError(f"ratio = {ratio} is not finite and >= 0")


def _check_kinds(positive: Tensor, negative: Tensor) -> None:
    for name, mask in (("positive", positive), ("negative", negative)):
        if mask.dtype != torch.bool:
            raise TypeError(f"{name} must be of dtype bool, got {mask.dtype}")
    if positive.ndim == 0:
        raise ValueError("positive must have shape (..., P), got ()")
    if negative.shape != positive.shape:
        shapes = f"{tuple(positive.shape)}, got {tuple(negative.shape)}"
        raise ValueError(f"negative must have shape {shapes}")


def _check_quota(size: object, positive_fraction: float) -> None:
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"size must be an integer, got {size!r}")
    if size < 0:
        raise ValueError(f"size = {size} is negative")
    if not 0 <= positive_fraction <= 1:
        raise ValueError(f"positive_fraction = {positive_fraction} is not in [0, 1]")


def _check_generator(generator: torch.Generator | None, device: torch.device) -> None:
    if generator is not None and device.type not in (generator.device.type, "meta"):
        made = f"torch.Generator({str(device)!r})"
        raise ValueError(f"generator is on {generator.device}, the masks on {device}: take {made}")
