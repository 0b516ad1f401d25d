"""The MultiBox loss of a batch, from boxes to gradients, beside the first notebook's loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from refdet.core.boxes import cxcywh_to_xyxy
from refdet.core.priors import SSD300_BCCD, ssd_priors
from refdet.torch_ops.assign import assign_ssd
from refdet.torch_ops.codec import encode_boxes
from refdet.torch_ops.iou import iou_matrix
from refdet.torch_ops.losses import confidence_loss, multibox_loss
from refdet.torch_ops.sampling import hard_negative_mask

BATCH, N_OBJECTS, N_CLASSES, THRESHOLD, RATIO = 8, 145, 3, 0.5, 3.0
WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# Labels, deltas, positives of each prior.
Targets = tuple[Tensor, Tensor, Tensor]

PRIORS = torch.from_numpy(cxcywh_to_xyxy(ssd_priors(SSD300_BCCD))).float()


def random_objects() -> tuple[Tensor, Tensor]:
    """(8, 145, 4) boxes and (8, 145) labels, one object to a cell of a grid of 12 x 13.

    No two of them prefer the same prior: there the first notebook would lose one.
    """
    rng = np.random.default_rng(0)
    cells = np.stack(np.divmod(np.arange(N_OBJECTS), 13), axis=1)
    low = 0.068 * (cells + rng.uniform(0, 0.2, (BATCH, N_OBJECTS, 2)))
    boxes = np.concatenate([low, low + rng.uniform(0.09, 0.11, low.shape)], axis=-1)
    labels = rng.integers(0, N_CLASSES, (BATCH, N_OBJECTS))
    return torch.from_numpy(boxes).float(), torch.from_numpy(labels)


BOXES, LABELS = random_objects()
RNG = torch.Generator().manual_seed(0)
LOGITS = torch.randn(BATCH, len(PRIORS), N_CLASSES + 1, generator=RNG)
DELTAS = torch.randn(BATCH, len(PRIORS), 4, generator=RNG)


def targets_of_the_batch() -> Targets:
    assignment = assign_ssd(iou_matrix(PRIORS, BOXES), THRESHOLD)
    index, positive = assignment.object_index, assignment.positive
    matched = BOXES.gather(1, index[..., None].expand(-1, -1, 4))
    labels = (LABELS.gather(1, index) + 1) * positive
    return labels, encode_boxes(matched, PRIORS, WEIGHTS), positive


def targets_by_a_loop() -> Targets:
    """Image by image; every object overwrites its best prior."""
    images = [targets_of_one_image(*image) for image in zip(BOXES, LABELS, strict=True)]
    labels, deltas, positive = (torch.stack(part) for part in zip(*images, strict=True))
    return labels, deltas, positive


def targets_of_one_image(boxes: Tensor, labels: Tensor) -> Targets:
    iou = iou_matrix(PRIORS, boxes)
    best_iou, index = iou.max(dim=1)
    forced = iou.argmax(dim=0)
    index[forced], best_iou[forced] = torch.arange(len(boxes)), 2.0
    positive = best_iou >= THRESHOLD
    return (labels[index] + 1) * positive, encode_boxes(boxes[index], PRIORS, WEIGHTS), positive


def loss_of_the_batch(logits: Tensor, deltas: Tensor, targets: Targets) -> Tensor:
    labels, target_deltas, positive = targets
    hard = hard_negative_mask(confidence_loss(logits.detach(), labels), positive, RATIO)
    return multibox_loss(logits, deltas, labels, target_deltas, positive, hard).total


def loss_by_a_loop(logits: Tensor, deltas: Tensor, targets: Targets) -> Tensor:
    """Image by image, as the first notebook does it, less its faults."""
    total, n_positive = logits.new_zeros(()), 0
    for image, (labels, target_deltas, positive) in enumerate(zip(*targets, strict=True)):
        confidence = F.cross_entropy(logits[image], labels, reduction="none")
        negatives = confidence[~positive].sort(descending=True).values
        found = int(positive.sum())
        total = total + confidence[positive].sum() + negatives[: int(RATIO * found)].sum()
        offsets = deltas[image][positive], target_deltas[positive]
        total = total + F.smooth_l1_loss(*offsets, reduction="sum")
        n_positive += found
    return total / max(1, n_positive)


BY_BATCH = (targets_of_the_batch, loss_of_the_batch)
BY_LOOP = (targets_by_a_loop, loss_by_a_loop)
Loss = Callable[[Tensor, Tensor, Targets], Tensor]


def step(targets: Targets, loss: Loss) -> tuple[Tensor, ...]:
    """The loss and its gradients."""
    logits, deltas = LOGITS.clone().requires_grad_(), DELTAS.clone().requires_grad_()
    total = loss(logits, deltas, targets)
    return total.detach(), *torch.autograd.grad(total, [logits, deltas])


@pytest.fixture(scope="module")
def want() -> tuple[Tensor, ...]:
    return step(targets_by_a_loop(), loss_by_a_loop)


def check(got: tuple[Tensor, ...], want: tuple[Tensor, ...]) -> None:
    for value, wanted in zip(got, want, strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-7)


VARIANTS = [
    pytest.param(BY_BATCH, id="refdet.torch_ops"),
    pytest.param(BY_LOOP, id="loop-over-images"),
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_and_gradient(
    benchmark: BenchmarkFixture,
    variant: tuple[Callable[[], Targets], Loss],
    want: tuple[Tensor, ...],
) -> None:
    make_targets, loss = variant
    targets = make_targets()
    check(step(targets, loss), want)
    benchmark.group = f"loss: hard negatives, loss, gradient ({BATCH} x {len(PRIORS)})"
    benchmark(step, targets, loss)


@pytest.mark.parametrize("variant", VARIANTS)
def test_targets_loss_and_gradient(
    benchmark: BenchmarkFixture,
    variant: tuple[Callable[[], Targets], Loss],
    want: tuple[Tensor, ...],
) -> None:
    make_targets, loss = variant
    check(step(make_targets(), loss), want)
    benchmark.group = f"loss: from boxes to gradient ({BATCH} x {len(PRIORS)} x {N_OBJECTS})"
    benchmark(lambda: step(make_targets(), loss))
