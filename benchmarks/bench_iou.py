"""IoU: `core` and `torch_ops` beside torchvision, pycocotools, the notebook's and a plain loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.random import Generator
from pycocotools import mask
from torch import Tensor
from torchvision import ops

from benchmarks.speed import notebook
from benchmarks.speed.inputs import (
    BATCH,
    apart_objects,
    pyramid_anchors,
    random_boxes,
    ssd300_priors,
)
from benchmarks.speed.task import Arrays, Case, Implementation, Inputs, Task, Trial, trials
from refdet.core import iou as core
from refdet.records import F64
from refdet.torch_ops import iou as torch_ops

LOOP_PAIRS = 20_000


def as_xywh(*boxes: F64) -> Inputs:
    return tuple(np.concatenate([x[:, :2], x[:, 2:] - x[:, :2]], axis=1) for x in boxes)


def by_pycocotools(a_xywh: F64, b_xywh: F64) -> F64:
    return np.asarray(mask.iou(a_xywh, b_xywh, [0] * len(b_xywh)))


Pair = Callable[[list[float], list[float]], float]


def looped(rule: Pair) -> Callable[[F64, F64], F64]:
    """`rule` of every pair, one after the other."""

    def every_pair(a: F64, b: F64) -> F64:
        rows, columns = a.tolist(), b.tolist()
        return np.array([[rule(row, column) for column in columns] for row in rows])

    return every_pair


def pair_iou(a: list[float], b: list[float]) -> float:
    shared, union = shared_and_union(a, b)
    return shared / union


def pair_giou(a: list[float], b: list[float]) -> float:
    shared, union = shared_and_union(a, b)
    width, height = enclosing(a, b)
    return shared / union - (width * height - union) / (width * height)


def pair_diou(a: list[float], b: list[float]) -> float:
    width, height = enclosing(a, b)
    x, y = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    return pair_iou(a, b) - (x * x + y * y) / (width * width + height * height)


def pair_ciou(a: list[float], b: list[float]) -> float:
    angles = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    penalty = v * v / (1 - pair_iou(a, b) + v) if v else 0.0
    return pair_diou(a, b) - penalty


def shared_and_union(a: list[float], b: list[float]) -> tuple[float, float]:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared, areas - shared


def enclosing(a: list[float], b: list[float]) -> tuple[float, float]:
    return max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])


def detections_x_gt(rng: Generator) -> Inputs:
    return random_boxes(rng, 100), random_boxes(rng, 20)


def priors_x_gt(count: int) -> Callable[[Generator], Inputs]:
    return lambda rng: (rng.permutation(ssd300_priors()), random_boxes(rng, count))


def anchors_x_gt(rng: Generator) -> Inputs:
    return rng.permutation(pyramid_anchors()), random_boxes(rng, 20)


def batch_x_gt(rng: Generator) -> Inputs:
    return rng.permutation(ssd300_priors()), apart_objects(rng, BATCH, 50)


SMALL = Case("detections-x-gt", 100 * 20, detections_x_gt)
FEW = Case("ssd300-priors-x-few-gt", 8732 * 12, priors_x_gt(12))
PRIORS = Case("ssd300-priors-x-gt", 8732 * 145, priors_x_gt(145))
ANCHORS = Case("rpn-anchors-x-gt", 217_413 * 20, anchors_x_gt)


def work(per_pair: int) -> Callable[[Inputs, Arrays, int], tuple[int, int]]:
    """Boxes in, matrix out; the minima, maxima, differences, products and quotients of a pair."""

    def counted(inputs: Inputs, want: Arrays, width: int) -> tuple[int, int]:
        boxes = sum(np.size(np.asarray(value)) for value in inputs)
        return (boxes + want[0].size) * width, per_pair * want[0].size

    return counted


IOU = Task(
    family="iou",
    name="iou_matrix",
    unit="pairs",
    cases=(SMALL, FEW, PRIORS, ANCHORS),
    implementations=(
        Implementation("refdet.core", core.iou_matrix, takes_arrays=True),
        Implementation("refdet.torch_ops", torch_ops.iou_matrix),
        Implementation("torchvision", ops.box_iou),
        Implementation("pycocotools", by_pycocotools, takes_arrays=True, prepare=as_xywh),
        Implementation("notebook", notebook.jaccard),
        Implementation("loop", looped(pair_iou), takes_arrays=True, largest=LOOP_PAIRS),
    ),
    oracle=looped(pair_iou),
    work=work(12),
)


def images_by_torchvision(priors: Tensor, boxes: Tensor) -> Tensor:
    """As fast as torchvision does it: all at once on an accelerator, image by image on a CPU."""
    # `box_iou` takes a batch too, with the same numbers. Its intermediates leave a CPU's cache, so
    # that a loop is the faster there; on a GPU a loop starts eight times as many kernels.
    if boxes.device.type != "cpu":
        at_once: Tensor = ops.box_iou(priors, boxes)
        return at_once
    return torch.stack([ops.box_iou(priors, image) for image in boxes])


def images_by_core(priors: F64, boxes: F64) -> F64:
    return np.stack([core.iou_matrix(priors, image) for image in boxes])


def images_by_a_loop(priors: F64, boxes: F64) -> F64:
    return np.stack([looped(pair_iou)(priors, image) for image in boxes])


BATCHED = Task(
    family="iou",
    name="iou_matrix of a batch",
    unit="pairs",
    cases=(Case("ssd300-priors-x-gt-batch8", 8 * 8732 * 50, batch_x_gt),),
    implementations=(
        Implementation("refdet.core", images_by_core, takes_arrays=True),
        Implementation("refdet.torch_ops", torch_ops.iou_matrix),
        Implementation("torchvision", images_by_torchvision),
    ),
    oracle=images_by_a_loop,
    work=work(12),
)


def generalised(name: str, theirs: Callable[..., object], pair: Pair, per_pair: int) -> Task:
    """GIoU, DIoU or CIoU."""
    return Task(
        family="iou",
        name=name,
        unit="pairs",
        cases=(SMALL, FEW, PRIORS),
        implementations=(
            Implementation("refdet.core", getattr(core, name), takes_arrays=True),
            Implementation("refdet.torch_ops", getattr(torch_ops, name)),
            # It adds 1e-7 to DIoU's and CIoU's diagonals, whatever the dtype.
            Implementation("torchvision", theirs, tolerance=1e-4),
        ),
        oracle=looped(pair),
        work=work(per_pair),
    )


GENERALISED = (
    generalised("giou_matrix", ops.generalized_box_iou, pair_giou, 20),
    generalised("diou_matrix", ops.distance_box_iou, pair_diou, 29),
    generalised("ciou_matrix", ops.complete_box_iou, pair_ciou, 38),
)


@pytest.mark.parametrize("trial", trials(IOU, BATCHED, *GENERALISED))
def test_iou(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
