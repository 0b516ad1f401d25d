"""NMS: `core` and `torch_ops` beside torchvision's kernel and a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision import ops

from refdet.conformance.nms import Detections, naive_nms, plain_iou
from refdet.core import nms as core
from refdet.torch_ops import nms as torch_ops

I64 = NDArray[np.int64]
Suppression = Callable[[Detections], I64]

THRESHOLD = 0.45


def random_detections(count: int, spread: float) -> Detections:
    """`count` boxes of 2 to 15 % of the image's sides around objects that they scatter about."""
    rng = np.random.default_rng(0)
    centres = rng.random((145, 2))[rng.integers(0, 145, count)]
    centres = centres + rng.normal(0, spread, (count, 2))
    half = rng.uniform(0.01, 0.075, (count, 2))
    boxes = np.concatenate([centres - half, centres + half], axis=1) * 300
    return boxes, rng.permutation(count) / count, rng.integers(0, 3, count)


# All of SSD300's boxes; the 400 best of 3 classes that its score threshold leaves; some for a loop.
EVERY_PRIOR = random_detections(8732, spread=0.2)
CANDIDATES = random_detections(1200, spread=0.01)
FEW = random_detections(200, spread=0.01)


def in_torch(function: Callable[..., torch.Tensor], *, by_class: bool) -> Suppression:
    """`function` of tensors that share memory with the arrays."""

    def called(found: Detections) -> I64:
        tensors = [torch.from_numpy(array) for array in found]
        return function(*(tensors if by_class else tensors[:2]), THRESHOLD).numpy()

    return called


def run(benchmark: BenchmarkFixture, group: str, function: Suppression, found: Detections) -> None:
    """Time `function` once it has given torchvision's answer, class by class."""
    boxes, scores, labels = found
    if "batched" not in group:
        labels = np.zeros_like(labels)
    kept = np.zeros(len(boxes), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        tensors = torch.from_numpy(boxes[rows]), torch.from_numpy(scores[rows])
        kept[rows[ops.nms(*tensors, THRESHOLD).numpy()]] = True
    rows = np.flatnonzero(kept)
    np.testing.assert_array_equal(function(found), rows[np.argsort(-scores[rows])])
    benchmark.group = group
    benchmark(function, found)


def by_a_loop(found: Detections) -> I64:
    boxes, scores, labels = found
    return np.array(naive_nms((boxes, scores, np.zeros_like(labels)), THRESHOLD, plain_iou))


def batched_by_refdet_core(found: Detections) -> I64:
    boxes, scores, labels = found
    return core.batched_nms(boxes, scores, labels, THRESHOLD)


NMS = [
    pytest.param(lambda found: core.nms(found[0], found[1], THRESHOLD), id="refdet.core"),
    pytest.param(in_torch(torch_ops.nms, by_class=False), id="refdet.torch_ops"),
    pytest.param(in_torch(ops.nms, by_class=False), id="torchvision"),
]
BATCHED_NMS = [
    pytest.param(batched_by_refdet_core, id="refdet.core"),
    pytest.param(in_torch(torch_ops.batched_nms, by_class=True), id="refdet.torch_ops"),
    pytest.param(in_torch(ops.batched_nms, by_class=True), id="torchvision"),
]


@pytest.mark.parametrize("function", NMS)
def test_nms_of_every_prior(benchmark: BenchmarkFixture, function: Suppression) -> None:
    run(benchmark, "nms: every prior (8732)", function, EVERY_PRIOR)


@pytest.mark.parametrize("function", [*NMS, pytest.param(by_a_loop, id="python-loop")])
def test_nms_of_a_few(benchmark: BenchmarkFixture, function: Suppression) -> None:
    run(benchmark, "nms: a few (200)", function, FEW)


@pytest.mark.parametrize("function", BATCHED_NMS)
def test_batched_nms_of_candidates(benchmark: BenchmarkFixture, function: Suppression) -> None:
    run(benchmark, "nms: batched candidates (1200, 3 classes)", function, CANDIDATES)


@pytest.mark.parametrize("decay", core.SoftNMSDecay)
def test_soft_nms_of_candidates(benchmark: BenchmarkFixture, decay: core.SoftNMSDecay) -> None:
    boxes, scores, _ = CANDIDATES
    # Nobody else here computes it; its own contract holds it to a loop.
    assert len(core.soft_nms(boxes, scores, decay).indices) > len(core.nms(boxes, scores, 0.3))
    benchmark.group = "nms: soft candidates (1200)"
    benchmark(core.soft_nms, boxes, scores, decay)
