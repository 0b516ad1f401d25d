"""Pictures of a split's images written to a folder: one file per image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from refdet.records import (
    AnnotatedImage,
    Detections,
    Evaluation,
    FalsePositiveRecord,
    MissedObject,
    Problem,
)
from refdet.report.own_pictures import Picture, write_own_pictures
from refdet.report.panels import U8, draw_comparison, draw_predictions

ReadPixels: TypeAlias = Callable[[AnnotatedImage], U8]
"""Gives the pixels of an image, (H, W, 3) uint8; or raises ValueError or OSError."""
_Draw = Callable[[AnnotatedImage, Detections], Image.Image]


def write_pictures(
    folder: Path,
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    evaluation: Evaluation,
    read_pixels: ReadPixels,
    limit: int | None = None,
) -> tuple[list[Path], list[Problem]]:
    """Write a comparison per image: detections that reach their class's score threshold.

    Files are named by split, position from 1 (COCO's image id) and image. Pictures that an
    earlier call wrote to the folder are replaced or removed, so that all are of one evaluation;
    no other file is touched, whatever its name. A picture that cannot be drawn is left out and
    told.

    Args:
        folder: made if it does not exist.
        images: the split.
        detections: one per image, in the same order.
        evaluation: of these detections.
        read_pixels: opens an image.
        limit: how many pictures to write, those with the most errors first; None for all.

    Returns:
        The files written, and what went wrong with the others.

    Raises:
        ValueError: `detections` are not those of `images`.
    """
    names = [metrics.name for metrics in evaluation.classes]
    thresholds = {metrics.label: metrics.score_threshold for metrics in evaluation.classes}
    wrong = _rows_by_image(evaluation.false_positives)
    missed = _rows_by_image(evaluation.missed)

    def draw(annotated: AnnotatedImage, found: Detections) -> Image.Image:
        truth = annotated.ground_truth
        rows = _rows_that_reach(found, thresholds)
        crosses = [new for new, row in enumerate(rows) if row in wrong.get(truth.image, ())]
        lost = missed.get(truth.image, set())
        shown = _selected(found, rows)
        return draw_comparison(read_pixels(annotated), truth, shown, names, crosses, lost)

    def errors(row: int) -> int:
        image = images[row].ground_truth.image
        return len(wrong.get(image, ())) + len(missed.get(image, ()))

    worst_first = sorted(range(len(images)), key=errors, reverse=True)[:limit]
    return _write_all(folder, evaluation.split, images, detections, draw, worst_first)


def write_prediction_pictures(
    folder: Path,
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    score_thresholds: Sequence[float],
    read_pixels: ReadPixels,
    limit: int | None = None,
) -> tuple[list[Path], list[Problem]]:
    """Write the predictions alone per image, where there is no ground truth; else as above.

    Args:
        folder: made if it does not exist.
        images: whose ground truth is not looked at.
        detections: one per image, in the same order.
        class_names: by label.
        score_thresholds: by label; a detection that reaches its class's is shown.
        read_pixels: opens an image.
        limit: how many pictures to write, the first ones; None for all.

    Returns:
        The files written, and what went wrong with the others.

    Raises:
        ValueError: `detections` are not those of `images`.
    """
    thresholds = dict(enumerate(score_thresholds))

    def draw(annotated: AnnotatedImage, found: Detections) -> Image.Image:
        shown = _selected(found, _rows_that_reach(found, thresholds))
        return draw_predictions(read_pixels(annotated), shown, class_names)

    return _write_all(folder, "image", images, detections, draw, range(len(images))[:limit])


def picture_name(split: str, position: int, image: str) -> str:
    """A file name that tells the split, the position and the image, whatever these hold.

    What is no letter, digit, dot, hyphen or underscore becomes an underscore, so that no name
    leads into another folder; the position keeps names apart that become the same.
    """
    safe_split, safe_image = (re.sub(r"[^\w.-]", "_", text)[:40] for text in (split, image))
    return f"{safe_split.lstrip('.')}_{position:04d}_{safe_image}.png"


def _write_all(
    folder: Path,
    split: str,
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    draw: _Draw,
    rows: Iterable[int],
) -> tuple[list[Path], list[Problem]]:
    for annotated, found in zip(images, detections, strict=True):
        if annotated.ground_truth.image != found.image:
            raise ValueError(
                f"detections in image {found.image!r} stand where "
                f"image {annotated.ground_truth.image!r} does"
            )
    pictures = []
    for row in rows:
        annotated, found = images[row], detections[row]
        name = picture_name(split, row + 1, found.image)
        pictures.append(Picture(name, str(annotated.path), partial(draw, annotated, found)))
    return write_own_pictures(folder, pictures)


def _rows_by_image(
    records: Iterable[FalsePositiveRecord | MissedObject],
) -> dict[str, set[int]]:
    rows: dict[str, set[int]] = {}
    for record in records:
        rows.setdefault(record.image, set()).add(record.index)
    return rows


def _rows_that_reach(found: Detections, thresholds: Mapping[int, float]) -> list[int]:
    rows = enumerate(zip(found.labels.tolist(), found.scores.tolist(), strict=True))
    return [row for row, (label, score) in rows if score >= thresholds[label]]


def _selected(found: Detections, rows: Sequence[int]) -> Detections:
    chosen = np.array(rows, np.int64)
    return Detections(
        found.image, found.boxes_xyxy[chosen], found.scores[chosen], found.labels[chosen]
    )
