"""The loader of training batches: with worker processes where they can work, without elsewhere."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from typing import cast

import torch
from torch.utils.data import DataLoader, Dataset

from refdet.data.dataset import Batch, DetectionDataset, collate
from refdet.terminal import in_notebook
from refdet.training.plan import EpochBatches


def make_loader(
    dataset: DetectionDataset,
    batches: EpochBatches,
    *,
    workers: int,
    pin_memory: bool,
    tell: Callable[[str], None],
) -> DataLoader[Batch]:
    """A loader that serves `batches`, as they are set when it is iterated.

    In a notebook, whose kernel new processes cannot import, and where they cannot be started, the
    samples are prepared in this process instead; they are the same ones.

    Args:
        dataset: to load from.
        batches: which samples, in which order.
        workers: processes that prepare samples; they live as long as the loader.
        pin_memory: whether a GPU is going to read the batches.
        tell: called with a sentence if there are fewer workers than asked for.
    """
    if workers and in_notebook():
        tell("no worker processes in a notebook: samples are prepared in this one")
        workers = 0
    loader = _loader(dataset, batches, workers, pin_memory)
    if workers:
        others = set(multiprocessing.active_children())
        try:
            iter(loader)  # starts them; they stay
        except (OSError, RuntimeError, AttributeError, pickle.PicklingError) as error:
            for started in set(multiprocessing.active_children()) - others:
                started.terminate()
                started.join()
            tell(f"worker processes cannot start ({error}): samples are prepared in this one")
            return _loader(dataset, batches, 0, pin_memory)
    return loader


def _loader(
    dataset: DetectionDataset, batches: EpochBatches, workers: int, pin_memory: bool
) -> DataLoader[Batch]:
    return DataLoader(
        # Its items are collated to batches, which torch's annotation does not know.
        cast("Dataset[Batch]", dataset),
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        collate_fn=collate,
        # Workers are given a seed even where none is drawn: not from the global generator.
        generator=torch.Generator(),
    )
