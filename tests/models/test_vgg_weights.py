"""Pretrained weights: copied to where they belong, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision.models import VGG16_Weights, vgg16

from refdet.models.ssd300 import SSD300
from refdet.models.vgg_weights import load_base_weights


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    state = vgg16(weights=None).state_dict()
    # The classifier (120 million numbers) is not used: left out, to keep the file small.
    torch.save({name: value for name, value in state.items() if "features" in name}, file)
    return file


def test_load_base_weights_gives_vggs_features(vgg_file: Path) -> None:
    model = SSD300(3)
    load_base_weights(model, str(vgg_file))
    vgg = vgg16(weights=None)
    vgg.load_state_dict(torch.load(vgg_file, weights_only=True), strict=False)
    image = torch.randn(1, 3, 64, 64)
    # Up to conv4_3; 64 halves evenly, so that ceil_mode makes no difference here.
    want = vgg.features[:23](image)
    torch.testing.assert_close(model.to_conv4_3(image), want)


def test_load_base_weights_none_changes_nothing() -> None:
    model = SSD300(3, width=0.125)
    before = [parameter.clone() for parameter in model.parameters()]
    assert "random" in load_base_weights(model, "none")
    pairs = zip(model.parameters(), before, strict=True)
    assert all(torch.equal(parameter, old) for parameter, old in pairs)


def test_load_base_weights_without_network_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", unreachable)
    with pytest.raises(ValueError, match=r"no route to host.*--weights none"):
        load_base_weights(SSD300(3), "imagenet")


@pytest.mark.parametrize(("width", "batch_norm"), [(0.5, False), (1.0, True)])
def test_load_base_weights_refuses_another_shape(
    vgg_file: Path, width: float, batch_norm: bool
) -> None:
    model = SSD300(3, width=width, batch_norm=batch_norm)
    with pytest.raises(ValueError, match="with width=1 and batch_norm=False"):
        load_base_weights(model, str(vgg_file))


def test_load_base_weights_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file .*absent\.pth for --weights"):
        load_base_weights(SSD300(3), str(tmp_path / "absent.pth"))


def test_load_base_weights_names_the_entry_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, file)
    with pytest.raises(
        ValueError, match=r"other\.pth holds no VGG-16 weights: 'features\.0\.bias'"
    ):
        load_base_weights(SSD300(3), str(file))


def test_load_base_weights_names_a_file_that_holds_none(tmp_path: Path) -> None:
    file = tmp_path / "text.pth"
    file.write_text("not weights")
    with pytest.raises(ValueError, match=r"text\.pth holds no weights"):
        load_base_weights(SSD300(3), str(file))
