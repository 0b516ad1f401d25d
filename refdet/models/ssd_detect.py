"""From what SSD says at its priors to detections.

This is the one place where a label loses the background class: column 1 becomes label 0.
"""

from __future__ import annotations

import torch

from refdet.models.detector import DetectionSettings, RawDetections
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.torch_ops.postprocess import decode_detections


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
    found = decode_detections(
        output.class_logits,
        output.deltas,
        model.priors_xyxy,
        SSD_CODEC_WEIGHTS,
        width=1.0,
        height=1.0,
        min_score=settings.min_score,
        iou_threshold=settings.nms_iou,
        top_k_before_nms=settings.top_k_before_nms,
        top_k=settings.top_k,
    )
    images = zip(found.boxes_xyxy, found.scores, found.labels, found.counts.tolist(), strict=True)
    # Copies, since a part of a tensor keeps all of it in memory.
    return [RawDetections(b[:n].clone(), s[:n].clone(), k[:n].clone()) for b, s, k, n in images]
