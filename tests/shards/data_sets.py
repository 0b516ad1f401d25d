"""Data sets for shards, and what it means that two states are the same."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from refdet.columns import I64, CategoryTable, DetectionColumns, ImageTable, Mask, ObjectColumns
from refdet.core.coco_eval import CocoState
from refdet.evaluate import coco_data


def random_objects(seed: int, n_images: int = 9, n_objects: int = 60) -> ObjectColumns:
    """Crowds, ignored objects and images without one, rows and images in no order."""
    rng = np.random.default_rng([seed, 0])
    ids = rng.permutation(np.arange(n_images) * 11 - 30)
    sizes = np.full((n_images, 2), 64)
    boxes = np.concatenate(
        [rng.integers(0, 20, (n_objects, 2)), rng.integers(5, 40, (n_objects, 2))], 1
    )
    return ObjectColumns(
        ImageTable(ids, tuple(f"{number}.png" for number in ids.tolist()), sizes),
        CategoryTable(np.array([7, 2, 5]), ("cat", "dog", "emu")),
        image_ids=rng.choice(ids[: max(1, n_images - 2)], n_objects),
        category_ids=rng.choice([7, 2, 5], n_objects),
        boxes_xywh=boxes.astype(np.float64),
        area=boxes[:, 2].astype(np.float64) * boxes[:, 3],
        crowd=rng.uniform(size=n_objects) < 0.1,
        ignore=rng.uniform(size=n_objects) < 0.1,
    )


def random_detections(
    objects: ObjectColumns, seed: int, n_detections: int = 300
) -> DetectionColumns:
    """Near the objects and elsewhere, most scores tied, some of unknown images and classes."""
    rng = np.random.default_rng([seed, 1])
    like = rng.integers(0, len(objects), n_detections)
    astray = rng.uniform(size=n_detections) < 0.1
    images = [*objects.images.ids.tolist(), -29, 10**12]  # the last two are in no table
    return DetectionColumns(
        np.where(astray, rng.choice(images, n_detections), objects.image_ids[like]),
        np.where(rng.uniform(size=n_detections) < 0.05, 4, objects.category_ids[like]),
        objects.boxes_xywh[like] + rng.integers(0, 3, (n_detections, 4)),
        rng.integers(0, 6, n_detections) / 5,
    )


def of_one_run(objects: ObjectColumns, detections: DetectionColumns) -> CocoState:
    """What shards are compared with: all at once, in this process."""
    return coco_data(objects, detections).match().state


def assert_same_bits(one: CocoState, other: CocoState) -> None:
    """The columns of the states, and the arrays that they give."""
    assert one.params == other.params
    for left, right in ((one, other), (one.accumulate(), other.accumulate())):
        names = [field.name for field in fields(left) if field.name != "params"]
        assert len(names) > 4
        for name in names:
            ours, theirs = getattr(left, name), getattr(right, name)
            assert ours.dtype == theirs.dtype, name
            assert ours.shape == theirs.shape, name
            assert ours.tobytes() == theirs.tobytes(), name


def rows_of(detections: DetectionColumns, rows: I64 | Mask | slice) -> DetectionColumns:
    """Some rows only."""
    return DetectionColumns(
        detections.image_ids[rows],
        detections.category_ids[rows],
        detections.boxes_xywh[rows],
        detections.scores[rows],
    )
