"""SSD300 as training and inference see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from refdet.core.priors import SSD300_BCCD, SSD300_COCO
from refdet.models.detector import (
    DetectionSettings,
    Detector,
    Forward,
    Pending,
    RawDetections,
    on_device,
)
from refdet.models.ssd300 import IMAGE_SIZE, SSD300, SSDOutput
from refdet.models.ssd_detect import launch_ssd_detect
from refdet.models.ssd_loss import ssd_loss

PRIOR_PRESETS = {"bccd": SSD300_BCCD, "coco": SSD300_COCO}
"""Which boxes the network starts from, by the name that options and checkpoints use."""


class SSD300Detector(Detector):
    """SSD300 with its loss and its decoding.

    Args:
        n_classes: C, without the background.
        width: share of the published network's channels.
        batch_norm: BatchNorm in the base.
        priors: a name in `PRIOR_PRESETS`.
        match_iou: a prior with at least this IoU is given to its best object in training.
        negative_ratio: hard negatives per positive prior in the loss.
    """

    network: SSD300
    architecture = "ssd300"

    def __init__(
        self,
        n_classes: int,
        *,
        width: float = 1.0,
        batch_norm: bool = False,
        priors: str = "bccd",
        match_iou: float = 0.5,
        negative_ratio: float = 3.0,
    ) -> None:
        if priors not in PRIOR_PRESETS:
            raise ValueError(f"no priors {priors!r}; there are {', '.join(PRIOR_PRESETS)}")
        self.network = SSD300(
            n_classes, width=width, batch_norm=batch_norm, prior_spec=PRIOR_PRESETS[priors]
        )
        self.description = {
            "n_classes": n_classes,
            "width": width,
            "batch_norm": batch_norm,
            "priors": priors,
            "match_iou": match_iou,
            "negative_ratio": negative_ratio,
        }
        self._match_iou, self._negative_ratio = match_iou, negative_ratio

    def losses(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        forward: Forward | None = None,
    ) -> dict[str, Tensor]:
        """MultiBox loss: `confidence` and `localization`."""
        return self._losses(self._output(images, forward), boxes_xyxy, labels)

    def detect(self, images: Sequence[Tensor], settings: DetectionSettings) -> list[RawDetections]:
        """Decoding and NMS per class, in float64. The detections are on the CPU."""
        return self.launch(images, settings)()

    def launch(self, images: Sequence[Tensor], settings: DetectionSettings) -> Pending:
        """As `detect`; a GPU is not waited for until the result is asked for."""
        with torch.no_grad():
            return self._detections(self._output(images, None), settings)

    def judge(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        settings: DetectionSettings,
    ) -> tuple[dict[str, Tensor], list[RawDetections]]:
        """Both from one run of the network."""
        with torch.no_grad():
            output = self._output(images, None)
            found = self._detections(output, settings)
            return self._losses(output, boxes_xyxy, labels), found()

    def _output(self, images: Sequence[Tensor], forward: Forward | None) -> SSDOutput:
        device = self.network.priors_xyxy.device
        batch = torch.stack(on_device(images, device))
        output = (forward or self.network)(batch)
        assert isinstance(output, SSDOutput)
        return SSDOutput(output.class_logits.float(), output.deltas.float())

    def _losses(
        self, output: SSDOutput, boxes_xyxy: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        loss = ssd_loss(
            self.network,
            output,
            [boxes / IMAGE_SIZE for boxes in boxes_xyxy],
            labels,
            match_iou=self._match_iou,
            negative_ratio=self._negative_ratio,
        )
        return {"confidence": loss.confidence, "localization": loss.localization}

    def _detections(self, output: SSDOutput, settings: DetectionSettings) -> Pending:
        pending = launch_ssd_detect(self.network, output, settings)
        return lambda: [
            found._replace(boxes_xyxy=found.boxes_xyxy * IMAGE_SIZE) for found in pending()
        ]


def ssd300_from_description(description: Mapping[str, object]) -> SSD300Detector:
    """The detector that had `description`, with random weights.

    Raises:
        ValueError: a value is missing, unknown or out of its range.
    """
    try:
        return SSD300Detector(**description)  # type: ignore[arg-type]  # checked by what it builds
    except TypeError as error:
        raise ValueError(f"no description of an SSD300: {error}") from error
