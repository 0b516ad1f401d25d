"""Faster R-CNN as a detector: torchvision's network, our labels, losses and detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN

from refdet.models.detector import DetectionSettings, Detector, Forward, RawDetections, on_device
from refdet.models.faster_rcnn_detect import Size, detect_from_features
from refdet.models.faster_rcnn_network import build_network, frozen_sentence
from refdet.models.faster_rcnn_spec import (
    PRETRAINED_TRAINABLE_LAYERS,
    STAGES,
    Anchors,
    Backbone,
    FasterRCNNSpec,
    spec_from_description,
)
from refdet.models.faster_rcnn_weights import NO_WEIGHTS, load_weights, read_weights

FASTER_RCNN_NAME = "faster-rcnn"

Target = dict[str, Tensor]
"""One image's `boxes` and `labels`, as torchvision names them; label 0 is the background."""


class FasterRCNNDetector(Detector):
    """torchvision's Faster R-CNN behind the interface that training and inference use.

    Images are float32 (3, H, W) in [0, 1], of any sizes: the network normalises and resizes them
    itself.

    Attributes:
        spec: what the network was built from.
    """

    architecture = FASTER_RCNN_NAME

    def __init__(self, spec: FasterRCNNSpec) -> None:
        self.spec = spec
        self.network: FasterRCNN = build_network(spec)
        self.description: Mapping[str, object] = spec.description()

    @property
    def compiled_part(self) -> nn.Module:
        """The backbone: what follows handles another number of boxes for every image."""
        backbone: nn.Module = self.network.backbone
        return backbone

    def losses(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        forward: Forward | None = None,
    ) -> dict[str, Tensor]:
        """The four losses of torchvision: of the RPN, of the box head, each class and box."""
        if not self.network.training:
            raise ValueError("losses are for training mode; judge gives them in evaluation mode")
        targets = self._targets(boxes_xyxy, labels)
        output = (forward or self.network)(on_device(images, self._device()), targets)
        if not isinstance(output, dict):
            raise TypeError(f"the network gave {type(output).__name__} instead of losses")
        return output

    @torch.no_grad()
    def detect(self, images: Sequence[Tensor], settings: DetectionSettings) -> list[RawDetections]:
        """What is found in each image; empty tensors where nothing is."""
        self._require_evaluation_mode()
        resized, _ = self.network.transform(on_device(images, self._device()))
        features = self.network.backbone(resized.tensors)
        return detect_from_features(self.network, resized, features, _sizes(images), settings)

    @torch.no_grad()
    def judge(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        settings: DetectionSettings,
    ) -> tuple[dict[str, Tensor], list[RawDetections]]:
        """Losses and detections of one pass through the backbone.

        The losses draw anchors and proposals at random, always from the same seed: they depend on
        the weights and the batch alone.
        """
        self._require_evaluation_mode()
        network, targets = self.network, self._targets(boxes_xyxy, labels)
        resized, resized_targets = network.transform(on_device(images, self._device()), targets)
        features = network.backbone(resized.tensors)
        with _computing_losses(network), _own_random_state(self._device()):
            proposals, losses = network.rpn(resized, features, resized_targets)
            _, box_losses = network.roi_heads(
                features, proposals, resized.image_sizes, resized_targets
            )
        found = detect_from_features(network, resized, features, _sizes(images), settings)
        return {**box_losses, **losses}, found

    def _targets(self, boxes_xyxy: Sequence[Tensor], labels: Sequence[Tensor]) -> list[Target]:
        """What torchvision learns from. The one place where a label gains the background class."""
        device = self._device()
        self._refuse_unknown(labels)
        return [
            {
                "boxes": image_boxes.to(torch.float32),
                "labels": image_labels.to(torch.int64) + 1,
            }
            for image_boxes, image_labels in zip(
                on_device(boxes_xyxy, device), on_device(labels, device), strict=True
            )
        ]

    def _refuse_unknown(self, labels: Sequence[Tensor]) -> None:
        """Where the labels lie on a GPU, it is waited for once."""
        every = torch.cat(list(labels))
        if not bool(((every < 0) | (every >= self.spec.n_classes)).any()):
            return
        for row, image_labels in enumerate(labels):
            for value in image_labels.tolist():
                if not 0 <= value < self.spec.n_classes:
                    raise ValueError(
                        f"labels of image {row} of the batch: {value} is not in "
                        f"0..{self.spec.n_classes - 1}"
                    )

    def _device(self) -> torch.device:
        device: torch.device = next(self.network.parameters()).device
        return device

    def _require_evaluation_mode(self) -> None:
        if any(module.training for module in self.network.modules()):
            raise ValueError("the network is in training mode: call network.eval() first")


def create_faster_rcnn(
    n_classes: int,
    backbone: Backbone = Backbone.RESNET50_FPN_V2,
    *,
    weights: str = NO_WEIGHTS,
    anchors: Anchors = Anchors.DEFAULT,
    min_size: int = 0,
    max_size: int = 0,
    trainable_layers: int | None = None,
) -> tuple[FasterRCNNDetector, tuple[str, ...]]:
    """A detector to train, and sentences that say which weights it has and which are frozen.

    Args:
        n_classes: C, without the background.
        backbone: see `Backbone`.
        weights: `none`, `imagenet` (the backbone's), `coco` (the whole detector's), or a file with
            a torchvision state dict of either.
        anchors: see `Anchors`.
        min_size: the shorter side that images are resized to; 0 takes the backbone's own.
        max_size: the most that the longer side may become; 0 takes the backbone's own.
        trainable_layers: stages of the backbone to train, counted from its end; -1 is all, which
            is the only choice with random weights. None is torchvision's choice: 3 of pretrained
            weights, all of random ones.

    Raises:
        ValueError: an option is out of range, or the weights cannot be had or do not fit.
    """
    if trainable_layers is None:
        own_choice = PRETRAINED_TRAINABLE_LAYERS[backbone]
        trainable_layers = STAGES[backbone] if weights == NO_WEIGHTS else own_choice
    elif weights == NO_WEIGHTS and 0 <= trainable_layers < STAGES[backbone]:
        raise ValueError(
            f"trainable_layers (--trainable-layers) is {trainable_layers}: without pretrained "
            "weights the other layers would keep random ones; leave it out"
        )
    # Before the weights are fetched, since this refuses what is out of range.
    spec = FasterRCNNSpec(n_classes, backbone, anchors, min_size, max_size, trainable_layers)
    pretrained = read_weights(backbone, weights)
    if pretrained is not None:
        spec = replace(spec, batch_norm=pretrained.batch_norm)
    detector = FasterRCNNDetector(spec)
    loaded = load_weights(detector.network, pretrained)
    return detector, (loaded, frozen_sentence(detector.network, spec))


def faster_rcnn_from_description(description: Mapping[str, object]) -> FasterRCNNDetector:
    """The detector that had `description`, with random weights.

    Raises:
        ValueError: it is no description of a Faster R-CNN.
    """
    return FasterRCNNDetector(spec_from_description(description))


def _sizes(images: Sequence[Tensor]) -> list[Size]:
    return [(image.shape[-2], image.shape[-1]) for image in images]


@contextmanager
def _computing_losses(network: FasterRCNN) -> Iterator[None]:
    """Losses come where torchvision finds `training` set; what lies below stays as it is.

    `train()` would reach down to BatchNorm, and evaluating would then change its statistics.
    """
    modules = (network.rpn, network.roi_heads)
    before = [module.training for module in modules]
    for module in modules:
        module.training = True
    try:
        yield
    finally:
        for module, was_training in zip(modules, before, strict=True):
            module.training = was_training


@contextmanager
def _own_random_state(device: torch.device) -> Iterator[None]:
    """The generators that torchvision draws from start at 0 inside and are as before after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(0)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
        yield
