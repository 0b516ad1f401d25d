"""Data sets to be judged: synthetic ones, of the sizes that people evaluate, from a seed.

What they share with COCO: classes with a long tail, objects that come in clusters of a class, 41 %
small / 34 % medium / 24 % large objects by area, 1 % crowd regions, sparse image and class ids, at
most 100 detections an image in falling score, coordinates with two decimals. A detection is an
object found (some well, some badly, many several times), an object taken for another class, or
nothing but background; their scores overlap, and some are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

WIDTH, HEIGHT = 640.0, 480.0
MAX_DETECTIONS = 100
CLUSTERS = 4
# Sides of a square of the object's area, and how many objects lie between them.
SIDES = np.array([6.0, 32.0, 96.0, 400.0])
SIZE_SHARES = np.array([0.41, 0.34, 0.24]) / 0.99
CROWD_SHARE = 0.01
FOUND_SHARE, CONFUSED_SHARE = 0.45, 0.15


@dataclass(frozen=True)
class Workload:
    """A data set and what a detector found in it.

    Attributes:
        objects: the ground truth, in image order.
        detections: the detections, in image order.
    """

    objects: ObjectColumns
    detections: DetectionColumns


@dataclass(frozen=True)
class Size:
    """How much of everything a synthetic workload has.

    Attributes:
        images: number of images.
        objects: number of objects.
        detections: number of detections, at most 100 an image.
        categories: number of classes.
        seed: of the ground truth, and of the detections.
    """

    images: int
    objects: int
    detections: int
    categories: int
    seed: int = 0


# COCO's val2017 has 36,781 objects in 5,000 images; Objects365 has 15.8 objects an image.
SIZES = {
    "cells": Size(364, 4_888, 26_000, 3),
    "coco": Size(5_000, 36_781, 252_000, 80),
    "coco-dense": Size(5_000, 36_781, 424_000, 80),
    "365": Size(5_000, 79_000, 395_000, 365),
    "365-large": Size(50_000, 790_000, 3_900_000, 365),
}
SCALING = {
    f"scaling-{name}": Size(detections // 80, detections // 11, detections, 80)
    for name, detections in {
        "25k": 25_000,
        "100k": 100_000,
        "400k": 400_000,
        "1M": 1_000_000,
        "4M": 4_000_000,
    }.items()
}
CROWDED = "crowded"
NAMES = (*SIZES, CROWDED, *SCALING)


def workload(name: str) -> Workload:
    """The workload of that name: the same whenever it is made."""
    if name == CROWDED:
        return crowded(50, 100, 100)
    return synthetic((SIZES | SCALING)[name])


def synthetic(size: Size) -> Workload:
    """Images, objects and detections as in COCO, as many as `size` says."""
    truth, found = (np.random.default_rng([size.seed, part]) for part in range(2))
    objects = _objects(size, truth)
    return Workload(objects, _detections(size, objects, found))


def crowded(n_images: int, n_objects: int, n_detections: int, seed: int = 0) -> Workload:
    """One class, every box of an image over every other one: matching has no short cut."""
    rng = np.random.default_rng(seed)
    images, categories = _tables(n_images, 1, rng)

    def rows(per_image: int) -> tuple[I64, F64]:
        place = rng.normal([320, 240], 8, (n_images * per_image, 2))
        sides = 200 * np.exp(rng.normal(0, 0.05, place.shape))
        return np.repeat(images.ids, per_image), _boxes(place, sides)

    image_ids, boxes = rows(n_objects)
    objects = ObjectColumns(
        images=images,
        categories=categories,
        image_ids=image_ids,
        category_ids=np.full(len(image_ids), categories.ids[0]),
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(image_ids), np.bool_),
        ignore=np.zeros(len(image_ids), np.bool_),
    )
    image_ids, boxes = rows(n_detections)
    labels, scores = np.full(len(image_ids), categories.ids[0]), rng.uniform(0, 1, len(image_ids))
    return Workload(objects, _by_falling_score(image_ids, labels, boxes, scores))


def _tables(n_images: int, n_categories: int, rng: Generator) -> tuple[ImageTable, CategoryTable]:
    """Ids with gaps, as COCO's: 5,000 images up to 581,781 and 80 classes up to 90."""
    ids = np.sort(rng.choice(40 * n_images, n_images, replace=False)) + 1
    sizes = np.tile(np.array([WIDTH, HEIGHT], dtype=np.int64), (n_images, 1))
    classes = np.sort(rng.choice(n_categories * 9 // 8 + 1, n_categories, replace=False)) + 1
    return (
        ImageTable(ids, tuple(f"{i:012d}.jpg" for i in ids.tolist()), sizes),
        CategoryTable(classes, tuple(f"class {i}" for i in classes.tolist())),
    )


def _long_tail(n_categories: int) -> F64:
    """(K,) shares: of COCO's 80 classes the first has 30 % and the last 0.1 %."""
    weights: F64 = np.power(np.arange(n_categories) + 0.7, -1.1, dtype=np.float64)
    weights /= weights.sum()
    return weights


def _boxes(centres: F64, sides: F64) -> F64:
    """(N, 4) x, y, width, height inside the image, with two decimals as in COCO's files."""
    sides = np.clip(sides, 1, [WIDTH, HEIGHT])
    corner = np.clip(centres - sides / 2, 0, [WIDTH, HEIGHT] - sides)
    return np.concatenate([corner, sides], axis=1).round(2)


def _objects(size: Size, rng: Generator) -> ObjectColumns:
    """Objects in image order; some images have none and a few have very many."""
    images, categories = _tables(size.images, size.categories, rng)
    crowding = rng.gamma(1.4, 1, size.images)
    rows = np.repeat(
        np.arange(size.images), rng.multinomial(size.objects, crowding / crowding.sum())
    )
    # Each image has a few clusters, a cluster has a class and a place: (I, C) and (I, C, 2).
    shape = size.images, CLUSTERS
    cluster_class = rng.choice(size.categories, shape, p=_long_tail(size.categories))
    cluster_place = rng.uniform(0, [WIDTH, HEIGHT], (*shape, 2))
    cluster = np.minimum(rng.geometric(0.5, size.objects) - 1, CLUSTERS - 1)
    band = rng.choice(3, size.objects, p=SIZE_SHARES)
    side = np.exp(rng.uniform(np.log(SIDES[band]), np.log(SIDES[band + 1])))
    mask_share = rng.uniform(0.55, 1, size.objects)
    shape_ratio = np.exp(rng.normal(0, 0.35, size.objects))
    sides = (side / np.sqrt(mask_share))[:, None] * np.stack([shape_ratio, 1 / shape_ratio], axis=1)
    boxes = _boxes(cluster_place[rows, cluster] + rng.normal(0, 70, sides.shape), sides)
    return ObjectColumns(
        images=images,
        categories=categories,
        image_ids=images.ids[rows],
        category_ids=categories.ids[cluster_class[rows, cluster]],
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3] * mask_share,
        crowd=rng.random(size.objects) < CROWD_SHARE,
        ignore=np.zeros(size.objects, np.bool_),
    )


def _detections(size: Size, objects: ObjectColumns, rng: Generator) -> DetectionColumns:
    """Detections in image order, made of the image's objects and of background."""
    rows, target = _places(size, objects, rng)
    kind = rng.random(size.detections)
    found = (target >= 0) & (kind < FOUND_SHARE)
    from_object = (target >= 0) & (kind < FOUND_SHARE + CONFUSED_SHARE)

    background = rng.uniform(0, [WIDTH, HEIGHT], (size.detections, 2))
    sides = np.exp(rng.normal(4.2, 0.9, (size.detections, 2)))
    boxes = _boxes(background, sides)
    shares = _long_tail(size.categories)
    labels = rng.choice(objects.categories.ids, size.detections, p=shares)
    # How far off it is, in sides of the object: a quarter below 0.06, and a quarter above 0.3.
    error = rng.lognormal(np.log(0.14), 1.1, size.detections)
    truth = objects.boxes_xywh[target[from_object]]
    off = rng.normal(0, error[from_object, None], (len(truth), 4))
    centres = truth[:, :2] + truth[:, 2:] * (0.5 + off[:, :2])
    boxes[from_object] = _boxes(centres, truth[:, 2:] * np.exp(np.clip(off[:, 2:], -2, 2)))
    labels[found] = objects.category_ids[target[found]]

    # The closer, the surer, with much overlap.
    sure = np.where(found, np.exp(-2 * error), np.where(from_object, 0.4, 0.25))
    scores = rng.beta(1 + 3 * sure, 1 + 4 * (1 - sure))
    return _by_falling_score(objects.images.ids[rows], labels, boxes, scores)


def _places(size: Size, objects: ObjectColumns, rng: Generator) -> tuple[I64, I64]:
    """(D,) in which image a detection is, and which of its objects it may be made of, or -1.

    Every image has 100 places; the images with much in them fill more.
    """
    eagerness = rng.normal(0, 0.3, (size.images, 1))
    urgency = rng.random((size.images, MAX_DETECTIONS)) + eagerness
    taken = np.argpartition(urgency, size.detections - 1, axis=None)[: size.detections]
    rows = np.sort(taken // MAX_DETECTIONS)
    first = np.searchsorted(objects.image_ids, objects.images.ids)
    count = np.diff(first, append=len(objects))[rows]
    chosen = first[rows] + (rng.random(size.detections) * count).astype(np.int64)
    return rows, np.where(count > 0, chosen, -1)


def _by_falling_score(image_ids: I64, labels: I64, boxes: F64, scores: F64) -> DetectionColumns:
    """As networks give them: float32 scores, so that some are equal, and each image's sorted."""
    scores = scores.astype(np.float32).astype(np.float64)
    order = np.lexsort((-scores, image_ids))
    return DetectionColumns(image_ids[order], labels[order], boxes[order], scores[order])
