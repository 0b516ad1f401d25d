"""COCO's 12 published numbers, from `match_coco` and `average_precision_coco` alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.average_precision import average_precision_coco
from refdet.core.iou import ioa_matrix, iou_matrix
from refdet.core.matching import match_coco

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Row: TypeAlias = Mapping[str, float | list[float]]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}


@dataclass(frozen=True)
class Group:
    """One class in one image, its detections by score."""

    overlaps: F64
    scores: F64
    areas: F64
    gt_areas: F64
    crowd: Mask


def groups_of_class(objects: Sequence[Row], detections: Sequence[Row]) -> list[Group]:
    groups = []
    # Of equal scores in different images, those of the lower image id come first.
    for image in sorted({_number(row["image_id"]) for row in (*objects, *detections)}):
        truth = [row for row in objects if row["image_id"] == image]
        found = [row for row in detections if row["image_id"] == image]
        found.sort(key=lambda row: -_number(row["score"]))
        boxes, gt_boxes = _xyxy(found), _xyxy(truth)
        crowd = np.array([row["iscrowd"] == 1 for row in truth], np.bool_)
        groups.append(
            Group(
                np.where(crowd, ioa_matrix(boxes, gt_boxes), iou_matrix(boxes, gt_boxes)),
                np.array([row["score"] for row in found], np.float64),
                (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
                np.array([row["area"] for row in truth], np.float64),
                crowd,
            )
        )
    return groups


def _number(value: float | list[float]) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _xyxy(rows: Sequence[Row]) -> F64:
    boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def ap_and_recall(groups: Sequence[Group], area: str, max_detections: int) -> F64:
    """(10, 2): at each threshold AP, and the share of objects found; NaN without an object."""
    least, most = AREAS[area]
    scores, right, counted = [], [], []
    n_objects = 0
    for group in groups:
        ignore = group.crowd | (group.gt_areas < least) | (group.gt_areas > most)
        top = slice(max_detections)
        found = match_coco(group.overlaps[top], group.scores[top], THRESHOLDS, ignore, group.crowd)
        outside = (group.areas[top] < least) | (group.areas[top] > most)
        scores.append(group.scores[top])
        right.append(found.true_positive)
        counted.append(found.true_positive | (found.false_positive & ~outside))
        n_objects += int(np.count_nonzero(~ignore))
    if not n_objects:
        return np.full((10, 2), np.nan)
    all_scores = np.concatenate(scores)
    levels = zip(np.hstack(right), np.hstack(counted), strict=True)
    return np.array(
        [
            (average_precision_coco(all_scores[kept], tp[kept], n_objects), tp.sum() / n_objects)
            for tp, kept in levels
        ]
    )


@pytest.fixture(scope="module")
def numbers(coco_fake100: Path) -> dict[tuple[str, int], F64]:
    """(80, 10, 2) AP and recall of each class at each threshold, by area and maxDets."""
    truth = json.loads((coco_fake100 / "gt.json").read_text())
    detections = json.loads((coco_fake100 / "detections.json").read_text())
    categories = [category["id"] for category in truth["categories"]]
    by_class = [
        groups_of_class(
            [row for row in truth["annotations"] if row["category_id"] == category],
            [row for row in detections if row["category_id"] == category],
        )
        for category in categories
    ]
    wanted = [*((area, 100) for area in AREAS), ("all", 1), ("all", 10)]
    return {
        (area, most): np.array([ap_and_recall(groups, area, most) for groups in by_class])
        for area, most in wanted
    }


@pytest.mark.parametrize(
    ("name", "area", "max_detections", "levels", "column"),
    [
        ("AP", "all", 100, slice(None), 0),
        ("AP50", "all", 100, slice(0, 1), 0),
        ("AP75", "all", 100, slice(5, 6), 0),
        ("AP_small", "small", 100, slice(None), 0),
        ("AP_medium", "medium", 100, slice(None), 0),
        ("AP_large", "large", 100, slice(None), 0),
        ("AR1", "all", 1, slice(None), 1),
        ("AR10", "all", 10, slice(None), 1),
        ("AR100", "all", 100, slice(None), 1),
        ("AR_small", "small", 100, slice(None), 1),
        ("AR_medium", "medium", 100, slice(None), 1),
        ("AR_large", "large", 100, slice(None), 1),
    ],
)
def test_coco_fake100_gives_the_published_number(
    numbers: dict[tuple[str, int], F64],
    coco_fake100: Path,
    name: str,
    area: str,
    max_detections: int,
    levels: slice,
    column: int,
) -> None:
    expected = json.loads((coco_fake100 / "expected.json").read_text())
    assert len(expected["stats"]) == 12
    got = np.nanmean(numbers[area, max_detections][:, levels, column])
    assert abs(got - expected["stats"][name]) <= expected["tolerance"]
