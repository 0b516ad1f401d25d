"""NMS: `core` and `torch_ops` beside torchvision's kernel, the notebook's and a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from torchvision import ops

from benchmarks.speed import notebook
from benchmarks.speed.inputs import detections
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
from refdet.core import nms as core
from refdet.records import F64, I64
from refdet.torch_ops import nms as torch_ops

NOTEBOOK_BOXES = 2000
MIN_SCORE = 0.001


def case(name: str, count: int, n_classes: int, threshold: float, spread: float = 0.01) -> Case:
    """`count` boxes about 145 objects; the wider they scatter, the more of them stay."""

    def make(rng: Generator) -> Inputs:
        found = detections(rng, count, n_classes, spread)
        return (*(found if n_classes > 1 else found[:2]), threshold)

    return Case(name, count, make)


def by_a_loop(boxes: F64, scores: F64, threshold: float) -> I64:
    """The best that is left, then without all that it overlaps: a NumPy step for each one kept."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while order.size:
        kept.append(order[0])
        best, rest = boxes[order[0]], boxes[order[1:]]
        low, high = np.maximum(best[:2], rest[:, :2]), np.minimum(best[2:], rest[:, 2:])
        shared = (high - low).clip(min=0).prod(axis=1)
        union = (best[2:] - best[:2]).prod() + (rest[:, 2:] - rest[:, :2]).prod(axis=1) - shared
        order = order[1:][shared / union <= threshold]
    return np.array(kept)


def batched_by_a_loop(boxes: F64, scores: F64, labels: I64, threshold: float) -> I64:
    kept = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        kept.append(rows[by_a_loop(boxes[rows], scores[rows], threshold)])
    found = np.concatenate(kept)
    return found[np.argsort(-scores[found], kind="stable")]


def soft_by_a_loop(boxes: F64, scores: F64, threshold: float) -> tuple[I64, F64]:
    """The best that is left, then all others lowered: a NumPy step for each one kept."""
    areas, left, kept = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), scores.copy(), []
    while left.max() >= MIN_SCORE:
        best = int(left.argmax())
        kept.append((best, left[best]))
        low = np.maximum(boxes[best, :2], boxes[:, :2])
        high = np.minimum(boxes[best, 2:], boxes[:, 2:])
        shared = (high - low).clip(min=0).prod(axis=1)
        overlap = shared / (areas[best] + areas - shared)
        left[overlap > threshold] *= 1 - overlap[overlap > threshold]
        left[best] = -1
    return np.array([row for row, _ in kept]), np.array([score for _, score in kept])


def soft(found: object) -> Arrays:
    """Rows and scores of the core's record or of tensors."""
    assert isinstance(found, core.SoftNMSResult | torch_ops.SoftNMSResult)
    return as_arrays([found.indices, found.scores])


def work(inputs: Inputs, want: Arrays, width: int) -> tuple[int, int]:
    """Boxes, scores and labels in, rows out.

    Whoever knows nothing of where boxes are compares each two that are kept, and each that is
    dropped with one that is kept: 13 operations each. Of classes, only pairs of equal labels.
    """
    boxes, scores, *labels = (np.asarray(value) for value in inputs[:-1])
    classes = labels[0] if labels else np.zeros(len(boxes), np.int64)
    kept = np.bincount(classes[want[0]], minlength=classes.max() + 1)
    pairs = int((kept * (kept - 1) // 2).sum()) + len(boxes) - int(kept.sum())
    moved = (boxes.size + scores.size) * width
    return moved + 8 * (sum(x.size for x in labels) + want[0].size), 13 * pairs


NMS = Task(
    family="nms",
    name="nms",
    unit="boxes",
    cases=(
        case("a-few", 200, 1, 0.45),
        case("rpn-one-level", 2000, 1, 0.7),
        case("ssd300-every-prior", 8732, 1, 0.45, spread=0.2),
    ),
    implementations=(
        Implementation("refdet.core", core.nms, takes_arrays=True),
        Implementation("refdet.torch_ops", torch_ops.nms),
        # In float32, and on CUDA, it rounds IoU and threshold.
        Implementation("torchvision", ops.nms, may_differ=True),
        Implementation("notebook", notebook.nms, largest=NOTEBOOK_BOXES, may_differ=True),
        Implementation("loop", by_a_loop, takes_arrays=True),
    ),
    oracle=by_a_loop,
    work=work,
)
BATCHED = Task(
    family="nms",
    name="batched_nms",
    unit="boxes",
    cases=(
        case("ssd300-candidates-3-classes", 1200, 3, 0.45),
        case("coco-candidates-80-classes", 6000, 80, 0.5),
        case("rpn-nms-5-levels", 8663, 5, 0.7, spread=0.05),
    ),
    implementations=(
        Implementation("refdet.core", core.batched_nms, takes_arrays=True),
        Implementation("refdet.torch_ops", torch_ops.batched_nms),
        # Where it is small, it also moves classes apart, which rounds coordinates.
        Implementation("torchvision", ops.batched_nms, may_differ=True),
        Implementation("notebook", notebook.batched_nms, may_differ=True, largest=6000),
        Implementation("loop", batched_by_a_loop, takes_arrays=True),
    ),
    oracle=batched_by_a_loop,
    work=work,
)
SOFT = Task(
    family="nms",
    name="soft_nms",
    unit="boxes",
    cases=(case("a-few", 200, 1, 0.3), case("rpn-one-level", 2000, 1, 0.3)),
    implementations=(
        Implementation(
            "refdet.core",
            lambda boxes, scores, threshold: core.soft_nms(
                boxes, scores, core.SoftNMSDecay.LINEAR, threshold
            ),
            takes_arrays=True,
            answer=soft,
        ),
        Implementation(
            "refdet.torch_ops",
            lambda boxes, scores, threshold: torch_ops.soft_nms(
                boxes, scores, torch_ops.SoftNMSDecay.LINEAR, threshold
            ),
            answer=soft,
        ),
        Implementation(
            "notebook",
            lambda boxes, scores, threshold: notebook.soft_nms(boxes, scores, threshold, MIN_SCORE),
        ),
        Implementation("loop", soft_by_a_loop, takes_arrays=True),
    ),
    oracle=soft_by_a_loop,
    dtypes=("float64",),  # in which ours computes anyway
)


@pytest.mark.parametrize("trial", trials(NMS, BATCHED, SOFT))
def test_nms(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
