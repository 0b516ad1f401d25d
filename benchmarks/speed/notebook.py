"""What a notebook does, written anew: image by image and object by object, without its faults.

These are peers and oracles: nothing here calls `refdet`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Labels, deltas and positives of every prior.
Targets = tuple[Tensor, Tensor, Tensor]
RATIO = 3.0


def jaccard(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """(A, B) IoU from corners that are spread over the matrix."""
    low = torch.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = torch.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    areas_a, areas_b = ((x[:, 2:] - x[:, :2]).prod(dim=1) for x in (a_xyxy, b_xyxy))
    return shared / (areas_a[:, None] + areas_b[None] - shared)


def centre_size(xyxy: Tensor) -> Tensor:
    """Corners as centre and size."""
    return torch.cat([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], dim=1)


def encode(boxes_xyxy: Tensor, priors_xyxy: Tensor) -> Tensor:
    """SSD's offsets with the variances 0.1 and 0.2, both boxes from corners."""
    boxes, priors = centre_size(boxes_xyxy), centre_size(priors_xyxy)
    shift = (boxes[:, :2] - priors[:, :2]) / (priors[:, 2:] / 10)
    return torch.cat([shift, torch.log(boxes[:, 2:] / priors[:, 2:]) * 5], dim=1)


def decode(deltas: Tensor, priors_xyxy: Tensor) -> Tensor:
    """The boxes of SSD's offsets."""
    priors = centre_size(priors_xyxy)
    centre = deltas[:, :2] * priors[:, 2:] / 10 + priors[:, :2]
    size = torch.exp(deltas[:, 2:] / 5) * priors[:, 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=1)


def nms(boxes_xyxy: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Greedy suppression on the whole matrix of IoU, a Python step for every box."""
    order = scores.argsort(descending=True)
    overlap = jaccard(boxes_xyxy[order], boxes_xyxy[order])
    dropped = torch.zeros(len(order), dtype=torch.bool, device=order.device)
    for row in range(len(order)):
        if dropped[row]:
            continue
        dropped = dropped | (overlap[row] > threshold)
        dropped[row] = False
    return order[~dropped]


def batched_nms(boxes_xyxy: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """`nms` of one class after the other, then by score."""
    kept = []
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        kept.append(rows[nms(boxes_xyxy[rows], scores[rows], threshold)])
    found = torch.cat(kept)
    return found[scores[found].argsort(descending=True)]


def soft_nms(
    boxes_xyxy: Tensor, scores: Tensor, threshold: float, min_score: float
) -> tuple[Tensor, Tensor]:
    """Rows and scores: the best, then all others lowered (linear), a Python step for every box."""
    left, rows, lowered = scores.clone(), [], []
    while (best := int(left.argmax())) >= 0 and left[best] >= min_score:
        rows.append(best)
        lowered.append(float(left[best]))
        overlap = jaccard(boxes_xyxy[best, None], boxes_xyxy)[0]
        left = torch.where(overlap > threshold, left * (1 - overlap), left)
        left[best] = -1
    return torch.tensor(rows), torch.tensor(lowered, dtype=scores.dtype)


def assign(iou: Tensor, threshold: float) -> Tensor:
    """(P,) the object of each prior or -1; every object overwrites its best prior."""
    best_iou, index = iou.max(dim=1)
    forced = iou.argmax(dim=0)
    for thing, prior in enumerate(forced):
        index[prior], best_iou[prior] = thing, 1.0
    return torch.where(best_iou >= threshold, index, -1)


def targets(boxes: list[Tensor], labels: list[Tensor], priors: Tensor, threshold: float) -> Targets:
    """What each prior of each image learns, one image after the other."""
    images = []
    for image_boxes, image_labels in zip(boxes, labels, strict=True):
        found = assign(jaccard(priors, image_boxes), threshold)
        positive, index = found >= 0, found.clamp(min=0)
        learned = torch.where(positive, image_labels[index] + 1, 0)
        images.append((learned, encode(image_boxes[index], priors), positive))
    learned, deltas, positive = (torch.stack(part) for part in zip(*images, strict=True))
    return learned, deltas, positive


def multibox_loss(
    logits: Tensor, deltas: Tensor, labels: Tensor, target_deltas: Tensor, positive: Tensor
) -> Tensor:
    """Confidence over positives and the hardest negatives, and localisation, image by image."""
    total, n_positive = logits.new_zeros(()), 0
    for image in range(len(logits)):
        confidence = F.cross_entropy(logits[image], labels[image], reduction="none")
        chosen = positive[image]
        negatives = confidence[~chosen].sort(descending=True).values
        found = int(chosen.sum())
        total = total + confidence[chosen].sum() + negatives[: int(RATIO * found)].sum()
        offsets = deltas[image][chosen], target_deltas[image][chosen]
        total = total + F.smooth_l1_loss(*offsets, reduction="sum")
        n_positive += found
    return total / max(1, n_positive)


def giou_loss(predicted: Tensor, targets: Tensor) -> Tensor:
    """1 - GIoU of the pairs, as the formula stands."""
    iou, union, (width, height) = _pairs(predicted, targets)
    return 1 - iou + (width * height - union) / (width * height)


def diou_loss(predicted: Tensor, targets: Tensor) -> Tensor:
    """1 - DIoU of the pairs, likewise."""
    iou, _, (width, height) = _pairs(predicted, targets)
    apart = centre_size(predicted)[:, :2] - centre_size(targets)[:, :2]
    return 1 - iou + apart.square().sum(dim=1) / (width.square() + height.square())


def ciou_loss(predicted: Tensor, targets: Tensor) -> Tensor:
    """1 - CIoU of the pairs; its weight of the aspect ratios has no gradient."""
    (w, h), (v, u) = (centre_size(boxes)[:, 2:].unbind(dim=1) for boxes in (predicted, targets))
    aspect = 4 / math.pi**2 * (torch.atan(v / u) - torch.atan(w / h)).square()
    weight = (aspect / (1 - _pairs(predicted, targets)[0] + aspect)).detach()
    return diou_loss(predicted, targets) + weight * aspect


def _pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """IoU, union, and the sides of the enclosing box, row by row."""
    sides = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    shared = sides.clamp(min=0).prod(dim=1)
    areas = [centre_size(boxes)[:, 2:].prod(dim=1) for boxes in (a, b)]
    union = areas[0] + areas[1] - shared
    outer = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    return shared / union, union, (outer[:, 0], outer[:, 1])
