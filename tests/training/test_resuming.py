"""A run that was stopped, killed or cut short, taken up again: the same run, bit for bit."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch

from refdet.config_train import Train
from refdet.models.checkpoints import load_checkpoint, save_checkpoint
from refdet.train import INTERRUPTED, train
from refdet.training.stepping import Stepper
from refdet.training.validation import Validator
from tests.data.voc_folder import add_split
from tests.training.runs import (
    assert_same_run,
    assert_same_tensors,
    changed,
    history,
    last,
    make_data,
    tiny_configs,
)

STEPS_PER_EPOCH = 3


@pytest.fixture
def ctrl_c_after(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The process gets SIGINT within the n-th step of the run; `{"step": n}` says which."""
    wanted = {"step": 0}
    taken = {"steps": 0}
    step = Stepper.step

    def interrupted(self: Stepper, *arguments: object) -> dict[str, float] | None:
        taken["steps"] += 1
        if taken["steps"] == wanted["step"]:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)  # type: ignore[arg-type]  # passed through as they came

    monkeypatch.setattr(Stepper, "step", interrupted)
    return wanted


@pytest.mark.parametrize(
    ("step", "workers"),
    [(1, 0), (STEPS_PER_EPOCH, 1), (STEPS_PER_EPOCH + 2, 1), (2 * STEPS_PER_EPOCH, 0)],
)
def test_train_stopped_by_ctrl_c_and_resumed_is_the_same_run(
    config: Train,
    tmp_path: Path,
    ctrl_c_after: dict[str, int],
    step: int,
    workers: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = changed(config, output=tmp_path / "run", workers=workers)
    ctrl_c_after["step"] = step
    assert train(stopped) == INTERRUPTED
    told = capsys.readouterr().out
    assert "Go on with the same command and --resume" in told
    # After the last step of an epoch it is the validation that is left.
    assert len(history(stopped)) == (step - 1) // STEPS_PER_EPOCH
    assert train(changed(stopped, resume=True)) == 0
    assert_same_run(stopped, config)
    assert_same_tensors(
        last(stopped).training_state["optimizer"], last(config).training_state["optimizer"]
    )


def test_train_stopped_with_augmentation_on_the_device_and_resumed_without_is_the_same_run(
    config: Train, tmp_path: Path, ctrl_c_after: dict[str, int]
) -> None:
    stopped = changed(config, output=tmp_path / "run", augment_on_device=True)
    ctrl_c_after["step"] = STEPS_PER_EPOCH + 1
    assert train(stopped) == INTERRUPTED
    assert train(changed(stopped, augment_on_device=False, resume=True)) == 0
    assert_same_run(stopped, config)


def test_train_one_epoch_and_one_more_are_two(
    config: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = changed(config, output=tmp_path / "run", workers=2)
    judge = Validator.__call__

    def crash_in_the_second(self: Validator, *arguments: object) -> object:
        if history(stopped):
            raise RuntimeError("the power is gone")
        return judge(self, *arguments)  # type: ignore[arg-type]  # passed through as they came

    monkeypatch.setattr(Validator, "__call__", crash_in_the_second)
    with pytest.raises(RuntimeError, match="power"):
        train(stopped)
    monkeypatch.undo()
    assert last(stopped).epoch == 1
    train(changed(stopped, resume=True))
    assert_same_run(stopped, config)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Child processes that have torch imported already, from a server without any threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["refdet.train"])
    return context


@pytest.mark.parametrize("name", ["ssd300", "faster-rcnn"])
def test_train_killed_at_random_moments_loses_nothing(
    name: str, finished_runs: dict[str, Train], tmp_path: Path, processes: ForkServerContext
) -> None:
    whole = finished_runs[name]
    # Saved after every step, so that many kills hit a checkpoint that is being written.
    killed = changed(whole, output=tmp_path / "run", resume=True, save_minutes=0.0)
    moments = random.Random(name)
    kills, patience = 0, 1.0
    while True:
        child = processes.Process(target=train, args=(killed,))
        child.start()
        child.join(timeout=moments.uniform(0.1, patience))
        if child.exitcode is not None:
            assert child.exitcode == 0
            break
        child.kill()
        child.join()
        kills += 1
        patience += 0.5  # so that it ends on a slow machine too
        for file in killed.output.glob("[!.]*.pt"):
            load_checkpoint(file)
        if kills >= 3 and patience > 60:
            pytest.fail("the run makes no progress")
    assert kills >= 3
    assert_same_run(killed, whole)
    assert not list(killed.output.glob(".*"))  # nor is a half-written file left over


def test_train_resumes_a_finished_run_to_its_end(
    config: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = changed(config, output=tmp_path / "run", resume=True)
    train(again)
    assert "nothing to resume" in capsys.readouterr().out
    before = last(again)
    train(again)
    assert "resumed after epoch 2" in capsys.readouterr().out
    assert_same_tensors(last(again).model_state, before.model_state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.1}, r"learning_rate .* -> 0\.1"),
        ({"epochs": 3}, "epochs 2 -> 3"),
        ({"seed": 5}, "seed 0 -> 5"),
    ],
)
def test_train_refuses_to_resume_with_other_options(
    config: Train, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"last\.pt was trained with other options .*{message}"):
        train(changed(config, resume=True, **change))


def test_train_refuses_to_resume_without_an_option_that_was_set(
    ssd300: Train, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("image1\n")
    with_list = changed(ssd300, output=tmp_path / "run", exclude_list=names)
    train(with_list)
    with pytest.raises(ValueError, match=r"exclude_list .*names\.txt -> None"):
        train(changed(with_list, exclude_list=None, resume=True))


@pytest.mark.parametrize("split", ["train", "val"])
def test_train_refuses_to_resume_on_other_data(ssd300: Train, tmp_path: Path, split: str) -> None:
    data = make_data(tmp_path / "data")
    moved = changed(ssd300, data=data, output=tmp_path / "run")
    shutil.copytree(ssd300.output, moved.output)
    train(changed(moved, resume=True))  # the same images in another folder
    add_split(data, split, "image0", "image1")
    name = {"train": "training", "val": "validation"}[split]
    with pytest.raises(ValueError, match=rf"another {name} data: \d images, .* now 2 images, 4 o"):
        train(changed(moved, resume=True))


def test_train_refuses_to_resume_in_another_number_format(ssd300: Train, tmp_path: Path) -> None:
    run = changed(ssd300, output=tmp_path / "run")
    shutil.copytree(ssd300.output, run.output)
    checkpoint = last(run)
    state = dict(checkpoint.training_state)
    # As after --precision auto on another machine.
    state["circumstances"] = {**state["circumstances"], "number format": "bf16"}
    save_checkpoint(run.output / "last.pt", replace(checkpoint, training_state=state))
    with pytest.raises(ValueError, match="another number format: bf16, now fp32"):
        train(changed(run, resume=True))


def test_train_tells_what_changes_the_last_digits(
    ssd300: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = changed(ssd300, output=tmp_path / "run")
    shutil.copytree(ssd300.output, run.output)
    versions = {**last(run).versions, "torch": "1.0"}
    save_checkpoint(run.output / "last.pt", replace(last(run), versions=versions))
    train(changed(run, resume=True))
    assert "begun with torch 1.0, this is" in capsys.readouterr().out


def test_train_resumed_does_not_ask_for_pretrained_weights_again(
    finished_runs: dict[str, Train], tmp_path: Path
) -> None:
    weights = tmp_path / "weights.pth"
    network = last(finished_runs["faster-rcnn"]).model_state
    torch.save(dict(network), weights)
    run = changed(
        finished_runs["faster-rcnn"], output=tmp_path / "run", weights=str(weights), epochs=1
    )
    train(run)
    weights.unlink()
    train(changed(run, resume=True))


def test_train_overwriting_leaves_nothing_of_the_old_run(
    ssd300: Train, tmp_path: Path, ctrl_c_after: dict[str, int]
) -> None:
    run = changed(ssd300, output=tmp_path / "run", overwrite=True)
    shutil.copytree(ssd300.output, run.output)
    ctrl_c_after["step"] = 1
    assert train(run) == INTERRUPTED
    assert not (run.output / "best.pt").exists()
    assert history(run) == []


def test_train_refuses_to_resume_another_model(
    finished_runs: dict[str, Train], tmp_path: Path
) -> None:
    for name, other in (("ssd300", "faster-rcnn"), ("faster-rcnn", "ssd300")):
        wrong = changed(finished_runs[name], output=finished_runs[other].output, resume=True)
        with pytest.raises(ValueError, match=rf"resume is of a {other}, not of a {name}$"):
            train(wrong)


def test_train_refuses_to_resume_other_classes(ssd300: Train) -> None:
    other = changed(ssd300, classes=("dog", "cat"), resume=True)
    with pytest.raises(ValueError, match=r"knows the classes cat, dog; the data has dog, cat"):
        train(other)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_train_refuses_to_resume_a_truncated_file(
    ssd300: Train, tmp_path: Path, share: float
) -> None:
    content = (ssd300.output / "last.pt").read_bytes()
    broken = changed(ssd300, output=tmp_path, resume=True)
    (tmp_path / "last.pt").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"last\.pt is no readable checkpoint: cut short"):
        train(broken)


def test_train_refuses_to_resume_what_is_for_use_only(ssd300: Train, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes((ssd300.output / "best.pt").read_bytes())
    with pytest.raises(ValueError, match="for use only"):
        train(changed(ssd300, output=tmp_path, resume=True))


def test_save_checkpoint_leaves_the_old_one_when_the_disk_is_full(
    ssd300: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ssd300.output / "best.pt"
    before = file.read_bytes()

    def full(_content: object, to: Path) -> None:
        to.write_bytes(before[:1000])
        raise RuntimeError("PytorchStreamWriter failed writing file: No space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"cannot write .*best\.pt: .*No space left"):
        save_checkpoint(file, last(ssd300))
    assert file.read_bytes() == before
    assert not [other for other in file.parent.iterdir() if other.name.startswith(".")]


def test_tiny_configs_have_augmentation_on(tmp_path: Path) -> None:
    # What the tests above rely on: with nothing random, resuming would be easy.
    faster_rcnn = tiny_configs(tmp_path)["faster-rcnn"]
    assert vars(faster_rcnn)["augment"]
    assert vars(faster_rcnn)["mosaic"] > 0
