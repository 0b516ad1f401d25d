"""IoU: `core` and `torch_ops` beside torchvision, pycocotools and a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools import mask
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision import ops

from refdet.core import iou as core
from refdet.core.boxes import cxcywh_to_xyxy
from refdet.core.priors import SSD300_BCCD, ssd_priors
from refdet.torch_ops import iou as torch_ops

F64 = NDArray[np.float64]
Matrix = Callable[[F64, F64], F64]


def random_boxes(count: int, seed: int) -> F64:
    """Boxes between 2 and 30 % of the image's sides, as fractions."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.7, (count, 2))
    return np.concatenate([low, low + rng.uniform(0.02, 0.3, (count, 2))], axis=1)


PRIORS, OBJECTS = cxcywh_to_xyxy(ssd_priors(SSD300_BCCD)), random_boxes(145, seed=1)
DETECTIONS, FEW_OBJECTS = random_boxes(100, seed=2), random_boxes(20, seed=3)


def in_torch(function: Callable[..., torch.Tensor], dtype: torch.dtype) -> Matrix:
    """`function` of tensors that share memory with the arrays (float64) or are cast (float32)."""
    return lambda a, b: function(
        torch.from_numpy(a).to(dtype), torch.from_numpy(b).to(dtype)
    ).numpy()


def by_pycocotools(a: F64, b: F64) -> F64:
    xywh_a, xywh_b = (np.concatenate([x[:, :2], x[:, 2:] - x[:, :2]], axis=1) for x in (a, b))
    return np.asarray(mask.iou(xywh_a, xywh_b, [0] * len(b)))


def by_a_loop(a: F64, b: F64) -> F64:
    rows, columns = a.tolist(), b.tolist()
    return np.array([[pair_iou(row, column) for column in columns] for row in rows])


def pair_iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared)


def both_dtypes(name: str, function: Callable[..., torch.Tensor]) -> list[tuple[str, Matrix]]:
    return [
        (f"{name}-float64", in_torch(function, torch.float64)),
        (f"{name}-float32", in_torch(function, torch.float32)),
    ]


FAST = [
    ("refdet.core", core.iou_matrix),
    *both_dtypes("refdet.torch_ops", torch_ops.iou_matrix),
    *both_dtypes("torchvision", ops.box_iou),
    ("pycocotools", by_pycocotools),
]


def run(benchmark: BenchmarkFixture, group: str, function: Matrix, a: F64, b: F64) -> None:
    """Time `function` once it has given torchvision's answer."""
    want = ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(function(a, b), want, rtol=0, atol=1e-5)
    benchmark.group = group
    benchmark(function, a, b)


@pytest.mark.parametrize("function", [pytest.param(f, id=name) for name, f in FAST])
def test_iou_of_ssd300_priors_and_objects(benchmark: BenchmarkFixture, function: Matrix) -> None:
    run(benchmark, "iou: ssd300-priors-x-gt (8732 x 145)", function, PRIORS, OBJECTS)


@pytest.mark.parametrize(
    "function", [pytest.param(f, id=name) for name, f in [*FAST, ("python-loop", by_a_loop)]]
)
def test_iou_of_detections_and_objects(benchmark: BenchmarkFixture, function: Matrix) -> None:
    run(benchmark, "iou: detections-x-gt (100 x 20)", function, DETECTIONS, FEW_OBJECTS)


GENERALISED = [
    ("giou", core.giou_matrix, ops.generalized_box_iou),
    ("diou", core.diou_matrix, ops.distance_box_iou),
    ("ciou", core.ciou_matrix, ops.complete_box_iou),
]


@pytest.mark.parametrize(
    ("name", "function", "want"),
    [
        pytest.param(name, function, in_torch(theirs, torch.float64), id=f"{name}-{whose}")
        for name, ours, theirs in GENERALISED
        for whose, function in (
            ("refdet.core", ours),
            ("torchvision", in_torch(theirs, torch.float64)),
        )
    ],
)
def test_generalised_iou(
    benchmark: BenchmarkFixture, name: str, function: Matrix, want: Matrix
) -> None:
    a, b = PRIORS[::10], OBJECTS
    np.testing.assert_allclose(function(a, b), want(a, b), rtol=0, atol=1e-5)
    benchmark.group = f"{name}: every tenth prior x gt (874 x 145)"
    benchmark(function, a, b)
