"""From what SSD says at its priors to detections.

This is the one place where a label loses the background class: column 1 becomes label 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from refdet.models.detector import DetectionSettings, RawDetections
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.torch_ops.boxes import clip_boxes
from refdet.torch_ops.codec import decode_boxes
from refdet.torch_ops.nms import batched_nms


@torch.no_grad()
def ssd_detect(
    model: SSD300, output: SSDOutput, settings: DetectionSettings | None = None
) -> list[RawDetections]:
    """The detections of each image of a batch; empty tensors where nothing is found.

    Boxes are fractions of the image, in [0, 1].

    Raises:
        ValueError: the network's output is not finite; its weights are broken.
    """
    settings = settings or DetectionSettings()
    # NaN is not >= any score: without this, a broken network would look like one that is sure.
    if not (output.class_logits.isfinite().all() and output.deltas.isfinite().all()):
        raise ValueError("the network's output is not finite: its weights diverged in training")
    scores = output.class_logits.double().softmax(dim=-1)[..., 1:]  # (B, P, C)
    boxes = decode_boxes(output.deltas.double(), model.priors_xyxy.double(), SSD_CODEC_WEIGHTS)
    boxes = clip_boxes(boxes, 1.0, 1.0)  # (B, P, 4)
    return [_one_image(b, s, settings) for b, s in zip(boxes, scores, strict=True)]


def _one_image(boxes: Tensor, scores: Tensor, settings: DetectionSettings) -> RawDetections:
    per_class = min(settings.top_k_before_nms, len(scores))
    # A stable sort, so that equal scores keep the priors' order on every device.
    top_scores, top_priors = scores.sort(dim=0, descending=True, stable=True)
    candidate_scores = top_scores[:per_class].T  # (C, K)
    keep = candidate_scores >= settings.min_score
    label = torch.arange(scores.shape[1], device=scores.device)[:, None].expand_as(keep)[keep]
    prior = top_priors[:per_class].T[keep]
    score = candidate_scores[keep]
    kept = batched_nms(boxes[prior], score, label, settings.nms_iou)[: settings.top_k]
    return RawDetections(boxes[prior][kept], score[kept], label[kept])
