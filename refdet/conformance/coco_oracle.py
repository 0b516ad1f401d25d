"""COCO's evaluation as plain loops, one detection and one object at a time: slow and obvious.

It follows `evaluateImg`, `accumulate` and `summarize` of pycocotools 2.0.11 step by step, with the
same operations on floats in the same order, so that its numbers are equal to the last bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refdet.core.coco_eval import CocoParams

F64 = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, NDArray[np.generic]]
"""The arguments of `evaluate_coco` by name, without `params`."""

EPSILON = 2.0**-52  # in pycocotools' formula of precision


class NaiveResult(NamedTuple):
    """The arrays of a `CocoResult`."""

    stats: F64
    precision: F64
    recall: F64
    scores: F64


class Judged(NamedTuple):
    """A detection at one threshold in one area range."""

    score: float
    hit: bool
    ignored: bool


@dataclass(frozen=True)
class Thing:
    """An object or a detection."""

    image: int
    label: int
    box: list[float]
    area: float
    crowd: bool = False
    ignore: bool = False
    score: float = 0.0


def naive_evaluate_coco(columns: Columns, params: CocoParams) -> NaiveResult:
    """What `evaluate_coco` must return."""
    images = sorted(set(columns["image_ids"].tolist()))
    categories = sorted(set(columns["category_ids"].tolist()))
    classes = [categories] if params.class_agnostic else [[label] for label in categories]
    sizes = [len(params.iou_thresholds), len(params.recall_levels), len(classes)]
    sizes += [len(params.area_ranges), len(params.max_detections)]
    precision, scores = np.full(sizes, -1.0), np.full(sizes, -1.0)
    recall = np.full([sizes[0], *sizes[2:]], -1.0)
    objects, detections = _objects(columns), _detections(columns)
    for k, labels in enumerate(classes):
        # pycocotools strings the classes of an image together, one after the other.
        groups = [(_members(objects, i, labels), _members(detections, i, labels)) for i in images]
        for a, (_, low, high) in enumerate(params.area_ranges):
            n_objects = sum(not _is_ignored(o, low, high) for group in groups for o in group[0])
            for t, threshold in enumerate(params.iou_thresholds):
                most = params.max_detections[-1]
                judged = [judge(*group, low, high, threshold, most) for group in groups]
                for m, limit in enumerate(params.max_detections):
                    if n_objects:
                        found = [one for of_image in judged for one in of_image[:limit]]
                        curve = accumulate(found, n_objects, params)
                        precision[t, :, k, a, m], scores[t, :, k, a, m] = curve[:2]
                        recall[t, k, a, m] = curve[2]
    return NaiveResult(summarize(precision, recall, params), precision, recall, scores)


def _objects(columns: Columns) -> list[Thing]:
    n_objects = len(columns["gt_image_ids"])
    ignore = columns.get("gt_ignore")
    names = ("image_ids", "labels", "boxes_xywh", "area", "crowd")
    lists = [columns[f"gt_{name}"].tolist() for name in names]
    lists.append([False] * n_objects if ignore is None else ignore.tolist())
    return [Thing(*values) for values in zip(*lists, strict=True)]


def _detections(columns: Columns) -> list[Thing]:
    lists = [columns[f"dt_{name}"].tolist() for name in ("image_ids", "labels", "boxes_xywh")]
    return [
        Thing(image, label, box, area=box[2] * box[3], score=score)
        for image, label, box, score in zip(*lists, columns["dt_scores"].tolist(), strict=True)
    ]


def _members(things: list[Thing], image: int, labels: list[int]) -> list[Thing]:
    return [one for label in labels for one in things if (one.image, one.label) == (image, label)]


def _is_ignored(one: Thing, low: float, high: float) -> bool:
    return one.crowd or one.ignore or one.area < low or one.area > high


def judge(
    objects: list[Thing],
    detections: list[Thing],
    low: float,
    high: float,
    threshold: float,
    most: int,
) -> list[Judged]:
    """The detections of a class in an image, the best first: pycocotools' `evaluateImg`."""
    objects = sorted(objects, key=lambda one: _is_ignored(one, low, high))
    used: set[int] = set()
    judged = []
    for detection in sorted(detections, key=lambda one: -one.score)[:most]:
        least, match = min(threshold, 1 - 1e-10), -1
        for column, one in enumerate(objects):
            if column in used and not one.crowd:
                continue
            ignored = _is_ignored(one, low, high)
            if match > -1 and ignored and not _is_ignored(objects[match], low, high):
                break
            overlap = naive_overlap(detection.box, one.box, crowd=one.crowd)
            if overlap >= least:
                least, match = overlap, column
        used.add(match)
        outside = detection.area < low or detection.area > high
        ignored = outside if match < 0 else _is_ignored(objects[match], low, high)
        judged.append(Judged(detection.score, match > -1 and not ignored, ignored))
    return judged


def naive_overlap(detection: list[float], one: list[float], *, crowd: bool) -> float:
    """IoU of two boxes x, y, width, height; with a crowd, over the detection's area."""
    (x, y, w, h), (gx, gy, gw, gh) = detection, one
    width = min(x + w, gx + gw) - max(x, gx)
    height = min(y + h, gy + gh) - max(y, gy)
    if width <= 0 or height <= 0:
        return 0.0
    inside = width * height
    return inside / (w * h if crowd else w * h + gw * gh - inside)


def accumulate(
    found: list[Judged], n_objects: int, params: CocoParams
) -> tuple[list[float], list[float], float]:
    """Precision and score at each recall level, and the recall reached."""
    found = sorted(found, key=lambda one: -one.score)
    right = wrong = 0
    recalls, precisions = [], []
    for one in found:
        right += one.hit
        wrong += not one.hit and not one.ignored
        recalls.append(right / n_objects)
        precisions.append(right / (wrong + right + EPSILON))
    for place in range(len(found) - 1, 0, -1):
        precisions[place - 1] = max(precisions[place - 1 : place + 1])
    # Beyond the last detection there is nothing.
    places = [bisect_left(recalls, level) for level in params.recall_levels]
    scores = [one.score for one in found]
    return (
        [[*precisions, 0.0][place] for place in places],
        [[*scores, 0.0][place] for place in places],
        recalls[-1] if recalls else 0.0,
    )


def summarize(precision: F64, recall: F64, params: CocoParams) -> F64:
    """The twelve numbers; where pycocotools wants 100 detections, the largest limit is taken."""
    names = [name for name, _, _ in params.area_ranges]

    def mean(array: F64, area: str, limit: int, threshold: float | None = None) -> float:
        levels = [t for t, at in enumerate(params.iou_thresholds) if threshold in (None, at)]
        if area not in names:
            return -1.0
        values = array[levels][..., names.index(area), limit].ravel()
        return float(np.mean(values[values > -1])) if (values > -1).any() else -1.0

    second, last = min(1, len(params.max_detections) - 1), -1
    sizes = ("small", "medium", "large")
    return np.array(
        [
            *(mean(precision, "all", last, threshold) for threshold in (None, 0.5, 0.75)),
            *(mean(precision, size, last) for size in sizes),
            *(mean(recall, "all", limit) for limit in (0, second, last)),
            *(mean(recall, size, last) for size in sizes),
        ]
    )
