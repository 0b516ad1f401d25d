"""What a side must do before it is timed: learn, and give detections of the same form."""

from __future__ import annotations

import math

import torch
from torch import nn

from benchmarks.throughput.sides import Found, Side
from refdet.data.dataset import Batch

STEPS = 3
NOTHING, EVERYTHING = 1.0, 0.0
"""Lowest scores by which random weights find nothing, and by which all that is predicted counts."""


def check_trains(side: Side, batch: Batch) -> None:
    """Refuse a side that does not learn: every step has a finite loss, and moves the weights.

    Raises:
        AssertionError: says what is wrong; the weights are left moved.
    """
    side.network.train()
    for step in range(STEPS):
        before = weights(side.network)
        loss = side.step(batch)
        assert math.isfinite(loss), f"{side.name}: the loss of step {step} is {loss}"
        assert loss > 0, f"{side.name}: the loss of step {step} is {loss}"
        gradients = [p.grad for p in side.network.parameters() if p.grad is not None]
        assert gradients, f"{side.name}: no parameter has a gradient"
        largest = max(float(gradient.abs().max()) for gradient in gradients)
        assert 0 < largest < math.inf, f"{side.name}: the largest gradient is {largest}"
        moved = any(
            not torch.equal(old, new)
            for old, new in zip(before, weights(side.network), strict=True)
        )
        assert moved, f"{side.name}: step {step} moved no weight"


def check_detects(side: Side, batch: Batch, n_classes: int) -> None:
    """Refuse a side that finds nothing at all, or whose detections are not of the form agreed on.

    Raises:
        AssertionError: says what is wrong.
    """
    side.network.eval()
    side.set_min_score(NOTHING)
    nothing = side.detect(batch.images)
    assert sum(len(scores) for _, scores, _ in nothing) == 0, f"{side.name}: scores of 1"
    side.set_min_score(EVERYTHING)
    found = side.detect(batch.images)
    assert len(found) == len(batch.images), f"{side.name}: {len(found)} results"
    for one, image in zip(found, batch.images, strict=True):
        check_form(side.name, one, (image.shape[-2], image.shape[-1]), n_classes)


def check_form(name: str, found: Found, size: tuple[int, int], n_classes: int) -> None:
    """Boxes in the image, scores sorted, labels of classes; some of them.

    Raises:
        AssertionError: says what is wrong.
    """
    boxes, scores, labels = found
    n, (height, width) = len(scores), size
    assert n > 0, f"{name}: finds nothing"
    assert boxes.shape == (n, 4), f"{name}: boxes {tuple(boxes.shape)} for {n} scores"
    assert labels.shape == (n,), f"{name}: labels {tuple(labels.shape)} for {n} scores"
    low, high = float(boxes.min()), boxes.amax(dim=0).tolist()
    inside = low >= -0.01 and high[2] <= width + 0.01 and high[3] <= height + 0.01
    assert inside, f"{name}: boxes from {low} to {high} in an image of {width} x {height}"
    assert bool((scores[1:] <= scores[:-1]).all()), f"{name}: scores are not sorted"
    assert 0 <= float(scores.min()) <= float(scores.max()) <= 1, f"{name}: scores beyond [0, 1]"
    assert 0 <= int(labels.min()) <= int(labels.max()) < n_classes, f"{name}: labels beyond classes"


def weights(network: nn.Module) -> list[torch.Tensor]:
    """Copies of all parameters."""
    return [parameter.detach().clone() for parameter in network.parameters()]
