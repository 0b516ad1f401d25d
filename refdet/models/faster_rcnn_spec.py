"""Which Faster R-CNN: everything that must be known to build the same network again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

AnchorSizes = tuple[tuple[int, ...], ...]
"""Per feature map, the finest first: the square roots of the anchors' areas, in pixels of the
image as the network sees it."""

ASPECT_RATIOS = (0.5, 1.0, 2.0)
"""Height over width of the anchors of every size."""


class Backbone(StrEnum):
    """What computes the feature maps; three of torchvision's detectors, and one for a CPU."""

    RESNET50_FPN_V2 = "resnet50_fpn_v2"
    RESNET50_FPN = "resnet50_fpn"
    MOBILENET_V3_LARGE_320_FPN = "mobilenet_v3_large_320_fpn"
    RESNET18_SMALL = "resnet18_small"


class Anchors(StrEnum):
    """Which boxes the region proposals start from."""

    DEFAULT = "default"
    SMALL = "small"


class BatchNormKind(StrEnum):
    """What BatchNorm does in the stages of the backbone that are trained.

    In stages that are not trained it is always frozen.
    """

    LEARNED = "learned"
    FROZEN = "frozen"
    FROZEN_WITHOUT_EPS = "frozen-without-eps"
    """As torchvision's COCO weights of `resnet50_fpn` were trained: nothing under the root is
    added to the variance."""


_RESNET50_ANCHORS: Mapping[Anchors, AnchorSizes] = {
    Anchors.DEFAULT: ((32,), (64,), (128,), (256,), (512,)),
    # From a quarter of the size, and two to the octave: a 10-px object overlaps no 32-px anchor
    # by more than 0.1.
    Anchors.SMALL: ((8, 12), (16, 24), (32, 48), (64, 96), (128, 192)),
}
ANCHOR_SIZES: Mapping[Backbone, Mapping[Anchors, AnchorSizes]] = {
    Backbone.RESNET50_FPN_V2: _RESNET50_ANCHORS,
    Backbone.RESNET50_FPN: _RESNET50_ANCHORS,
    Backbone.MOBILENET_V3_LARGE_320_FPN: {
        Anchors.DEFAULT: ((32, 64, 128, 256, 512),) * 3,
        Anchors.SMALL: ((8, 16, 24, 32, 48, 64, 128),) * 3,
    },
    Backbone.RESNET18_SMALL: {
        Anchors.DEFAULT: ((16,), (32,), (64,), (128,)),
        Anchors.SMALL: ((8, 12), (16, 24), (32, 48), (64, 96)),
    },
}

IMAGE_SIZES: Mapping[Backbone, tuple[int, int]] = {
    Backbone.RESNET50_FPN_V2: (800, 1333),
    Backbone.RESNET50_FPN: (800, 1333),
    Backbone.MOBILENET_V3_LARGE_320_FPN: (320, 640),
    Backbone.RESNET18_SMALL: (112, 224),
}
"""The shorter side that images are resized to, and the longest that the longer may become."""

STAGES: Mapping[Backbone, int] = {
    Backbone.RESNET50_FPN_V2: 5,
    Backbone.RESNET50_FPN: 5,
    Backbone.MOBILENET_V3_LARGE_320_FPN: 6,
    Backbone.RESNET18_SMALL: 4,
}
"""How many stages of the backbone can be frozen, one after the other from the image on."""

PRETRAINED_TRAINABLE_LAYERS: Mapping[Backbone, int] = {
    Backbone.RESNET50_FPN_V2: 3,
    Backbone.RESNET50_FPN: 3,
    Backbone.MOBILENET_V3_LARGE_320_FPN: 3,
    Backbone.RESNET18_SMALL: 4,
}
"""How many are trained if nothing else is said: torchvision's number, and all of the small one."""


@dataclass(frozen=True)
class FasterRCNNSpec:
    """Everything that decides which modules the network has and which of them are trained.

    Attributes:
        n_classes: C, without the background.
        backbone: see `Backbone`.
        anchors: see `Anchors`.
        min_size: the shorter side that every image is resized to, in pixels; 0 takes the
            backbone's own, as does 0 for `max_size`.
        max_size: the longer side never becomes more; the shorter one is then less.
        trainable_layers: stages of the backbone that are trained, counted from its end; -1 is
            all of them.
        batch_norm: see `BatchNormKind`.
    """

    n_classes: int
    backbone: Backbone = Backbone.RESNET50_FPN_V2
    anchors: Anchors = Anchors.DEFAULT
    min_size: int = 0
    max_size: int = 0
    trainable_layers: int = -1
    batch_norm: BatchNormKind = BatchNormKind.LEARNED

    def __post_init__(self) -> None:
        own_min, own_max = IMAGE_SIZES[self.backbone]
        stages = STAGES[self.backbone]
        if self.n_classes < 1:
            raise ValueError(f"n_classes must be at least 1, got {self.n_classes}")
        if not -1 <= self.trainable_layers <= stages:
            raise ValueError(
                f"trainable_layers (--trainable-layers) is {self.trainable_layers}, not in "
                f"0..{stages} for {self.backbone}, or -1 for all"
            )
        if self.trainable_layers == -1:
            object.__setattr__(self, "trainable_layers", stages)
        if self.min_size < 0 or self.max_size < 0:
            raise ValueError(
                f"image sizes must not be negative, got {self.min_size}, {self.max_size}"
            )
        if self.min_size == 0:
            object.__setattr__(self, "min_size", own_min)
        if self.max_size == 0:
            # As wide as the backbone's own images, whatever their size.
            scaled = max(own_max, round(self.min_size * own_max / own_min))
            object.__setattr__(self, "max_size", scaled)
        if self.max_size < self.min_size:
            raise ValueError(f"max_size {self.max_size} is less than min_size {self.min_size}")

    @property
    def anchor_sizes(self) -> AnchorSizes:
        """The sizes of the anchors on each feature map."""
        return ANCHOR_SIZES[self.backbone][self.anchors]

    def description(self) -> dict[str, object]:
        """The fields as plain numbers and texts, from which `spec_from_description` reads."""
        return {
            name: str(value) if isinstance(value, StrEnum) else value
            for name, value in asdict(self).items()
        }


def spec_from_description(description: Mapping[str, object]) -> FasterRCNNSpec:
    """The spec that gave `description`.

    Raises:
        ValueError: a field is missing, unknown or has a value that this version does not know.
    """
    known = {field.name for field in fields(FasterRCNNSpec)}
    if set(description) != known:
        wrong = sorted(set(description) ^ known)
        raise ValueError(f"no description of a Faster R-CNN: {', '.join(wrong)} missing or unknown")
    return FasterRCNNSpec(
        n_classes=_integer(description, "n_classes"),
        backbone=Backbone(str(description["backbone"])),
        anchors=Anchors(str(description["anchors"])),
        min_size=_integer(description, "min_size"),
        max_size=_integer(description, "max_size"),
        trainable_layers=_integer(description, "trainable_layers"),
        batch_norm=BatchNormKind(str(description["batch_norm"])),
    )


def _integer(description: Mapping[str, object], name: str) -> int:
    value = description[name]
    if type(value) is not int:
        raise ValueError(f"no description of a Faster R-CNN: {name} = {value!r} is no integer")
    return value
