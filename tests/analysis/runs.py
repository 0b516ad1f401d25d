"""Detectors that are a few random numbers, and what they find, which the tests of runs share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.records import F64

SIDE = 640


@dataclass(frozen=True)
class Detector:
    """How good it is.

    Attributes:
        found: share of the objects that it finds; images differ in it.
        jitter: of the boxes, as a share of their sides.
        wrong: false positives per image.
    """

    found: float = 0.8
    jitter: float = 0.06
    wrong: float = 1.5


def some_objects(
    rng: np.random.Generator, n_images: int, n_classes: int = 2, per_image: int = 4
) -> ObjectColumns:
    """Objects of 20 to 200 pixels; every image has some."""
    image = np.repeat(np.arange(n_images), rng.integers(1, 2 * per_image, n_images))
    sizes = rng.uniform(20, 200, (len(image), 2))
    boxes = np.concatenate([rng.uniform(0, SIDE - sizes), sizes], axis=1)
    return ObjectColumns(
        ImageTable(
            np.arange(n_images) + 7,
            tuple(f"image {number}" for number in range(n_images)),
            np.full((n_images, 2), SIDE),
        ),
        CategoryTable(np.arange(n_classes) + 3, tuple(f"class {k}" for k in range(n_classes))),
        image_ids=image + 7,
        category_ids=rng.integers(0, n_classes, len(image)) + 3,
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(image), np.bool_),
        ignore=np.zeros(len(image), np.bool_),
    )


def run_of(
    detector: Detector, objects: ObjectColumns, rng: np.random.Generator, hardness: F64
) -> DetectionColumns:
    """What a detector finds; `hardness`, (I,), makes whole images harder, for any detector."""
    found = rng.random(len(objects)) < detector.found ** hardness[objects.image_ids - 7]
    boxes = objects.boxes_xywh[found]
    noise = rng.normal(0, detector.jitter, boxes.shape) * np.tile(boxes[:, 2:], 2)
    n_wrong = rng.poisson(detector.wrong * hardness)
    wrong = np.concatenate(
        [rng.uniform(0, SIDE - 100, (n_wrong.sum(), 2)), rng.uniform(20, 100, (n_wrong.sum(), 2))],
        axis=1,
    )
    boxes = np.concatenate([boxes + noise, wrong])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    images, classes = objects.images.ids, objects.categories.ids
    return DetectionColumns(
        np.concatenate([objects.image_ids[found], np.repeat(images, n_wrong)]),
        np.concatenate([objects.category_ids[found], rng.choice(classes, n_wrong.sum())]),
        boxes,
        scores=np.concatenate([rng.beta(5, 2, found.sum()), rng.beta(2, 4, n_wrong.sum())]),
    )


def two_runs(
    seed: int,
    first: Detector,
    second: Detector,
    n_images: int = 40,
    n_classes: int = 2,
) -> tuple[JudgedDataSet, JudgedDataSet]:
    """Both detectors on the same images, drawn anew for each seed."""
    rng = np.random.default_rng(seed)
    objects = some_objects(rng, n_images, n_classes)
    hardness = rng.gamma(2, 0.5, n_images)
    a, b = (run_of(detector, objects, rng, hardness) for detector in (first, second))
    settings = EvaluationSettings()
    return judged_columns(objects, a, settings), judged_columns(objects, b, settings)
