"""From what SSD says at its priors to detections.

This is the one place where a label loses the background class: column 1 becomes label 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from refdet.models.detector import (
    BrokenOutputError,
    DetectionSettings,
    Pending,
    RawDetections,
    read_back,
)
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.torch_ops.postprocess import decode_detections


def ssd_detect(
    model: SSD300, output: SSDOutput, settings: DetectionSettings | None = None
) -> list[RawDetections]:
    """The detections of each image of a batch; empty tensors where nothing is found.

    Boxes are fractions of the image, in [0, 1]. All is on the CPU, copied there at once.

    Raises:
        BrokenOutputError: the network's output is not finite; says of which images.
    """
    return launch_ssd_detect(model, output, settings or DetectionSettings())()


@torch.no_grad()
def launch_ssd_detect(model: SSD300, output: SSDOutput, settings: DetectionSettings) -> Pending:
    """Begin `ssd_detect`; on a GPU nothing is waited for until the result is asked for."""
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
    # NaN is not >= any score: without this, a broken network would look like one that is sure.
    finite = _all_finite(output.class_logits) & _all_finite(output.deltas)
    arrived = read_back([*found, finite])

    def detections() -> list[RawDetections]:
        boxes, scores, labels, counts, is_finite = arrived()
        if broken := [row for row, fine in enumerate(is_finite.tolist()) if not fine]:
            raise BrokenOutputError(broken)
        images = zip(boxes, scores, labels, counts.tolist(), strict=True)
        # Copies, since a part of a tensor keeps all of it in memory.
        return [RawDetections(b[:n].clone(), s[:n].clone(), k[:n].clone()) for b, s, k, n in images]

    return detections


def _all_finite(values: Tensor) -> Tensor:
    """(B,) bool, of (B, ...)."""
    return values.isfinite().flatten(1).all(dim=1)
