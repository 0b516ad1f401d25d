"""The box codec: `core` and `torch_ops` beside torchvision's coder, the notebook's and a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from benchmarks.speed import notebook
from benchmarks.speed.inputs import SSD_WEIGHTS, pyramid_anchors, random_boxes, ssd300_priors
from benchmarks.speed.task import Arrays, Case, Implementation, Inputs, Task, Trial, trials
from refdet.conformance.codec import naive_decode, naive_encode
from refdet.core import codec as core
from refdet.records import F64
from refdet.torch_ops import codec as torch_ops

CODER = BoxCoder(SSD_WEIGHTS)
LOOP_BOXES = 10_000


def references(count: int) -> Callable[[Generator], F64]:
    """As many boxes as detectors refer to: a sample, SSD300's priors, a batch, all anchors."""
    known = {8732: ssd300_priors, 217_413: pyramid_anchors}
    if count in known:
        return lambda rng: rng.permutation(known[count]())
    return lambda rng: random_boxes(rng, count)


def pairs(count: int) -> Callable[[Generator], Inputs]:
    return lambda rng: (random_boxes(rng, count), references(count)(rng))


def offsets(count: int) -> Callable[[Generator], Inputs]:
    return lambda rng: (rng.normal(0, 1, (count, 4)), references(count)(rng))


SIZES = {
    "rpn-sample": 256,
    "ssd300-priors": 8732,
    "ssd300-priors-batch8": 8 * 8732,
    "rpn-anchors": 217_413,
}


def encode_by_a_loop(boxes: F64, priors: F64) -> F64:
    return np.array([naive_encode(*row, SSD_WEIGHTS) for row in zip(boxes, priors, strict=True)])


def decode_by_a_loop(deltas: F64, priors: F64) -> F64:
    rows = zip(deltas, priors, strict=True)
    return np.array([naive_decode(*row, SSD_WEIGHTS, 1000 / 16) for row in rows])


def work(per_box: int) -> Callable[[Inputs, Arrays, int], tuple[int, int]]:
    """Two rows of four in, one out; a logarithm or an exponential counts as one operation."""
    return lambda inputs, want, width: (3 * want[0].size * width, per_box * len(want[0]))


def encode_by_torchvision(boxes: Tensor, priors: Tensor) -> object:
    return CODER.encode_single(boxes, priors)


def decode_by_torchvision(deltas: Tensor, priors: Tensor) -> object:
    return CODER.decode_single(deltas, priors)


ENCODE = Task(
    family="codec",
    name="encode_boxes",
    unit="boxes",
    cases=[Case(name, count, pairs(count)) for name, count in SIZES.items()],
    implementations=(
        Implementation(
            "refdet.core", lambda a, b: core.encode_boxes(a, b, SSD_WEIGHTS), takes_arrays=True
        ),
        Implementation("refdet.torch_ops", lambda a, b: torch_ops.encode_boxes(a, b, SSD_WEIGHTS)),
        Implementation("torchvision", encode_by_torchvision),
        Implementation("notebook", notebook.encode),
        Implementation("loop", encode_by_a_loop, takes_arrays=True, largest=LOOP_BOXES),
    ),
    oracle=encode_by_a_loop,
    work=work(24),
)
DECODE = Task(
    family="codec",
    name="decode_boxes",
    unit="boxes",
    cases=[Case(name, count, offsets(count)) for name, count in SIZES.items()],
    implementations=(
        Implementation(
            "refdet.core",
            lambda a, b: core.decode_boxes(a, b, SSD_WEIGHTS, core.MAX_LOG_SCALE),
            takes_arrays=True,
        ),
        Implementation(
            "refdet.torch_ops",
            lambda a, b: torch_ops.decode_boxes(a, b, SSD_WEIGHTS, torch_ops.MAX_LOG_SCALE),
        ),
        Implementation("torchvision", decode_by_torchvision),
        Implementation("notebook", notebook.decode),  # which clamps nothing
        Implementation("loop", decode_by_a_loop, takes_arrays=True, largest=LOOP_BOXES),
    ),
    oracle=decode_by_a_loop,
    work=work(26),
)


@pytest.mark.parametrize("trial", trials(ENCODE, DECODE))
def test_codec(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
