"""From what Faster R-CNN says of its proposals to detections.

This is the one place where a label loses the background class: column 1 becomes label 0. It stands
in for torchvision's `RoIHeads.postprocess_detections`, which has no limit before NMS, drops a score
that equals the threshold, and computes boxes in the dtype of the network's output.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.image_list import ImageList

from refdet.models.detector import BrokenOutputError, DetectionSettings, RawDetections
from refdet.torch_ops.boxes import clip_boxes
from refdet.torch_ops.codec import MAX_LOG_SCALE, decode_boxes
from refdet.torch_ops.nms import batched_nms

CODEC_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
MIN_SIDE = 0.01
"""Narrower or flatter boxes, in pixels of the resized image, are no detections, as in torchvision:
they are what clipping leaves of boxes beyond the border."""

Size = tuple[int, int]
"""Height and width."""


@torch.no_grad()
def detect_from_features(
    network: FasterRCNN,
    images: ImageList,
    features: dict[str, Tensor],
    original_sizes: list[Size],
    settings: DetectionSettings,
) -> list[RawDetections]:
    """The detections in each image, in pixels of the image before it was resized.

    Args:
        network: in evaluation mode.
        images: as `network.transform` gives them.
        features: as `network.backbone` gives them.
        original_sizes: of the images before `network.transform`.
        settings: what becomes a detection.

    Raises:
        BrokenOutputError: the network's output is not finite.
    """
    # torchvision's RPN drops proposals that are NaN: a broken network would find nothing, and say
    # nothing. So its head is listened to.
    with network.rpn.head.register_forward_hook(_refuse_output_not_finite):
        proposals, _ = network.rpn(images, features)
    heads = network.roi_heads
    pooled = heads.box_head(heads.box_roi_pool(features, proposals, images.image_sizes))
    logits, deltas = heads.box_predictor(pooled)  # (P, 1 + C), (P, (1 + C) * 4)
    refuse_not_finite([logits, deltas])
    scores = logits.double().softmax(dim=-1)[:, 1:]
    n_proposals = [len(boxes) for boxes in proposals]
    per_class = deltas.double().unflatten(1, (-1, 4))[:, 1:]  # (P, C, 4)
    rows = zip(
        proposals,
        scores.split(n_proposals),
        per_class.split(n_proposals),
        images.image_sizes,
        original_sizes,
        strict=True,
    )
    return [_one_image(*row, settings) for row in rows]


def refuse_not_finite(tensors: list[Tensor]) -> None:
    """Raise if a number is NaN or infinite."""
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise BrokenOutputError


def _refuse_output_not_finite(
    _head: torch.nn.Module, _inputs: object, output: tuple[list[Tensor], list[Tensor]]
) -> None:
    objectness, deltas = output
    refuse_not_finite([*objectness, *deltas])


def _one_image(
    proposals: Tensor,
    scores: Tensor,
    deltas: Tensor,
    size: Size,
    original_size: Size,
    settings: DetectionSettings,
) -> RawDetections:
    height, width = size
    boxes = decode_boxes(
        deltas.transpose(0, 1), proposals.double(), CODEC_WEIGHTS, MAX_LOG_SCALE
    )  # (C, P, 4)
    boxes = clip_boxes(boxes, width, height)
    is_box = ((boxes[..., 2:] - boxes[..., :2]) >= MIN_SIDE).all(dim=-1)  # (C, P)
    # -1 is below every threshold. A stable sort keeps equal scores in the proposals' order.
    candidate_scores = torch.where(is_box, scores.T, -1.0)
    top_scores, top_proposals = candidate_scores.sort(dim=1, descending=True, stable=True)
    keep = top_scores[:, : settings.top_k_before_nms] >= settings.min_score
    label, rank = keep.nonzero(as_tuple=True)
    score = top_scores[label, rank]
    box = boxes[label, top_proposals[label, rank]]
    kept = batched_nms(box, score, label, settings.nms_iou)[: settings.top_k]
    original_height, original_width = original_size
    # Numbers of the host, not a tensor of them, which would have to be copied to the device.
    to_width, to_height = original_width / width, original_height / height
    x1, y1, x2, y2 = box[kept].unbind(dim=1)
    scaled = torch.stack([x1 * to_width, y1 * to_height, x2 * to_width, y2 * to_height], dim=1)
    # Clipped once more: a multiplication may round past the border.
    in_image = clip_boxes(scaled, original_width, original_height)
    return RawDetections(in_image, score[kept], label[kept])
