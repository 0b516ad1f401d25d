"""Assignment: `core` and `torch_ops` beside torchvision's matchers and a greedy loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision.models.detection._utils import Matcher, SSDMatcher

from refdet.conformance.assign import naive_ssd
from refdet.core import assign as core
from refdet.core.boxes import cxcywh_to_xyxy
from refdet.core.iou import iou_matrix
from refdet.core.priors import SSD300_BCCD, ssd_priors
from refdet.torch_ops import assign as torch_ops

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Rule = Callable[[F64], I64]  # IoU -> object of each prior, or -1

BATCH, N_OBJECTS, THRESHOLD = 8, 145, 0.5


def ssd300_iou(seed: int) -> F64:
    """(8732, 145): priors with objects between 5 and 30 % of the image's sides."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.7, (N_OBJECTS, 2))
    objects = np.concatenate([low, low + rng.uniform(0.05, 0.3, (N_OBJECTS, 2))], axis=1)
    return iou_matrix(cxcywh_to_xyxy(ssd_priors(SSD300_BCCD)), objects)


IMAGES = np.stack([ssd300_iou(seed) for seed in range(BATCH)])
IOU = IMAGES[0]


def ssd_by_refdet_core(iou: F64) -> I64:
    got = core.assign_ssd(iou, THRESHOLD)
    return np.where(got.positive, got.object_index, -1)


def ssd_by_refdet_torch_ops(iou: F64) -> I64:
    got = torch_ops.assign_ssd(torch.from_numpy(iou), THRESHOLD)
    return torch.where(got.positive, got.object_index, -1).numpy()


def ssd_by_a_greedy_loop(iou: F64) -> I64:
    """An argmax of the whole matrix for each object, as the rule is usually written."""
    left = iou.copy()
    assigned = np.where(iou.max(axis=1) >= THRESHOLD, iou.argmax(axis=1), -1)
    for _ in range(iou.shape[1]):
        prior, thing = np.unravel_index(left.argmax(), left.shape)
        if left[prior, thing] <= 0:
            break
        assigned[prior] = thing
        left[prior, :] = left[:, thing] = 0
    return assigned


def ssd_by_torchvision(iou: F64) -> I64:
    return np.asarray(SSDMatcher(THRESHOLD)(torch.from_numpy(iou.T)))


def rcnn_by_refdet_core(iou: F64) -> I64:
    got = core.assign_rcnn(iou, 0.5, 0.4, allow_low_quality=False)
    return np.where(got.ignored, -2, np.where(got.positive, got.object_index, -1))


def rcnn_by_torchvision(iou: F64) -> I64:
    matcher = Matcher(0.5, 0.4, allow_low_quality_matches=False)
    return np.asarray(matcher(torch.from_numpy(iou.T)))


@pytest.fixture(scope="module")
def naive() -> I64:
    """The rule from a list of all pairs, the best first."""
    learned = naive_ssd(IOU, THRESHOLD)
    return np.array([learned.get(prior, -1) for prior in range(len(IOU))])


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(ssd_by_refdet_core, id="refdet.core"),
        pytest.param(ssd_by_refdet_torch_ops, id="refdet.torch_ops"),
        pytest.param(ssd_by_a_greedy_loop, id="greedy-loop"),
    ],
)
def test_ssd_assignment(benchmark: BenchmarkFixture, function: Rule, naive: I64) -> None:
    np.testing.assert_array_equal(function(IOU), naive)
    benchmark.group = f"assign: ssd {IOU.shape}"
    benchmark(function, IOU)


def test_ssd_assignment_that_loses_objects(benchmark: BenchmarkFixture, naive: I64) -> None:
    """torchvision's matcher lets two objects force one prior: it solves an easier problem."""
    lost = set(naive.tolist()) - set(ssd_by_torchvision(IOU).tolist())
    benchmark.extra_info["objects lost"] = len(lost)
    benchmark.group = f"assign: ssd {IOU.shape}"
    benchmark(ssd_by_torchvision, IOU)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda images: [ssd_by_refdet_core(iou) for iou in images], id="refdet.core"),
        pytest.param(ssd_by_refdet_torch_ops, id="refdet.torch_ops"),
    ],
)
def test_ssd_assignment_of_a_batch(
    benchmark: BenchmarkFixture, function: Callable[[F64], object]
) -> None:
    want = np.stack([ssd_by_a_greedy_loop(iou) for iou in IMAGES])
    np.testing.assert_array_equal(np.asarray(function(IMAGES)), want)
    benchmark.group = f"assign: ssd batch {IMAGES.shape}"
    benchmark(function, IMAGES)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(rcnn_by_refdet_core, id="refdet.core"),
        pytest.param(rcnn_by_torchvision, id="torchvision"),
    ],
)
def test_rcnn_assignment(benchmark: BenchmarkFixture, function: Rule) -> None:
    np.testing.assert_array_equal(function(IOU), rcnn_by_torchvision(IOU))
    benchmark.group = f"assign: rcnn {IOU.shape}"
    benchmark(function, IOU)
