"""Which prior learns which object, for a padded batch on the device: the twin of `core.assign`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Assignment:
    """What each of P priors learns, and which of G objects no prior learns.

    A prior that is neither positive nor ignored is background.

    Attributes:
        object_index: (..., P) int64, the object that a positive prior learns. It is 0 where a
            prior is not positive, and means nothing there: read it through `positive`.
        positive: (..., P) bool, the priors that learn an object.
        ignored: (..., P) bool, the priors that learn nothing, not even background.
        unmatched_objects: (..., G) bool, the objects that no prior learns; False for padding.
    """

    object_index: Tensor
    positive: Tensor
    ignored: Tensor
    unmatched_objects: Tensor


def assign_ssd(iou: Tensor, threshold: float, valid: Tensor | None = None) -> Assignment:
    """Assign objects to priors by SSD's rule: one prior for each object, then a threshold.

    Forcing: among all pairs with IoU > 0 take the highest (ties: lowest object, then lowest
    prior), bind them, take both out, and repeat. Two objects never share a forced prior. Then
    every other prior takes the object it overlaps most (ties: lowest object), if their IoU is
    >= threshold.

    Args:
        iou: (P, G) or (B, P, G), floating, in [0, 1]; rows are priors, columns are objects.
        threshold: in (0, 1]; usually 0.5. It is compared in the dtype of `iou`.
        valid: (G,) or (B, G) bool, False for columns that only pad; by default all are objects.

    Returns:
        An `Assignment` with the same leading dimension; no prior is ignored.

    Raises:
        TypeError: `iou` is not floating or `valid` is not boolean.
        ValueError: wrong shape, threshold outside (0, 1].

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, "Matching
        strategy"; conflicts are settled as `BipartiteMatch` of the authors' Caffe does.
    """
    real = _checked_valid(iou, valid)
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold = {threshold} is not in (0, 1]")
    batched = iou.detach() if iou.ndim == 3 else iou.detach().unsqueeze(0)  # (B, P, G)
    batch, n_priors, n_objects = batched.shape
    if batched.numel() == 0:
        nothing = real.new_zeros(iou.shape[:-1])
        return Assignment(nothing.long(), nothing, nothing.clone(), real.clone())
    # A copy even where it is contiguous already, since `_bipartite` writes to it.
    by_object = batched.mT.clone(memory_format=torch.contiguous_format)  # (B, G, P)
    if valid is not None:
        by_object.masked_fill_(~real.view(batch, n_objects, 1), 0)
    best_iou, best_object = by_object.max(dim=1)
    holder = _bipartite(by_object.view(-1, n_priors), n_objects).view(batch, n_priors)
    forced = holder < n_objects
    positive = forced | (best_iou >= threshold)
    learned = torch.where(forced, holder, best_object) * positive
    # An object without a forced prior has none at all: others hold every prior that it overlaps.
    matched = real.new_zeros(batch, n_objects + 1).scatter_(1, holder, True)[:, :n_objects]
    return Assignment(
        learned.view(iou.shape[:-1]),
        positive.view(iou.shape[:-1]),
        torch.zeros_like(positive).view(iou.shape[:-1]),
        real & ~matched.view(real.shape),
    )


def _bipartite(remaining: Tensor, n_objects: int) -> Tensor:
    """For each of B P priors the object that it is forced to learn, or `n_objects` for none.

    Both sides rank pairs by the one strict order (IoU descending, object, prior), so the highest
    pair left is each other's first choice: every stable matching binds it, then the highest pair
    of the rest, and so on, which is the greedy rule and shows that there is only one stable
    matching. Deferred acceptance always ends in a stable matching, hence in that one: in every
    round each unbound object asks for its best prior that has not refused it, and each prior
    keeps the best that ever asked and refuses the others.

    Args:
        remaining: (B G, P), each object's IoU with the priors of its image, 0 for padding;
            overwritten with 0 where a prior refuses an object.
        n_objects: G.
    """
    rows, n_priors = remaining.shape
    n_slots = rows // n_objects * n_priors  # B P
    held_iou = remaining.new_zeros(n_slots)
    holder = torch.full((n_slots,), n_objects, device=remaining.device)
    asking = torch.arange(rows, device=remaining.device)  # rows of `remaining`
    iou, prior = remaining.max(dim=1)  # the first maximum: the lowest prior
    while True:
        hopeful = iou > 0
        asking, iou, prior = asking[hopeful], iou[hopeful], prior[hopeful]
        if asking.numel() == 0:
            return holder
        image, candidate = asking // n_objects, asking % n_objects
        slot = image * n_priors + prior
        best = held_iou.scatter_reduce(0, slot, iou, "amax")
        # The holder stays in the running where nobody brought more, and the lowest object wins.
        winner = torch.where(held_iou == best, holder, n_objects)
        as_good = iou == best[slot]
        winner.scatter_reduce_(0, slot[as_good], candidate[as_good], "amin")
        lost = ((winner != holder) & (holder < n_objects)).nonzero().squeeze(1)
        evicted = lost // n_priors * n_objects + holder[lost]
        refused = winner[slot] != candidate
        remaining[evicted, lost % n_priors] = 0
        remaining[asking[refused], prior[refused]] = 0
        asking = torch.cat([asking[refused], evicted])
        held_iou, holder = best, winner
        iou, prior = remaining[asking].max(dim=1)


def _checked_valid(iou: Tensor, valid: Tensor | None) -> Tensor:
    """Which columns are objects, (..., G) bool."""
    if not iou.is_floating_point():
        raise TypeError(f"iou must be of a floating dtype, got {iou.dtype}")
    if iou.ndim not in (2, 3):
        raise ValueError(f"iou must have shape (P, G) or (B, P, G), got {tuple(iou.shape)}")
    wanted = (*iou.shape[:-2], iou.shape[-1])
    if valid is None:
        return torch.ones(wanted, dtype=torch.bool, device=iou.device)
    if valid.dtype != torch.bool:
        raise TypeError(f"valid must be boolean, got {valid.dtype}")
    if valid.shape != wanted:
        raise ValueError(f"valid must have shape {wanted}, got {tuple(valid.shape)}")
    return valid
