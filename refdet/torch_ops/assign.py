"""Which prior learns which object, for a padded batch on the device: the twin of `core.assign`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
"""

from collections.abc import Callable
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
        iou: (P, G) or (B, P, G), floating, in [0, 1]; rows are priors, columns are objects. On a
            CPU `iou_matrix(objects, priors).mT` is gone through faster.
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
    _check_threshold(threshold, "threshold")
    if iou.numel() == 0:
        return _without_pairs(iou, real)
    overlaps = iou.detach() if valid is None else _without_padding(iou, real)
    by_object = (overlaps if overlaps.ndim == 3 else overlaps[None]).mT  # (B, G, P)
    if iou.device.type == "cpu" and not torch.compiler.is_compiling():
        holder = _bipartite(by_object).view(iou.shape[:-1])
    else:
        holder = _bipartite_without_waiting(by_object).view(iou.shape[:-1])
    best_iou, best_object = (best.view(iou.shape[:-1]) for best in by_object.max(dim=1))
    forced = holder < iou.shape[-1]
    positive = forced | (best_iou >= threshold)
    learned = torch.where(forced, holder, best_object)
    return _assignment(learned, positive, torch.zeros_like(positive), real)


def assign_rcnn(
    iou: Tensor,
    high: float,
    low: float,
    allow_low_quality: bool,
    valid: Tensor | None = None,
) -> Assignment:
    """Assign objects to priors by Faster R-CNN's rule: two thresholds, and a prior for the rest.

    A prior takes the object that it overlaps most (ties: lowest object) if their IoU is >= high.
    Below `low` it is background, and ignored between the two.

    With `allow_low_quality`, every object that overlaps any prior also asks for the prior that it
    overlaps most, or for all of them if several share that IoU. A prior that took no object above
    learns the object that asked for it. If several asked, the one with the higher IoU gets it,
    then the lowest. A prior that reached `high` keeps its object whoever asks.

    Args:
        iou: (P, G) or (B, P, G), floating, in [0, 1]; rows are priors, columns are objects.
        high: in (0, 1]; 0.7 for region proposals, 0.5 for the box head. Thresholds are compared in
            the dtype of `iou`.
        low: in (0, high]; 0.3 for region proposals, 0.5 for the box head.
        allow_low_quality: True for region proposals, False for the box head.
        valid: (G,) or (B, G) bool, False for columns that only pad; by default all are objects.

    Returns:
        An `Assignment` with the same leading dimension.

    Raises:
        TypeError: `iou` is not floating or `valid` is not boolean.
        ValueError: wrong shape, a threshold outside (0, 1], low > high.

    Source:
        Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.1.2; `core.assign` says where
        torchvision's `Matcher` differs.
    """
    real = _checked_valid(iou, valid)
    _check_threshold(high, "high")
    _check_threshold(low, "low")
    if low > high:
        raise ValueError(f"low = {low} is greater than high = {high}")
    if iou.numel() == 0:
        return _without_pairs(iou, real)
    overlaps = iou.detach() if valid is None else _without_padding(iou, real)
    best_iou, learned = overlaps.max(dim=-1)  # the first maximum: the lowest object
    positive = best_iou >= high
    if allow_low_quality:
        asked, asking_object = _asked_for(overlaps)
        low_quality = asked & ~positive
        learned = torch.where(low_quality, asking_object, learned)
        positive = positive | low_quality
    return _assignment(learned, positive, (best_iou >= low) & ~positive, real)


def _asked_for(iou: Tensor) -> tuple[Tensor, Tensor]:
    """Which priors an object overlaps most, (..., P) bool, and of several objects the best."""
    most = iou.amax(dim=-2, keepdim=True)  # (..., 1, G)
    most = torch.where(most > 0, most, 2)  # an IoU of 0 asks for nothing
    asks = iou == most
    if iou.device.type != "cpu" or torch.compiler.is_compiling():
        best, asking = torch.where(asks, iou, 0).max(dim=-1)
        return best > 0, asking
    # Few are asked for: the rows of the others need no maximum.
    rows = asks.nonzero(as_tuple=True)[:-1]
    asked, asking = (
        torch.zeros_like(asks[..., 0]),
        torch.zeros_like(asks[..., 0], dtype=torch.int64),
    )
    asked[rows] = True
    asking[rows] = torch.where(asks[rows], iou[rows], 0).argmax(dim=-1)
    return asked, asking


def _without_padding(iou: Tensor, real: Tensor) -> Tensor:
    """`iou` with 0 in the columns that only pad, whatever is in them."""
    return iou.detach().masked_fill(~real.unsqueeze(-2), 0)


def _without_pairs(iou: Tensor, real: Tensor) -> Assignment:
    """No priors, no objects or no images: all that there is stays alone."""
    nothing = real.new_zeros(iou.shape[:-1])
    return Assignment(nothing.long(), nothing, nothing.clone(), real.clone())


def _assignment(learned: Tensor, positive: Tensor, ignored: Tensor, real: Tensor) -> Assignment:
    n_objects = real.shape[-1]
    matched = real.new_zeros(*real.shape[:-1], n_objects + 1)  # the last is for the other priors
    matched.scatter_(-1, torch.where(positive, learned, n_objects), True)
    return Assignment(learned * positive, positive, ignored, real & ~matched[..., :n_objects])


def _bipartite(by_object: Tensor) -> Tensor:
    """For each of B P priors the object that it is forced to learn, or G for none.

    Both sides rank pairs by the one strict order (IoU descending, object, prior), so the highest
    pair left is each other's first choice: every stable matching binds it, then the highest pair
    of the rest, and so on, which is the greedy rule and shows that there is only one stable
    matching. Deferred acceptance always ends in a stable matching, hence in that one: in every
    round each unbound object asks for the best prior that would have it, and each prior keeps the
    best that ever asked and refuses the others.

    Args:
        by_object: (B, G, P), each object's IoU with the priors of its image, 0 for padding.

    Returns:
        (B, P) int64.
    """
    batch, n_objects, n_priors = by_object.shape
    held_iou = by_object.new_zeros(batch, n_priors)
    holder = torch.full((batch, n_priors), n_objects, device=by_object.device)
    image, asking = torch.ones_like(by_object[..., 0], dtype=torch.bool).nonzero(as_tuple=True)
    iou, prior = (best.flatten() for best in by_object.max(dim=2))  # of several, the lowest prior
    while True:
        hopeful = iou > 0
        image, asking, iou, prior = (one[hopeful] for one in (image, asking, iou, prior))
        if asking.numel() == 0:
            return holder
        slot = image * n_priors + prior
        best = held_iou.flatten().scatter_reduce(0, slot, iou, "amax").view_as(held_iou)
        # The holder stays in the running where nobody brought more, and the lowest object wins.
        winner = torch.where(held_iou == best, holder, n_objects)
        as_good = iou == best[image, prior]
        winner.view(-1).scatter_reduce_(0, slot[as_good], asking[as_good], "amin")
        evicted_from, evicted_prior = ((winner != holder) & (holder < n_objects)).nonzero(
            as_tuple=True
        )
        refused = winner[image, prior] != asking
        asking = torch.cat([asking[refused], holder[evicted_from, evicted_prior]])
        image = torch.cat([image[refused], evicted_from])
        held_iou, holder = best, winner
        free = _would_have(
            by_object[image, asking], asking[:, None], held_iou[image], holder[image]
        )
        iou, prior = free.max(dim=1)


def _bipartite_without_waiting(by_object: Tensor) -> Tensor:
    """`_bipartite`, with as many rounds as there are objects, whatever happens in them.

    In every round each object asks for the best prior that nobody better asked for in the round
    before. After round k the k highest pairs of the greedy rule stand for good: nobody better
    asks for theirs, and of what they leave, the next pair is the first choice of both its sides.
    The others hold at most G - 1 priors, so an object never asks beyond its G best.
    """
    batch, n_objects, n_priors = by_object.shape
    best = by_object.sort(dim=2, descending=True, stable=True)  # of several, the lowest prior
    count = min(n_objects, n_priors)
    prior = best.indices[..., :count].flatten(1)  # (B, G count), object by object
    iou, order = best.values[..., :count].flatten(1).sort(dim=1, descending=True, stable=True)
    # A pair's rank is high if it comes early in the strict order; 0 is no pair.
    n_pairs = order.shape[1]
    ranks = torch.arange(n_pairs, 0, -1, device=order.device) * (iou > 0)
    rank = torch.zeros_like(order).scatter(1, order, ranks).view(batch, n_objects, count)
    prior_of = torch.cat([prior.gather(1, order), prior[:, :1]], dim=1)  # at n_pairs - rank

    def next_round(held: Tensor) -> Tensor:
        """(B, P), the rank by which each prior is held, from that of the round before."""
        free = torch.where(rank >= held.gather(1, prior).view_as(rank), rank, 0)
        asking = free.amax(dim=2)
        asked = prior_of.gather(1, n_pairs - asking)
        return torch.zeros_like(held).scatter_reduce(1, asked, asking, "amax")

    held = _repeated(next_round, order.new_zeros(batch, n_priors), n_objects)
    object_of = torch.cat([order // count, torch.full_like(order[:, :1], n_objects)], dim=1)
    return object_of.gather(1, n_pairs - held)


def _repeated(step: Callable[[Tensor], Tensor], start: Tensor, times: int) -> Tensor:
    """`step` of `step` of ... `start`; a compiled loop, which is one graph for any number."""
    if not torch.compiler.is_dynamo_compiling():
        for _ in range(times):
            start = step(start)
        return start
    # On the host, which need not wait to look at it.
    done = torch.zeros((), dtype=torch.int64, device="cpu")
    result: Tensor
    _, result = torch.while_loop(
        lambda done, _: done < times, lambda done, now: (done + 1, step(now)), (done, start)
    )
    return result


def _would_have(iou: Tensor, objects: Tensor, held_iou: Tensor, holder: Tensor) -> Tensor:
    """`iou`, and 0 where the prior's holder is better: by IoU, then the lowest object."""
    free = (iou > held_iou) | ((iou == held_iou) & (objects <= holder))
    return torch.where(free, iou, 0)


def _check_threshold(threshold: float, name: str) -> None:
    # At 0, a prior that overlaps nothing would learn an object.
    if not 0 < threshold <= 1:
        raise ValueError(f"{name} = {threshold} is not in (0, 1]")


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
