"""Training SSD300 on a handful of small images: what it writes, and what must not change it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from refdet import train
from refdet.config import Precision, TrainSSD300
from refdet.models.checkpoints import Checkpoint, load_checkpoint
from refdet.torch_ops.losses import MultiBoxLoss
from refdet.train import train_ssd300
from tests.data.voc_folder import CLASSES, add_image, add_split, object_xml

N_TRAIN = 5  # not a multiple of the batch size, so that the last batch is short


def make_data(root: Path) -> Path:
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (root / part).mkdir(parents=True)
    for number in range(N_TRAIN + 2):
        cat = object_xml("cat", (2 + number, 3, 18 + number, 20))
        dog = object_xml("dog", (20, 8, 36, 28))
        add_image(root, f"image{number}", cat, dog)
    add_image(root, "empty")
    add_split(root, "train", *(f"image{number}" for number in range(N_TRAIN)))
    add_split(root, "val", f"image{N_TRAIN}", f"image{N_TRAIN + 1}", "empty")
    return root


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainSSD300:
    """Two epochs on the tiny data; its output folder holds the finished run."""
    root = tmp_path_factory.mktemp("tiny")
    config = TrainSSD300(
        data=make_data(root / "data"),
        output=root / "run",
        classes=CLASSES,
        width=0.125,
        epochs=2,
        batch_size=2,
        threads=1,
        precision=Precision.FP32,
        progress=False,
    )
    assert train_ssd300(config) == 0
    return config


def history(config: TrainSSD300) -> list[dict[str, object]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    lines = (config.output / "history.jsonl").read_text().splitlines()
    entries = [json.loads(line, parse_constant=refuse) for line in lines]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


def assert_same_weights(one: Checkpoint, other: Checkpoint) -> None:
    assert one.model_state.keys() == other.model_state.keys()
    for name, value in one.model_state.items():
        assert torch.equal(value, other.model_state[name]), name


def test_train_records_every_epoch(config: TrainSSD300) -> None:
    entries = history(config)
    assert [entry["epoch"] for entry in entries] == [1, 2]
    for entry in entries:
        assert {"train_loss", "val_loss", "ap50", "ap", "learning_rates"} <= entry.keys()
        assert isinstance(entry["train_loss"], float)
        assert isinstance(entry["learning_rates"], list)
        assert len(entry["learning_rates"]) == 2


def test_train_writes_what_can_be_used_and_taken_up(config: TrainSSD300) -> None:
    names = {file.name for file in config.output.iterdir()}
    pictures = {"curves.png", "training_samples.png"}
    assert names == {"best.pt", "last.pt", "history.jsonl", "config.toml", *pictures}
    last, best = (load_checkpoint(config.output / f"{name}.pt") for name in ("last", "best"))
    # The notebook saved weights only: momentum and schedule started anew after a stop.
    assert set(last.training_state) == {"optimizer", "schedule"}
    assert best.training_state == {}
    assert last.epoch == 2
    assert last.class_names == CLASSES


def test_train_with_the_same_seed_is_the_same_run(config: TrainSSD300, tmp_path: Path) -> None:
    again = replace(config, output=tmp_path / "again")
    train_ssd300(again)
    assert history(again) == history(config)
    assert_same_weights(
        load_checkpoint(again.output / "last.pt"), load_checkpoint(config.output / "last.pt")
    )


def test_train_with_another_seed_is_another_run(config: TrainSSD300, tmp_path: Path) -> None:
    other = replace(config, output=tmp_path / "other", seed=1, epochs=1)
    train_ssd300(other)
    assert history(other)[0]["train_loss"] != history(config)[0]["train_loss"]


def test_train_prepared_by_workers_and_cached_is_the_same_run(
    config: TrainSSD300, tmp_path: Path
) -> None:
    other = replace(config, output=tmp_path / "workers", workers=2, cache=True)
    train_ssd300(other)
    assert history(other) == history(config)


def test_train_stopped_and_resumed_is_the_same_run(
    config: TrainSSD300, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = replace(config, output=tmp_path / "stopped")
    one_epoch = train._epoch

    def stop_after_the_first(run: train.Run, epoch: int, *rest: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt
        one_epoch(run, epoch, *rest)  # type: ignore[arg-type]  # passed through as they came

    monkeypatch.setattr(train, "_epoch", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        train_ssd300(stopped)
    monkeypatch.undo()
    assert load_checkpoint(stopped.output / "last.pt").epoch == 1
    train_ssd300(replace(stopped, resume=True))
    assert history(stopped) == history(config)
    assert_same_weights(
        load_checkpoint(stopped.output / "last.pt"), load_checkpoint(config.output / "last.pt")
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0.25}, "width 0.125 -> 0.25"),
        ({"learning_rate": 0.1}, "learning_rate 0.002 -> 0.1"),
    ],
)
def test_train_refuses_to_resume_with_other_options(
    config: TrainSSD300, change: dict[str, float], message: str
) -> None:
    other = TrainSSD300(**{**vars(config), **change, "resume": True})
    with pytest.raises(ValueError, match=rf"last\.pt was trained with other options .*{message}"):
        train_ssd300(other)


def test_train_refuses_a_folder_that_holds_a_run(config: TrainSSD300) -> None:
    before = (config.output / "last.pt").read_bytes()
    with pytest.raises(ValueError, match="holds a run already; go on with it by --resume"):
        train_ssd300(config)
    assert (config.output / "last.pt").read_bytes() == before


def test_train_stops_at_a_loss_that_is_not_finite(
    config: TrainSSD300, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*_args: object, **_options: object) -> MultiBoxLoss:
        return MultiBoxLoss(*(torch.tensor(math.nan) for _ in range(3)))

    monkeypatch.setattr(train, "ssd_loss", diverged)
    with pytest.raises(ValueError, match=r"loss became nan in epoch 1; .*lower --learning-rate"):
        train_ssd300(replace(config, output=tmp_path / "run"))


def test_train_is_not_changed_by_evaluating(config: TrainSSD300, tmp_path: Path) -> None:
    rarely = replace(config, output=tmp_path / "rarely", eval_every=2)
    train_ssd300(rarely)
    assert "ap" not in history(rarely)[0]
    assert history(rarely)[1] == history(config)[1]
    assert_same_weights(
        load_checkpoint(rarely.output / "last.pt"), load_checkpoint(config.output / "last.pt")
    )


def test_train_survives_a_degenerate_box_and_an_image_without_objects(
    config: TrainSSD300, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the notebook the first made the loss infinite, so that no best checkpoint was written,
    # and the second crashed.
    data = make_data(tmp_path / "data")
    point = object_xml("dog", (9, 9, 9, 9))
    add_image(data, "image0", object_xml("cat", (2, 3, 18, 20)), point)
    add_split(data, "train", "image0", "empty")
    add_split(data, "val", "image1")
    dirty = replace(config, data=data, output=tmp_path / "run", epochs=1)
    train_ssd300(dirty)
    assert "image0" in capsys.readouterr().out
    assert all(
        math.isfinite(float(str(history(dirty)[0][key]))) for key in ("train_loss", "val_loss")
    )
    assert (dirty.output / "best.pt").exists()


def test_train_refuses_an_empty_split(config: TrainSSD300, tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    add_split(data, "val")
    with pytest.raises(ValueError, match=r"val\.txt: names no image"):
        train_ssd300(replace(config, data=data, output=tmp_path / "run"))
