"""Two processes that train together on the CPU, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from refdet.config_file import to_toml
from refdet.config_train import Train
from refdet.data.dataset import DetectionDataset
from refdet.data.source import open_source
from refdet.models.checkpoints import load_checkpoint
from refdet.models.registry import build_detector
from refdet.models.runtime import NumberFormat
from refdet.train import train
from refdet.training.data import decoder, read_data
from refdet.training.processes import World
from refdet.training.recipes import INFERENCE_TRANSFORMS
from refdet.training.validation import Validator
from tests.training.runs import N_VAL, assert_same_run, changed, history

T = TypeVar("T")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(config: Train, name: str) -> list[str]:
    """What starts `refdet train` in two processes; its options go through a file."""
    file = config.output.parent / f"{config.output.name}.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return [*torchrun, "-m", "refdet", "train", name, "--config", str(file)]


def torchrun(config: Train, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(config, name), env=ONE_THREAD, capture_output=True, text=True, check=True
    )


@pytest.fixture(scope="module")
def together(
    finished_runs: dict[str, Train], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Train, str]]:
    """A finished run of two processes for each detector, and what it printed."""
    root = tmp_path_factory.mktemp("together")
    runs = {}
    for name, config in finished_runs.items():
        run = changed(config, output=root / name)
        runs[name] = (run, torchrun(run, name).stdout)
    return runs


@pytest.mark.parametrize("name", ["ssd300", "faster-rcnn"])
def test_two_processes_judge_as_one_does_bit_for_bit(
    name: str, together: dict[str, tuple[Train, str]]
) -> None:
    run, _ = together[name]
    alone = judged_alone(run)
    recorded = history(run)[-1]
    assert N_VAL % 2 == 1
    assert {key: recorded[key] for key in alone} == alone


def judged_alone(run: Train) -> dict[str, float]:
    """The last network's numbers on the validation split, by this process alone."""
    checkpoint = load_checkpoint(run.output / "last.pt")
    detector = build_detector(checkpoint)
    # As in training: another layout in memory is another order of additions.
    detector.network.to(memory_format=torch.channels_last)
    images = open_source(run.source(run.data)).read_split(run.val_split).images
    dataset = DetectionDataset(images, INFERENCE_TRANSFORMS[checkpoint.architecture]())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    judgement = Validator(
        dataset, images, run.classes, run.val_split, run.batch_size, NumberFormat.FP32, World()
    )(detector)
    torch.set_num_threads(threads)
    assert judgement is not None
    evaluation = judgement.evaluation
    assert evaluation.n_images == N_VAL
    losses = {
        "val_loss" if key == "loss" else f"val_loss_{key.removeprefix('loss_')}": value
        for key, value in judgement.losses.items()
    }
    return {"ap": evaluation.mean_ap, "ap50": evaluation.mean_ap50, **losses}


def test_two_processes_print_and_write_once(together: dict[str, tuple[Train, str]]) -> None:
    run, printed = together["ssd300"]
    assert printed.count("epoch 1/2") == 1
    names = {file.name for file in run.output.iterdir()}
    pictures = {"curves.png", "training_samples.png"}
    assert names == {"best.pt", "last.pt", "history.jsonl", "config.toml", *pictures}


def test_two_processes_see_every_image(together: dict[str, tuple[Train, str]]) -> None:
    # Two batches of one step: rounds of 2 x 2 images, the second with 1 and its padding.
    state = load_checkpoint(together["ssd300"][0].output / "last.pt").training_state
    assert state["schedule"]["last_epoch"] == 2 * 2


def test_two_processes_stopped_and_resumed_are_the_same_run(
    finished_runs: dict[str, Train], tmp_path: Path
) -> None:
    long = changed(finished_runs["ssd300"], epochs=5, eval_every=5, workers=1, save_minutes=0.0)
    whole, stopped = (changed(long, output=tmp_path / name) for name in ("whole", "stopped"))
    torchrun(whole, "ssd300")
    with subprocess.Popen(
        command(stopped, "ssd300"), env=ONE_THREAD, stdout=subprocess.PIPE, text=True
    ) as started:
        while not history_length(stopped):
            assert started.poll() is None
            time.sleep(0.05)
        started.terminate()  # as a cluster does; torchrun passes it on, loader workers get it too
        printed, _ = started.communicate(timeout=120)
    assert "--resume" in printed
    assert 1 <= history_length(stopped) < 5
    done = torchrun(changed(stopped, resume=True), "ssd300")
    assert "resumed after epoch" in done.stdout
    assert_same_run(stopped, whole)


def test_two_processes_share_a_file_of_decoded_images_and_augment_on_the_device(
    together: dict[str, tuple[Train, str]], tmp_path: Path
) -> None:
    whole, _ = together["ssd300"]
    file = tmp_path / "decoded.safetensors"
    run = changed(whole, output=tmp_path / "run", cache_file=file, augment_on_device=True)
    printed = torchrun(run, "ssd300").stdout
    assert printed.count(f"{file} does not exist yet: decoding into it") == 1
    assert_same_run(run, whole)


class OtherCannot(World):
    """A world whose other process has no room for a file of decoded images."""

    def gather(self, value: T) -> list[T]:
        assert value is None  # this process has nothing to say against it
        return [value, ValueError("no room there")]


def test_decoder_ends_in_every_process_when_one_cannot_write_the_file(
    finished_runs: dict[str, Train], tmp_path: Path
) -> None:
    config = changed(finished_runs["ssd300"], cache_file=tmp_path / "decoded")
    data = read_data(config, lambda _: None)
    with pytest.raises(ValueError, match="no room there"):
        decoder(data, config, OtherCannot(), lambda: False, lambda _: None)


def history_length(run: Train) -> int:
    file = run.output / "history.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_run_of_two_processes_is_not_resumed_by_one(
    together: dict[str, tuple[Train, str]],
) -> None:
    with pytest.raises(ValueError, match="trained by 2 processes, now there are 1"):
        train(changed(together["ssd300"][0], resume=True))
