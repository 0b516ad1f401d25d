"""`refdet infer` on a folder, image by image: what is shown and kept, and how it breaks off."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn

from refdet import infer as entry
from refdet.cli import main
from refdet.config import Infer
from refdet.infer import infer
from refdet.models.checkpoints import Checkpoint
from refdet.records import Detections
from refdet.report.prediction_stream import PARTIAL
from refdet.training.validation import as_record
from tests.test_detecting import GreyDetector, Prepared, grey_images, nothing
from tests.test_detecting import prepared as prepared  # noqa: PLC0414 - a fixture, used by its name

N = 13
BATCH = 4


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> GreyDetector:
    """What the checkpoint is said to hold."""
    made = GreyDetector()
    checkpoint = Checkpoint(GreyDetector.architecture, {}, ("grey",), {}, 0, 0.0, "", {})
    monkeypatch.setattr(entry, "load_checkpoint", lambda _file: checkpoint)
    monkeypatch.setattr(entry, "build_detector", lambda _checkpoint: made)
    return made


@pytest.fixture
def config(tmp_path: Path, detector: GreyDetector) -> Infer:
    images = tmp_path / "images"
    images.mkdir()
    grey_images(images, N)
    return Infer(
        checkpoint=tmp_path / "best.pt",
        output=tmp_path / "out",
        images=images,
        max_pictures=0,
        batch_size=BATCH,
        threads=1,
        device="cpu",
    )


@pytest.fixture
def whole(config: Infer) -> list[str]:
    """The lines of `predictions.csv` of all images, the header first."""
    assert infer(config) == 0
    lines = (config.output / "predictions.csv").read_text().splitlines(keepends=True)
    assert len(lines) == 1 + N
    return lines


def test_infer_leaves_no_part_and_tells_images_a_second(
    config: Infer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer(config) == 0
    assert sorted(file.name for file in config.output.iterdir()) == [
        "predictions.csv",
        "predictions.json",
    ]
    whole = (config.output / "predictions.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in whole[1:]] == [f'"{n:05d}.png"' for n in range(N)]
    said = capsys.readouterr().out
    assert re.search(rf"{N} detections in {N} images, [\d.]+ images a second: ", said)


def test_infer_shows_images_a_second_on_a_terminal(
    config: Infer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = {}
    for progress in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        infer(replace(config, progress=progress))
        shown[progress] = terminal.getvalue()
    last = shown[True].strip().rpartition("\r")[2]
    assert re.search(rf"detecting: 100%.*{N}/{N} .*image/s", last)
    assert shown[False] == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_infer_that_is_stopped_keeps_all_batches_up_to_then(
    config: Infer,
    whole: list[str],
    detector: GreyDetector,
    number: signal.Signals,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batches: list[int] = []

    def signal_in_the_second(images: Sequence[Tensor]) -> None:
        batches.append(len(images))
        if len(batches) == 2:
            os.kill(os.getpid(), number)

    detector.before = signal_in_the_second
    before = {file.name: file.read_bytes() for file in config.output.glob("predictions.*")}
    with pytest.raises(KeyboardInterrupt):
        infer(config)
    assert batches == [BATCH, BATCH]
    assert (config.output / PARTIAL).read_text() == "".join(whole[: 1 + 2 * BATCH])
    assert {f.name: f.read_bytes() for f in config.output.glob("predictions.*")} == before
    said = f"8 of 13 images were done, up to '00007.png': {config.output / PARTIAL} has their"
    assert said in capsys.readouterr().out
    detector.before = nothing
    assert infer(config) == 0
    assert not (config.output / PARTIAL).exists()
    assert {f.name: f.read_bytes() for f in config.output.glob("predictions.*")} == before


def test_infer_that_is_asked_to_stop_in_its_last_batch_is_done(
    config: Infer, whole: list[str], detector: GreyDetector, capfd: pytest.CaptureFixture[str]
) -> None:
    def signal_in_the_last(images: Sequence[Tensor]) -> None:
        if len(images) < BATCH:
            os.kill(os.getpid(), signal.SIGINT)

    detector.before = signal_in_the_last
    fresh = replace(config, output=config.output / "again", max_pictures=2)
    assert infer(fresh) == 0
    assert "stopping after this batch" in capfd.readouterr().err
    assert (fresh.output / "predictions.csv").read_text() == "".join(whole)
    assert sorted(file.name for file in fresh.output.iterdir()) == [
        "pictures",
        "predictions.csv",
        "predictions.json",
    ]
    assert len(list((fresh.output / "pictures").glob("*.png"))) == 2


@pytest.mark.parametrize("compiled", [False, True])
def test_infer_compiles_what_is_worth_it_if_asked(
    config: Infer, detector: GreyDetector, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    asked: list[nn.Module] = []

    def noted(module: nn.Module) -> None:
        asked.append(module)

    monkeypatch.setattr(nn.Module, "compile", noted)
    assert infer(replace(config, compile=compiled)) == 0
    assert asked == [detector.compiled_part] * compiled


def test_infer_names_an_image_that_cannot_be_read_and_keeps_those_before(
    config: Infer, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert config.images
    file = config.images / "00009.png"
    file.write_bytes(file.read_bytes()[:-30])  # its header is whole: this is seen when it is read
    words = f"infer --checkpoint x --output {config.output} --images {config.images}".split()
    with pytest.raises(SystemExit) as ended:
        main([*words, "--batch-size", str(BATCH), "--device", "cpu"])
    assert f"{file}: cannot be read as an image" in str(ended.value)
    assert (config.output / PARTIAL).read_text() == "".join(whole[: 1 + 2 * BATCH])
    assert "8 of 13 images were done" in capsys.readouterr().out


def test_infer_that_cannot_write_says_so_and_ends(
    config: Infer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What already stands where the rows are to go, and is no file.
    (config.output / PARTIAL).mkdir(parents=True)
    with pytest.raises(OSError, match=PARTIAL):
        infer(config)
    assert "were done" not in capsys.readouterr().out
    assert [file.name for file in config.output.iterdir()] == [PARTIAL]


@pytest.mark.parametrize("max_pictures", [0, 2])
def test_infer_on_a_folder_keeps_only_detections_that_it_draws(
    config: Infer, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, max_pictures: int
) -> None:
    assert config.images
    grey_images(config.images, 200)
    alive = weakref.WeakSet[Detections]()
    most = 0

    def counted(*arguments: object) -> Detections:
        nonlocal most
        made = as_record(*arguments)  # type: ignore[arg-type]  # handed on as they come
        alive.add(made)
        most = max(most, len(alive))
        return made

    monkeypatch.setattr("refdet.detecting.as_record", counted)
    infer(replace(config, max_pictures=max_pictures, score_threshold=0.0))
    assert len(prepared.greys) == 200
    assert most <= max_pictures + 2
    assert prepared.most_alive <= 2 * BATCH + config.workers
    assert len(list((config.output / "pictures").glob("*.png"))) == max_pictures
