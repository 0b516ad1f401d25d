"""What flows between the rooms: frozen, validated records of objects, detections and results.

Files become records in `refdet.data`; records become numbers in `refdet.evaluate` and pictures in
`refdet.report`. A label is an integer `0 .. C-1`; no record knows a background class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Column = TypeVar("Column", F64, I64, Mask)


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The annotated objects of one image.

    Attributes:
        image: the image's name, unique in its data set.
        width: of the image, in pixels.
        height: of the image, in pixels.
        boxes_xyxy: (N, 4) float64, pixels, continuous coordinates, each with a positive size.
        labels: (N,) int64 in 0..C-1.
        difficult: (N,) bool; a difficult object neither counts nor is missed.
    """

    image: str
    width: int
    height: int
    boxes_xyxy: F64
    labels: I64
    difficult: Mask

    def __post_init__(self) -> None:
        where = f"ground truth of image {self.image!r}"
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"{where}: size {self.width} x {self.height} is not positive")
        boxes = _frozen_boxes(self.boxes_xyxy, where)
        flat: Mask = np.any(boxes[:, 2:] <= boxes[:, :2], axis=1)
        _refuse_rows(flat, boxes, f"{where}: boxes_xyxy", "has no width or no height")
        difficult = _frozen(np.array(self.difficult, np.bool_), len(boxes), where, "difficult")
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "labels", _frozen_labels(self.labels, len(boxes), where))
        object.__setattr__(self, "difficult", difficult)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one image, sorted by score, the highest first.

    Attributes:
        image: the image's name, unique in its data set.
        boxes_xyxy: (N, 4) float64, pixels, continuous coordinates.
        scores: (N,) float64 in [0, 1]. Given in any order; a stable sort orders all columns.
        labels: (N,) int64 in 0..C-1.
    """

    image: str
    boxes_xyxy: F64
    scores: F64
    labels: I64

    def __post_init__(self) -> None:
        where = f"detections in image {self.image!r}"
        boxes = _frozen_boxes(self.boxes_xyxy, where)
        scores = _frozen(np.array(self.scores, np.float64), len(boxes), where, "scores")
        bad = ~((scores >= 0) & (scores <= 1))
        _refuse_rows(bad, scores, f"{where}: scores", "is not in [0, 1]")
        labels = _frozen_labels(self.labels, len(boxes), where)
        order = np.argsort(-scores, kind="stable")
        object.__setattr__(self, "boxes_xyxy", _read_only(boxes[order]))
        object.__setattr__(self, "scores", _read_only(scores[order]))
        object.__setattr__(self, "labels", _read_only(labels[order]))

    def __len__(self) -> int:
        return len(self.boxes_xyxy)


class PixelRange(StrEnum):
    """What the numbers in a file of pixels mean: which is dark, which is light."""

    UINT8 = "uint8"
    """8-bit integers, 0..255."""
    UNIT = "unit"
    """Floats in [0, 1]."""
    SYMMETRIC = "symmetric"
    """Floats in [-1, 1]."""


@dataclass(frozen=True)
class AnnotatedImage:
    """One image file with its objects.

    Attributes:
        path: the file.
        ground_truth: its objects; the image's name and size are in it.
        pixel_range: of an `.npy` file, declared for the whole data set; other files have 8 bits.
    """

    path: Path
    ground_truth: GroundTruth
    pixel_range: PixelRange = PixelRange.UINT8


@dataclass(frozen=True)
class Problem:
    """Something wrong in a data set: where, what, and whether reading can go on without it.

    Attributes:
        place: the file, and the line or object in it.
        what: a sentence with the value found.
        dropped: True if the reader leaves the object out and goes on; False if it is an error.
    """

    place: str
    what: str
    dropped: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class FalsePositiveKind(StrEnum):
    """Why a detection is wrong; the kinds of Bolya et al., TIDE (ECCV 2020)."""

    DUPLICATE = "duplicate"
    LOCALIZATION = "localization"
    CONFUSION = "confusion"
    BOTH = "both"
    BACKGROUND = "background"


@dataclass(frozen=True)
class FalsePositiveRecord:
    """A false positive of a data set.

    Attributes:
        image: the image's name.
        index: the detection's row in the image's `Detections`.
        label: the class it was given, 0..C-1.
        score: its score.
        best_iou: highest IoU with an object of its own class in the image; 0 if there is none.
        box_xyxy: its box, in pixels.
        kind: why it is wrong.
        confused_with: the label of the object that it covers, for confusion; else None.
    """

    image: str
    index: int
    label: int
    score: float
    best_iou: float
    box_xyxy: tuple[float, float, float, float]
    kind: FalsePositiveKind
    confused_with: int | None = None


@dataclass(frozen=True)
class MissedObject:
    """An object that no detection above the score threshold matched."""

    image: str
    index: int
    label: int
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True)
class ClassMetrics:
    """One class judged on a data set.

    AP is computed on every detection; the counts, precision, recall and F1 on those whose score
    reaches `score_threshold`. What is undefined is NaN.

    Attributes:
        label: 0..C-1.
        name: the class's name.
        score_threshold: what a score must reach to be counted below.
        n_ground_truth: objects that count (difficult ones do not).
        n_detections: detections of any score.
        true_positives: at the score and IoU thresholds.
        false_positives: likewise.
        false_negatives: likewise.
        precision: TP / (TP + FP).
        recall: TP / (TP + FN).
        f1: their harmonic mean, 2 TP / (2 TP + FP + FN): 0 where nothing is detected.
        ap: COCO's, mean over IoU 0.50, 0.55 ... 0.95.
        ap50: COCO's at IoU 0.50.
        ap75: COCO's at IoU 0.75.
        ap50_voc: area under the envelope at IoU 0.50, matched by VOC's rule.
        ap50_voc07: 11 recall levels at IoU 0.50, matched by VOC's rule.
    """

    label: int
    name: str
    score_threshold: float
    n_ground_truth: int
    n_detections: int
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    ap: float
    ap50: float
    ap75: float
    ap50_voc: float
    ap50_voc07: float


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A class's curve at the evaluation's IoU threshold, one point per counted detection."""

    precision: F64
    recall: F64
    scores: F64


@dataclass(frozen=True)
class Totals:
    """All classes together, at the score and IoU thresholds; what is undefined is NaN.

    Micro: every detection and object counts the same. Macro: every class does, without those
    whose number is undefined.

    Attributes:
        n_ground_truth: objects that count.
        n_detections: detections of any score.
        true_positives: summed over the classes.
        false_positives: likewise.
        false_negatives: likewise.
        micro_precision: TP / (TP + FP).
        micro_recall: TP / (TP + FN).
        micro_f1: their harmonic mean.
        macro_precision: mean of the classes' precision.
        macro_recall: likewise.
        macro_f1: likewise.
        mean_ap: mean of the classes' `ap`; COCO's first number.
        mean_ap50: likewise of `ap50`; COCO's second.
        mean_ap75: likewise of `ap75`; COCO's third.
        mean_ap50_voc: likewise of `ap50_voc`.
        mean_ap50_voc07: likewise of `ap50_voc07`.
    """

    n_ground_truth: int
    n_detections: int
    true_positives: int
    false_positives: int
    false_negatives: int
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    mean_ap: float
    mean_ap50: float
    mean_ap75: float
    mean_ap50_voc: float
    mean_ap50_voc07: float


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """What was detected as what: every counted detection and every object once, or told below.

    First detections and objects of one class are matched by COCO's rule; what is left over is then
    matched by the same rule whatever its class. Thus the diagonal holds the true positives.

    Attributes:
        class_names: C names; the background is not among them.
        counts: (C + 1, C + 1) int64. Rows are what was detected, columns what was there; the last
            row is objects that nothing found, the last column detections that found nothing.
        ignored_detections: how many at their score threshold matched an object that does not
            count; they are in no cell.
        ignored_objects: how many objects do not count; they are in no cell.
        unjudged_detections: how many at their score threshold were beyond `max_detections` of
            their class in their image; they are in no cell.
    """

    class_names: tuple[str, ...]
    counts: I64
    ignored_detections: int
    ignored_objects: int
    unjudged_detections: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A data set judged: what every report is made from.

    Attributes:
        split: which part of the data set.
        n_images: how many images were judged.
        iou_threshold: at or above it a detection can be a true positive.
        max_detections: how many of a class in an image were judged, the best first.
        classes: one per class, in label order.
        totals: all classes together.
        coco_stats: COCO's twelve numbers, as pycocotools has them: -1 where undefined.
        curves: by label, for classes that have ground truth.
        confusion: what was detected as what.
        classes_without_ground_truth: names of the classes left out of the means.
        false_positives: at the score thresholds, by image, then by score descending.
        missed: objects that were not found at the score thresholds.
    """

    split: str
    n_images: int
    iou_threshold: float
    max_detections: int
    classes: tuple[ClassMetrics, ...]
    totals: Totals
    coco_stats: tuple[float, ...]
    curves: Mapping[int, PrecisionRecall]
    confusion: ConfusionMatrix
    classes_without_ground_truth: tuple[str, ...]
    false_positives: tuple[FalsePositiveRecord, ...]
    missed: tuple[MissedObject, ...]

    @property
    def mean_ap(self) -> float:
        """COCO's first number; NaN if no class has ground truth."""
        return self.totals.mean_ap

    @property
    def mean_ap50(self) -> float:
        """COCO's second number; NaN if no class has ground truth."""
        return self.totals.mean_ap50

    @property
    def mean_ap75(self) -> float:
        """COCO's third number; NaN if no class has ground truth."""
        return self.totals.mean_ap75


def _frozen_boxes(boxes: F64, where: str) -> F64:
    array = np.array(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{where}: boxes_xyxy must have shape (N, 4), got {array.shape}")
    name = f"{where}: boxes_xyxy"
    _refuse_rows(np.any(~np.isfinite(array), axis=1), array, name, "is not finite")
    inverted: Mask = np.any(array[:, 2:] < array[:, :2], axis=1)
    _refuse_rows(inverted, array, name, "has x2 < x1 or y2 < y1")
    return _read_only(array)


def _frozen_labels(labels: I64, length: int, where: str) -> I64:
    given = np.asarray(labels)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"{where}: labels must be integers, got {given.dtype}")
    frozen = _frozen(np.array(given, np.int64), length, where, "labels")
    _refuse_rows(frozen < 0, frozen, f"{where}: labels", "is negative")
    return frozen


def _frozen(column: Column, length: int, where: str, name: str) -> Column:
    if column.shape != (length,):
        raise ValueError(f"{where}: {name} must have shape ({length},), got {column.shape}")
    return _read_only(column)


def _read_only(array: Column) -> Column:
    array.setflags(write=False)
    return array


def _refuse_rows(rows: Mask, values: Column, name: str, problem: str) -> None:
    if rows.any():
        row = int(rows.argmax())
        raise ValueError(f"{name}[{row}] = {values[row].tolist()} {problem}")
