"""The loader of training batches: with worker processes where they can work, without elsewhere."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch.utils.data import DataLoader, Dataset

from refdet.data.dataset import Batch, DetectionDataset, collate
from refdet.models.runtime import usable_cores
from refdet.terminal import in_notebook
from refdet.training.stopping import leave_signals_to_parent


def make_loader(
    dataset: DetectionDataset,
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
    dataset: DetectionDataset, batches: Iterable[list[int]], workers: int, pin_memory: bool
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
