"""Checkpoints come back whole, or are refused in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from refdet.models.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from refdet.models.detector import DetectionSettings, Detector
from refdet.models.faster_rcnn import FasterRCNNDetector
from refdet.models.faster_rcnn_spec import Anchors, Backbone, FasterRCNNSpec
from refdet.models.registry import BUILDERS, build_detector
from refdet.models.ssd_detector import SSD300Detector

SIZES = {"ssd300": (300, 300), "faster-rcnn": (50, 70)}


def tiny_ssd300() -> Detector:
    return SSD300Detector(2, width=0.125, batch_norm=True, match_iou=0.4, negative_ratio=2.0)


def tiny_faster_rcnn() -> Detector:
    spec = FasterRCNNSpec(2, Backbone.RESNET18_SMALL, Anchors.SMALL, min_size=64)
    return FasterRCNNDetector(spec)


MAKERS: dict[str, Callable[[], Detector]] = {
    "ssd300": tiny_ssd300,
    "faster-rcnn": tiny_faster_rcnn,
}


def checkpoint_of(detector: Detector, epoch: int = 3) -> Checkpoint:
    return Checkpoint(
        architecture=detector.architecture,
        description=detector.description,
        class_names=("WBC", "RBC"),
        model_state=detector.network.state_dict(),
        epoch=epoch,
        best_ap=math.nan,
        config="epochs = 10\n",
        training_state={},
    )


@pytest.fixture(params=MAKERS)
def detector(request: pytest.FixtureRequest) -> Detector:
    torch.manual_seed(0)
    detector = MAKERS[request.param]()
    detector.network.eval()
    return detector


@pytest.fixture
def ssd300() -> Detector:
    """One of them, for what does not depend on the network."""
    return tiny_ssd300()


def test_every_architecture_is_tested_here() -> None:
    assert set(MAKERS) == set(BUILDERS)


def test_checkpoint_gives_the_same_network_back(detector: Detector, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(detector))
    loaded = load_checkpoint(tmp_path / "best.pt")
    again = build_detector(loaded)
    assert type(again) is type(detector)
    assert again.description == detector.description
    assert not any(module.training for module in again.network.modules())
    images = [torch.rand(3, *SIZES[detector.architecture])]
    settings = DetectionSettings(min_score=0.0, top_k=20)
    for want, got in zip(
        detector.detect(images, settings)[0], again.detect(images, settings)[0], strict=True
    ):
        assert len(want) == 20
        assert torch.equal(want, got)
    assert loaded.class_names == ("WBC", "RBC")
    assert loaded.epoch == 3
    assert math.isnan(loaded.best_ap)


def test_checkpoint_keeps_what_the_loss_depends_on(detector: Detector, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(detector))
    again = build_detector(load_checkpoint(tmp_path / "best.pt"))
    height, width = SIZES[detector.architecture]
    images = [torch.rand(3, height, width)]
    boxes, labels = [torch.tensor([[0.1, 0.2, 0.5, 0.7]]) * width], [torch.tensor([1])]
    settings = DetectionSettings()
    want, _ = detector.judge(images, boxes, labels, settings)
    got, _ = again.judge(images, boxes, labels, settings)
    assert want == got


def test_checkpoint_is_read_without_running_its_code(detector: Detector, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(detector))
    content = torch.load(tmp_path / "best.pt", weights_only=True)
    assert content["architecture"] == detector.architecture
    assert set(content["versions"]) >= {"refdet", "python", "numpy", "torch", "torchvision"}


def test_save_checkpoint_keeps_the_old_file_if_writing_fails(
    ssd300: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "last.pt"
    save_checkpoint(file, checkpoint_of(ssd300, epoch=3))

    def full_disk(_content: object, path: Path) -> None:
        path.write_bytes(b"half a fil")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(file, checkpoint_of(ssd300, epoch=4))
    assert load_checkpoint(file).epoch == 3
    assert list(tmp_path.iterdir()) == [file]


def test_load_checkpoint_refuses_a_truncated_file(detector: Detector, tmp_path: Path) -> None:
    file = tmp_path / "best.pt"
    save_checkpoint(file, checkpoint_of(detector))
    whole = file.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"best\.pt is no readable checkpoint") as caught:
            load_checkpoint(file)
        assert "\n" not in str(caught.value)


def test_load_checkpoint_refuses_other_files(ssd300: Detector, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint .*absent\.pt"):
        load_checkpoint(tmp_path / "absent.pt")
    for name, other in (("state.pt", {"weight": torch.zeros(1)}), ("tensor.pt", torch.zeros(1))):
        torch.save(other, tmp_path / name)
        with pytest.raises(ValueError, match=rf"{name} is no checkpoint of refdet"):
            load_checkpoint(tmp_path / name)
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(ssd300))
    content = torch.load(tmp_path / "best.pt", weights_only=True)
    torch.save({**content, "format": 99}, tmp_path / "newer.pt")
    with pytest.raises(ValueError, match=r"newer\.pt has checkpoint format 99"):
        load_checkpoint(tmp_path / "newer.pt")


def test_load_checkpoint_names_what_a_damaged_one_lacks(ssd300: Detector, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(ssd300))
    content = torch.load(tmp_path / "best.pt", weights_only=True)
    del content["best_ap"]
    torch.save(content, tmp_path / "damaged.pt")
    with pytest.raises(ValueError, match=r"damaged\.pt lacks best_ap"):
        load_checkpoint(tmp_path / "damaged.pt")


def test_build_detector_refuses_weights_of_another_network(detector: Detector) -> None:
    checkpoint = checkpoint_of(detector)
    more_classes = {**checkpoint.description, "n_classes": 3}
    with pytest.raises(ValueError, match="weights do not fit"):
        build_detector(replace(checkpoint, description=more_classes))


def test_build_detector_refuses_a_description_of_something_else(detector: Detector) -> None:
    checkpoint = checkpoint_of(detector)
    wrong = {**checkpoint.description, "wings": 2}
    with pytest.raises(ValueError, match=r"no description of an? .*wings"):
        build_detector(replace(checkpoint, description=wrong))


def test_build_detector_names_the_architectures_it_knows(ssd300: Detector) -> None:
    with pytest.raises(ValueError, match=r"holds a 'yolo'; known are ssd300, faster-rcnn"):
        build_detector(replace(checkpoint_of(ssd300), architecture="yolo"))
