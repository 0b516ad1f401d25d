"""A detector run over images: what a device is given to do before it is asked what it found."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from refdet.detecting import Prepare, prepared_ahead
from refdet.models.detector import (
    BrokenOutputError,
    DetectionSettings,
    Pending,
    RawDetections,
)
from refdet.records import Detections
from tests.test_detecting import PATIENCE, GreyDetector, Prepared, grey_images, run
from tests.test_detecting import prepared as prepared  # noqa: PLC0414 - a fixture, used by its name


class LaunchingDetector(GreyDetector):
    """Finds nothing until it is asked for the result, as if a GPU were at work."""

    def __init__(self, events: list[str], broken: Sequence[int] | None = None) -> None:
        super().__init__()
        self.events, self.broken = events, broken
        self.launched = threading.Condition()

    def launch(self, images: Sequence[Tensor], settings: DetectionSettings) -> Pending:
        found = self.detect(images, settings)
        with self.launched:
            number = sum(event.startswith("launch") for event in self.events)
            self.events.append(f"launch {number}")
            self.launched.notify_all()

        def result() -> list[RawDetections]:
            last = number == 2
            with self.launched:
                following = f"launch {number + 1}"
                seen = self.launched.wait_for(
                    lambda: following in self.events, PATIENCE * (not last)
                )
            self.events.append(f"result {number}")
            assert seen or last, "the next batch was not launched"
            if self.broken is not None and number == 1:
                raise BrokenOutputError(self.broken)
            return found

        return result


def test_detect_images_launches_a_batch_before_it_asks_what_the_one_before_found(
    tmp_path: Path, prepared: Prepared
) -> None:
    found: list[Detections] = []
    events: list[str] = []
    assert run(grey_images(tmp_path, 12), found.append, LaunchingDetector(events)) == 12
    assert [one.image for one in found] == [f"{grey:05d}.png" for grey in range(12)]
    # A pipeline of depth one: a third batch waits until the first has been read.
    want = ["launch 0", "launch 1", "result 0", "launch 2", "result 1", "result 2"]
    assert sorted(events) == sorted(want)
    place = events.index
    assert place("launch 1") < place("result 0") < place("launch 2") < place("result 1")


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ((2,), r"^00006\.png: "),
        ((0, 3), r"^00004\.png, 00007\.png: "),
        ((), r"one of 00004\.png to "),
    ],
)
def test_detect_images_names_images_of_which_the_output_is_broken(
    tmp_path: Path, prepared: Prepared, rows: Sequence[int], names: str
) -> None:
    found: list[Detections] = []
    with pytest.raises(ValueError, match=names + ".*not finite: its weights diverged"):
        run(grey_images(tmp_path, 12), found.append, LaunchingDetector([], rows))
    assert [one.image for one in found] == [f"{n:05d}.png" for n in range(4)]


def test_detect_images_names_images_where_launching_fails(
    tmp_path: Path, prepared: Prepared
) -> None:
    def fail(_images: Sequence[Tensor]) -> None:
        raise BrokenOutputError

    with pytest.raises(ValueError, match=r"^one of 00000\.png to 00002\.png: .*not finite"):
        run(grey_images(tmp_path, 3), lambda _: None, GreyDetector(fail))


def test_prepare_sets_the_gpu_of_each_thread_and_on_a_cpu_none(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thread's GPU is the first one until it is set: pinning memory would take that into use.
    given: list[tuple[str, torch.device]] = []
    monkeypatch.setattr(
        torch.cuda,
        "set_device",
        lambda device: given.append((threading.current_thread().name, device)),
    )
    for name in ("cpu", "cuda:1"):
        begin = Prepare(GreyDetector.architecture, torch.device(name)).begin_thread
        barrier = threading.Barrier(3)  # no thread may take two of the items
        waiting = (barrier for _ in range(3))
        ahead = prepared_ahead(
            lambda one: one.wait(PATIENCE), waiting, threads=3, ahead=3, begin=begin
        )
        assert sorted(ahead) == [0, 1, 2]
    assert [device for _, device in given] == [torch.device("cuda:1")] * 3
    assert len({thread for thread, _ in given}) == 3
