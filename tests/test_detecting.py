"""A detector run over images: order, what overlaps, what stays in memory, and how it ends."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from refdet.data.image_folder import read_image_folder
from refdet.data.problems import DataError
from refdet.detecting import detect_images, prepared_ahead
from refdet.models.detector import (
    DetectionSettings,
    Detector,
    Forward,
    RawDetections,
)
from refdet.models.runtime import NumberFormat
from refdet.records import AnnotatedImage, Detections
from refdet.training.recipes import INFERENCE_TRANSFORMS

PATIENCE = 60.0
"""Seconds after which what should happen beside something else has not happened."""


def nothing(_images: Sequence[Tensor]) -> None:
    """What happens at first in a network that nobody looks at."""


class GreyDetector(Detector):
    """Finds the whole image, with the score that is its grey."""

    architecture = "grey"
    description: dict[str, object] = {}  # noqa: RUF012 - as the base class declares it

    def __init__(self, before: Callable[[Sequence[Tensor]], None] = nothing) -> None:
        self.network = nn.Linear(1, 1)
        self.before = before

    def losses(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        forward: Forward | None = None,
    ) -> dict[str, Tensor]:
        raise NotImplementedError

    def judge(
        self,
        images: Sequence[Tensor],
        boxes_xyxy: Sequence[Tensor],
        labels: Sequence[Tensor],
        settings: DetectionSettings,
    ) -> tuple[dict[str, Tensor], list[RawDetections]]:
        raise NotImplementedError

    def detect(self, images: Sequence[Tensor], settings: DetectionSettings) -> list[RawDetections]:
        assert not torch.is_grad_enabled()
        self.before(images)
        return [
            RawDetections(
                torch.tensor([[0, 0, image.shape[-1], image.shape[-2]]], dtype=torch.float64),
                image.double().mean()[None],
                torch.zeros(1, dtype=torch.int64),
            )
            for image in images
        ]


@dataclass
class Prepared:
    """The transform of a `GreyDetector`: remembers which images there were, and are."""

    before: Callable[[int], None] = lambda _grey: None
    greys: list[int] = field(default_factory=list)
    alive: weakref.WeakSet[Tensor] = field(default_factory=weakref.WeakSet)
    most_alive: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(
        self, image: Tensor, boxes_xyxy: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        self.before(int(image[0, 0, 0]))
        made = image.float() / 255
        with self.lock:
            self.greys.append(int(image[0, 0, 0]))
            self.alive.add(made)
            self.most_alive = max(self.most_alive, len(self.alive))
        return made, boxes_xyxy, labels


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    made = Prepared()
    monkeypatch.setitem(INFERENCE_TRANSFORMS, GreyDetector.architecture, lambda: made)
    return made


def grey_images(folder: Path, n: int) -> tuple[AnnotatedImage, ...]:
    """Images of grey 0, 1, 2 ... and various sizes."""
    for grey in range(n):
        size = (4 + grey % 3, 3 + grey % 2)
        Image.new("L", size, grey % 256).save(folder / f"{grey:05d}.png")
    return read_image_folder(folder)


def run(
    images: Sequence[AnnotatedImage],
    take: Callable[[Detections], None],
    detector: Detector | None = None,
    *,
    batch_size: int = 4,
    workers: int = 3,
    stop_requested: Callable[[], bool] = lambda: False,
) -> int:
    return detect_images(
        detector or GreyDetector(),
        images,
        DetectionSettings(),
        take,
        batch_size=batch_size,
        number_format=NumberFormat.FP32,
        workers=workers,
        stop_requested=stop_requested,
    )


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    # tqdm has one of its own, which stays.
    assert [one for one in threading.enumerate() if one.name.startswith("ThreadPool")] == []


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("n", [0, 1, 8, 13])
def test_detect_images_takes_each_image_once_and_in_order(
    tmp_path: Path, prepared: Prepared, workers: int, n: int
) -> None:
    # Even ones come late, so that others overtake them.
    prepared.before = lambda grey: time.sleep(0.02 * (grey % 2 == 0))
    images = grey_images(tmp_path, n) if n else ()
    found: list[Detections] = []
    assert run(images, found.append, workers=workers) == n
    assert [one.image for one in found] == [f"{grey:05d}.png" for grey in range(n)]
    for grey, one in enumerate(found):
        np.testing.assert_allclose(one.scores, [grey / 255], rtol=1e-6)
        assert one.boxes_xyxy.tolist() == [[0, 0, 4 + grey % 3, 3 + grey % 2]]


def test_detect_images_loads_the_next_batch_while_the_network_runs(
    tmp_path: Path, prepared: Prepared
) -> None:
    loaded = threading.Event()
    prepared.before = lambda grey: loaded.set() if grey == 7 else None
    in_time: list[bool] = []
    detector = GreyDetector(lambda _images: in_time.append(loaded.wait(PATIENCE)))
    run(grey_images(tmp_path, 8), lambda _: None, detector)
    assert in_time == [True, True]


def test_detect_images_takes_a_batch_while_the_network_runs_on_the_next(
    tmp_path: Path, prepared: Prepared
) -> None:
    second = threading.Event()
    detector = GreyDetector(lambda images: second.set() if float(images[0].max()) > 0.01 else None)
    in_time: list[bool] = []
    run(grey_images(tmp_path, 8), lambda _: in_time.append(second.wait(PATIENCE)), detector)
    assert in_time == [True] * 8


@pytest.mark.parametrize("slow", ["loading", "network", "taking"])
def test_detect_images_has_two_batches_of_images_in_memory_at_most(
    tmp_path: Path, prepared: Prepared, slow: str
) -> None:
    n, batch_size, workers = 300, 4, 3
    prepared.before = lambda _: time.sleep(0.001 * (slow == "loading"))
    detector = GreyDetector(lambda _: time.sleep(0.003 * (slow == "network")))
    taken = weakref.WeakSet[Detections]()
    most_taken = 0

    def take(found: Detections) -> None:
        nonlocal most_taken
        taken.add(found)
        most_taken = max(most_taken, len(taken))
        time.sleep(0.001 * (slow == "taking"))

    run(grey_images(tmp_path, n), take, detector, batch_size=batch_size, workers=workers)
    assert len(prepared.greys) == n
    # A thread may not yet have let go of the image that it has handed over.
    assert batch_size < prepared.most_alive <= 2 * batch_size + workers
    assert most_taken <= 2
    assert len(prepared.alive) == len(taken) == 0


@pytest.mark.parametrize("broken", [0, 5, 12])
def test_detect_images_names_an_image_that_cannot_be_read_and_takes_those_before(
    tmp_path: Path, prepared: Prepared, broken: int
) -> None:
    images = grey_images(tmp_path, 13)
    file = images[broken].path
    file.write_bytes(file.read_bytes()[:-30])
    found: list[Detections] = []
    with pytest.raises(DataError, match=rf"{file.name}: cannot be read as an image"):
        run(images, found.append)
    assert [one.image for one in found] == [f"{n:05d}.png" for n in range(broken // 4 * 4)]


def test_detect_images_raises_what_take_raises_and_does_not_call_it_again(
    tmp_path: Path, prepared: Prepared
) -> None:
    found: list[str] = []

    def take(one: Detections) -> None:
        found.append(one.image)
        if len(found) == 6:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run(grey_images(tmp_path, 100), take)
    assert found == [f"{n:05d}.png" for n in range(6)]
    assert len(prepared.greys) < 30, "went on loading"


def test_detect_images_raises_what_the_network_raises_after_taking_what_it_found(
    tmp_path: Path, prepared: Prepared
) -> None:
    def fail_at_last(images: Sequence[Tensor]) -> None:
        if float(images[0].max()) > 0.03:  # grey 8 and above
            raise ValueError("the network's output is not finite")

    found: list[Detections] = []
    with pytest.raises(ValueError, match="not finite"):
        run(grey_images(tmp_path, 100), found.append, GreyDetector(fail_at_last))
    assert len(found) == 8


def test_detect_images_stops_after_a_batch_when_asked(tmp_path: Path, prepared: Prepared) -> None:
    found: list[Detections] = []
    asked: list[bool] = []

    def at_the_third() -> bool:
        asked.append(True)
        return len(asked) == 3

    assert run(grey_images(tmp_path, 100), found.append, stop_requested=at_the_third) == 12
    assert len(found) == 12
    assert len(prepared.greys) < 30


def test_detect_images_leaves_random_states_and_modes_alone(
    tmp_path: Path, prepared: Prepared
) -> None:
    detector = GreyDetector()
    before = torch.get_rng_state()
    run(grey_images(tmp_path, 9), lambda _: None, detector)
    assert torch.equal(torch.get_rng_state(), before)
    assert detector.network.training
    assert torch.is_grad_enabled()


def test_prepared_ahead_is_never_further_ahead_than_asked() -> None:
    begun: list[int] = []
    prepared = prepared_ahead(begun.append, range(50), threads=4, ahead=3)
    for given, _ in enumerate(prepared, start=1):
        assert len(begun) <= given + 3
    assert sorted(begun) == list(range(50))


def test_prepared_ahead_that_is_closed_does_not_go_on() -> None:
    begun: list[int] = []
    prepared = prepared_ahead(begun.append, range(50), threads=1, ahead=3)
    next(prepared)
    prepared.close()
    assert len(begun) <= 4
