"""Data sets that Hypothesis invents, and their judgement image by image, which tests share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.core.iou import iou_matrix
from refdet.core.matching import match_coco
from refdet.evaluate import EvaluationSettings
from refdet.records import F64, I64, Detections, GroundTruth, Mask
from tests.test_evaluate import NAMES, Split

SETTINGS = st.builds(
    EvaluationSettings,
    iou_threshold=st.sampled_from([0.125, 0.3, 0.5, 0.75, 0.77, 1.0]),
    score_threshold=st.sampled_from([0.0, 0.4, 1.0]),
    class_thresholds=st.sampled_from([{}, {1: 0.2}, {0: 0.6, 2: 0.0}]),
    max_detections=st.sampled_from([1, 2, 100]),
    background_threshold=st.sampled_from([0.1, 0.125]),
)


@dataclass(frozen=True)
class Judged:
    """The detections of one image, by plain rules: rows of `Detections` and of `GroundTruth`.

    Attributes:
        counted: (N,) whose score reaches its threshold, and that are judged at all.
        ignored: (N,) that matched an object that does not count.
        object_row: (N,) that was found by a true positive; -1 for the others.
    """

    counted: Mask
    ignored: Mask
    object_row: I64


def judged_image(truth: GroundTruth, found: Detections, settings: EvaluationSettings) -> Judged:
    """Class by class, with `match_coco`, the detections beyond the limit left out."""
    thresholds = settings.score_thresholds(len(NAMES))
    counted, ignored = np.zeros((2, len(found)), np.bool_)
    object_row = np.full(len(found), -1)
    for label in range(len(NAMES)):
        rows = np.flatnonzero(found.labels == label)[: settings.max_detections]
        columns = np.flatnonzero(truth.labels == label)
        iou = iou_matrix(found.boxes_xyxy[rows], truth.boxes_xyxy[columns])
        difficult = truth.difficult[columns]
        got = match_coco(iou, found.scores[rows], [settings.iou_threshold], difficult)
        counted[rows] = found.scores[rows] >= thresholds[label]
        ignored[rows] = got.ignored[0]
        right = got.true_positive[0]
        object_row[rows[right]] = columns[got.object_index[0, right]]
    return Judged(counted, ignored, object_row)


def images_of(split: Split) -> Iterator[tuple[GroundTruth, Detections]]:
    """Each image with its detections, which may be none."""
    found = {record.image: record for record in split[1]}
    for truth in split[0]:
        nothing = Detections(truth.image, np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
        yield truth, found.get(truth.image, nothing)


def columns_of(
    split: Split,
    image_ids: Sequence[int] = range(3),
    category_ids: Sequence[int] = range(3),
    order: Sequence[int] = range(99),
    crowd: Mask | None = None,
) -> tuple[ObjectColumns, DetectionColumns]:
    """The same split as columns, its detections in the `order` given."""
    images, classes = np.array(image_ids, np.int64), np.array(category_ids, np.int64)
    truths, founds = [list(side) for side in zip(*images_of(split), strict=True)] or ([], [])
    n_images = len(truths)
    boxes, labels, of_image, difficult = (
        np.concatenate([none, *parts])
        for none, parts in (
            (np.zeros((0, 4)), [xywh(truth.boxes_xyxy) for truth in truths]),
            (np.zeros(0, np.int64), [truth.labels for truth in truths]),
            (np.zeros(0, np.int64), [np.full(len(t), i) for i, t in enumerate(truths)]),
            (np.zeros(0, np.bool_), [truth.difficult for truth in truths]),
        )
    )
    objects = ObjectColumns(
        ImageTable(
            images[:n_images],
            tuple(truth.image for truth in truths),
            np.array([(truth.width, truth.height) for truth in truths], np.int64).reshape(-1, 2),
        ),
        CategoryTable(classes, NAMES),
        image_ids=images[of_image],
        category_ids=classes[labels],
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(boxes), np.bool_) if crowd is None else crowd,
        ignore=difficult,
    )
    rows = [
        (image, label, box, score)
        for image, found in enumerate(founds)
        for label, box, score in zip(
            found.labels.tolist(), xywh(found.boxes_xyxy), found.scores.tolist(), strict=True
        )
    ]
    rows = [rows[place] for place in order if place < len(rows)]
    return objects, DetectionColumns(
        image_ids=images[np.array([row[0] for row in rows], np.int64)],
        category_ids=classes[np.array([row[1] for row in rows], np.int64)],
        boxes_xywh=np.array([row[2] for row in rows]).reshape(-1, 4),
        scores=np.array([row[3] for row in rows], np.float64),
    )


def xywh(boxes_xyxy: F64) -> F64:
    """Left, top, width, height."""
    return np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
