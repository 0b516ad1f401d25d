"""SSD300: the published network, number for number, and its narrow variant."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import ssd300_vgg16

from refdet.core.priors import SSD300_COCO
from refdet.models.ssd300 import SSD300


@pytest.fixture(scope="module")
def published() -> SSD300:
    torch.manual_seed(0)
    return SSD300(3, prior_spec=SSD300_COCO).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(1, 3, 300, 300, generator=torch.Generator().manual_seed(1))


def test_ssd300_has_as_many_parameters_as_torchvision(published: SSD300) -> None:
    # 24,013,232 for 3 classes and the background: counted on torchvision 0.29.2.
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=4)
    count = sum(parameter.numel() for parameter in published.parameters())
    assert count == sum(parameter.numel() for parameter in theirs.parameters()) == 24_013_232


@torch.no_grad()
def test_ssd300_with_torchvision_weights_gives_torchvision_outputs(
    published: SSD300, images: Tensor
) -> None:
    torch.manual_seed(2)
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=4).eval()
    ours = SSD300(3, prior_spec=SSD300_COCO).eval()
    # The parameters come in the same order in both, so that a copy needs no table of names.
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    for parameter, their_parameter in pairs:
        assert parameter.shape == their_parameter.shape
        parameter.copy_(their_parameter)
    want = theirs.head(list(theirs.backbone(images).values()))
    got = ours(images)
    torch.testing.assert_close(got.class_logits, want["cls_logits"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got.deltas, want["bbox_regression"], rtol=1e-5, atol=1e-5)


def test_ssd300_runs_at_300_pixels(published: SSD300, images: Tensor) -> None:
    # The notebook's forward pass crashed here: pool3 without ceil_mode, pool5 with stride 2.
    output = published(images)
    assert output.class_logits.shape == (1, 8732, 4)
    assert output.deltas.shape == (1, 8732, 4)


def test_ssd300_maps_have_the_published_sizes(published: SSD300, images: Tensor) -> None:
    conv4_3 = published.to_conv4_3(images)
    features = published.to_conv7(conv4_3)
    sizes = [conv4_3.shape[-1], features.shape[-1]]
    for extra in published.extras:
        features = extra(features)
        sizes.append(features.shape[-1])
    assert sizes == [38, 19, 10, 5, 3, 1]


def test_ssd300_normalises_conv4_3(published: SSD300, images: Tensor) -> None:
    # The notebook fed conv4_3 to its head as it was. Published: every cell's features are brought
    # to length 1 and scaled by 20 at the start.
    heads: list[Tensor] = []
    hook = published.class_heads[0].register_forward_pre_hook(
        lambda _head, inputs: heads.append(inputs[0])
    )
    published(images)
    hook.remove()
    length = heads[0].norm(dim=1)
    torch.testing.assert_close(length, torch.full_like(length, 20.0))


def test_ssd300_priors_are_a_buffer_that_moves_but_is_not_saved(published: SSD300) -> None:
    assert "priors_cxcywh" in dict(published.named_buffers())
    assert not any("priors" in name for name in published.state_dict())


def test_ssd300_construction_leaves_batch_norm_untouched() -> None:
    model = SSD300(3, width=0.125, batch_norm=True)
    fresh = {name: value for name, value in model.state_dict().items() if "running_" in name}
    assert fresh
    for name, value in fresh.items():
        assert torch.equal(value, torch.full_like(value, float("var" in name))), name
    assert model.training


def test_ssd300_rejects_priors_that_do_not_fit_the_heads() -> None:
    wrong = replace(SSD300_COCO, feature_maps=(37, 19, 10, 5, 3, 1))
    # 8,732 less 4 * (38**2 - 37**2) = 300.
    with pytest.raises(ValueError, match="heads give 8732 boxes, the priors are 8432"):
        SSD300(3, width=0.125, prior_spec=wrong)


@pytest.mark.parametrize("width", [0.0, -1.0, 5.0])
def test_ssd300_rejects_a_width_that_makes_no_network(width: float) -> None:
    with pytest.raises(ValueError, match=r"width must be in \(0, 4\]"):
        SSD300(3, width=width)


def test_ssd300_rejects_images_of_another_size(published: SSD300) -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, 300, 300\), got \(1, 3, 256, 256\)"):
        published(torch.zeros(1, 3, 256, 256))
