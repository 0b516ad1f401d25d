"""The loader of training batches: with worker processes where they can work, without elsewhere.

Samples are transformed where they are loaded, or by the device that trains.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch.utils.data import DataLoader, Dataset

from refdet.data.dataset import Batch, DetectionDataset, Item, collate
from refdet.models.runtime import usable_cores
from refdet.terminal import in_notebook
from refdet.training.stopping import leave_signals_to_parent


def make_loader(
    dataset: Dataset[Item],
    batches: Iterable[list[int]],
    *,
    workers: int,
    pin_memory: bool,
    tell: Callable[[str], None],
) -> DataLoader[Batch]:
    """A loader that serves `batches`, as they are when it is iterated.

    In a notebook, whose kernel new processes cannot import, and where they cannot be started, the
    samples are prepared in this process instead; they are the same ones.

    Args:
        dataset: to load from.
        batches: indices of samples; can be iterated more than once.
        workers: processes that prepare samples, at most one per core; they live as long as the
            loader.
        pin_memory: whether a GPU is going to read the batches.
        tell: called with a sentence if there are fewer workers than asked for.
    """
    if workers and in_notebook():
        tell("no worker processes in a notebook: samples are prepared in this one")
        workers = 0
    if workers > (cores := usable_cores()):
        tell(f"{workers} workers would share {cores} cores: {cores} are started")
        workers = cores
    loader = _loader(dataset, batches, workers, pin_memory)
    if workers:
        others = set(multiprocessing.active_children())
        try:
            iter(loader)  # starts them; they stay
        except (OSError, RuntimeError, AttributeError, pickle.PicklingError) as error:
            for started in set(multiprocessing.active_children()) - others:
                started.kill()
                started.join()
            tell(f"worker processes cannot start ({error}): samples are prepared in this one")
            return _loader(dataset, batches, 0, pin_memory)
    return loader


def _loader(
    dataset: Dataset[Item], batches: Iterable[list[int]], workers: int, pin_memory: bool
) -> DataLoader[Batch]:
    return DataLoader(
        # Its items are collated to batches, which torch's annotation does not know.
        cast("Dataset[Batch]", dataset),
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        collate_fn=collate,
        worker_init_fn=leave_signals_to_parent,
        # Workers are given a seed even where none is drawn: not from the global generator.
        generator=torch.Generator(),
    )


@dataclass(frozen=True, eq=False)
class TransformedOnDevice:
    """A loader's batches, each transformed on a device when it is asked for.

    The images go over as they are, a quarter of the bytes of floats, and their samples are those
    that workers would make, up to the rounding of the device's interpolation. Boxes and labels
    stay on the CPU, since a transform looks at their values: nothing here waits for a GPU.

    Attributes:
        untransformed: serves batches of `Untransformed(dataset)`.
        dataset: whose transform and epoch it is.
        device: that gets the images.
    """

    untransformed: Iterable[Batch]
    dataset: DetectionDataset
    device: torch.device

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.untransformed:
            yield collate([self._transformed(Item(*fields)) for fields in zip(*batch, strict=True)])

    def _transformed(self, item: Item) -> Item:
        image = item.image.to(self.device, non_blocking=True)
        made = self.dataset.transformed(item._replace(image=image))
        if self.device.type != "cuda":
            return made
        return made._replace(
            boxes_xyxy=made.boxes_xyxy.pin_memory(), labels=made.labels.pin_memory()
        )
