"""Pretrained weights: what is loaded and what is not is said; what does not fit is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor
from torchvision.models import WeightsEnum, mobilenet_v3_large, resnet18
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

import refdet.models.faster_rcnn_weights as weights_module
from refdet.models.faster_rcnn import create_faster_rcnn
from refdet.models.faster_rcnn_network import build_network
from refdet.models.faster_rcnn_spec import Anchors, Backbone, BatchNormKind, FasterRCNNSpec
from refdet.models.faster_rcnn_weights import load_weights, read_weights

SMALL = Backbone.RESNET18_SMALL
MOBILENET = Backbone.MOBILENET_V3_LARGE_320_FPN
PREDICTOR = "roi_heads.box_predictor.cls_score.weight"
RPN_OUTPUT = "rpn.head.cls_logits.weight"
RPN_CONV = "rpn.head.conv.0.0.weight"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State]:
    """A detector for 7 classes with default anchors, and the file that holds it."""
    file = tmp_path_factory.mktemp("weights") / "whole.pth"
    state: State = build_network(FasterRCNNSpec(7, SMALL)).state_dict()
    torch.save(state, file)
    return file, state


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State]:
    """torchvision's ResNet-18, and the file that holds it."""
    file = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    state: State = resnet18(weights=None).state_dict()
    torch.save(state, file)
    return file, state


def test_create_faster_rcnn_without_weights_says_random() -> None:
    _, (loaded, frozen) = create_faster_rcnn(3, SMALL)
    assert loaded == "weights: random"
    assert "nothing" in frozen


def test_whole_detector_of_other_classes_keeps_a_new_predictor(whole: tuple[Path, State]) -> None:
    file, state = whole
    detector, (loaded, _) = create_faster_rcnn(3, SMALL, weights=str(file))
    own = detector.network.state_dict()
    differing = {name for name, value in own.items() if not torch.equal(value, state[name])}
    predictor = "roi_heads.box_predictor."
    assert differing == {name for name in own if name.startswith(predictor)}
    assert own[PREDICTOR].shape == (4, 256)
    assert loaded == (
        f"weights: the whole detector from {file}; random: the box predictor, for other classes"
    )


def test_whole_detector_of_other_anchors_keeps_new_rpn_outputs(whole: tuple[Path, State]) -> None:
    file, state = whole
    detector, (loaded, _) = create_faster_rcnn(7, SMALL, weights=str(file), anchors=Anchors.SMALL)
    own = detector.network.state_dict()
    assert own[RPN_OUTPUT].shape[0] == 2 * state[RPN_OUTPUT].shape[0]
    assert torch.equal(own[RPN_CONV], state[RPN_CONV])
    assert torch.equal(own[PREDICTOR], state[PREDICTOR])  # a file's classes may be one's own
    assert loaded.endswith("random: the RPN's outputs, for other anchors")


def test_classifier_gives_the_backbone(classifier: tuple[Path, State]) -> None:
    file, state = classifier
    detector, (loaded, frozen) = create_faster_rcnn(3, SMALL, weights=str(file), trainable_layers=3)
    body = detector.network.backbone.body.state_dict()
    for name in ("conv1.weight", "bn1.running_var", "layer3.1.conv2.weight"):
        assert torch.equal(body[name], state[name]), name
    assert f"the backbone from {file}; random: the feature pyramid, the region pro" in loaded
    assert "not used: " in loaded  # layer4
    assert "conv1, bn1 (" in frozen


def test_mobilenet_classifier_fits(tmp_path: Path) -> None:
    file = tmp_path / "mobilenet.pth"
    state = mobilenet_v3_large(weights=None).state_dict()
    torch.save(state, file)
    weights = read_weights(MOBILENET, str(file))
    assert weights is not None
    assert weights.batch_norm == BatchNormKind.FROZEN
    network = build_network(FasterRCNNSpec(3, MOBILENET, batch_norm=weights.batch_norm))
    load_weights(network, weights)
    loaded = network.backbone.body.state_dict()["4.block.1.0.weight"]
    assert torch.equal(loaded, state["features.4.block.1.0.weight"])


def test_coco_predictor_is_never_kept(
    whole: tuple[Path, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seven classes of one's own are not the seven of somebody else.
    published = FasterRCNN_ResNet50_FPN_Weights.COCO_V1
    monkeypatch.setattr(weights_module, "COCO_WEIGHTS", {SMALL: published})
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_args, **_kwargs: whole[1])
    detector, (loaded, _) = create_faster_rcnn(7, SMALL, weights="coco")
    assert not torch.equal(detector.network.state_dict()[PREDICTOR], whole[1][PREDICTOR])
    assert "torchvision's COCO weights" in loaded
    assert loaded.endswith("random: the box predictor, for other classes")


@pytest.mark.parametrize(
    ("backbone", "source", "kind"),
    [
        (Backbone.RESNET50_FPN_V2, "coco", BatchNormKind.LEARNED),
        (Backbone.RESNET50_FPN, "coco", BatchNormKind.FROZEN_WITHOUT_EPS),
        (Backbone.RESNET50_FPN, "imagenet", BatchNormKind.FROZEN),
        (MOBILENET, "coco", BatchNormKind.FROZEN),
        (SMALL, "imagenet", BatchNormKind.LEARNED),
    ],
)
def test_read_weights_treats_batch_norm_as_torchvision_does(
    backbone: Backbone, source: str, kind: BatchNormKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"backbone.body.conv1.weight": torch.zeros(1)}
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_args, **_kwargs: state)
    weights = read_weights(backbone, source)
    assert weights is not None
    assert weights.batch_norm == kind


def test_a_local_copy_of_the_published_resnet50_is_known_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.pth"
    torch.save({"backbone.body.conv1.weight": torch.zeros(1)}, file)
    weights = read_weights(Backbone.RESNET50_FPN, str(file))
    assert weights is not None
    assert weights.batch_norm == BatchNormKind.FROZEN

    class Digest:
        def hexdigest(self) -> str:
            return "258fb6c6" + 56 * "0"  # the URL ends in -258fb6c6.pth

    monkeypatch.setattr(hashlib, "file_digest", lambda *_args: Digest())
    weights = read_weights(Backbone.RESNET50_FPN, str(file))
    assert weights is not None
    assert weights.batch_norm == BatchNormKind.FROZEN_WITHOUT_EPS


@pytest.mark.parametrize("source", ["imagenet", "coco"])
def test_read_weights_without_network_says_what_to_do(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", unreachable)
    with pytest.raises(ValueError, match=r"no route to host.*--weights FILE\.pth.*--weights none"):
        read_weights(Backbone.RESNET50_FPN_V2, source)


def test_read_weights_knows_no_coco_weights_of_the_small_backbone() -> None:
    with pytest.raises(ValueError, match="no coco weights for resnet18_small; give a local file"):
        read_weights(SMALL, "coco")


def test_read_weights_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file .*absent\.pth for --weights; it takes none, "):
        read_weights(SMALL, str(tmp_path / "absent.pth"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "is no state dict"),
        ({}, "is no state dict"),
        ({"model": {"conv1.weight": torch.zeros(1)}}, "'model' is no tensor"),
    ],
)
def test_read_weights_refuses_a_file_without_a_state_dict(
    content: object, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "other.pth"
    torch.save(content, file)
    with pytest.raises(ValueError, match=rf"other\.pth .*{message}"):
        read_weights(SMALL, str(file))


def test_read_weights_refuses_a_file_that_torch_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "text.pth"
    file.write_text("not weights")
    with pytest.raises(ValueError, match=r"text\.pth holds no weights that torch can read"):
        read_weights(SMALL, str(file))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("layer2.0.conv1.weight", None), r"layer2\.0\.conv1\.weight' is not there"),
        (("layer2.0.conv1.weight", torch.zeros(2, 2)), r"shape \(2, 2\) instead of \(128, 64"),
    ],
)
def test_load_weights_names_the_entry_that_does_not_fit(
    classifier: tuple[Path, State], tmp_path: Path, change: tuple[str, Tensor | None], message: str
) -> None:
    name, value = change
    state = {key: tensor for key, tensor in classifier[1].items() if key != name}
    if value is not None:
        state[name] = value
    file = tmp_path / "changed.pth"
    torch.save(state, file)
    with pytest.raises(ValueError, match=rf"changed\.pth does not fit this network: .*{message}"):
        create_faster_rcnn(3, SMALL, weights=str(file))


def test_load_weights_refuses_another_backbones(whole: tuple[Path, State], tmp_path: Path) -> None:
    file = tmp_path / "mobilenet.pth"
    torch.save({"features.0.0.weight": torch.zeros(16, 3, 3, 3)}, file)
    with pytest.raises(ValueError, match=r"mobilenet\.pth does not fit this network: 'backbone\."):
        create_faster_rcnn(3, SMALL, weights=str(file))
    with pytest.raises(ValueError, match=r"whole\.pth does not fit this network: 'backbone\."):
        create_faster_rcnn(3, MOBILENET, weights=str(whole[0]))


@pytest.mark.parametrize("layers", [0, 2, 3])
def test_trainable_layers_without_weights_is_refused(layers: int) -> None:
    message = rf"^trainable_layers \(--trainable-layers\) is {layers}: .*would keep random ones"
    with pytest.raises(ValueError, match=message):
        create_faster_rcnn(3, SMALL, trainable_layers=layers)


@pytest.mark.parametrize("weights", ["none", "absent.pth"])
@pytest.mark.parametrize("layers", [-2, 5])
def test_trainable_layers_out_of_range_say_the_range_before_weights_are_read(
    layers: int, weights: str
) -> None:
    message = (
        rf"^trainable_layers \(--trainable-layers\) is {layers}, not in 0\.\.4 "
        r"for resnet18_small, or -1 for all"
    )
    with pytest.raises(ValueError, match=message):
        create_faster_rcnn(3, SMALL, weights=weights, trainable_layers=layers)


def test_all_trainable_layers_can_be_asked_for_without_weights() -> None:
    # By hand: the small backbone has four stages, and -1 means all.
    for layers in (-1, 4, None):
        detector, (_, frozen) = create_faster_rcnn(3, SMALL, trainable_layers=layers)
        assert detector.spec.trainable_layers == 4
        assert all(parameter.requires_grad for parameter in detector.network.parameters())
        assert frozen.startswith("frozen: nothing")
