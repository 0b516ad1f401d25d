"""Detections as files: CSV that comes back bit for bit, and COCO's results with their objects.

`refdet.data.csv_detections` and `refdet.data.coco_json` read them.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from refdet.files import json_text, write_text_atomic
from refdet.records import F64, Detections, GroundTruth

COLUMNS = ("image", "class", "label", "score", "x1", "y1", "x2", "y2")
"""The columns of the CSV."""


def write_predictions_csv(
    path: Path, detections: Sequence[Detections], class_names: Sequence[str]
) -> None:
    """Write a row per detection: image, class name, label, score, corners in pixels.

    Numbers have as many digits as it takes to get the same float64 back; text is quoted.

    Args:
        path: the CSV file, replaced at once.
        detections: one per image, in the order to write.
        class_names: by label.

    Raises:
        ValueError: a label has no name.
    """
    rows = [csv_rows(found, class_names) for found in detections]
    write_text_atomic(path, "".join([csv_header(), *rows]))


def write_predictions_coco(
    path: Path, detections: Sequence[Detections], images: Sequence[str]
) -> None:
    """Write COCO's results: a list of image_id, category_id, bbox (x, y, w, h) and score.

    Args:
        path: the JSON file, replaced at once.
        detections: any number per image, in any order of images.
        images: the names of the split's images; an image's id is its position, from 1.

    Raises:
        ValueError: a detection's image is not in `images`, or a name is twice in `images`.
    """
    image_ids = ids_by_name(images)
    entries = [entry for found in detections for entry in coco_entries(found, image_ids)]
    write_text_atomic(path, json_text(entries))


def ids_by_name(images: Sequence[str]) -> dict[str, int]:
    """The id of each image, by its name: its position, from 1.

    Raises:
        ValueError: two images have the same name.
    """
    image_ids = {image: position for position, image in enumerate(images, start=1)}
    if len(image_ids) != len(images):
        twice = next(image for image, count in Counter(images).items() if count > 1)
        raise ValueError(f"image {twice!r} is in the split more than once")
    return image_ids


def csv_header() -> str:
    """The first line of the CSV, with its end."""
    return _csv_lines([COLUMNS])


def csv_rows(found: Detections, class_names: Sequence[str]) -> str:
    """The lines of one image, each with its end.

    Raises:
        ValueError: a label has no name.
    """
    _check_labels(found, len(class_names))
    columns = zip(
        found.labels.tolist(), found.scores.tolist(), found.boxes_xyxy.tolist(), strict=True
    )
    return _csv_lines(
        [found.image, class_names[label], label, score, *box] for label, score, box in columns
    )


def coco_entries(found: Detections, image_ids: Mapping[str, int]) -> list[dict[str, object]]:
    """The entries of one image in COCO's results.

    Raises:
        ValueError: the image has no id.
    """
    if found.image not in image_ids:
        raise ValueError(f"detections in image {found.image!r}, which is not in the split")
    image_id = image_ids[found.image]
    columns = zip(
        found.labels.tolist(), _xywh(found.boxes_xyxy), found.scores.tolist(), strict=True
    )
    return [
        {"image_id": image_id, "category_id": label + 1, "bbox": bbox, "score": score}
        for label, bbox, score in columns
    ]


def write_ground_truth_coco(
    path: Path, ground_truth: Sequence[GroundTruth], class_names: Sequence[str]
) -> None:
    """Write the objects that go with `write_predictions_coco`, ids as there.

    A difficult object is written as a crowd, the only kind of object that pycocotools neither
    counts nor misses. It measures the overlap with a crowd over the detection's area.

    Args:
        path: the JSON file, replaced at once.
        ground_truth: one per image of the split, in its order.
        class_names: by label; category `label + 1` has the name.

    Raises:
        ValueError: a label has no name, or two images have the same.
    """
    image_ids = ids_by_name([objects.image for objects in ground_truth])
    annotations: list[dict[str, object]] = []
    for objects in ground_truth:
        _check_labels(objects, len(class_names))
        bboxes = _xywh(objects.boxes_xyxy)
        rows = zip(objects.labels.tolist(), bboxes, objects.difficult.tolist(), strict=True)
        for label, bbox, difficult in rows:
            annotations.append(
                {
                    # From 1: pycocotools takes a match with the object of id 0 for none.
                    "id": len(annotations) + 1,
                    "image_id": image_ids[objects.image],
                    "category_id": label + 1,
                    "bbox": bbox,
                    "area": bbox[2] * bbox[3],
                    "iscrowd": int(difficult),
                }
            )
    images = [
        {"id": image_id, "file_name": image, "width": objects.width, "height": objects.height}
        for (image, image_id), objects in zip(image_ids.items(), ground_truth, strict=True)
    ]
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(class_names)]
    contents = {"images": images, "annotations": annotations, "categories": categories}
    write_text_atomic(path, json_text(contents))


def _csv_lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    # Every text is quoted, since csv itself leaves a lone carriage return in a name unquoted.
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _xywh(boxes_xyxy: F64) -> list[list[float]]:
    bboxes = boxes_xyxy.copy()
    bboxes[:, 2:] -= bboxes[:, :2]
    return [[float(value) for value in bbox] for bbox in bboxes]


def _check_labels(rows: Detections | GroundTruth, n_classes: int) -> None:
    if len(rows) and (largest := int(rows.labels.max())) >= n_classes:
        raise ValueError(
            f"image {rows.image!r}: label {largest}, but there are {n_classes} classes"
        )
