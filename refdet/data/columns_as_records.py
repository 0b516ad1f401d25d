"""The columns of a whole data set as records of single images, for those that have a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from refdet.columns import F64, I64, DetectionColumns, Mask, ObjectColumns
from refdet.data.images import read_image_size
from refdet.records import AnnotatedImage, Detections, GroundTruth, PixelRange, Problem


def records_of(
    objects: ObjectColumns,
    detections: DetectionColumns,
    image_files: Mapping[int, Path],
    pixel_range: PixelRange = PixelRange.UINT8,
) -> tuple[list[AnnotatedImage], list[Detections], list[Problem]]:
    """Each image that has a file, with its objects, and what was found in it.

    Args:
        objects: the ground truth. Crowds and ignored objects become difficult ones.
        detections: in these images, of these classes.
        image_files: the files by image id; an image without one is left out.
        pixel_range: what the numbers in `.npy` images mean.

    Returns:
        The images, their detections in the same order, and what cannot be in records: an object
        without width or height, which its image then lacks; an image with a score outside [0, 1],
        or whose file is none.
    """
    objects_of = _rows_by_image(objects.image_ids, objects.images.ids)
    detections_of = _rows_by_image(detections.image_ids, objects.images.ids)
    images: list[AnnotatedImage] = []
    found: list[Detections] = []
    problems: list[Problem] = []
    for place, image_id in enumerate(objects.images.ids.tolist()):
        file = image_files.get(image_id)
        if file is None:
            continue
        try:
            rows = objects_of[place]
            drawn = rows[_have_size(objects.boxes_xywh[rows])]
            truth = _ground_truth(objects, place, drawn, file)
            record = _detections(objects, detections, place, detections_of[place])
        except ValueError as error:
            problems.append(Problem(str(file), str(error)))
            continue
        if flat := len(rows) - len(drawn):
            what = f"{flat} of {len(rows)} objects, without width or height"
            problems.append(Problem(str(file), what))
        images.append(AnnotatedImage(file, truth, pixel_range))
        found.append(record)
    return images, found, problems


def _ground_truth(objects: ObjectColumns, place: int, rows: I64, file: Path) -> GroundTruth:
    width, height = objects.images.sizes[place].tolist()
    if not width or not height:
        width, height = read_image_size(file)
    return GroundTruth(
        image=objects.images.names[place],
        width=width,
        height=height,
        boxes_xyxy=_corners(objects.boxes_xywh[rows]),
        labels=_labels(objects.category_ids[rows], objects),
        difficult=objects.crowd[rows] | objects.ignore[rows],
    )


def _detections(
    objects: ObjectColumns, detections: DetectionColumns, place: int, rows: I64
) -> Detections:
    return Detections(
        objects.images.names[place],
        _corners(detections.boxes_xywh[rows]),
        detections.scores[rows],
        _labels(detections.category_ids[rows], objects),
    )


def _rows_by_image(image_ids: I64, images: I64) -> list[I64]:
    """For each of `images` the rows that name it, in their order."""
    order = np.argsort(image_ids, kind="stable")
    ordered = image_ids[order]
    starts = np.searchsorted(ordered, images, "left").tolist()
    ends = np.searchsorted(ordered, images, "right").tolist()
    return [order[start:end] for start, end in zip(starts, ends, strict=True)]


def _labels(category_ids: I64, objects: ObjectColumns) -> I64:
    rows = {category: row for row, category in enumerate(objects.categories.ids.tolist())}
    return np.array([rows[category] for category in category_ids.tolist()], np.int64)


def _have_size(boxes_xywh: F64) -> Mask:
    corners = _corners(boxes_xywh)  # in which a size far below the position's rounding is lost
    have_size: Mask = np.all(corners[:, 2:] > corners[:, :2], axis=1)
    return have_size


def _corners(boxes_xywh: F64) -> F64:
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
