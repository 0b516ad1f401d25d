"""One workload in the three forms in which people have their detections in memory.

Making these costs an evaluator nothing; whatever it makes of them in turn is timed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.workloads import Workload
from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Entry = dict[str, object]
OBJECT_COLUMNS = ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore")


class Form(Enum):
    """What an evaluator is given."""

    ARRAYS = "arrays"
    LISTS = "lists"
    IMAGES = "images"


@dataclass(frozen=True)
class Arrays:
    """Arrays over all images.

    Attributes:
        objects: the ground truth.
        detections: the detections.
        matrix: (D, 7) float64, the detections as pycocotools' `loadRes` takes an array: image id,
            x, y, width, height, score, category id.
        ground_truth: the ground truth as a COCO file's content, for those that take no arrays.
    """

    objects: ObjectColumns
    detections: DetectionColumns
    matrix: F64
    ground_truth: dict[str, list[Entry]]


@dataclass(frozen=True)
class Lists:
    """What `json.load` makes of COCO's two files.

    Attributes:
        ground_truth: images, categories and annotations.
        results: a dictionary for each detection.
    """

    ground_truth: dict[str, list[Entry]]
    results: list[Entry]


class Target(TypedDict):
    """The objects of an image; boxes are (G, 4) x1, y1, x2, y2."""

    boxes: F64
    labels: I64
    area: F64
    iscrowd: I64


class Prediction(TypedDict):
    """The detections in an image; boxes are (D, 4) x1, y1, x2, y2."""

    boxes: F64
    labels: I64
    scores: F64


@dataclass(frozen=True)
class Images:
    """Arrays for each image, as a training loop has them; both lists in the same order."""

    targets: list[Target]
    predictions: list[Prediction]


def arrays(workload: Workload) -> Arrays:
    """The workload as arrays over all images."""
    found = workload.detections
    columns = (found.image_ids, found.boxes_xywh, found.scores, found.category_ids)
    matrix = np.column_stack(columns).astype(np.float64, copy=False)
    return Arrays(workload.objects, found, matrix, ground_truth(workload.objects))


def lists(workload: Workload) -> Lists:
    """The workload as dictionaries of Python's own numbers."""
    found = workload.detections
    rows = zip(
        found.image_ids.tolist(),
        found.category_ids.tolist(),
        found.boxes_xywh.tolist(),
        found.scores.tolist(),
        strict=True,
    )
    results: list[Entry] = [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in rows
    ]
    return Lists(ground_truth(workload.objects), results)


def ground_truth(objects: ObjectColumns) -> dict[str, list[Entry]]:
    """The content of a COCO file. Annotation ids begin at 1: 0 confuses pycocotools."""
    images, categories = objects.images, objects.categories
    rows = zip(
        range(1, len(objects) + 1),
        objects.image_ids.tolist(),
        objects.category_ids.tolist(),
        objects.boxes_xywh.tolist(),
        objects.area.tolist(),
        objects.crowd.astype(np.int64).tolist(),
        strict=True,
    )
    keys = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
    pictures = zip(images.ids.tolist(), images.names, images.sizes.tolist(), strict=True)
    return {
        "images": [
            {"id": id_, "file_name": name, "width": width, "height": height}
            for id_, name, (width, height) in pictures
        ],
        "categories": [
            {"id": id_, "name": name, "supercategory": "thing"}
            for id_, name in zip(categories.ids.tolist(), categories.names, strict=True)
        ],
        "annotations": [dict(zip(keys, row, strict=True)) for row in rows],
    }


def images(workload: Workload) -> Images:
    """The workload as arrays for each image, in the order of the ground truth's images."""
    objects, found = workload.objects, workload.detections
    targets: list[Target] = [
        {
            "boxes": _corners(objects.boxes_xywh[rows]),
            "labels": objects.category_ids[rows],
            "area": objects.area[rows],
            "iscrowd": objects.crowd[rows].astype(np.int64),
        }
        for rows in _rows_of_images(objects.image_ids, objects.images.ids)
    ]
    predictions: list[Prediction] = [
        {
            "boxes": _corners(found.boxes_xywh[rows]),
            "labels": found.category_ids[rows],
            "scores": found.scores[rows],
        }
        for rows in _rows_of_images(found.image_ids, objects.images.ids)
    ]
    return Images(targets, predictions)


def _corners(boxes_xywh: F64) -> F64:
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def _rows_of_images(image_ids: I64, ids: I64) -> list[I64]:
    """For each image the rows that are in it, in their order."""
    order = np.argsort(image_ids, kind="stable")
    inside = image_ids[order]
    first, last = np.searchsorted(inside, ids), np.searchsorted(inside, ids, side="right")
    return [order[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True)]


def save(workload: Workload, file: Path) -> None:
    """Write the workload, for another process to read."""
    objects, found = workload.objects, workload.detections
    columns: dict[str, NDArray[np.generic]] = {
        "images.ids": objects.images.ids,
        "images.names": np.array(objects.images.names, np.str_),
        "images.sizes": objects.images.sizes,
        "categories.ids": objects.categories.ids,
        "categories.names": np.array(objects.categories.names, np.str_),
    }
    columns |= {f"objects.{name}": getattr(objects, name) for name in OBJECT_COLUMNS}
    columns |= {f"detections.{f.name}": getattr(found, f.name) for f in fields(found)}
    np.savez(file, allow_pickle=False, **columns)


def load(file: Path) -> Workload:
    """What `save` wrote."""
    with np.load(file) as columns:
        images_ = ImageTable(
            columns["images.ids"], tuple(columns["images.names"].tolist()), columns["images.sizes"]
        )
        categories = CategoryTable(
            columns["categories.ids"], tuple(columns["categories.names"].tolist())
        )
        objects = ObjectColumns(
            images_, categories, *(columns[f"objects.{name}"] for name in OBJECT_COLUMNS)
        )
        names = (f"detections.{f.name}" for f in fields(DetectionColumns))
        return Workload(objects, DetectionColumns(*(columns[name] for name in names)))
