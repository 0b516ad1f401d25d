"""The two sides: refdet's detector and torchvision's, with the same weights, on the same images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD
from torch.optim.lr_scheduler import ConstantLR
from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2, ssd300_vgg16
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.ssd import SSD
from torchvision.transforms.v2.functional import normalize

from refdet.data.augmentation import IMAGENET_STD
from refdet.data.dataset import Batch
from refdet.data.mean_colour import IMAGENET_MEAN
from refdet.models.detector import DetectionSettings, Detector
from refdet.models.faster_rcnn import FasterRCNNDetector
from refdet.models.faster_rcnn_spec import Backbone, FasterRCNNSpec
from refdet.models.runtime import NumberFormat, autocast
from refdet.models.ssd_detector import SSD300Detector
from refdet.training.processes import World
from refdet.training.stepping import Stepper

RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4
"""Of both sides' SGD; the rate is low, so that random weights stay finite meanwhile."""
CLIP_NORM = 10.0
Found = tuple[Tensor, Tensor, Tensor]
"""One image's boxes, scores and labels 0..C-1."""


@dataclass(frozen=True)
class Setup:
    """How a side computes.

    Attributes:
        device: where.
        number_format: of convolutions and matrix products.
        channels_last: memory format of weights and images.
        compiled: by torch.compile.
    """

    device: torch.device
    number_format: NumberFormat = NumberFormat.FP32
    channels_last: bool = False
    compiled: bool = False

    def __str__(self) -> str:
        words = [self.number_format.value]
        words += ["channels-last"] * self.channels_last + ["compiled"] * self.compiled
        return ", ".join(words)

    def placed(self, network: nn.Module, compiled_part: nn.Module) -> None:
        """Move the network there, in that format."""
        network.to(self.device)
        if self.channels_last:
            network.to(memory_format=torch.channels_last)
        if self.compiled:
            compiled_part.compile()


class Side(ABC):
    """One detector, with what it takes to train it and to use it."""

    name: str
    setup: Setup
    network: nn.Module

    @abstractmethod
    def step(self, batch: Batch) -> float:
        """Move the weights once; gives the loss before. The network is in training mode."""

    @abstractmethod
    def detect(self, images: Sequence[Tensor]) -> list[Found]:
        """What is found in images; the network is in evaluation mode."""

    @abstractmethod
    def set_min_score(self, value: float) -> None:
        """Drop detections below it from now on."""


class Ours(Side):
    """refdet's detector, moved by the stepper of `refdet train`."""

    name = "refdet"

    def __init__(self, detector: Detector, setup: Setup, settings: DetectionSettings) -> None:
        self.setup, self.network = setup, detector.network
        self._detector, self._settings = detector, settings
        setup.placed(detector.network, detector.compiled_part)
        optimizer = SGD(detector.network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        self._stepper = Stepper(
            detector,
            detector.network,
            optimizer,
            ConstantLR(optimizer, 1.0),
            GradScaler(setup.device.type, enabled=setup.number_format is NumberFormat.FP16),
            setup.number_format,
            CLIP_NORM,
            0,
            World(),
        )

    def step(self, batch: Batch) -> float:
        if isinstance(self._detector, SSD300Detector):
            batch = batch._replace(images=normalised(batch.images))
        losses = self._stepper.step([batch], [])
        assert losses is not None  # a skipped step is refused by the stepper
        return losses["loss"]

    def detect(self, images: Sequence[Tensor]) -> list[Found]:
        if isinstance(self._detector, SSD300Detector):
            images = normalised(images)
        with torch.no_grad(), autocast(self.setup.device, self.setup.number_format):
            found = self._detector.detect(images, self._settings)
        return [(one.boxes_xyxy, one.scores, one.labels) for one in found]

    def set_min_score(self, value: float) -> None:
        kept = self._settings
        self._settings = DetectionSettings(value, kept.nms_iou, kept.top_k_before_nms, kept.top_k)


class Theirs(Side):
    """torchvision's detector, moved as its reference scripts do (references/detection/engine.py).

    Written anew: a dictionary of losses, their sum, a look at whether it is finite, zero_grad,
    backward, step of the optimiser, step of the schedule.
    """

    name = "torchvision"

    def __init__(self, network: nn.Module, scored: SSD | RoIHeads, setup: Setup) -> None:
        """`scored` is the part that knows the score threshold."""
        self.setup, self.network, self._scored = setup, network, scored
        backbone = network.get_submodule("backbone")
        setup.placed(network, backbone)
        self._optimizer = SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        self._schedule = ConstantLR(self._optimizer, 1.0)

    def step(self, batch: Batch) -> float:
        device = self.setup.device
        images = [image.to(device) for image in batch.images]
        targets = [
            {"boxes": boxes.to(device), "labels": labels.to(device) + 1}
            for boxes, labels in zip(batch.boxes_xyxy, batch.labels, strict=True)
        ]
        with autocast(device, self.setup.number_format):
            losses: dict[str, Tensor] = self.network(images, targets)
            total = torch.stack(list(losses.values())).sum()
        value = float(total.detach())
        if not torch.isfinite(total):
            raise ValueError(f"torchvision's loss is {value}")
        self._optimizer.zero_grad()
        total.backward()
        self._optimizer.step()
        self._schedule.step()
        return value

    def detect(self, images: Sequence[Tensor]) -> list[Found]:
        device = self.setup.device
        with torch.inference_mode(), autocast(device, self.setup.number_format):
            found = self.network([image.to(device) for image in images])
        return [(one["boxes"], one["scores"], one["labels"] - 1) for one in found]

    def set_min_score(self, value: float) -> None:
        self._scored.score_thresh = value


@dataclass(frozen=True)
class Architecture:
    """A detector that both sides have.

    Attributes:
        name: as `refdet train` knows it.
        size: height and width of the images it is given.
        n_classes: without the background.
    """

    name: str
    size: tuple[int, int]
    n_classes: int = 20

    def ours(self, setup: Setup) -> Ours:
        """refdet's, with weights that are the same each time."""
        torch.manual_seed(0)
        if self.name == "ssd300":
            return Ours(SSD300Detector(self.n_classes, priors="coco"), setup, DetectionSettings())
        low, high = min(self.size), max(self.size)
        spec = FasterRCNNSpec(self.n_classes, Backbone.RESNET50_FPN_V2, min_size=low, max_size=high)
        return Ours(FasterRCNNDetector(spec), setup, DetectionSettings(0.05, 0.5, 400, 100))

    def theirs(self, setup: Setup, ours: Ours) -> Theirs:
        """torchvision's, with the weights of `ours`, which come in the same order."""
        n, none = 1 + self.n_classes, {"weights": None, "weights_backbone": None}
        if self.name == "ssd300":
            network = ssd300_vgg16(num_classes=n, **none)
            scored = network
        else:
            sizes = {"min_size": min(self.size), "max_size": max(self.size)}
            network = fasterrcnn_resnet50_fpn_v2(num_classes=n, **none, **sizes)
            scored = network.roi_heads
        with torch.no_grad():
            for to, of in zip(network.parameters(), ours.network.parameters(), strict=True):
                to.copy_(of)
        return Theirs(network, scored, setup)


def normalised(images: Sequence[Tensor]) -> list[Tensor]:
    """Images in [0, 1] as our SSD300 takes them; torchvision's does the same within its network."""
    mean, std = list(IMAGENET_MEAN), list(IMAGENET_STD)
    return [normalize(image, mean, std) for image in images]
