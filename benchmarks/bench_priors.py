"""Priors and anchors beside torchvision's generators and a plain loop: once for each network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from benchmarks.speed.inputs import ANCHOR_RATIOS, ANCHOR_SIZES, IMAGE_SIZE, PYRAMID
from benchmarks.speed.task import Case, Implementation, Inputs, Task, Trial, trials
from refdet.conformance.priors import naive_anchors, naive_priors
from refdet.core import priors as core
from refdet.records import F64

Maps = tuple[tuple[int, int], ...]
SPEC = core.SSD300_COCO


def priors_by_torchvision(spec: core.SSDPriorSpec) -> object:
    ratios = [list(ratios) for ratios in spec.aspect_ratios]
    generator = DefaultBoxGenerator(ratios, scales=list(spec.scales), steps=list(spec.steps or ()))
    grid_sizes = [list(size) for size in spec.grid_sizes]
    return generator._grid_default_boxes(grid_sizes, list(spec.image_size))


def anchors_by_torchvision(maps: Maps) -> object:
    generator = AnchorGenerator(ANCHOR_SIZES[-len(maps) :], ANCHOR_RATIOS[-len(maps) :])
    # An image without memory behind it: only its size is read.
    images = ImageList(torch.empty(1).expand(1, 1, *IMAGE_SIZE), [IMAGE_SIZE])
    return generator(images, [torch.zeros(1, 1, *size) for size in maps])


def anchors_by_refdet(maps: Maps) -> F64:
    sizes, ratios = ANCHOR_SIZES[-len(maps) :], ANCHOR_RATIOS[-len(maps) :]
    return core.rpn_anchors(IMAGE_SIZE, maps, sizes, ratios)


def anchors_by_a_loop(maps: Maps) -> F64:
    sizes, ratios = ANCHOR_SIZES[-len(maps) :], ANCHOR_RATIOS[-len(maps) :]
    return np.array(naive_anchors(IMAGE_SIZE, list(zip(maps, sizes, ratios, strict=True))))


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
        Implementation("torchvision", priors_by_torchvision, takes_arrays=True, tolerance=1e-5),
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
        Implementation("torchvision", anchors_by_torchvision, takes_arrays=True),
        Implementation("loop", anchors_by_a_loop, takes_arrays=True, largest=20_000),
    ),
    oracle=anchors_by_a_loop,
)


@pytest.mark.parametrize("trial", trials(PRIORS, ANCHORS))
def test_priors(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
