"""Records or columns in, an `Evaluation` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns, unknown_rows
from refdet.core.coco_eval import CocoMatches
from refdet.evaluate.judging import JudgedDataSet
from refdet.evaluate.settings import EvaluationSettings
from refdet.records import F64, Detections, Evaluation, GroundTruth


def evaluate_split(
    ground_truth: Sequence[GroundTruth],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    *,
    split: str,
    settings: EvaluationSettings,
) -> Evaluation:
    """Judge the detections in each image of a split against its objects.

    Of equal scores, those in an earlier image of `ground_truth` come first.

    Args:
        ground_truth: one record for each image of the split.
        detections: at most one record for each of these images; none means that none was found.
        class_names: by label.
        split: its name, for the reports.
        settings: thresholds and limits.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: two records for one image, detections in an image without a record of ground
            truth, a label that no class has; names the image, and the row.
    """
    found = _by_image(ground_truth, detections, split)
    _check_labels(ground_truth, found, class_names)
    in_order = [found.get(truth.image) for truth in ground_truth]
    present = [record for record in in_order if record is not None]
    gt_xyxy = np.concatenate([np.zeros((0, 4)), *(truth.boxes_xyxy for truth in ground_truth)])
    dt_xyxy = np.concatenate([np.zeros((0, 4)), *(record.boxes_xyxy for record in present)])
    ids = np.arange(len(ground_truth))
    gt_xywh, no_label = _xywh(gt_xyxy), np.zeros(0, np.int64)
    objects = ObjectColumns(
        ImageTable(
            ids,
            tuple(truth.image for truth in ground_truth),
            np.array([(t.width, t.height) for t in ground_truth], np.int64).reshape(-1, 2),
        ),
        CategoryTable(np.arange(len(class_names)), tuple(class_names)),
        image_ids=np.repeat(ids, [len(truth) for truth in ground_truth]),
        category_ids=np.concatenate([no_label, *(truth.labels for truth in ground_truth)]),
        boxes_xywh=gt_xywh,
        area=gt_xywh[:, 2] * gt_xywh[:, 3],
        crowd=np.zeros(len(gt_xywh), np.bool_),
        ignore=np.concatenate([no_label > 0, *(truth.difficult for truth in ground_truth)]),
    )
    columns = DetectionColumns(
        image_ids=np.repeat(ids, [0 if one is None else len(one) for one in in_order]),
        category_ids=np.concatenate([no_label, *(record.labels for record in present)]),
        boxes_xywh=_xywh(dt_xyxy),
        scores=np.concatenate([np.zeros(0), *(record.scores for record in present)]),
    )
    return JudgedDataSet(objects, columns, gt_xyxy, dt_xyxy, settings).evaluation(split)


def evaluate_columns(
    objects: ObjectColumns,
    detections: DetectionColumns,
    *,
    split: str,
    settings: EvaluationSettings,
    matches: CocoMatches | None = None,
) -> Evaluation:
    """Judge a data set's detections against its objects.

    Of equal scores, those in the image of the lower id come first, then the earlier row.

    Args:
        objects: the ground truth; its tables say which images and classes are judged. A class's
            label is its row in the table.
        detections: in these images, of these classes.
        split: its name, for the reports.
        settings: thresholds and limits.
        matches: `coco_data(objects, detections).match(settings.coco_params)`, where somebody has
            done that already.

    Returns:
        An `Evaluation`; a false positive's index is its place among its image's detections, by
        score descending.

    Raises:
        ValueError: a detection in an image or of a class that `objects` does not know; its row.
    """
    return judged_columns(objects, detections, settings, matches).evaluation(split)


def judged_columns(
    objects: ObjectColumns,
    detections: DetectionColumns,
    settings: EvaluationSettings,
    matches: CocoMatches | None = None,
) -> JudgedDataSet:
    """The matching that `evaluate_columns` reads its numbers from; arguments, errors as there."""
    for unknown, what in zip(unknown_rows(detections, objects), ("image", "class"), strict=True):
        if unknown.any():
            raise ValueError(f"detections row {int(unknown.argmax())}: {what} without ground truth")
    gt_xyxy, dt_xyxy = _xyxy(objects.boxes_xywh), _xyxy(detections.boxes_xywh)
    return JudgedDataSet(objects, detections, gt_xyxy, dt_xyxy, settings, matches)


def _xywh(boxes_xyxy: F64) -> F64:
    return np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)


def _xyxy(boxes_xywh: F64) -> F64:
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def _by_image(
    ground_truth: Sequence[GroundTruth], detections: Sequence[Detections], split: str
) -> dict[str, Detections]:
    """The detections by their image's name."""
    images: set[str] = set()
    for truth in ground_truth:
        if truth.image in images:
            raise ValueError(f"the ground truth of {split!r} has image {truth.image!r} twice")
        images.add(truth.image)
    found: dict[str, Detections] = {}
    for record in detections:
        if record.image not in images:
            raise ValueError(
                f"detections in image {record.image!r}, which has no ground truth in {split!r}"
            )
        if record.image in found:
            raise ValueError(f"two records of detections in image {record.image!r}")
        found[record.image] = record
    return found


def _check_labels(
    ground_truth: Sequence[GroundTruth], found: Mapping[str, Detections], class_names: Sequence[str]
) -> None:
    """Refuse a label that no class has."""
    n_classes = len(class_names)
    named = [(f"ground truth of image {truth.image!r}", truth.labels) for truth in ground_truth]
    named += [(f"detections in image {image!r}", found[image].labels) for image in found]
    for where, labels in named:
        for row in np.flatnonzero(labels >= n_classes):
            raise ValueError(f"{where}: labels[{row}] = {labels[row]}, of {n_classes} classes")
