"""A data set of blood cells made of dice, judged by core, for the parts of the page that move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from refdet.analysis_records import Analysis, ThresholdCurve
from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, evaluate_columns, judged_columns
from refdet.records import Evaluation
from refdet.report.page.crops import Scene
from tests.report.page.examples import other, small

NAMES = ("WBC", "RBC", "Platelets")
IMAGES = tuple(f"image {number:02d}.png" for number in range(20))
SIDE = 300


@cache
def columns(seed: int = 3) -> tuple[ObjectColumns, DetectionColumns]:
    """120 objects, and detections on them, off them and nowhere, with tied scores."""
    dice = np.random.default_rng(7)
    n_objects = 120
    corners = dice.integers(0, 250, (n_objects, 2)).astype(np.float64)
    boxes = np.concatenate([corners, dice.integers(20, 50, (n_objects, 2))], axis=1)
    image_ids, labels = (
        dice.integers(1, 21, n_objects),
        dice.choice(3, n_objects, p=(0.2, 0.6, 0.2)),
    )
    objects = ObjectColumns(
        ImageTable(np.arange(1, 21), IMAGES, np.full((20, 2), SIDE)),
        CategoryTable(np.arange(3), NAMES),
        image_ids,
        labels,
        boxes,
        np.prod(boxes[:, 2:], axis=1),
        np.zeros(n_objects, np.bool_),
        dice.random(n_objects) < 0.05,
    )
    dice = np.random.default_rng(seed)
    rows = dice.integers(0, n_objects, 250)
    shifts = dice.choice([0.0, 3, 12, 60], (250, 2))
    found = boxes[rows] + np.pad(shifts, ((0, 0), (0, 2)))
    confused = dice.random(250) < 0.1
    found_labels = np.where(confused, (labels[rows] + 1) % 3, labels[rows])
    scores = dice.integers(5, 101, 250) / 100
    return objects, DetectionColumns(image_ids[rows], found_labels, found, scores)


@cache
def evaluation_at(thresholds: tuple[float, float, float], seed: int = 3) -> Evaluation:
    """By core, with these score thresholds of the three classes."""
    settings = EvaluationSettings(class_thresholds=dict(enumerate(thresholds)))
    return evaluate_columns(*columns(seed), split="test", settings=settings)


def curve_of(scored: Sequence[tuple[float, bool]], n_objects: int) -> ThresholdCurve:
    """By plain counting."""
    scores = sorted({score for score, _ in scored}, reverse=True)
    right = [sum(s >= score and is_true for s, is_true in scored) for score in scores]
    wrong = [sum(s >= score and not is_true for s, is_true in scored) for score in scores]
    counts = np.array(right, np.int64), np.array(wrong, np.int64)
    return ThresholdCurve(np.array(scores, np.float64), *counts, n_objects)


@cache
def measured(seed: int = 3) -> Analysis:
    """The numbers of core at score 0.5; what the moving parts do not show is invented."""
    judged = judged_columns(*columns(seed), EvaluationSettings())
    curves = []
    for label in range(3):
        own = (judged.labels == label) & (judged.true | judged.false)
        scores, right = judged.detections.scores[own].tolist(), judged.true[own].tolist()
        n_objects = int((judged.object_labels[judged.counts] == label).sum())
        curves.append(curve_of(list(zip(scores, right, strict=True)), n_objects))
    frame = small() if seed == 3 else other()
    return replace(frame, evaluation=judged.evaluation("test"), thresholds=tuple(curves))


def noise(name: str) -> Scene:
    """An image of its own for each name, with one object."""
    dice = np.random.default_rng(sum(map(ord, name)))
    pixels = dice.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    return Scene(pixels, np.array([[1.0, 1.0, 40.0, 40.0]]), np.array([1]))
