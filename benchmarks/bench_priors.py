"""Priors and anchors beside torchvision's generators and a plain loop: once for each network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from benchmarks.speed.inputs import ANCHOR_RATIOS, ANCHOR_SIZES, IMAGE_SIZE, PYRAMID
from benchmarks.speed.task import Case, Implementation, Inputs, Task, Trial, trials
from refdet.conformance.priors import naive_anchors, naive_priors
from refdet.core import priors as core
from refdet.records import F64

Maps = tuple[tuple[int, int], ...]
Settings = tuple[tuple[float, ...], ...]
SPEC = core.SSD300_COCO


def for_default_boxes(spec: core.SSDPriorSpec) -> Inputs:
    """torchvision's generator, and what its `forward` reads of feature maps and images."""
    ratios = [list(ratios) for ratios in spec.aspect_ratios]
    generator = DefaultBoxGenerator(ratios, scales=list(spec.scales), steps=list(spec.steps or ()))
    return generator, [list(size) for size in spec.grid_sizes], list(spec.image_size)


def priors_by_torchvision(
    generator: DefaultBoxGenerator, grid_sizes: list[list[int]], image_size: list[int]
) -> object:
    return generator._grid_default_boxes(grid_sizes, image_size)


def for_anchors(maps: Maps) -> Inputs:
    """torchvision's generator, images and feature maps, of which it reads the sizes alone."""
    generator = AnchorGenerator(*settings(maps))
    images = ImageList(torch.empty(1).expand(1, 1, *IMAGE_SIZE), [IMAGE_SIZE])
    return generator, images, [torch.zeros(1, 1, *size) for size in maps]


def anchors_by_torchvision(
    generator: AnchorGenerator, images: ImageList, maps: list[Tensor]
) -> object:
    return generator(images, maps)


def settings(maps: Maps) -> tuple[Settings, Settings]:
    """Sizes and ratios of each map."""
    return ANCHOR_SIZES[-len(maps) :], ANCHOR_RATIOS[-len(maps) :]


def anchors_by_refdet(maps: Maps) -> F64:
    return core.rpn_anchors(IMAGE_SIZE, maps, *settings(maps))


def anchors_by_a_loop(maps: Maps) -> F64:
    return np.array(naive_anchors(IMAGE_SIZE, list(zip(maps, *settings(maps), strict=True))))


def priors_by_a_loop(spec: core.SSDPriorSpec) -> F64:
    return np.array(naive_priors(spec))


def pyramid(levels: int) -> Case:
    """The coarsest of the pyramid's maps; the same every time, there is only one."""
    maps = PYRAMID[-levels:]
    inputs: Inputs = (maps,)
    return Case(f"rpn-{levels}-levels", 3 * sum(h * w for h, w in maps), lambda rng: inputs)


PRIORS = Task(
    family="priors",
    name="ssd_priors",
    unit="boxes",
    cases=(Case("ssd300", 8732, lambda rng: (SPEC,)),),
    implementations=(
        Implementation("refdet.core", core.ssd_priors, takes_arrays=True),
        # It computes in float32.
        Implementation(
            "torchvision",
            priors_by_torchvision,
            takes_arrays=True,
            prepare=for_default_boxes,
            tolerance=1e-5,
        ),
        Implementation("loop", priors_by_a_loop, takes_arrays=True),
    ),
    oracle=priors_by_a_loop,
)
ANCHORS = Task(
    family="priors",
    name="rpn_anchors",
    unit="boxes",
    cases=(pyramid(2), pyramid(3), pyramid(5)),
    implementations=(
        Implementation("refdet.core", anchors_by_refdet, takes_arrays=True),
        Implementation(
            "torchvision", anchors_by_torchvision, takes_arrays=True, prepare=for_anchors
        ),
        Implementation("loop", anchors_by_a_loop, takes_arrays=True, largest=20_000),
    ),
    oracle=anchors_by_a_loop,
)


@pytest.mark.parametrize("trial", trials(PRIORS, ANCHORS))
def test_priors(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
