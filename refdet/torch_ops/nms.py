"""Non-maximum suppression of tensors: the twin of `core.nms`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device. On
CUDA the host waits for how many boxes stay, and for a look at every eighth round of suppression, of
which there are seldom more in a block of 2**23 pairs: 2,000 boxes are one block, 8,732 are six. In
`padded_soft_nms`, whose result is filled up, it waits for nothing. Other devices than CUDA and the
CPU are served by the CPU: by soft NMS only MPS, which has no float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module

import torch
from torch import Tensor
from torch.nn.functional import pad

# torchvision has no type information: imported as usual, every project that this file is copied to
# would have to make an exception for it in mypy's settings.
_torchvision_nms: Callable[[Tensor, Tensor, float], Tensor] = import_module("torchvision.ops").nms

# On the CPU, as many classes of at most so many boxes are faster all at once than one by one.
_MANY_CLASSES, _SMALL_CLASS = 8, 32
_LEAST_ROWS = 8
# Overlaps that exist at a time: on the CPU what fits into its cache, on CUDA 64 MB of float64.
_CPU_PAIRS, _CUDA_PAIRS = 2**16, 2**23
_CUDA_STEPS = 8  # rounds of suppression between two looks at whether it has come to rest
# In soft NMS the overlaps of so many pairs are computed at once, 16 MB; of more in each step anew.
_SOFT_PAIRS = 2**21
_SOFT_STEPS = 8  # on the CPU, between two looks at whether any box is left
_GONE = -math.inf  # the current score of a box that soft NMS has kept or dropped


class SoftNMSDecay(StrEnum):
    """How a kept box lowers the scores of the boxes that it overlaps.

    LINEAR: by the factor 1 - IoU, if the IoU is greater than a threshold.
    GAUSSIAN: by the factor exp(-IoU**2 / sigma), whatever the IoU.
    """

    LINEAR = "linear"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, eq=False)
class SoftNMSResult:
    """What soft NMS kept, by lowered score descending.

    Attributes:
        indices: (K,) int64, rows of the input; of `padded_soft_nms` (..., N), then -1.
        scores: (K,), their lowered scores, in float64 if the input's are float64 or integers, else
            in float32; of `padded_soft_nms` (..., N), then 0.
    """

    indices: Tensor
    scores: Tensor


def nms(boxes_xyxy: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box, drop all that overlap it by more than a threshold, and so on.

    Boxes are taken by score descending, then input order. A box is dropped if its IoU with a kept
    box is > iou_threshold; at equality it stays.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        iou_threshold: in [0, 1].

    Returns:
        (K,) int64, the kept rows by score descending, then input order.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: wrong shape, lengths differ, a threshold outside [0, 1].

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, section 2.2: greedy suppression.
        Equals torchvision 0.29.2's `nms` in float64 on the CPU.
    """
    one_class = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    if boxes_xyxy.is_cuda:
        return batched_nms(boxes_xyxy, scores, one_class, iou_threshold)
    _check_detections(boxes_xyxy, scores, one_class, iou_threshold)
    order, boxes = _best_first(boxes_xyxy, scores)
    return order[_kept_of_class(boxes, iou_threshold)].to(boxes_xyxy.device)


def batched_nms(boxes_xyxy: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class: boxes of different labels never drop each other.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        labels: (N,), any integer dtype.
        iou_threshold: in [0, 1]; a box at equality stays.

    Returns:
        (K,) int64, the kept rows of all classes by score descending, then input order.

    Raises:
        TypeError: boxes or scores are boolean or complex, labels are not integers.
        ValueError: wrong shape, lengths differ, a threshold outside [0, 1].

    Source:
        `nms` class by class: no offset moves classes apart, which would round coordinates.
    """
    _check_detections(boxes_xyxy, scores, labels, iou_threshold)
    kept = _kept_on_cuda if boxes_xyxy.is_cuda else _kept_on_cpu
    order, boxes = _best_first(boxes_xyxy, scores)
    rows = kept(boxes, labels.to(order.device).long()[order], iou_threshold)
    return order[rows].to(boxes_xyxy.device)


def soft_nms(
    boxes_xyxy: Tensor,
    scores: Tensor,
    decay: SoftNMSDecay,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> SoftNMSResult:
    """Keep the best box, lower the scores of the boxes that it overlaps, and so on.

    The best is the highest current score, the first in input order among equals. A box whose
    score is or falls below `min_score` is dropped. For how many are kept the host waits once.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype, finite; one below 0 is dropped.
        decay: how scores are lowered, see `SoftNMSDecay`.
        iou_threshold: in [0, 1]; linear decay acts on an IoU > iou_threshold.
        sigma: > 0, the width of gaussian decay.
        min_score: >= 0; a box at equality stays.

    Returns:
        A `SoftNMSResult`.

    Raises:
        TypeError: an input is boolean or complex, `decay` is no `SoftNMSDecay`.
        ValueError: wrong shape, lengths differ, a parameter out of range.

    Source:
        Bodla et al., "Soft-NMS", ICCV 2017, section 3 and figure 2. Linear decay takes the
        authors' code at equality (`>`), as `nms` does, where the paper's equation has `>=`.
    """
    if boxes_xyxy.ndim != 2:
        raise ValueError(f"boxes_xyxy must have shape (N, 4), got {tuple(boxes_xyxy.shape)}")
    padded = padded_soft_nms(boxes_xyxy, scores, decay, iou_threshold, sigma, min_score)
    count = int((padded.indices >= 0).sum())
    return SoftNMSResult(padded.indices[:count], padded.scores[:count])


def padded_soft_nms(
    boxes_xyxy: Tensor,
    scores: Tensor,
    decay: SoftNMSDecay,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> SoftNMSResult:
    """`soft_nms` of each image or class of a batch, all at once, filled up to N: nothing waits.

    One box after another is kept, so that it takes N steps of some ten to twenty small kernels
    each, as many for a batch as for an image; a CPU ends when no box is left. `torch.compile`
    unrolls the steps: for that N should not be much above 100.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype; pixels or fractions.
        scores: (..., N), any real dtype, finite; -1 for rows that only fill up.
        decay: as `soft_nms`, likewise the other parameters.
        iou_threshold: in [0, 1].
        sigma: > 0.
        min_score: >= 0.

    Returns:
        A `SoftNMSResult`; indices are >= 0 where a box is kept.

    Raises:
        TypeError, ValueError: as `soft_nms`.

    Source:
        As `soft_nms`: the operations of `core` in its order, in float64 on every device.
    """
    _check_soft(boxes_xyxy, scores, decay, iou_threshold, sigma, min_score)
    # MPS has no float64.
    device = torch.device("cpu") if boxes_xyxy.device.type == "mps" else boxes_xyxy.device
    corners = boxes_xyxy.detach().to(device).double().movedim(-1, 0)  # (4, ..., N)
    boxes = torch.cat([corners, ((corners[2] - corners[0]) * (corners[3] - corners[1]))[None]])
    current = scores.detach().to(device).double()
    left = torch.where(current >= min_score, current, _GONE)
    linear_above = iou_threshold if decay == SoftNMSDecay.LINEAR else None
    kept = _kept_one_by_one(boxes, left, linear_above, sigma, min_score)
    return _filled_up(kept, scores)


def _kept_one_by_one(
    boxes: Tensor, left: Tensor, linear_above: float | None, sigma: float, min_score: float
) -> list[tuple[Tensor, Tensor]]:
    """Step by step the lowered score and the row that are kept, (..., 1), or `_GONE` and any row.

    Args:
        boxes: (5, ..., N), the corners and the area.
        left: (..., N), the scores.
        linear_above: the IoU above which decay is linear; None if it is gaussian.
        sigma: of gaussian decay.
        min_score: what is lower is dropped.
    """
    count = left.shape[-1]
    factors = partial(_factors, linear_above=linear_above, sigma=sigma)
    few = left.numel() * count <= _SOFT_PAIRS
    table = factors(boxes[..., None], boxes[..., None, :]).flatten(0, -2) if few else None
    rows = left[..., :1]
    start = count * torch.arange(rows.numel(), device=left.device).view_as(rows)
    kept = [(left[..., :0], left[..., :0].long())]
    for step in range(count):
        score, best = left.max(dim=-1, keepdim=True)  # the first of equals
        if step % _SOFT_STEPS == 0 and _may_wait(left) and not bool((score > _GONE).any()):
            break
        kept.append((score, best))
        if table is None:
            factor = factors(boxes.gather(-1, best.expand(5, *best.shape)), boxes)
        else:
            factor = table.index_select(0, (start + best).flatten()).view_as(left)
        # What is gone stays gone, also where -inf times 0 is NaN.
        decayed = left * factor
        left = torch.where(decayed >= min_score, decayed, _GONE).scatter_(-1, best, _GONE)
    return kept


def _factors(a: Tensor, b: Tensor, linear_above: float | None, sigma: float) -> Tensor:
    """By what boxes `a` lower the scores of boxes `b`, both (5, ...), broadcast, areas the fifth.

    The operations of `core.nms` in its order, so that their float64 is the same bit for bit.
    """
    width = torch.minimum(a[2], b[2]).sub_(torch.maximum(a[0], b[0])).clamp_(min=0)
    height = torch.minimum(a[3], b[3]).sub_(torch.maximum(a[1], b[1])).clamp_(min=0)
    shared = width.mul_(height)
    # Where nothing is covered nothing is shared: 0 / 0 becomes 0.
    iou = shared.div_((a[4] + b[4]).sub_(shared)).nan_to_num_(0.0)
    if linear_above is None:
        # By a tensor: by a number CUDA multiplies with its inverse, which is rounded once more.
        return iou.square_().div_(iou.new_full((), -sigma)).exp_()
    return torch.where(iou > linear_above, 1 - iou, 1.0)


def _filled_up(kept: list[tuple[Tensor, Tensor]], scores: Tensor) -> SoftNMSResult:
    """Scores and rows (..., 1), one step after another, as long and on the device of `scores`."""
    lowered, indices = (torch.cat(part, dim=-1) for part in zip(*kept, strict=True))
    found = lowered > _GONE
    missing = (0, scores.shape[-1] - lowered.shape[-1])
    wide = scores.dtype == torch.float64 or not scores.is_floating_point()
    return SoftNMSResult(
        pad(torch.where(found, indices, -1), missing, value=-1).to(scores.device),
        pad(torch.where(found, lowered, 0.0), missing)
        .to(torch.float64 if wide else torch.float32)
        .to(scores.device),
    )


def _may_wait(values: Tensor) -> bool:
    """Whether it costs nothing to look at values, and shapes may follow from them."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def _best_first(boxes_xyxy: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """The rows by score, and the boxes in that order: on CUDA, else on the CPU."""
    # Not every device has float64.
    device = boxes_xyxy.device if boxes_xyxy.is_cuda else torch.device("cpu")
    order = scores.detach().to(device).sort(descending=True, stable=True).indices
    # Always float64: a float32 IoU of 0.6 is greater than 0.6, and boxes at equality would come and
    # go with the dtype.
    return order, boxes_xyxy.detach().to(device).double()[order]


def _kept_of_class(boxes: Tensor, iou_threshold: float) -> Tensor:
    """(K,) the rows that stay of boxes of one class, sorted best first."""
    # Falling ranks in place of the scores, so that ties stay in order.
    rank = torch.arange(len(boxes), 0, -1, dtype=torch.float64, device=boxes.device)
    return _torchvision_nms(boxes, rank, iou_threshold)


def _kept_on_cpu(boxes: Tensor, classes: Tensor, iou_threshold: float) -> Tensor:
    """(N,) bool, what stays of boxes sorted best first: the kernel for one class after another."""
    members = classes.sort(stable=True).indices
    sizes = classes[members].unique_consecutive(return_counts=True)[1]
    kept = torch.zeros_like(classes, dtype=torch.bool)
    if len(sizes) >= _MANY_CLASSES and int(sizes.max()) <= _SMALL_CLASS:
        kept[members] = _kept_of_small_classes(boxes[members], sizes, iou_threshold)
        return kept
    start = 0
    for rows in boxes[members].split(sizes.tolist()):  # of one class each
        stay = _kept_of_class(rows, iou_threshold)
        kept[members[start : start + len(rows)][stay]] = True
        start += len(rows)
    return kept


def _kept_of_small_classes(boxes: Tensor, sizes: Tensor, iou_threshold: float) -> Tensor:
    """(N,) bool, what stays of boxes sorted by class, then best first: all classes at once."""
    here = sizes.device
    group = torch.repeat_interleave(torch.arange(len(sizes), device=here), sizes)  # (N,)
    place = torch.arange(len(boxes), device=here) - (sizes.cumsum(0) - sizes)[group]
    # What is left 0 has no area: it neither drops a box nor is dropped.
    padded = boxes.new_zeros(4, len(sizes), int(sizes.max()))
    padded[:, group, place] = boxes.T
    return _kept(padded, None, iou_threshold, _CPU_PAIRS, steps=1)[group, place]


def _kept_on_cuda(boxes: Tensor, classes: Tensor, iou_threshold: float) -> Tensor:
    """(N,) bool, what stays of boxes sorted best first."""
    # Not torchvision's kernel: on CUDA it rounds the threshold to float32, and may have products
    # fused with sums, so that boxes at equality would come and go with the device.
    return _kept(boxes.T[:, None], classes[None], iou_threshold, _CUDA_PAIRS, _CUDA_STEPS)[0]


def _kept(
    corners: Tensor, classes: Tensor | None, iou_threshold: float, pairs: int, steps: int
) -> Tensor:
    """(G, N) bool, what stays of boxes (4, G, N) sorted best first, where G groups do not meet.

    Args:
        corners: x1, y1, x2, y2 of the boxes, in float64.
        classes: (G, N), those within a group that do not meet either; None if all do.
        iou_threshold: a box at equality stays.
        pairs: about as many overlaps exist at a time.
        steps: see `_settled`.
    """
    corners = corners.contiguous()
    n_groups, count = corners.shape[1:]
    kept = torch.ones(n_groups, count, dtype=torch.bool, device=corners.device)
    start = 0
    # The best boxes left are settled among themselves, then drop from the rest what they overlap.
    while start < count:
        stop = start + max(_LEAST_ROWS, pairs // (n_groups * (count - start)))
        drops = _suppresses(corners[..., start:stop], corners[..., start:], iou_threshold)
        if classes is not None:
            drops &= classes[:, start:stop, None] == classes[:, None, start:]
        block = drops.shape[1]  # (G, block, the rest)
        settled = _settled(drops[..., :block].triu(1), kept[:, start:stop], steps)
        kept[:, start:stop] = settled
        kept[:, stop:] &= ~(drops[..., block:] & settled[..., None]).any(dim=1)
        start = stop
    return kept


def _check_detections(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> None:
    for name, values in (("boxes_xyxy", boxes), ("scores", scores)):
        if values.dtype == torch.bool or values.is_complex():
            raise TypeError(f"{name} must be of a real dtype, got {values.dtype}")
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels must be of an integer dtype, got {labels.dtype}")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes_xyxy must have shape (N, 4), got {tuple(boxes.shape)}")
    for name, values in (("scores", scores), ("labels", labels)):
        if values.shape != boxes.shape[:1]:
            raise ValueError(f"{name} must have shape ({len(boxes)},), got {tuple(values.shape)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in [0, 1]")


def _check_soft(
    boxes: Tensor,
    scores: Tensor,
    decay: SoftNMSDecay,
    iou_threshold: float,
    sigma: float,
    min_score: float,
) -> None:
    for name, values in (("boxes_xyxy", boxes), ("scores", scores)):
        if values.dtype == torch.bool or values.is_complex():
            raise TypeError(f"{name} must be of a real dtype, got {values.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes_xyxy must have shape (..., N, 4), got {tuple(boxes.shape)}")
    if scores.shape != boxes.shape[:-1]:
        shapes = f"{tuple(boxes.shape[:-1])}, got {tuple(scores.shape)}"
        raise ValueError(f"scores must have shape {shapes}")
    if decay not in tuple(SoftNMSDecay):  # by its word, so that core's is one, too
        raise TypeError(f"decay must be a SoftNMSDecay, got {decay!r}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in [0, 1]")
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma} is not > 0")
    if not min_score >= 0:
        raise ValueError(f"min_score = {min_score} is not >= 0")


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


def _settled(drops: Tensor, left: Tensor, steps: int) -> Tensor:
    """(G, N) bool, which of the boxes `left` stay, where box i drops later ones: (G, i, later).

    A box stays if none that stays drops it. Applied again and again to the boxes that seem to stay,
    this becomes right one box after another, best first, and changes nothing once it is right:
    then, after at most as many rounds as the longest chain of drops, it is greedy suppression.

    Args:
        drops: (G, N, N) bool, True only above the diagonal.
        left: (G, N) bool, the others are gone and drop nothing.
        steps: rounds between two looks at whether anything changes, each of which waits for the
            device.
    """
    kept = left
    while True:
        for _ in range(steps):
            before, kept = kept, left & ~(drops & kept[..., None]).any(dim=1)
        if torch.equal(before, kept):
            return kept
