"""From what a detector with priors says to detections, for a whole batch at once.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device. On
CUDA nothing waits for the host: every shape follows from the inputs' shapes. All is computed in
float64, which MPS does not have: devices differ in the last bits of softmax and `exp` alone.
"""

import math
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

# torchvision has no type information: imported as usual, every project that this file is copied to
# would have to make an exception for it in mypy's settings.
_torchvision_nms: Callable[[Tensor, Tensor, float], Tensor] = import_module("torchvision.ops").nms

Weights = tuple[float, float, float, float]

_NO_SCORE = -1.0  # of what is no candidate: below every score
# On the CPU, where fewer than one prior in so many can have a candidate, the others are left out.
_SPARSE = 4
# On the CPU, fewer classes than so many come before the priors: along a last dimension that does
# not fill a vector, torch's softmax takes rows one by one.
_FEW_CLASSES, _MOST_IN_A_VECTOR = 8, 16
# Boxes that are settled at a time, since the 256 subsets of them fit into a table.
_BLOCK = 8
# On the CPU, up to as many candidates of a class, all classes and images at once are faster than
# a call of torchvision's kernel for each.
_FEW = 32
# Overlaps that exist at a time: on the CPU what fits into its cache, on CUDA 64 MB of float64.
_CPU_PAIRS, _CUDA_PAIRS = 2**16, 2**23


class PaddedDetections(NamedTuple):
    """The detections of B images, each image's first, sorted by score, then padding.

    Attributes:
        boxes_xyxy: (B, D, 4) float64, inside the image; padding is 0.
        scores: (B, D) float64 in [0, 1]; padding is 0.
        labels: (B, D) int64 in 0..C-1; padding is -1.
        counts: (B,) int64, how many of the D are detections.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    counts: Tensor


def decode_detections(
    class_logits: Tensor,
    deltas: Tensor,
    priors_xyxy: Tensor,
    weights: Weights,
    *,
    width: float,
    height: float,
    min_score: float,
    iou_threshold: float,
    top_k_before_nms: int,
    top_k: int,
) -> PaddedDetections:
    """Softmax, score threshold, the best of each class, boxes, NMS within each class, the best.

    Equal scores come in the order of labels, then of priors, here as in both limits and in NMS.

    Args:
        class_logits: (B, P, 1 + C), any floating dtype; column 0 is the background.
        deltas: (B, P, 4), any floating dtype, as `encode_boxes` gives them.
        priors_xyxy: (P, 4), any real dtype, each with an area.
        weights: of the offsets of cx, cy, w and h; finite and positive.
        width: of the image, positive; same unit as `priors_xyxy`. Boxes are clipped to it.
        height: of the image, likewise.
        min_score: in [0, 1]; lower scores are no candidates, an equal one is.
        iou_threshold: in [0, 1]; NMS drops a box at a greater IoU.
        top_k_before_nms: most candidates of an image and class; SSD takes 400.
        top_k: most detections of an image; SSD takes 200.

    Returns:
        `PaddedDetections` with D = min(top_k, C * min(top_k_before_nms, P)).

    Raises:
        TypeError: a dtype that is not as said.
        ValueError: wrong shape, a parameter out of its range.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 3.1, "Inference time".
        The detections are those of `core.decode_boxes`, `clip_boxes` and `batched_nms`.
    """
    _check_output(class_logits, deltas, priors_xyxy)
    _check_limits(weights, width, height, min_score, iou_threshold)
    for name, limit in (("top_k_before_nms", top_k_before_nms), ("top_k", top_k)):
        if limit < 1:
            raise ValueError(f"{name} must be at least 1, got {limit}")
    score, prior = _candidates(class_logits.detach(), min_score, top_k_before_nms)  # (B, C, K)
    index = prior.flatten(1)  # (B, C * K)
    found_deltas = deltas.detach().gather(1, index[..., None].expand(-1, -1, 4))
    corners = _decoded(found_deltas, priors_xyxy.detach()[index], weights, width, height)
    groups = corners.unflatten(2, score.shape[1:]).flatten(1, 2)  # (4, B * C, K)
    kept = _kept_per_class(groups, (score >= 0).flatten(0, 1), iou_threshold).view_as(score)
    most = min(top_k, score.shape[1] * min(top_k_before_nms, len(priors_xyxy)))
    return _best_of_all_classes(torch.where(kept, score, _NO_SCORE), corners, most)


def _may_wait(values: Tensor) -> bool:
    """Whether it costs nothing to look at values, and shapes may follow from them."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def _candidates(class_logits: Tensor, min_score: float, most: int) -> tuple[Tensor, Tensor]:
    """Scores and priors (B, C, K), the best first; what is below `min_score` has no score."""
    n_images, n_priors, n_columns = class_logits.shape
    if _may_wait(class_logits) and n_columns > 1:
        image, prior = _promising(class_logits, min_score).nonzero(as_tuple=True)
        if _SPARSE * len(image) < n_images * n_priors:
            return _candidates_among(class_logits, image, prior, min_score, most)
    scores = _by_class(class_logits)
    scores = torch.where(scores >= min_score, scores, _NO_SCORE)
    count = min(most, scores.shape[-1])
    if _may_wait(scores) and scores.numel():  # the fullest class may have fewer
        count = min(count, int((scores >= 0).sum(dim=-1).max()))
    return _best(scores, count)


def _by_class(class_logits: Tensor) -> Tensor:
    """(B, C, P), the scores of (B, P, 1 + C) without the background's.

    Where classes come first, the priors fill whole vectors. In one that is not full torch takes
    another `exp`: equal scores would differ in the last bit by where they lie.
    """
    n_priors, n_columns = class_logits.shape[1:]
    if n_columns < _FEW_CLASSES and _may_wait(class_logits):
        columns = pad(class_logits.mT, (0, -n_priors % _MOST_IN_A_VECTOR)).double()
        return columns.softmax(dim=1)[:, 1:, :n_priors]
    return class_logits.double().softmax(dim=-1)[..., 1:].mT


def _promising(class_logits: Tensor, min_score: float) -> Tensor:
    """(B, P) bool, False where no class can have a score of at least `min_score`, without `exp`.

    A score is at most that beside the background alone, 1 / (1 + exp(background - logit)).
    """
    least = min_score * (1 - 1e-9)  # a score is rounded by less, if it is no subnormal number
    above = math.log(least / (1 - least)) if least > sys.float_info.min else -math.inf
    best = class_logits[..., 1:].amax(dim=-1).double()
    return best - class_logits[..., 0].double() >= above


def _candidates_among(
    class_logits: Tensor, image: Tensor, prior: Tensor, min_score: float, most: int
) -> tuple[Tensor, Tensor]:
    """`_candidates`, which all are among these priors (M,): only what is found is put in order."""
    scores = class_logits[image, prior].double().softmax(dim=-1)[:, 1:]  # (M, C)
    row, label = (scores >= min_score).nonzero(as_tuple=True)
    score, group = scores[row, label], image[row] * scores.shape[1] + label  # (N,)
    order = score.sort(descending=True, stable=True).indices
    order = order[group[order].sort(stable=True).indices]  # image by image, class by class
    group, n_groups = group[order], len(class_logits) * scores.shape[1]
    sizes = group.bincount(minlength=n_groups)
    place = torch.arange(len(order), device=order.device) - (sizes.cumsum(0) - sizes)[group]
    fits = place < most
    slot, found = (group[fits], place[fits]), order[fits]
    table = min(most, int(sizes.max())) if n_groups else 0
    best = scores.new_full((n_groups, table), _NO_SCORE).index_put_(slot, score[found])
    index = prior.new_zeros(n_groups, table).index_put_(slot, prior[row[found]])
    shape = len(class_logits), scores.shape[1], table
    return best.view(shape), index.view(shape)


def _best(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest of (..., N) and their places, descending; of equal ones the first."""
    n = scores.shape[-1]
    if count in (0, n):
        values, place = scores.sort(dim=-1, descending=True, stable=True)
        return values[..., :count], place[..., :count]
    # `topk` takes any of equal scores. Its lowest value is right, and says which are in question.
    lowest = scores.topk(count, dim=-1).values[..., -1:]
    above, equal = scores > lowest, scores == lowest
    room = count - above.sum(dim=-1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(dim=-1) <= room))  # `count` in each row
    slot = torch.where(chosen, chosen.cumsum(dim=-1) - 1, count)
    place = torch.arange(n, device=scores.device).expand_as(slot)
    first = slot.new_empty((*slot.shape[:-1], count + 1)).scatter_(-1, slot, place)[..., :count]
    values, order = scores.gather(-1, first).sort(dim=-1, descending=True, stable=True)
    return values, first.gather(-1, order)


def _decoded(
    deltas: Tensor, priors: Tensor, weights: Weights, width: float, height: float
) -> Tensor:
    """(4, ...) the clipped x1, y1, x2, y2 of (..., 4): the operations of `decode_boxes`."""
    x, y, log_width, log_height = deltas.double().unbind(dim=-1)
    x1, y1, x2, y2 = priors.double().unbind(dim=-1)
    # Filled in on the device: by a number CUDA multiplies with its inverse, rounded once more.
    wx, wy, ww, wh = (x.new_full((), weight) for weight in weights)
    low_x, high_x = _sides(x / wx, log_width / ww, x1, x2, width)
    low_y, high_y = _sides(y / wy, log_height / wh, y1, y2, height)
    return torch.stack([low_x, low_y, high_x, high_y])


def _sides(
    shift: Tensor, log_scale: Tensor, low: Tensor, high: Tensor, limit: float
) -> tuple[Tensor, Tensor]:
    size = high - low
    centre = (low + high) / 2 + shift * size
    half = torch.exp(log_scale) * size / 2
    return (centre - half).clamp(0, limit), (centre + half).clamp(0, limit)


def _kept_per_class(corners: Tensor, found: Tensor, iou_threshold: float) -> Tensor:
    """(G, N) bool, what NMS keeps of the boxes `found` in (4, G, N), sorted best first."""
    if not _may_wait(corners):
        return found & _kept_by_tables(corners, iou_threshold, _CUDA_PAIRS)
    if found.shape[1] <= _FEW:
        return found & _kept_by_tables(corners, iou_threshold, _CPU_PAIRS)
    return _kept_by_kernel(corners, found, iou_threshold)


def _kept_by_kernel(corners: Tensor, found: Tensor, iou_threshold: float) -> Tensor:
    boxes = corners.permute(1, 2, 0).contiguous()  # (G, N, 4)
    # Falling ranks in place of the scores, so that ties stay in order.
    rank = torch.arange(boxes.shape[1], 0, -1, dtype=torch.float64, device=boxes.device)
    kept = torch.zeros_like(found)
    for group, count in enumerate(found.sum(dim=1).tolist()):
        stay = _torchvision_nms(boxes[group, :count], rank[:count], iou_threshold)
        kept[group, stay] = True
    return kept


def _kept_by_tables(corners: Tensor, iou_threshold: float, pairs: int) -> Tensor:
    """What greedy suppression keeps, in as many steps as there are blocks of eight boxes.

    Within a block a table says which boxes stay, for each of the 256 sets of boxes that better ones
    may have dropped. So nothing depends on how long a chain of drops is, or waits to see.
    """
    n_groups, n = corners.shape[1:]
    # What is filled up has no area: it neither drops a box nor is dropped.
    corners = pad(corners, (0, -n % _BLOCK)).contiguous()
    count = corners.shape[2]
    drops = corners.new_zeros(n_groups, 1, count, dtype=torch.float32)  # how often each is dropped
    kept, start = [], 0
    while start < count:
        rows = pairs // max(1, n_groups * (count - start)) // _BLOCK * _BLOCK
        stop = min(count, start + max(_BLOCK, rows))
        hits = _suppresses(corners[..., start:stop], corners[..., start:], iou_threshold)
        kept.append(_settled_by_tables(hits, drops[..., start:]))
        start = stop
    return torch.cat([drops.new_zeros(n_groups, 0, dtype=torch.bool), *kept], dim=1)[:, :n]


def _settled_by_tables(hits: Tensor, drops: Tensor) -> Tensor:
    """(G, R) bool, which of R boxes stay that hit (G, R, N) others, the first R being themselves.

    `drops`, (G, 1, N), counts how often each of the N is dropped, and is raised by these.
    """
    n_rows = hits.shape[1]
    tables = _tables(hits[..., :n_rows])
    bits = (2 ** torch.arange(_BLOCK, device=hits.device)).float()  # exact, as `pow` need not be
    hits = hits.float()
    kept = []
    for block, start in enumerate(range(0, n_rows, _BLOCK)):
        stop = start + _BLOCK
        dropped = (drops[..., start:stop].clamp(max=1) @ bits).long()  # (G, 1): a set, as a number
        entry = dropped[..., None].expand(-1, -1, _BLOCK)
        stay = tables[:, block].gather(1, entry)  # (G, 1, 8)
        drops[..., stop:].baddbmm_(stay, hits[:, start:stop, stop:])
        kept.append(stay[:, 0])
    return torch.cat(kept, dim=1) > 0


def _tables(hits: Tensor) -> Tensor:
    """(G, R / 8, 256, 8) 0 or 1: which of each eight boxes stay, by the set of those dropped."""
    n_blocks = hits.shape[1] // _BLOCK
    blocks = hits.unflatten(2, (n_blocks, _BLOCK)).unflatten(1, (n_blocks, _BLOCK))
    within = blocks.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2).triu(1)  # (G, R / 8, 8, 8)
    bits = 2 ** torch.arange(_BLOCK, device=hits.device)
    victims = (within * bits).sum(dim=-1).to(torch.uint8)  # (G, R / 8, 8): a set for each box
    bits = bits.to(torch.uint8)
    dropped = torch.arange(2**_BLOCK, dtype=torch.uint8, device=hits.device)
    for box in range(_BLOCK):
        stays = (dropped & bits[box]) == 0
        dropped = dropped | victims[..., box : box + 1] * stays
    return ((dropped[..., None] & bits) == 0).float()


def _best_of_all_classes(score: Tensor, corners: Tensor, most: int) -> PaddedDetections:
    """The best of (B, C, K) scores and their boxes (4, B, C * K), filled up to `most` an image."""
    n_classes, per_class = score.shape[1:]
    missing = max(0, most - n_classes * per_class)
    best, place = _best(pad(score.flatten(1), (0, missing), value=_NO_SCORE), most)
    boxes = pad(corners, (0, missing)).gather(2, place.expand(4, -1, -1)).permute(1, 2, 0)
    is_found = best >= 0
    return PaddedDetections(
        boxes.masked_fill(~is_found[..., None], 0),
        best.masked_fill(~is_found, 0),
        (place // max(1, per_class)).masked_fill(~is_found, -1),
        is_found.sum(dim=1),
    )


def _check_output(class_logits: Tensor, deltas: Tensor, priors: Tensor) -> None:
    for name, values in (("class_logits", class_logits), ("deltas", deltas)):
        if not values.is_floating_point():
            raise TypeError(f"{name} must be of a floating dtype, got {values.dtype}")
    if priors.dtype == torch.bool or priors.is_complex():
        raise TypeError(f"priors_xyxy must be of a real dtype, got {priors.dtype}")
    if class_logits.ndim != 3 or class_logits.shape[2] < 1:
        raise ValueError(
            f"class_logits must have shape (B, P, 1 + C), got {tuple(class_logits.shape)}"
        )
    n_images, n_priors = class_logits.shape[:2]
    for name, values, want in (
        ("deltas", deltas, (n_images, n_priors, 4)),
        ("priors_xyxy", priors, (n_priors, 4)),
    ):
        if values.shape != want:
            raise ValueError(f"{name} must have shape {want}, got {tuple(values.shape)}")


def _check_limits(
    weights: Weights, width: float, height: float, min_score: float, iou_threshold: float
) -> None:
    given = list(weights)
    if len(given) != 4 or not all(0 < weight < math.inf for weight in given):
        raise ValueError(f"weights must be four positive finite numbers, got {weights}")
    if not (width > 0 and height > 0):
        raise ValueError(f"width and height must be positive, got {width} and {height}")
    for name, value in (("min_score", min_score), ("iou_threshold", iou_threshold)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} = {value} is not in [0, 1]")


def _suppresses(a: Tensor, b: Tensor, iou_threshold: float) -> Tensor:
    """(G, A, B) bool: which boxes (4, G, A) overlap which of (4, G, B) by more than a threshold.

    The operations of `core.nms` in its order, so that their float64 is the same bit for bit.
    """
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unsqueeze(-1).unbind(), b.unsqueeze(-2).unbind()
    width = torch.minimum(ax2, bx2).sub_(torch.maximum(ax1, bx1)).clamp_(min=0)
    height = torch.minimum(ay2, by2).sub_(torch.maximum(ay1, by1)).clamp_(min=0)
    shared = width.mul_(height)
    union = ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1)).sub_(shared)
    # The smallest number above 0 leaves every union as it is but 0, where 0 / 0 becomes 0.
    return shared.div_(union.clamp_(min=5e-324)) > iou_threshold
