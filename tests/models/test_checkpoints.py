"""Checkpoints come back whole, or are refused in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from refdet.models.checkpoints import (
    Checkpoint,
    build_model,
    load_checkpoint,
    save_checkpoint,
)
from refdet.models.ssd300 import SSD300


def checkpoint_of(model: SSD300, epoch: int = 3) -> Checkpoint:
    return Checkpoint(
        class_names=("WBC", "RBC"),
        width=0.125,
        batch_norm=True,
        model_state=model.state_dict(),
        epoch=epoch,
        planned_epochs=10,
        best_ap=math.nan,
        training_state={},
        config="epochs = 10\n",
    )


@pytest.fixture
def model() -> SSD300:
    torch.manual_seed(0)
    return SSD300(2, width=0.125, batch_norm=True)


def test_checkpoint_gives_the_same_network_back(model: SSD300, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(model))
    loaded = load_checkpoint(tmp_path / "best.pt")
    image = torch.randn(1, 3, 300, 300)
    with torch.no_grad():
        want, got = model.eval()(image), build_model(loaded)(image)
    assert torch.equal(got.class_logits, want.class_logits)
    assert loaded.class_names == ("WBC", "RBC")
    assert loaded.epoch == 3
    assert math.isnan(loaded.best_ap)


def test_checkpoint_is_read_without_running_its_code(model: SSD300, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(model))
    content = torch.load(tmp_path / "best.pt", weights_only=True)
    assert content["model"] == "ssd300"
    assert set(content["versions"]) >= {"refdet", "python", "numpy", "torch", "torchvision"}


def test_save_checkpoint_keeps_the_old_file_if_writing_fails(
    model: SSD300, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "last.pt"
    save_checkpoint(file, checkpoint_of(model, epoch=3))

    def full_disk(_content: object, path: Path) -> None:
        path.write_bytes(b"half a fil")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(file, checkpoint_of(model, epoch=4))
    assert load_checkpoint(file).epoch == 3
    assert list(tmp_path.iterdir()) == [file]


def test_load_checkpoint_refuses_a_truncated_file(model: SSD300, tmp_path: Path) -> None:
    file = tmp_path / "best.pt"
    save_checkpoint(file, checkpoint_of(model))
    whole = file.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"best\.pt is no readable checkpoint") as caught:
            load_checkpoint(file)
        assert "\n" not in str(caught.value)


def test_load_checkpoint_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint .*absent\.pt"):
        load_checkpoint(tmp_path / "absent.pt")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt is no SSD300 checkpoint"):
        load_checkpoint(tmp_path / "other.pt")
    torch.save({"model": "ssd300", "format": 99}, tmp_path / "newer.pt")
    with pytest.raises(ValueError, match=r"newer\.pt has checkpoint format 99"):
        load_checkpoint(tmp_path / "newer.pt")


def test_load_checkpoint_names_what_a_damaged_one_lacks(model: SSD300, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", checkpoint_of(model))
    content = torch.load(tmp_path / "best.pt", weights_only=True)
    del content["best_ap"]
    torch.save(content, tmp_path / "damaged.pt")
    with pytest.raises(ValueError, match=r"damaged\.pt lacks best_ap"):
        load_checkpoint(tmp_path / "damaged.pt")


def test_build_model_refuses_weights_of_another_network(model: SSD300) -> None:
    with pytest.raises(ValueError, match="weights do not fit"):
        build_model(replace(checkpoint_of(model), width=0.25))
