"""Output of a detector, and a loop over images, classes and priors that calls `core` on it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from refdet.core.boxes import clip_boxes
from refdet.core.codec import decode_boxes
from refdet.core.nms import nms
from refdet.records import F64
from refdet.torch_ops.postprocess import PaddedDetections, decode_detections

WEIGHTS = (10.0, 10.0, 5.0, 5.0)
WIDTH, HEIGHT = 300.0, 200.0
Output = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Limits:
    min_score: float = 0.2
    iou_threshold: float = 0.45
    top_k_before_nms: int = 40
    top_k: int = 20


@dataclass(frozen=True)
class Found:
    label: int
    prior: int
    score: float
    box: F64


def decoded(output: Output, limits: Limits) -> PaddedDetections:
    options = asdict(limits)
    return decode_detections(*output, WEIGHTS, width=WIDTH, height=HEIGHT, **options)


def by_a_loop(output: Output, limits: Limits) -> list[list[Found]]:
    logits, deltas, priors = (tensor.double().numpy() for tensor in output)
    return [
        best_of_image(image_logits.tolist(), image_deltas, priors, limits)
        for image_logits, image_deltas in zip(logits, deltas, strict=True)
    ]


def best_of_image(
    logits: list[list[float]], deltas: F64, priors: F64, limits: Limits
) -> list[Found]:
    found = []
    for label in range(len(logits[0]) - 1):
        candidates = []
        for prior, row in enumerate(logits):
            highest = max(row)
            powers = [math.exp(logit - highest) for logit in row]
            if (score := powers[1 + label] / sum(powers)) >= limits.min_score:
                box = decode_boxes(deltas[[prior]], priors[[prior]], WEIGHTS)
                candidates.append(Found(label, prior, score, clip_boxes(box, WIDTH, HEIGHT)[0]))
        candidates.sort(key=lambda one: (-one.score, one.prior))
        del candidates[limits.top_k_before_nms :]
        boxes = np.array([one.box for one in candidates]).reshape(-1, 4)
        scores = np.array([one.score for one in candidates])
        found += [candidates[row] for row in nms(boxes, scores, limits.iou_threshold)]
    return sorted(found, key=lambda one: (-one.score, one.label, one.prior))[: limits.top_k]


def check(got: PaddedDetections, output: Output, limits: Limits) -> None:
    """Every image's detections are the loop's, and the rest is padding."""
    want = by_a_loop(output, limits)
    assert got.counts.tolist() == [len(image) for image in want]
    for image, (boxes, scores, labels) in zip(want, zip(*got[:3], strict=True), strict=True):
        n = len(image)
        assert labels[:n].tolist() == [one.label for one in image]
        np.testing.assert_allclose(scores[:n], [one.score for one in image], rtol=1e-12)
        want_boxes = np.array([one.box for one in image]).reshape(-1, 4)
        np.testing.assert_allclose(boxes[:n], want_boxes, rtol=1e-12, atol=1e-9)
        assert not boxes[n:].any()
        assert not scores[n:].any()
        assert (labels[n:] == -1).all()


def random_output(n_priors: int = 120, n_classes: int = 3, batch: int = 3, seed: int = 0) -> Output:
    """Logits of which some thirty a class pass, deltas that move priors on each other."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, n_priors, 1 + n_classes, generator=rng, dtype=torch.float64)
    deltas = torch.randn(batch, n_priors, 4, generator=rng, dtype=torch.float64)
    centre = torch.rand(n_priors, 2, generator=rng, dtype=torch.float64)
    half = torch.rand(n_priors, 2, generator=rng, dtype=torch.float64) * 0.15 + 0.05
    size = torch.tensor([WIDTH, HEIGHT]).repeat(2)
    return logits, deltas, torch.cat([centre - half, centre + half], dim=1) * size


def tied_output(dtype: torch.dtype = torch.float64) -> Output:
    """Scores of which each is that of both classes and of some 15 priors."""
    logits, deltas, priors = random_output(n_classes=2)
    level = (logits[..., 1] * 2).round().clamp(-3, 3) / 2
    tied = torch.stack([torch.zeros_like(level), level, level], dim=-1)
    return tied.to(dtype), deltas.to(dtype), priors.to(dtype)
