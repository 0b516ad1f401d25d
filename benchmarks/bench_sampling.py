"""Balanced samples of anchors: `core` and `torch_ops` beside torchvision's sampler.

Which anchors are drawn is chance: an answer is how many of each kind, and that none is of another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from benchmarks.speed.inputs import BATCH
from benchmarks.speed.task import (
    Arrays,
    Case,
    Implementation,
    Inputs,
    Task,
    Trial,
    as_arrays,
    trials,
)
from refdet.core import sampling as core
from refdet.torch_ops import sampling as torch_ops

Mask = NDArray[np.bool_]

N_ANCHORS, SIZE, FRACTION = 217_413, 256, 0.5
SAMPLER = BalancedPositiveNegativeSampler(SIZE, FRACTION)


def case(name: str, batch: int) -> Case:
    """As an RPN has them: a handful to hundreds of positives, some ignored, the rest negative."""

    def make(rng: Generator) -> Inputs:
        positive = rng.random((batch, N_ANCHORS)) < rng.choice([1e-4, 3e-3], (batch, 1))
        return positive, ~positive & (rng.random(positive.shape) < 0.9)

    return Case(name, batch * N_ANCHORS, make)


def counts_by_numpy(positive: Mask, negative: Mask) -> Arrays:
    """The oracle: positives and negatives drawn of each image; and of what is neither, none."""
    n_positive = np.minimum(positive.sum(axis=1), int(SIZE * FRACTION))
    n_negative = np.minimum(negative.sum(axis=1), SIZE - n_positive)
    return n_positive, n_negative, np.zeros(len(positive), np.int64)


def counts(result: object) -> Arrays:
    """The same of masks and what was drawn from them."""
    positive, negative, drawn_positive, drawn_negative = (
        array.astype(np.bool_) for array in as_arrays(result)
    )
    wrong = (drawn_positive & ~positive) | (drawn_negative & ~negative)
    return drawn_positive.sum(axis=1), drawn_negative.sum(axis=1), wrong.sum(axis=1)


RNG = np.random.default_rng(0)


def by_core(positive: Mask, negative: Mask) -> list[object]:
    samples = [
        core.balanced_sample(*masks, SIZE, FRACTION, RNG)
        for masks in zip(positive, negative, strict=True)
    ]
    drawn = ([one.positive for one in samples], [one.negative for one in samples])
    return [positive, negative, *map(np.stack, drawn)]


def by_torch_ops(positive: Tensor, negative: Tensor) -> list[Tensor]:
    sample = torch_ops.balanced_sample(positive, negative, SIZE, FRACTION)
    return [positive, negative, sample.positive, sample.negative]


def with_labels(positive: Tensor, negative: Tensor) -> Inputs:
    """One number an anchor, which torchvision's sampler takes."""
    return positive, negative, torch.where(positive, 1.0, torch.where(negative, 0.0, -1.0))


def by_torchvision(positive: Tensor, negative: Tensor, labels: Tensor) -> list[Tensor]:
    drawn = SAMPLER(list(labels))
    return [positive, negative, *map(torch.stack, drawn)]


BALANCED = Task(
    family="sampling",
    name="balanced_sample",
    unit="anchors",
    cases=(case("rpn-anchors", 1), case("rpn-anchors-batch8", BATCH)),
    implementations=(
        Implementation("refdet.core", by_core, takes_arrays=True, answer=counts),
        Implementation("refdet.torch_ops", by_torch_ops, answer=counts),
        Implementation("torchvision", by_torchvision, prepare=with_labels, answer=counts),
    ),
    oracle=counts_by_numpy,
    dtypes=("float64",),  # masks go in, masks come out
)


@pytest.mark.parametrize("trial", trials(BALANCED))
def test_sampling(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
