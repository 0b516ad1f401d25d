"""Pretrained weights for Faster R-CNN: torchvision's or a file's, whole or of the backbone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from torch import Tensor
from torchvision.models import (
    MobileNet_V3_Large_Weights,
    ResNet18_Weights,
    ResNet50_Weights,
    WeightsEnum,
)
from torchvision.models.detection import (
    FasterRCNN,
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    FasterRCNN_ResNet50_FPN_V2_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
)

from refdet.models.faster_rcnn_spec import Backbone, BatchNormKind
from refdet.models.state_files import read_state_file

NO_WEIGHTS = "none"
IMAGENET = "imagenet"
COCO = "coco"

COCO_WEIGHTS: Mapping[Backbone, WeightsEnum] = {
    Backbone.RESNET50_FPN_V2: FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    Backbone.RESNET50_FPN: FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    Backbone.MOBILENET_V3_LARGE_320_FPN: FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
}
IMAGENET_WEIGHTS: Mapping[Backbone, WeightsEnum] = {
    Backbone.RESNET50_FPN_V2: ResNet50_Weights.IMAGENET1K_V1,
    Backbone.RESNET50_FPN: ResNet50_Weights.IMAGENET1K_V1,
    Backbone.MOBILENET_V3_LARGE_320_FPN: MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    Backbone.RESNET18_SMALL: ResNet18_Weights.IMAGENET1K_V1,
}

FROZEN_NORM_WHEN_PRETRAINED = (Backbone.RESNET50_FPN, Backbone.MOBILENET_V3_LARGE_320_FPN)
"""As torchvision has it; its v2 learns them."""

DETECTOR_PARTS = ("backbone.", "rpn.", "roi_heads.")
BODY = "backbone.body."
CLASSIFIERS = ("fc.", "classifier.")
PREDICTOR = "roi_heads.box_predictor."
RPN_OUTPUTS = ("rpn.head.cls_logits.", "rpn.head.bbox_pred.")

OTHER_WAYS = (
    "give a local file with --weights FILE.pth, or train from random weights with --weights none"
)


@dataclass(frozen=True, eq=False)
class PretrainedWeights:
    """What was read, under the names of our network.

    Attributes:
        origin: where it is from, for sentences.
        state: tensors by name.
        whole: of the whole detector, else of the backbone's body alone.
        own_classes: whether the box predictor's classes may be the user's own.
        batch_norm: what the backbone's BatchNorm is to do with these weights.
    """

    origin: str
    state: Mapping[str, Tensor]
    whole: bool
    own_classes: bool
    batch_norm: BatchNormKind


def read_weights(backbone: Backbone, source: str) -> PretrainedWeights | None:
    """The weights that `source` names; None for random ones.

    Args:
        backbone: whose they are to be.
        source: `none`, `imagenet`, `coco`, or a file with a state dict of torchvision's detector
            or of its ResNet or MobileNet classifier.

    Raises:
        ValueError: they cannot be had, or are no weights; says why and what else to do.
    """
    if source == NO_WEIGHTS:
        return None
    if source in (COCO, IMAGENET):
        published = (COCO_WEIGHTS if source == COCO else IMAGENET_WEIGHTS).get(backbone)
        if published is None:
            raise ValueError(f"there are no {source} weights for {backbone}; {OTHER_WAYS}")
        name = "COCO" if source == COCO else "ImageNet"
        origin = f"torchvision's {name} weights ({published})"
        state = _fetched_state(published, origin)
        without_eps = source == COCO and backbone == Backbone.RESNET50_FPN
    else:
        file = Path(source)
        origin, state = str(file), _state_from_file(file)
        without_eps = backbone == Backbone.RESNET50_FPN and _is_published_resnet50(file)
    whole = any(name.startswith(DETECTOR_PARTS) for name in state)
    return PretrainedWeights(
        origin,
        state if whole else _body_state(state),
        whole,
        own_classes=source != COCO,
        batch_norm=_batch_norm(backbone, without_eps),
    )


def load_weights(network: FasterRCNN, weights: PretrainedWeights | None) -> str:
    """Copy `weights` into `network`, and say in a sentence what was loaded and what was not.

    What may differ is the box predictor (other classes) and the RPN's outputs (other anchors).

    Raises:
        ValueError: anything else does not fit, or is not there; names the first such entry.
    """
    if weights is None:
        return "weights: random"
    own = network.state_dict()
    left_out = {name for name in weights.state if _is_replaced(name, weights, own)}
    state = {name: value for name, value in weights.state.items() if name not in left_out}
    wrong_shape = [
        f"{name!r} has shape {tuple(value.shape)} instead of {tuple(own[name].shape)}"
        for name, value in state.items()
        if name in own and value.shape != own[name].shape
    ]
    if wrong_shape:
        raise ValueError(f"{weights.origin} does not fit this network: {wrong_shape[0]}")
    missing, unused = network.load_state_dict(state, strict=False)
    needed = [
        name
        for name in missing
        if not name.endswith("num_batches_tracked")
        and name not in left_out
        and (weights.whole or name.startswith(BODY))
    ]
    if needed:
        raise ValueError(f"{weights.origin} does not fit this network: {needed[0]!r} is not there")
    loaded = "the whole detector" if weights.whole else "the backbone"
    sentence = f"weights: {loaded} from {weights.origin}"
    random = _random_parts(weights.whole, left_out)
    if random:
        sentence += f"; random: {', '.join(random)}"
    if unused:
        sentence += f"; not used: {len(unused)} entries of it, such as {unused[0]!r}"
    return sentence


def _is_replaced(name: str, weights: PretrainedWeights, own: Mapping[str, Tensor]) -> bool:
    if name.startswith(PREDICTOR) and not weights.own_classes:
        return True
    may_differ = name.startswith((PREDICTOR, *RPN_OUTPUTS)) and name in own
    return may_differ and weights.state[name].shape != own[name].shape


def _random_parts(whole: bool, left_out: set[str]) -> list[str]:
    if not whole:
        return ["the feature pyramid", "the region proposals", "the box head"]
    parts = []
    if any(name.startswith(PREDICTOR) for name in left_out):
        parts.append("the box predictor, for other classes")
    if any(name.startswith(RPN_OUTPUTS) for name in left_out):
        parts.append("the RPN's outputs, for other anchors")
    return parts


def _batch_norm(backbone: Backbone, without_eps: bool) -> BatchNormKind:
    if backbone not in FROZEN_NORM_WHEN_PRETRAINED:
        return BatchNormKind.LEARNED
    return BatchNormKind.FROZEN_WITHOUT_EPS if without_eps else BatchNormKind.FROZEN


def _body_state(classifier: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A classifier's state under the names of the detector's backbone, without its last layers."""
    return {
        BODY + name.removeprefix("features."): value
        for name, value in classifier.items()
        if not name.startswith(CLASSIFIERS)
    }


def _fetched_state(weights: WeightsEnum, origin: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = weights.get_state_dict(check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise ValueError(f"{origin} could not be fetched ({error}); {OTHER_WAYS}") from error
    return state


def _state_from_file(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise ValueError(f"no file {file} for --weights; it takes none, imagenet, coco or a file")
    return read_state_file(file)


def _is_published_resnet50(file: Path) -> bool:
    """Whether `file` is a copy of torchvision's own, whose URL ends in the start of its hash."""
    url: str = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.url
    start = url.rsplit("-", 1)[-1].removesuffix(".pth")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest().startswith(start)
