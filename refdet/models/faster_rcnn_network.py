"""torchvision's Faster R-CNN with other anchors, other classes, and frozen layers made explicit.

Ren et al., "Faster R-CNN" (NeurIPS 2015); Lin et al., "Feature Pyramid Networks" (CVPR 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import (
    FasterRCNN,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.poolers import LevelMapper

from refdet.models.faster_rcnn_assign import AnchorMatcher
from refdet.models.faster_rcnn_spec import ASPECT_RATIOS, Backbone, BatchNormKind, FasterRCNNSpec

POOLED_STRIDES: Mapping[Backbone, tuple[int, ...]] = {
    Backbone.RESNET50_FPN_V2: (4, 8, 16, 32),
    Backbone.RESNET50_FPN: (4, 8, 16, 32),
    Backbone.MOBILENET_V3_LARGE_320_FPN: (32, 32),
    Backbone.RESNET18_SMALL: (4, 8, 16),
}
"""Pixels per cell of the maps that the box head reads."""


def build_network(spec: FasterRCNNSpec) -> FasterRCNN:
    """The network of `spec` with random weights, in training mode."""
    builders: Mapping[Backbone, Callable[..., FasterRCNN]] = {
        Backbone.RESNET50_FPN_V2: partial(_published, fasterrcnn_resnet50_fpn_v2),
        Backbone.RESNET50_FPN: partial(_published, fasterrcnn_resnet50_fpn),
        Backbone.MOBILENET_V3_LARGE_320_FPN: partial(
            _published, fasterrcnn_mobilenet_v3_large_320_fpn
        ),
        Backbone.RESNET18_SMALL: _resnet18_small,
    }
    network = builders[spec.backbone](
        num_classes=1 + spec.n_classes, min_size=spec.min_size, max_size=spec.max_size
    )
    _set_anchors(network, spec)
    check_anchors_fit(network)
    network.rpn.proposal_matcher = AnchorMatcher()
    _fix_pooling(network, POOLED_STRIDES[spec.backbone])
    _freeze(network, spec)
    # A box in bf16 is right to 4 px at 1,000: what boxes are computed from stays in float32, and
    # anchors take the dtype of the feature maps.
    for module in (network.backbone, network.rpn.head, network.roi_heads.box_predictor):
        module.register_forward_hook(_widen_output)
    return network


def check_anchors_fit(network: FasterRCNN) -> None:
    """Raise unless the RPN head predicts as many anchors per location as are generated.

    Raises:
        ValueError: it does not, or the number of feature maps is another than the anchors'.
    """
    per_location = network.rpn.anchor_generator.num_anchors_per_location()
    predicted = network.rpn.head.cls_logits.out_channels
    n_maps = len(network.backbone.fpn.inner_blocks) + 1  # the last is pooled from the one before
    if len(per_location) != n_maps:
        raise ValueError(f"anchors for {len(per_location)} feature maps do not fit {n_maps}")
    if set(per_location) != {predicted}:
        raise ValueError(
            f"the RPN head predicts {predicted} boxes per location, the anchors are {per_location}"
        )


def frozen_sentence(network: FasterRCNN, spec: FasterRCNNSpec) -> str:
    """Which parameters are frozen, in a sentence."""
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    total = sum(p.numel() for p in network.parameters())
    fixed_norms = sum(isinstance(m, FrozenBatchNorm2d) for m in network.modules())
    if not frozen and not fixed_norms:
        return f"frozen: nothing; all {total:,} parameters are trained"
    stages = [name for stage in _frozen_stages(network, spec) for name in stage]
    where = f"backbone stages {', '.join(stages)}" if stages else "no stage of the backbone"
    return (
        f"frozen: {where} ({frozen:,} of {total:,} parameters), "
        f"and {fixed_norms} BatchNorm layers of the backbone with their statistics"
    )


def backbone_stages(network: FasterRCNN) -> list[list[str]]:
    """The names of the modules of each stage of the backbone's body, from the image on.

    As torchvision divides it when it counts `trainable_backbone_layers`.
    """
    body = network.backbone.body
    names = list(body)
    if "layer1" in names:
        return [["conv1", "bn1"], *([name] for name in names if name.startswith("layer"))]
    # MobileNet: a stage begins where the resolution falls; the last convolution is its own.
    starts = [i for i, name in enumerate(names) if getattr(body[name], "_is_cn", False)]
    bounds = [0, *starts, len(names) - 1, len(names)]
    return [names[start:end] for start, end in pairwise(bounds)]


def _published(
    builder: Callable[..., FasterRCNN], num_classes: int, min_size: int, max_size: int
) -> FasterRCNN:
    return builder(
        weights=None,
        weights_backbone=None,
        num_classes=num_classes,
        min_size=min_size,
        max_size=max_size,
    )


def _resnet18_small(num_classes: int, min_size: int, max_size: int) -> FasterRCNN:
    channels, head_width = 64, 256
    backbone = BackboneWithFPN(
        resnet18(weights=None),
        return_layers={"layer1": "0", "layer2": "1", "layer3": "2"},
        in_channels_list=[64, 128, 256],
        out_channels=channels,
        extra_blocks=LastLevelMaxPool(),
    )
    pool = MultiScaleRoIAlign(["0", "1", "2"], output_size=7, sampling_ratio=2)
    return FasterRCNN(
        backbone,
        min_size=min_size,
        max_size=max_size,
        rpn_anchor_generator=_anchor_generator(((32,),) * 4),  # for the time being
        rpn_pre_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=200,
        rpn_post_nms_top_n_train=100,
        rpn_post_nms_top_n_test=100,
        rpn_batch_size_per_image=128,
        box_roi_pool=pool,
        box_head=TwoMLPHead(channels * 7 * 7, head_width),
        box_predictor=FastRCNNPredictor(head_width, num_classes),
        box_batch_size_per_image=64,
    )


def _anchor_generator(sizes: tuple[tuple[int, ...], ...]) -> AnchorGenerator:
    return AnchorGenerator(sizes, (ASPECT_RATIOS,) * len(sizes))


def _set_anchors(network: FasterRCNN, spec: FasterRCNNSpec) -> None:
    generator = _anchor_generator(spec.anchor_sizes)
    network.rpn.anchor_generator = generator
    head = network.rpn.head
    per_location = generator.num_anchors_per_location()[0]
    if head.cls_logits.out_channels != per_location:
        in_channels = head.cls_logits.in_channels
        network.rpn.head = RPNHead(in_channels, per_location, conv_depth=len(head.conv))


def _fix_pooling(network: FasterRCNN, strides: tuple[int, ...]) -> None:
    # torchvision guesses the scales from the first images it sees and keeps them: after 33-px
    # images, padded to 64, every later box would be pooled from the wrong place.
    pool = network.roi_heads.box_roi_pool
    pool.scales = [1 / stride for stride in strides]
    pool.map_levels = LevelMapper(
        round(math.log2(strides[0])),
        round(math.log2(strides[-1])),
        pool.canonical_scale,
        pool.canonical_level,
    )


def _frozen_stages(network: FasterRCNN, spec: FasterRCNNSpec) -> list[list[str]]:
    stages = backbone_stages(network)
    return stages[: len(stages) - spec.trainable_layers]


def _freeze(network: FasterRCNN, spec: FasterRCNNSpec) -> None:
    body = network.backbone.body
    for stage in _frozen_stages(network, spec):
        for name in stage:
            body[name].requires_grad_(False)
            # Frozen is frozen: torchvision's v2 goes on changing the statistics here.
            body[name] = _with_frozen_norms(body[name], eps=None)
    if spec.batch_norm != BatchNormKind.LEARNED:
        eps = 0.0 if spec.batch_norm == BatchNormKind.FROZEN_WITHOUT_EPS else None
        for name in list(body):
            body[name] = _with_frozen_norms(body[name], eps)


def _with_frozen_norms(module: nn.Module, eps: float | None) -> nn.Module:
    """`module` with every BatchNorm in it replaced by one that nothing changes."""
    if isinstance(module, nn.BatchNorm2d | FrozenBatchNorm2d):
        frozen: nn.Module = FrozenBatchNorm2d(
            len(module.weight), eps=module.eps if eps is None else eps
        )
        return frozen.to(module.weight.device)
    for name, child in module.named_children():
        setattr(module, name, _with_frozen_norms(child, eps))
    return module


def _widen_output(_module: nn.Module, _inputs: object, output: object) -> object:
    if isinstance(output, Tensor):
        return output.to(torch.promote_types(output.dtype, torch.float32))
    if isinstance(output, Mapping):
        return {name: _widen_output(_module, _inputs, value) for name, value in output.items()}
    if isinstance(output, list | tuple):
        return [_widen_output(_module, _inputs, value) for value in output]
    return output
