"""The network: anchors that fit, torchvision's numbers, frozen layers, nothing kept from images."""

from __future__ import annotations

from copy import deepcopy
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models.detection import (
    FasterRCNN,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
)
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone, resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from refdet.core.assign import assign_rcnn
from refdet.models.faster_rcnn_assign import AnchorMatcher
from refdet.models.faster_rcnn_network import build_network, check_anchors_fit, frozen_sentence
from refdet.models.faster_rcnn_spec import (
    STAGES,
    Anchors,
    Backbone,
    BatchNormKind,
    FasterRCNNSpec,
    spec_from_description,
)

SMALL = Backbone.RESNET18_SMALL


def on_meta(spec: FasterRCNNSpec) -> FasterRCNN:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return build_network(spec)


@pytest.mark.parametrize(("backbone", "anchors"), list(product(Backbone, Anchors)))
def test_build_network_has_a_head_for_its_anchors(backbone: Backbone, anchors: Anchors) -> None:
    network = on_meta(FasterRCNNSpec(3, backbone, anchors))
    per_location = set(network.rpn.anchor_generator.num_anchors_per_location())
    assert per_location == {network.rpn.head.cls_logits.out_channels}
    assert per_location == {network.rpn.head.bbox_pred.out_channels / 4}


def test_build_network_fits_where_the_notebook_failed_at_the_first_batch() -> None:
    # The notebook: five sizes on every map, 15 anchors per location, and a head that predicts 3.
    network = build_network(FasterRCNNSpec(3, SMALL))
    notebooks = AnchorGenerator(((8, 16, 32, 64, 128),) * 4, ((0.5, 1.0, 2.0),) * 4)
    network.rpn.anchor_generator = notebooks
    with pytest.raises(ValueError, match=r"predicts 3 boxes .* anchors are \[15, 15, 15, 15\]"):
        check_anchors_fit(network)
    target = {"boxes": torch.tensor([[8.0, 8, 40, 40]]), "labels": torch.tensor([1])}
    with pytest.raises(RuntimeError, match="shape"):
        network([torch.rand(3, 64, 64)] * 2, [target] * 2)

    ours = build_network(FasterRCNNSpec(3, SMALL, Anchors.SMALL))  # 6 per location
    assert len(ours([torch.rand(3, 64, 64)] * 2, [target] * 2)) == 4


def test_check_anchors_fit_refuses_another_number_of_maps() -> None:
    network = build_network(FasterRCNNSpec(3, SMALL))
    network.rpn.anchor_generator = AnchorGenerator(((32,),) * 5, ((0.5, 1.0, 2.0),) * 5)
    with pytest.raises(ValueError, match="anchors for 5 feature maps do not fit 4"):
        check_anchors_fit(network)


@pytest.mark.parametrize(
    ("backbone", "builder"),
    [
        (Backbone.RESNET50_FPN_V2, fasterrcnn_resnet50_fpn_v2),
        (Backbone.RESNET50_FPN, fasterrcnn_resnet50_fpn),
        (Backbone.MOBILENET_V3_LARGE_320_FPN, fasterrcnn_mobilenet_v3_large_320_fpn),
    ],
)
def test_build_network_has_torchvisions_parameters(
    backbone: Backbone, builder: type[nn.Module]
) -> None:
    with torch.device("meta"):
        theirs = builder(weights=None, weights_backbone=None, num_classes=91)
    ours = on_meta(FasterRCNNSpec(90, backbone))
    want = {name: value.shape for name, value in theirs.named_parameters()}
    assert {name: value.shape for name, value in ours.named_parameters()} == want
    if backbone == Backbone.RESNET50_FPN_V2:
        # As torchvision publishes it with these weights.
        assert sum(value.numel() for value in ours.parameters()) == 43_712_278


@pytest.mark.parametrize("trainable", range(STAGES[Backbone.RESNET50_FPN] + 1))
def test_build_network_freezes_torchvisions_resnet_layers(trainable: int) -> None:
    with torch.device("meta"):
        theirs = resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, trainable_layers=trainable
        )
    spec = FasterRCNNSpec(
        3, Backbone.RESNET50_FPN, trainable_layers=trainable, batch_norm=BatchNormKind.FROZEN
    )
    assert learned_parameters(on_meta(spec).backbone) == learned_parameters(theirs)


@pytest.mark.parametrize("trainable", range(STAGES[Backbone.MOBILENET_V3_LARGE_320_FPN] + 1))
def test_build_network_freezes_torchvisions_mobilenet_layers(trainable: int) -> None:
    with torch.device("meta"):
        theirs = mobilenet_backbone(
            backbone_name="mobilenet_v3_large", weights=None, fpn=True, trainable_layers=trainable
        )
    spec = FasterRCNNSpec(
        3,
        Backbone.MOBILENET_V3_LARGE_320_FPN,
        trainable_layers=trainable,
        batch_norm=BatchNormKind.FROZEN,
    )
    assert learned_parameters(on_meta(spec).backbone) == learned_parameters(theirs)


def learned_parameters(module: nn.Module) -> set[str]:
    return {name for name, value in module.named_parameters() if value.requires_grad}


def test_build_network_freezes_statistics_with_their_stage() -> None:
    network = build_network(FasterRCNNSpec(3, SMALL, trainable_layers=2))
    body = network.backbone.body
    assert isinstance(body.bn1, FrozenBatchNorm2d)
    assert isinstance(body.layer1[0].bn1, FrozenBatchNorm2d)
    assert isinstance(body.layer2[0].bn1, nn.BatchNorm2d)


def test_frozen_sentence_names_the_stages() -> None:
    spec = FasterRCNNSpec(3, SMALL, trainable_layers=2)
    # By hand: conv1 3*64*49, layer1 four 3x3 convolutions of 64 by 64.
    assert "conv1, bn1, layer1 (156,864 of" in frozen_sentence(build_network(spec), spec)


def test_frozen_sentence_says_nothing_is() -> None:
    spec = FasterRCNNSpec(3, SMALL)
    assert "frozen: nothing" in frozen_sentence(build_network(spec), spec)


def test_build_network_without_eps_adds_nothing_to_the_variance() -> None:
    spec = FasterRCNNSpec(3, SMALL, batch_norm=BatchNormKind.FROZEN_WITHOUT_EPS, trainable_layers=2)
    norms = [m for m in build_network(spec).modules() if isinstance(m, FrozenBatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.0}
    assert len(norms) == 15  # every BatchNorm of ResNet-18 up to layer3


def test_pooling_does_not_depend_on_the_first_images() -> None:
    # torchvision reads the scales off its first batch: 33 px, padded to 64, give twice the right
    # ones, and every later box is pooled from the wrong place.
    torch.manual_seed(0)
    fresh = build_network(FasterRCNNSpec(3, SMALL, min_size=96)).eval()
    used = deepcopy(fresh)
    used.transform.min_size = (33,)
    used([torch.rand(3, 33, 33)])
    used.transform.min_size = (96,)
    image = torch.rand(3, 96, 96)
    assert torch.equal(used([image])[0]["boxes"], fresh([image])[0]["boxes"])


@pytest.mark.parametrize("backbone", [Backbone.RESNET50_FPN, Backbone.MOBILENET_V3_LARGE_320_FPN])
def test_pooling_scales_are_those_of_the_feature_maps(backbone: Backbone) -> None:
    network = on_meta(FasterRCNNSpec(3, backbone))
    features = network.backbone(torch.rand(1, 3, 256, 256, device="meta"))
    pool = network.roi_heads.box_roi_pool
    pooled = [value for name, value in features.items() if name in pool.featmap_names]
    assert [value.shape[-1] / 256 for value in pooled] == pool.scales


@given(
    iou=st.integers(1, 4).flatmap(
        lambda g: st.lists(
            st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9]), min_size=g, max_size=g),
            min_size=1,
            max_size=6,
        )
    )
)
@example(iou=[[0.0]])
@example(iou=[[0.7], [0.3]])
@example(
    iou=[[0.5, 0.4], [0.6, 0.0]]
)  # the second object asks for an anchor that prefers the first
def test_anchor_matcher_is_the_rule_of_assign_rcnn(iou: list[list[float]]) -> None:
    want = assign_rcnn(np.array(iou), 0.7, 0.3, allow_low_quality=True)
    got = AnchorMatcher()(torch.tensor(iou, dtype=torch.float64).T).numpy()
    assert np.array_equal(got >= 0, want.positive)
    assert np.array_equal(got == -2, want.ignored)
    assert np.array_equal(got[want.positive], want.object_index[want.positive])


def test_anchor_matcher_gives_no_positive_to_an_object_that_touches_nothing() -> None:
    iou = torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.2, 0.1]])
    theirs: Tensor = Matcher(0.7, 0.3, allow_low_quality_matches=True)(iou.clone())
    assert theirs.tolist() == [1, 1, 1]  # torchvision's slip, which this network leaves out
    assert AnchorMatcher()(iou).tolist() == [1, -1, -1]


def test_spec_from_description_gives_the_spec_back() -> None:
    spec = FasterRCNNSpec(4, SMALL, Anchors.SMALL, min_size=96, trainable_layers=3)
    description = spec.description()
    assert {type(value) for value in description.values()} <= {int, str}
    assert spec_from_description(description) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "resnet99"}, "resnet99"),
        ({"n_classes": 2.0}, "n_classes = 2.0 is no integer"),
        ({"colour": "red"}, "colour missing or unknown"),
    ],
)
def test_spec_from_description_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec_from_description({**FasterRCNNSpec(4, SMALL).description(), **change})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 0}, "n_classes must be at least 1"),
        ({"trainable_layers": 5}, r"in 0\.\.4 for resnet18_small"),
        ({"min_size": 100, "max_size": 50}, "max_size 50 is less than min_size 100"),
        ({"min_size": -1}, "must not be negative"),
    ],
)
def test_spec_refuses(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec_from_description({**FasterRCNNSpec(3, SMALL).description(), **options})


def test_spec_takes_the_backbones_own_image_size() -> None:
    assert FasterRCNNSpec(3, Backbone.MOBILENET_V3_LARGE_320_FPN).min_size == 320
    assert FasterRCNNSpec(3, Backbone.RESNET50_FPN).max_size == 1333
    # By hand: twice the size, twice the limit.
    assert FasterRCNNSpec(3, Backbone.MOBILENET_V3_LARGE_320_FPN, min_size=640).max_size == 1280
