"""What differs from one detector to another: first weights, and what becomes of a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from refdet.config_train import Train, TrainFasterRCNN, TrainSSD300
from refdet.data.augmentation import (
    Transform,
    denormalise,
    inference_transform,
    training_transform,
)
from refdet.data.augmentation_faster_rcnn import (
    faster_rcnn_inference_transform,
    faster_rcnn_training_transform,
)
from refdet.data.mixing import Mixing
from refdet.models.checkpoints import Checkpoint
from refdet.models.detector import Detector
from refdet.models.faster_rcnn import FasterRCNNDetector, create_faster_rcnn
from refdet.models.registry import build_detector
from refdet.models.ssd_detector import SSD300Detector
from refdet.models.vgg_weights import load_base_weights

INFERENCE_TRANSFORMS: Mapping[str, Callable[[], Transform]] = {
    SSD300Detector.architecture: inference_transform,
    FasterRCNNDetector.architecture: faster_rcnn_inference_transform,
}
"""What becomes of an image that is judged, by the detector's architecture."""


@dataclass(frozen=True)
class Recipe:
    """A detector to train, and how.

    Attributes:
        detector: with its first weights.
        told: sentences about these weights.
        transform: what becomes of a training sample.
        to_pixels: a transformed image as (3, H, W) uint8, to be looked at.
        mixing: of training samples with each other, before that.
    """

    detector: Detector
    told: Sequence[str]
    transform: Transform
    to_pixels: Callable[[Tensor], Tensor]
    mixing: Mixing | None = None


def recipe_for(config: Train, n_classes: int, checkpoint: Checkpoint | None) -> Recipe:
    """The recipe that the options of a training command describe.

    Args:
        config: the options.
        n_classes: C, without the background.
        checkpoint: of a run that is taken up: the detector is its, pretrained weights are not
            asked for again.

    Raises:
        ValueError: the options or the weights cannot be used, or the checkpoint is of another
            architecture.
    """
    if isinstance(config, TrainSSD300):
        detector, told = _taken_up(checkpoint, SSD300Detector) or _new_ssd300(config, n_classes)
        transform = training_transform(max_zoom_out=config.max_zoom_out, share=config.augment_share)
        return Recipe(detector, told, transform, denormalise)
    if isinstance(config, TrainFasterRCNN):
        taken_up = _taken_up(checkpoint, FasterRCNNDetector)
        detector, told = taken_up or _new_faster_rcnn(config, n_classes)
        return _faster_rcnn_recipe(config, detector, told)
    raise TypeError(f"no recipe for {type(config).__name__}")


def _taken_up(
    checkpoint: Checkpoint | None, kind: type[Detector]
) -> tuple[Detector, Sequence[str]] | None:
    if checkpoint is None:
        return None
    if checkpoint.architecture != kind.architecture:
        raise ValueError(
            f"the run to resume is of a {checkpoint.architecture}, not of a {kind.architecture}"
        )
    return build_detector(checkpoint), ("weights: those of the run",)


def _new_ssd300(config: TrainSSD300, n_classes: int) -> tuple[Detector, Sequence[str]]:
    detector = SSD300Detector(
        n_classes,
        width=config.width,
        batch_norm=config.batch_norm,
        priors=config.priors.value,
        match_iou=config.match_iou,
        negative_ratio=config.negative_ratio,
    )
    return detector, (load_base_weights(detector.network, config.weights),)


def _new_faster_rcnn(config: TrainFasterRCNN, n_classes: int) -> tuple[Detector, Sequence[str]]:
    return create_faster_rcnn(
        n_classes,
        config.backbone,
        weights=config.weights,
        anchors=config.anchors,
        min_size=config.min_size,
        max_size=config.max_size,
        trainable_layers=config.trainable_layers,
    )


def _faster_rcnn_recipe(config: TrainFasterRCNN, detector: Detector, told: Sequence[str]) -> Recipe:
    if not config.augment:
        return Recipe(detector, told, faster_rcnn_inference_transform(), _to_uint8)
    transform = faster_rcnn_training_transform(
        horizontal_flip=config.horizontal_flip,
        vertical_flip=config.vertical_flip,
        colour=config.colour,
        hue=config.hue,
        scale_range=(config.min_scale, config.max_scale),
        min_visible=config.min_visible,
    )
    mixing = Mixing(config.mosaic, config.mixup, config.mixup_alpha, config.min_visible)
    return Recipe(detector, told, transform, _to_uint8, mixing)


def _to_uint8(image: Tensor) -> Tensor:
    return (image * 255).round().to(torch.uint8)
