"""A run of either detector: what it writes, what it refuses, and what must not change it."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from refdet.config import Precision
from refdet.config_train import Optimizer, Schedule, Train
from refdet.data import decoded_file
from refdet.data.dataset import Batch
from refdet.data.pixels import Pixels, read_pixels
from refdet.models.checkpoints import load_checkpoint
from refdet.records import AnnotatedImage
from refdet.train import INTERRUPTED, train
from refdet.training import preparing
from refdet.training.loading import TransformedOnDevice
from refdet.training.stepping import Stepper
from tests.data.voc_folder import add_image, add_split, object_xml
from tests.training.runs import assert_same_run, changed, history, last, make_data


def test_train_records_every_epoch(config: Train) -> None:
    entries = history(config)
    assert [entry["epoch"] for entry in entries] == [1, 2]
    for entry in entries:
        assert {"val_loss", "ap50", "ap", "skipped_steps"} <= entry.keys()
        terms = [key for key in entry if key.startswith("train_loss_")]
        assert len(terms) >= 2
        total = math.fsum(float(str(entry[key])) for key in terms)
        assert float(str(entry["train_loss"])) == pytest.approx(total, rel=1e-5)
        assert isinstance(entry["learning_rates"], list)
        assert len(entry["learning_rates"]) == 2


def test_train_writes_what_can_be_used_and_taken_up(config: Train) -> None:
    names = {file.name for file in config.output.iterdir()}
    pictures = {"curves.png", "training_samples.png"}
    assert names == {"best.pt", "last.pt", "history.jsonl", "config.toml", *pictures}
    # The notebooks saved weights only: momentum and schedule started anew after a stop.
    state = last(config).training_state
    parts = {"optimizer", "schedule", "scaler", "progress", "processes", "circumstances"}
    assert set(state) == parts
    best = load_checkpoint(config.output / "best.pt")
    assert best.training_state == {}
    assert best.architecture == last(config).architecture
    assert last(config).epoch == 2
    assert last(config).class_names == ("cat", "dog")
    assert {"refdet", "torch", "torchvision", "numpy", "python"} == set(best.versions)


def test_train_with_the_same_seed_is_the_same_run(config: Train, tmp_path: Path) -> None:
    again = changed(config, output=tmp_path / "again")
    train(again)
    assert_same_run(again, config)


def test_train_with_another_seed_is_another_run(config: Train, tmp_path: Path) -> None:
    other = changed(config, output=tmp_path / "other", seed=1)
    train(other)
    assert history(other)[0]["train_loss"] != history(config)[0]["train_loss"]


def test_train_prepared_by_workers_and_cached_is_the_same_run(
    config: Train, tmp_path: Path
) -> None:
    other = changed(config, output=tmp_path / "workers", workers=2, cache=True)
    train(other)
    assert_same_run(other, config)


def test_train_with_a_file_of_decoded_images_is_the_same_run(
    config: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "decoded.safetensors"
    other = changed(config, output=tmp_path / "first", workers=2, cache_file=file)
    train(other)
    assert_same_run(other, config)
    assert f"{file} does not exist yet: decoding into it" in capsys.readouterr().out
    written = file.stat()
    again = changed(other, output=tmp_path / "again", workers=0)
    train(again)
    assert_same_run(again, config)
    assert "decoding" not in capsys.readouterr().out
    assert file.stat().st_mtime_ns == written.st_mtime_ns


def test_train_with_augmentation_on_the_device_is_the_same_run(
    config: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same by design on a CPU, so what makes the batches is looked at as well."""
    served: list[int] = []

    class Watched(TransformedOnDevice):
        def __iter__(self) -> Iterator[Batch]:
            for batch in super().__iter__():
                served.append(len(batch.images))
                yield batch

    monkeypatch.setattr(preparing, "TransformedOnDevice", Watched)
    train(changed(config, output=tmp_path / "without", workers=1))
    assert served == []
    other = changed(config, output=tmp_path / "run", augment_on_device=True, workers=1)
    train(other)
    assert sum(served) > 0
    assert_same_run(other, config)
    assert "--augment-on-device helps a GPU" in capsys.readouterr().out


def test_train_refuses_two_caches(config: Train, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--cache keeps images in memory, --cache-file in a file"):
        changed(config, cache=True, cache_file=tmp_path / "decoded")


def test_train_stopped_while_it_decodes_writes_no_file(
    ssd300: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(image: AnnotatedImage) -> Pixels:
        os.kill(os.getpid(), signal.SIGTERM)
        return read_pixels(image)

    monkeypatch.setattr(decoded_file, "read_pixels", interrupted)
    folder = tmp_path / "decoded"
    run = changed(ssd300, output=tmp_path / "run", cache_file=folder / "file")
    with pytest.raises(KeyboardInterrupt):
        train(run)
    assert list(folder.iterdir()) == []
    assert not run.output.exists()
    monkeypatch.undo()
    train(run)
    assert_same_run(run, ssd300)


def test_train_with_an_evaluation_every_second_epoch_is_the_same_run(
    config: Train, tmp_path: Path
) -> None:
    rarely = changed(config, output=tmp_path / "rarely", eval_every=2)
    train(rarely)
    assert "ap" not in history(rarely)[0]
    assert history(rarely)[1] == history(config)[1]
    assert_same_last(rarely, config)


def assert_same_last(one: Train, other: Train) -> None:
    states = [last(run).model_state for run in (one, other)]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ssd300", {"accumulate": 2}),
        ("faster-rcnn", {"accumulate": 2}),
        # Not fp16, which a CPU emulates a hundred times slower; test_stepping has its scaler.
        ("faster-rcnn", {"precision": Precision.BF16}),
        (
            "ssd300",
            {"optimizer": Optimizer.SGD, "schedule": Schedule.MILESTONES, "warm_up": 0.0},
        ),
        ("ssd300", {"schedule": Schedule.CONSTANT, "channels_last": False}),
        ("faster-rcnn", {"deterministic": True}),
    ],
)
def test_train_with_other_options_learns_and_resumes(
    name: str,
    options: dict[str, object],
    finished_runs: dict[str, Train],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = finished_runs[name]
    run = changed(config, output=tmp_path / "run", **options)
    step = Stepper.step
    steps = []

    def interrupted(self: Stepper, *arguments: object) -> dict[str, float] | None:
        steps.append(len(arguments))
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)  # type: ignore[arg-type]  # passed through as they came

    monkeypatch.setattr(Stepper, "step", interrupted)
    assert train(run) == INTERRUPTED
    monkeypatch.undo()
    assert train(changed(run, resume=True)) == 0
    torch.use_deterministic_algorithms(mode=False)  # for the tests after this one
    whole = changed(run, output=tmp_path / "whole")
    train(whole)
    torch.use_deterministic_algorithms(mode=False)
    assert_same_run(run, whole)
    losses = [float(str(entry["train_loss"])) for entry in history(run)]
    assert losses[1] < losses[0]
    assert history(run) != history(config) or "deterministic" in options


def test_train_refuses_a_folder_that_holds_a_run(config: Train) -> None:
    before = (config.output / "last.pt").read_bytes()
    with pytest.raises(ValueError, match="holds a run already; go on with it by --resume"):
        train(config)
    with pytest.raises(ValueError, match=r"--resume goes on .* --overwrite replaces"):
        train(changed(config, resume=True, overwrite=True))
    assert (config.output / "last.pt").read_bytes() == before


def test_train_survives_a_degenerate_box_and_an_image_without_objects(
    config: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the first notebook the one made the loss infinite, so that no best checkpoint was
    # written, and the other crashed.
    data = make_data(tmp_path / "data")
    point = object_xml("dog", (9, 9, 9, 9))
    add_image(data, "image0", object_xml("cat", (2, 3, 18, 20)), point)
    add_split(data, "train", "image0", "empty")
    add_split(data, "val", "image1")
    dirty = changed(config, data=data, output=tmp_path / "run", epochs=1)
    train(dirty)
    assert "image0" in capsys.readouterr().out
    assert all(
        math.isfinite(float(str(history(dirty)[0][key]))) for key in ("train_loss", "val_loss")
    )
    assert (dirty.output / "best.pt").exists()


def test_train_refuses_an_empty_split(ssd300: Train, tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    add_split(data, "val")
    with pytest.raises(ValueError, match=r"val\.txt: names no image"):
        train(changed(ssd300, data=data, output=tmp_path / "run"))


def test_train_leaves_out_what_the_exclude_list_names(
    ssd300: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "false_positive_images.txt"
    names.write_text("image1.png\n\nimage3\n")
    train(changed(ssd300, output=tmp_path / "run", exclude_list=names, epochs=1))
    assert "2 training images left out" in capsys.readouterr().out
    names.write_text("image1.png\nimage33\n")
    with pytest.raises(ValueError, match=r"images\.txt: 'image33' names no .* mean 'image3'\?\)"):
        train(changed(ssd300, output=tmp_path / "other", exclude_list=names))


def test_train_ends_when_patience_does(
    ssd300: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # With a rate of almost 0 the AP stays what it is: the first validation is the best.
    stuck = changed(
        ssd300, output=tmp_path / "run", epochs=9, patience=2, learning_rate=1e-12, batch_norm=False
    )
    train(stuck)
    assert len(history(stuck)) == 3
    assert "ended early: 2 validations" in capsys.readouterr().out


def test_train_keeps_every_nth_epoch(ssd300: Train, tmp_path: Path) -> None:
    kept = changed(ssd300, output=tmp_path / "run", keep_every=1)
    train(kept)
    for epoch in (1, 2):
        assert load_checkpoint(kept.output / f"epoch_{epoch:03d}.pt").epoch == epoch


def test_train_finds_a_full_disk_before_the_first_step(
    ssd300: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: full)
    with pytest.raises(ValueError, match=r"has 1 MB free; the checkpoints need up to \d+ MB"):
        train(changed(ssd300, output=tmp_path / "run"))


def test_train_finds_a_folder_that_cannot_be_written(ssd300: Train, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "file"))):
        train(changed(ssd300, output=tmp_path / "file" / "run"))


def test_train_logs_to_tensorboard(ssd300: Train, tmp_path: Path) -> None:
    # TensorBoard is an extra: without it there is nothing to test.
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logged = changed(ssd300, output=tmp_path / "run", tensorboard=True)
    train(logged)
    events = accumulator.EventAccumulator(str(logged.output / "tensorboard"))
    events.Reload()
    assert {"train_loss", "val_loss", "ap", "learning_rate_0"} <= set(events.Tags()["scalars"])
    values = [event.value for event in events.Scalars("train_loss")]
    assert values == pytest.approx([entry["train_loss"] for entry in history(logged)], rel=1e-6)
