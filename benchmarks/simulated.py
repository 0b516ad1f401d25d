"""Data sets from a known detector, whose true numbers are those of very many images.

Images differ: some are busy, and in some the detector sees less and imagines more, which is what
makes an image, not an object, the unit that is drawn. Boxes lie apart from each other, so that a
detection overlaps its own object or nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.records import F64, I64

RATES = np.array([4.0, 1.5, 0.3])
"""Objects of each class in an image."""
SIDE, APART = 100.0, 200.0


class Scenes(NamedTuple):
    """Images before anyone looks for objects in them.

    Attributes:
        rates: (C,) objects of each class in an image, on average.
        ease: (I,) in (0, 1), how easy an image is.
        busyness: (I,) about 1, of objects and of what looks like one.
        objects: what is there.
    """

    rates: F64
    ease: F64
    busyness: F64
    objects: ObjectColumns


def scenes(n_images: int, rng: Generator, rates: F64 = RATES) -> Scenes:
    """Images and their objects."""
    ease, busyness = rng.beta(4, 2, n_images), rng.gamma(2, 0.5, n_images)
    image, label = _drawn(rates * busyness[:, None], rng)
    names = tuple(str(n) for n in range(n_images))
    objects = ObjectColumns(
        ImageTable(np.arange(n_images), names, np.zeros((n_images, 2), np.int64)),
        CategoryTable(np.arange(len(rates)), tuple(f"class {n}" for n in range(len(rates)))),
        image_ids=image,
        category_ids=label,
        boxes_xywh=_boxes(np.arange(len(image)) * APART),
        area=np.full(len(image), SIDE * SIDE),
        crowd=np.zeros(len(image), np.bool_),
        ignore=np.zeros(len(image), np.bool_),
    )
    return Scenes(rates, ease, busyness, objects)


def detected(scene: Scenes, rng: Generator, skill: float = 0.0) -> DetectionColumns:
    """What a detector finds; one of more skill finds more of the objects."""
    objects = scene.objects
    of_object = scene.ease[objects.image_ids]
    row = np.flatnonzero(rng.random(len(of_object)) < 0.35 + 0.6 * of_object + skill)
    ease = of_object[row]
    right = objects.boxes_xywh[row]
    right[:, 2] *= rng.beta(10, 2.5, len(row)) * (0.85 + 0.15 * ease)  # this is the IoU
    rates = 0.8 * scene.rates * (scene.busyness * (1.4 - scene.ease))[:, None]
    image, label = _drawn(rates, rng)
    wrong = _boxes(-APART * np.arange(2, len(image) + 2))
    return DetectionColumns(
        np.concatenate([objects.image_ids[row], image]),
        np.concatenate([objects.category_ids[row], label]),
        np.concatenate([right, wrong]),
        np.concatenate([rng.beta(2 + 4 * ease, 2), rng.beta(2, 3, len(image))]),
    )


def _drawn(rates: F64, rng: Generator) -> tuple[I64, I64]:
    """Image and class of each of as many as are drawn at (I, C) rates."""
    counts = rng.poisson(rates)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    return cell // counts.shape[1], cell % counts.shape[1]


def _boxes(left: NDArray[np.number]) -> F64:
    boxes = np.full((len(left), 4), SIDE)
    boxes[:, 0], boxes[:, 1] = left, 0
    return boxes
