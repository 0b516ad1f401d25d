"""What SSD should have said of an image, and how far off it was.

This is the one place where a label gains the background class: 0 becomes 1 on the way in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from refdet.models.detector import padded_on_device
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.torch_ops.assign import assign_ssd
from refdet.torch_ops.codec import encode_boxes
from refdet.torch_ops.iou import iou_matrix
from refdet.torch_ops.losses import MultiBoxLoss, confidence_loss, multibox_loss
from refdet.torch_ops.sampling import hard_negative_mask


class SSDTargets(NamedTuple):
    """What each of P priors in B images should say.

    Attributes:
        classes: (B, P) int64; 0 is the background, label + 1 an object.
        deltas: (B, P, 4); meaningful where positive.
        positive: (B, P) bool, whether the prior is bound to an object.
    """

    classes: Tensor
    deltas: Tensor
    positive: Tensor


def ssd_loss(
    model: SSD300,
    output: SSDOutput,
    boxes_xyxy: Sequence[Tensor],
    labels: Sequence[Tensor],
    *,
    match_iou: float = 0.5,
    negative_ratio: float = 3.0,
) -> MultiBoxLoss:
    """MultiBox loss of a batch, finite also when no image has an object.

    Args:
        model: whose priors are to be bound.
        output: what it said of B images.
        boxes_xyxy: B tensors (G_i, 4), as fractions of the image, each with a positive size. They
            and the labels may be on the CPU, from where all go to the model's device at once.
        labels: B tensors (G_i,) int64 in 0..C-1.
        match_iou: a prior with at least this IoU is given to its best object.
        negative_ratio: hard negatives per positive, image by image.
    """
    targets = ssd_targets(model, boxes_xyxy, labels, match_iou)
    mining = confidence_loss(output.class_logits.detach(), targets.classes)
    negatives = hard_negative_mask(mining, targets.positive, negative_ratio)
    return multibox_loss(
        output.class_logits,
        output.deltas,
        targets.classes,
        targets.deltas,
        targets.positive,
        negatives,
    )


@torch.no_grad()
def ssd_targets(
    model: SSD300, boxes_xyxy: Sequence[Tensor], labels: Sequence[Tensor], match_iou: float
) -> SSDTargets:
    """Bind the priors to the objects of each image; arguments as for `ssd_loss`."""
    device = model.priors_xyxy.device
    padded = padded_on_device(boxes_xyxy, device)  # (B, G, 4), empty boxes at the end
    padded_labels = padded_on_device(labels, device)  # (B, G)
    if padded.shape[1] == 0:
        return _all_background(model, len(boxes_xyxy))
    # A padding box has no area, so it overlaps no prior and none is bound to it.
    # Computed with the priors as columns, since a long inner loop is the fast one.
    iou = iou_matrix(padded, model.priors_xyxy).mT  # (B, P, G)
    assignment = assign_ssd(iou, match_iou)
    index = assignment.object_index  # (B, P)
    objects = padded.gather(1, index[..., None].expand(-1, -1, 4))  # (B, P, 4)
    # Where no object is bound, the prior's own box keeps the encoding finite.
    bound = torch.where(assignment.positive[..., None], objects, model.priors_xyxy)
    classes = torch.where(assignment.positive, padded_labels.gather(1, index) + 1, 0)
    deltas = encode_boxes(bound, model.priors_xyxy, SSD_CODEC_WEIGHTS)
    return SSDTargets(classes, deltas, assignment.positive)


def _all_background(model: SSD300, n_images: int) -> SSDTargets:
    shape = (n_images, len(model.priors_cxcywh))
    device = model.priors_cxcywh.device
    classes = torch.zeros(shape, dtype=torch.int64, device=device)
    return SSDTargets(classes, torch.zeros((*shape, 4), device=device), classes > 0)
