"""Losses and their gradients, beside torchvision's and the notebook's loop."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.random import Generator
from torch import Tensor
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.ssd import SSD

from benchmarks.speed import notebook
from benchmarks.speed.inputs import (
    N_CLASSES,
    SSD_WEIGHTS,
    apart_objects,
    random_boxes,
    ssd300_priors,
)
from benchmarks.speed.task import (
    Arrays,
    Case,
    Implementation,
    Inputs,
    Task,
    Trial,
    as_they_are,
    trials,
)
from refdet.records import F64, I64
from refdet.torch_ops import assign, codec, iou, losses, sampling

N_PRIORS, N_OBJECTS, THRESHOLD = 8732, 145, 0.5
Loss = Callable[..., Tensor]
# What is timed of a loss: itself, or its gradients too.
Step = Callable[[Loss], Callable[..., object]]


def predictions(rng: Generator, batch: int) -> tuple[F64, F64]:
    return rng.normal(0, 1, (batch, N_PRIORS, N_CLASSES + 1)), rng.normal(
        0, 1, (batch, N_PRIORS, 4)
    )


def with_boxes(*counts: int) -> Callable[[Generator], Inputs]:
    """Logits, deltas, objects and their labels, priors; each image with its count of objects."""
    return lambda rng: (*predictions(rng, len(counts)), *padded_objects(rng, counts))


def padded_objects(rng: Generator, counts: tuple[int, ...]) -> tuple[F64, I64, F64]:
    """Objects and labels, padded as refdet's SSD300 does it, by boxes without an area; priors."""
    real = np.arange(max(counts)) < np.array(counts)[:, None]
    boxes = apart_objects(rng, *real.shape) * real[..., None]
    labels: I64 = rng.integers(0, N_CLASSES, real.shape) * real
    return boxes, labels, ssd300_priors()


def with_targets(*counts: int) -> Callable[[Generator], Inputs]:
    """Logits, deltas, and what every prior learns of so many objects: ten learn each of them."""

    def make(rng: Generator) -> Inputs:
        boxes, labels, priors = map(torch.from_numpy, padded_objects(rng, counts))
        learned = notebook.targets(*unpadded(boxes, labels), priors, THRESHOLD)
        return *predictions(rng, len(counts)), *(target.numpy() for target in learned)

    return make


def without_padding(
    logits: Tensor, deltas: Tensor, boxes: Tensor, labels: Tensor, priors: Tensor
) -> Inputs:
    """A list of objects in place of padding, for those that go image by image."""
    return logits, deltas, *unpadded(boxes, labels), priors


def unpadded(boxes: Tensor, labels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The objects of each image that have an area."""
    real = [(image[:, 2] > 0).nonzero().squeeze(1) for image in boxes]
    kept_boxes, kept_labels = (
        [image[rows] for image, rows in zip(padded, real, strict=True)]
        for padded in (boxes, labels)
    )
    return kept_boxes, kept_labels


def and_gradients(loss: Loss) -> Callable[..., tuple[Tensor, ...]]:
    """The loss and its gradients with respect to logits and deltas."""

    def step(logits: Tensor, deltas: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        logits, deltas = logits.detach().requires_grad_(), deltas.detach().requires_grad_()
        total = loss(logits, deltas, *others)
        return total.detach(), *torch.autograd.grad(total, [logits, deltas])

    return step


def loss_by_refdet(
    logits: Tensor, deltas: Tensor, labels: Tensor, target_deltas: Tensor, positive: Tensor
) -> Tensor:
    confidence = losses.confidence_loss(logits.detach(), labels)
    hard = sampling.hard_negative_mask(confidence, positive, notebook.RATIO)
    return losses.multibox_loss(logits, deltas, labels, target_deltas, positive, hard).total


def from_boxes_by_refdet(
    logits: Tensor, deltas: Tensor, boxes: Tensor, labels: Tensor, priors: Tensor
) -> Tensor:
    found = assign.assign_ssd(iou.iou_matrix(boxes, priors).mT, THRESHOLD)
    index, positive = found.object_index, found.positive
    matched = boxes.gather(1, index[..., None].expand(-1, -1, 4))
    target_deltas = codec.encode_boxes(matched, priors, SSD_WEIGHTS)
    target_labels = (labels.gather(1, index) + 1) * positive
    return loss_by_refdet(logits, deltas, target_labels, target_deltas, positive)


def from_boxes_by_the_notebook(
    logits: Tensor, deltas: Tensor, boxes: list[Tensor], labels: list[Tensor], priors: Tensor
) -> Tensor:
    learned = notebook.targets(boxes, labels, priors, THRESHOLD)
    return notebook.multibox_loss(logits, deltas, *learned)


# What `SSD.compute_loss` reads of the network.
SETTINGS = SimpleNamespace(box_coder=BoxCoder(SSD_WEIGHTS), neg_to_pos_ratio=int(notebook.RATIO))


def from_boxes_by_torchvision(
    logits: Tensor, deltas: Tensor, boxes: list[Tensor], labels: list[Tensor], priors: Tensor
) -> Tensor:
    """As `SSD.forward` does it in training, image by image."""
    matcher = SSDMatcher(THRESHOLD)
    targets = [{"boxes": b, "labels": n + 1} for b, n in zip(boxes, labels, strict=True)]
    matched = [matcher(ops.box_iou(image, priors)) for image in boxes]
    outputs = {"bbox_regression": deltas, "cls_logits": logits}
    parts = SSD.compute_loss(SETTINGS, targets, outputs, [priors] * len(boxes), matched)
    total: Tensor = parts["bbox_regression"] + parts["classification"]
    return total


def by_the_notebook(
    loss: Callable[..., object], prepare: Callable[..., Inputs]
) -> Callable[..., object]:
    """The oracle: image by image, in float64 on the CPU."""
    return lambda *arrays: loss(*prepare(*(torch.from_numpy(array) for array in arrays)))


def work(inputs: Inputs, want: Arrays, width: int) -> tuple[int, int]:
    """Predictions in, gradients out, targets in; five operations a logit, eight a delta.

    A logit's are its exponential, two sums, a quotient and a difference; sorting is not counted.
    """
    logits, deltas, *targets = (np.asarray(value) for value in inputs)
    moved = sum(x.size * (width if x.dtype == np.float64 else x.itemsize) for x in targets)
    moved += 2 * (logits.size + deltas.size) * width
    return moved, 5 * logits.size + 8 * deltas.size


def loss_task(name: str, cases: list[Case], step: Step) -> Task:
    """The loss of given targets: `step` makes the loss, or the loss and its gradients, of it."""
    return Task(
        family="loss",
        name=name,
        unit="priors",
        cases=cases,
        implementations=(
            Implementation("refdet.torch_ops", step(loss_by_refdet)),
            Implementation("notebook", step(notebook.multibox_loss)),
        ),
        oracle=by_the_notebook(step(notebook.multibox_loss), as_they_are),
        work=work if step is and_gradients else None,
    )


def from_boxes_task(name: str, cases: list[Case], step: Step) -> Task:
    """The loss of boxes, which are bound to priors and encoded first."""
    notebooks = step(from_boxes_by_the_notebook)
    return Task(
        family="loss",
        name=name,
        unit="priors",
        cases=cases,
        implementations=(
            Implementation("refdet.torch_ops", step(from_boxes_by_refdet)),
            Implementation("torchvision", step(from_boxes_by_torchvision), prepare=without_padding),
            Implementation("notebook", notebooks, prepare=without_padding),
        ),
        oracle=by_the_notebook(notebooks, without_padding),
        work=work if step is and_gradients else None,
    )


def alone(loss: Loss) -> Loss:
    """The loss without its gradients."""
    return loss


IN_EIGHT = (*[16] * 4, *[20] * 3, 21)  # 145
ONE, EIGHT, CROWDED = (
    Case("ssd300-batch1-x-145-gt", N_PRIORS, with_boxes(N_OBJECTS)),
    Case("ssd300-batch8-x-145-gt", 8 * N_PRIORS, with_boxes(*IN_EIGHT)),
    Case("ssd300-batch8-x-145-gt-each", 8 * N_PRIORS, with_boxes(*[N_OBJECTS] * 8)),
)
BATCHES = [
    Case("ssd300-batch1-x-18-gt", N_PRIORS, with_targets(18)),
    Case("ssd300-batch8-x-145-gt", 8 * N_PRIORS, with_targets(*IN_EIGHT)),
    Case("ssd300-batch32-x-580-gt", 32 * N_PRIORS, with_targets(*IN_EIGHT * 4)),
]
LOSSES = (
    loss_task("multibox_loss", BATCHES[1:2], alone),
    loss_task("multibox_loss and gradient", BATCHES, and_gradients),
    from_boxes_task("from boxes to loss", [EIGHT], alone),
    from_boxes_task("from boxes to gradient", [ONE, EIGHT, CROWDED], and_gradients),
)


def overlapping(count: int) -> Callable[[Generator], Inputs]:
    """Predicted boxes about their targets, in pixels.

    No side of one is where the other's is: there a loss has no derivative, and any is right.
    """

    def make(rng: Generator) -> Inputs:
        targets = 300 * random_boxes(rng, count)
        shift = rng.uniform(0.01, 2, targets.shape) * rng.choice([-1, 1], targets.shape)
        return targets + shift, targets

    return make


def pair_loss(loss: Loss) -> Callable[..., tuple[Tensor, ...]]:
    """The loss of every pair, and its gradient with respect to the predicted boxes."""

    def step(predicted: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        predicted = predicted.detach().requires_grad_()
        each = loss(predicted, targets)
        return each.detach(), *torch.autograd.grad(each.sum(), [predicted])

    return step


def in_float64(loss: Loss) -> Callable[..., object]:
    return lambda *arrays: pair_loss(loss)(*(torch.from_numpy(array) for array in arrays))


def pair_work(inputs: Inputs, want: Arrays, width: int) -> tuple[int, int]:
    """Two boxes in, a loss and a gradient out; 20 operations for the value, twice that back."""
    count = len(want[0])
    return (4 + 4 + 1 + 4) * count * width, 60 * count


def iou_loss(ours: str, theirs: Loss, formula: Loss) -> Task:
    return Task(
        family="loss",
        name=f"{ours} and gradient",
        unit="pairs",
        cases=[Case(f"predicted-x-gt-{n}", n, overlapping(n)) for n in (256, 8732, 69_856)],
        implementations=(
            Implementation("refdet.torch_ops", pair_loss(getattr(losses, ours))),
            # It adds 1e-7 to denominators, whatever the dtype.
            Implementation("torchvision", pair_loss(theirs), tolerance=1e-3),
            Implementation("notebook", pair_loss(formula)),
        ),
        oracle=in_float64(formula),
        work=pair_work,
    )


IOU_LOSSES = (
    iou_loss("generalized_iou_loss", ops.generalized_box_iou_loss, notebook.giou_loss),
    iou_loss("distance_iou_loss", ops.distance_box_iou_loss, notebook.diou_loss),
    iou_loss("complete_iou_loss", ops.complete_box_iou_loss, notebook.ciou_loss),
)


@pytest.mark.parametrize("trial", trials(*LOSSES, *IOU_LOSSES))
def test_loss(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
