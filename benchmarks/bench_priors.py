"""Priors and anchors beside torchvision's generators and a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from refdet.conformance.priors import naive_anchors, naive_priors
from refdet.core.priors import SSD300_COCO, rpn_anchors, ssd_priors

F64 = NDArray[np.float64]

IMAGE_SIZE = (800, 1088)
FEATURE_MAPS = [(200, 272), (100, 136), (50, 68), (25, 34), (13, 17)]
COARSE_MAPS = FEATURE_MAPS[3:]
SIZES = [[32.0], [64.0], [128.0], [256.0], [512.0]]
RATIOS = [[0.5, 1.0, 2.0]] * 5


def priors_by_torchvision() -> F64:
    spec = SSD300_COCO
    ratios = [list(ratios) for ratios in spec.aspect_ratios]
    generator = DefaultBoxGenerator(ratios, scales=list(spec.scales), steps=list(spec.steps or ()))
    grid_sizes = [list(size) for size in spec.grid_sizes]
    priors: torch.Tensor = generator._grid_default_boxes(grid_sizes, list(spec.image_size))
    return priors.double().numpy()


def anchors_by_torchvision(maps: list[tuple[int, int]]) -> F64:
    levels = len(maps)
    generator = AnchorGenerator(
        tuple(tuple(sizes) for sizes in SIZES[-levels:]), tuple(map(tuple, RATIOS[-levels:]))
    )
    # An image without memory behind it: only its size is read.
    images = ImageList(torch.empty(1).expand(1, 1, *IMAGE_SIZE), [IMAGE_SIZE])
    anchors: list[torch.Tensor] = generator(images, [torch.zeros(1, 1, *size) for size in maps])
    return anchors[0].double().numpy()


def anchors_by_refdet(maps: list[tuple[int, int]]) -> F64:
    return rpn_anchors(IMAGE_SIZE, maps, SIZES[-len(maps) :], RATIOS[-len(maps) :])


def anchors_by_a_loop(maps: list[tuple[int, int]]) -> F64:
    levels = list(zip(maps, SIZES[-len(maps) :], RATIOS[-len(maps) :], strict=True))
    return np.array(naive_anchors(IMAGE_SIZE, levels))


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda: ssd_priors(SSD300_COCO), id="refdet.core"),
        pytest.param(priors_by_torchvision, id="torchvision-float32"),
        pytest.param(lambda: np.array(naive_priors(SSD300_COCO)), id="python-loop"),
    ],
)
def test_ssd300_priors(benchmark: BenchmarkFixture, function: Callable[[], F64]) -> None:
    np.testing.assert_allclose(function(), priors_by_torchvision(), rtol=0, atol=1e-6)
    benchmark.group = "priors: SSD300_COCO (8732)"
    benchmark(function)


@pytest.mark.parametrize(
    ("maps", "function"),
    [
        pytest.param(FEATURE_MAPS, anchors_by_refdet, id="pyramid-refdet.core"),
        pytest.param(FEATURE_MAPS, anchors_by_torchvision, id="pyramid-torchvision"),
        pytest.param(COARSE_MAPS, anchors_by_refdet, id="coarse-refdet.core"),
        pytest.param(COARSE_MAPS, anchors_by_torchvision, id="coarse-torchvision"),
        pytest.param(COARSE_MAPS, anchors_by_a_loop, id="coarse-python-loop"),
    ],
)
def test_rpn_anchors(
    benchmark: BenchmarkFixture,
    maps: list[tuple[int, int]],
    function: Callable[[list[tuple[int, int]]], F64],
) -> None:
    np.testing.assert_array_equal(function(maps), anchors_by_torchvision(maps))
    count = 3 * sum(height * width for height, width in maps)
    benchmark.group = f"anchors: {len(maps)} levels ({count})"
    benchmark(function, maps)
