"""Worker processes where they can work; elsewhere the same samples without them, and a sentence."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import pickle

import pytest
import torch

from refdet.data.augmentation import Transform, training_transform
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform
from refdet.data.dataset import Batch, DetectionDataset, Untransformed
from refdet.data.mixing import Mixing
from refdet.data.voc import read_voc_split
from refdet.training import loading
from refdet.training.loading import TransformedOnDevice, make_loader
from refdet.training.plan import EpochBatches
from tests.data.voc_folder import CLASSES
from tests.training.runs import assert_same_tensors, make_data


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DetectionDataset:
    images = read_voc_split(make_data(tmp_path_factory.mktemp("data") / "voc"), "train", CLASSES)
    mixing = Mixing(0.5, 0.5, 1.5, 0.25)
    return DetectionDataset(images.images, faster_rcnn_training_transform(), 3, mixing=mixing)


def epochs(dataset: DetectionDataset, workers: int, told: list[str]) -> list[Batch]:
    """The batches of two epochs, the second from its second batch on."""
    batches = EpochBatches(len(dataset), 2, seed=3)
    loader = make_loader(dataset, batches, workers=workers, pin_memory=False, tell=told.append)
    served: list[Batch] = []
    for epoch, first in ((1, 0), (2, 1)):
        dataset.set_epoch(epoch)
        batches.set_epoch(epoch, first)
        served += loader
    return served


@pytest.fixture
def without_workers(dataset: DetectionDataset) -> list[Batch]:
    told: list[str] = []
    served = epochs(dataset, 0, told)
    assert len(served) == 3 + 2
    assert told == []
    return served


def test_make_loader_with_workers_serves_the_same(
    dataset: DetectionDataset, without_workers: list[Batch]
) -> None:
    told: list[str] = []
    assert_same_tensors(epochs(dataset, 2, told), without_workers)
    assert told == []


@pytest.mark.parametrize("workers", [0, 2])
def test_transformed_on_device_serves_the_same(
    dataset: DetectionDataset, without_workers: list[Batch], workers: int
) -> None:
    batches = EpochBatches(len(dataset), 2, seed=3)
    raw = make_loader(
        Untransformed(dataset), batches, workers=workers, pin_memory=False, tell=pytest.fail
    )
    loader = TransformedOnDevice(raw, dataset, torch.device("cpu"))
    served: list[Batch] = []
    before = torch.get_rng_state()
    for epoch, first in ((1, 0), (2, 1)):
        dataset.set_epoch(epoch)
        batches.set_epoch(epoch, first)
        served += loader
    assert_same_tensors(served, without_workers)
    assert torch.equal(torch.get_rng_state(), before)


def test_transformed_on_device_leaves_boxes_and_labels_where_they_are(
    dataset: DetectionDataset,
) -> None:
    raw = make_loader(
        Untransformed(dataset), [[0, 1]], workers=0, pin_memory=False, tell=pytest.fail
    )
    [batch] = TransformedOnDevice(raw, dataset, torch.device("meta"))
    assert {image.device.type for image in batch.images} == {"meta"}
    assert {one.device.type for one in (*batch.boxes_xyxy, *batch.labels)} == {"cpu"}
    [expected] = make_loader(dataset, [[0, 1]], workers=0, pin_memory=False, tell=pytest.fail)
    assert_same_tensors(batch[1:], expected[1:])
    assert [image.shape for image in batch.images] == [image.shape for image in expected.images]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("transform", [training_transform(), faster_rcnn_training_transform()])
def test_transformed_on_device_never_waits_for_a_gpu(
    dataset: DetectionDataset, transform: Transform
) -> None:
    other = DetectionDataset(dataset._images, transform)
    indices = list(range(len(other)))
    expected, raw = (
        list(make_loader(one, [indices], workers=0, pin_memory=pinned, tell=pytest.fail))
        for one, pinned in ((other, False), (Untransformed(other), True))
    )
    list(TransformedOnDevice(raw, other, torch.device("cuda", 0)))  # what is made once
    torch.cuda.set_sync_debug_mode("error")
    try:
        [served] = TransformedOnDevice(raw, other, torch.device("cuda", 0))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_same_tensors(served[1:], expected[0][1:])
    for ours, theirs in zip(served.images, expected[0].images, strict=True):
        # Bytes may be rounded to the next on the way, which a change of colours then spreads.
        assert (ours.cpu() - theirs).abs().mean() < 0.02


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "usable_cores", lambda: 4)


def test_make_loader_starts_at_most_one_worker_per_core(
    dataset: DetectionDataset, without_workers: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "usable_cores", lambda: 1)
    told: list[str] = []
    assert_same_tensors(epochs(dataset, 9, told), without_workers)
    assert told == ["9 workers would share 1 cores: 1 are started"]


def test_make_loader_starts_no_process_in_a_notebook(
    dataset: DetectionDataset, without_workers: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = count_starts(monkeypatch)
    monkeypatch.setattr(loading, "in_notebook", lambda: True)
    told: list[str] = []
    assert_same_tensors(epochs(dataset, 2, told), without_workers)
    assert told == ["no worker processes in a notebook: samples are prepared in this one"]
    assert started == []


def test_make_loader_without_workers_says_nothing_in_a_notebook(
    dataset: DetectionDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "in_notebook", lambda: True)
    told: list[str] = []
    epochs(dataset, 0, told)
    assert told == []


@pytest.mark.parametrize(
    "error",
    [
        OSError("out of memory"),
        RuntimeError("bootstrapping"),
        AttributeError("no attribute 'Transform' on __main__"),
        pickle.PicklingError("not the same object"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:Got pickle error:UserWarning")
def test_make_loader_does_without_processes_that_cannot_start(
    dataset: DetectionDataset,
    without_workers: list[Batch],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    nth: int,
) -> None:
    started = count_starts(monkeypatch, error, nth)
    told: list[str] = []
    assert_same_tensors(epochs(dataset, 2, told), without_workers)
    assert told == [f"worker processes cannot start ({error}): samples are prepared in this one"]
    assert len(started) == nth  # one attempt, not one every epoch
    assert multiprocessing.active_children() == []  # nor is one that did start left behind


def count_starts(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None = None, failing: int = 0
) -> list[str]:
    """The names of processes that are started from now on; the n-th fails with `error`."""
    started: list[str] = []
    start = multiprocessing.process.BaseProcess.start

    def counted(self: multiprocessing.process.BaseProcess) -> None:
        started.append(self.name)
        if error is not None and len(started) == failing:
            raise error
        start(self)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", counted)
    return started
