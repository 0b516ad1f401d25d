"""Inputs of the sizes that detectors have: SSD300's priors, Faster R-CNN's anchors, objects."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.random import Generator

from refdet.core.boxes import cxcywh_to_xyxy
from refdet.core.priors import SSD300_BCCD, rpn_anchors, ssd_priors
from refdet.records import F64, I64

BATCH, N_CLASSES = 8, 3
SSD_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# Faster R-CNN's pyramid for an image of 800 x 1088 pixels.
IMAGE_SIZE = (800, 1088)
PYRAMID = ((200, 272), (100, 136), (50, 68), (25, 34), (13, 17))
ANCHOR_SIZES = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))
ANCHOR_RATIOS = ((0.5, 1.0, 2.0),) * 5


@cache
def ssd300_priors() -> F64:
    """(8732, 4) as fractions of the image."""
    return cxcywh_to_xyxy(ssd_priors(SSD300_BCCD))


@cache
def pyramid_anchors() -> F64:
    """(217413, 4) as fractions of the image."""
    height, width = IMAGE_SIZE
    anchors = rpn_anchors(IMAGE_SIZE, PYRAMID, ANCHOR_SIZES, ANCHOR_RATIOS)
    fractions: F64 = anchors / np.array([width, height, width, height])
    return fractions


def random_boxes(rng: Generator, *shape: int) -> F64:
    """(*shape, 4) boxes between 2 and 30 % of the image's sides, as fractions."""
    low = rng.uniform(0, 0.7, (*shape, 2))
    return np.concatenate([low, low + rng.uniform(0.02, 0.3, low.shape)], axis=-1)


def apart_objects(rng: Generator, batch: int, count: int) -> F64:
    """(batch, count, 4) boxes, each in a cell of its own of a grid of 12 x 13.

    No two of them prefer the same prior: there SSD's matcher of torchvision, as the notebook's,
    loses one, and would solve an easier problem.
    """
    cells = np.stack(np.divmod(np.arange(12 * 13), 13), axis=1)
    chosen = np.stack([cells[rng.permutation(len(cells))[:count]] for _ in range(batch)])
    low = 0.068 * (chosen + rng.uniform(0, 0.2, chosen.shape))
    return np.concatenate([low, low + rng.uniform(0.09, 0.11, low.shape)], axis=-1)


def detections(rng: Generator, count: int, n_classes: int, spread: float) -> tuple[F64, F64, I64]:
    """Boxes in pixels that scatter about 145 objects by `spread`, distinct scores, labels."""
    centres = rng.random((145, 2))[rng.integers(0, 145, count)]
    centres = centres + rng.normal(0, spread, (count, 2))
    half = rng.uniform(0.01, 0.075, (count, 2))
    boxes = np.concatenate([centres - half, centres + half], axis=1) * 300
    return boxes, rng.permutation(count) / count, rng.integers(0, n_classes, count)
