"""COCO's evaluation as people got it wrong: each changes one step of the right evaluator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.coco_evaluator import Columns, Evaluator, Found, Group, refuse
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]

# --- What is judged ---


class TakesNan(Evaluator):
    """A score that is NaN comes last, and nobody hears of it."""

    def check(self, columns: Columns) -> None:
        refuse(columns)


class ImagesAsTheyCome(Evaluator):
    """Ties between images are decided by who came first."""

    def images(self) -> list[int]:
        return list(dict.fromkeys(self.columns["image_ids"]))


class LabelsFromZero(Evaluator):
    """Category ids are taken for 0 .. K - 1."""

    def labels(self) -> list[int]:
        return list(range(len(set(self.columns["category_ids"]))))


class UnstableSort(Evaluator):
    """Equal scores in any order, once there are more than 16 of them."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores).tolist()
        return order


class EqualsBackwards(Evaluator):
    """Reversed, an ascending order puts the last of equals first."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(scores, kind="stable")[::-1].tolist()
        return order


class BackgroundIsNotJudged(Evaluator):
    """Images without an object of the class are skipped, with all that is detected there."""

    def counted(self, groups: list[Group]) -> list[Group]:
        return [group for group in groups if group.objects]


class MissedImagesAreNotJudged(Evaluator):
    """Images without a detection of the class are skipped, with all objects there."""

    def counted(self, groups: list[Group]) -> list[Group]:
        return [group for group in groups if group.detections]


class UndetectedClassesAreNotJudged(Evaluator):
    """A class without a detection anywhere is left out of the mean."""

    def counted(self, groups: list[Group]) -> list[Group]:
        return groups if any(group.detections for group in groups) else []


# --- Matching ---


class Float32Thresholds(Evaluator):
    """0.6 in float32 is above 0.6."""

    def thresholds(self) -> list[float]:
        return [float(np.float32(threshold)) for threshold in super().thresholds()]


class Float32Levels(Evaluator):
    """The same of recall."""

    def levels(self) -> F64:
        return super().levels().astype(np.float32).astype(np.float64)


class AreaOfTheBox(Evaluator):
    """The range of an object is that of its box, whatever area its annotation has."""

    def area_of_object(self, row: int) -> float:
        _, _, width, height = self.columns["gt_boxes_xywh"][row]
        return float(width * height)


class UpperEndExcluded(Evaluator):
    """32 x 32 is medium and no longer small."""

    def inside(self, area: float, low: float, high: float) -> bool:
        return low <= area < high


class CrowdsAreObjects(Evaluator):
    """Nobody asks for iscrowd."""

    def is_crowd(self, row: int) -> bool:
        return False


class IgnoreIsOverwritten(Evaluator):
    """`ignore` is set to iscrowd, whatever it was."""

    def is_ignored(self, row: int, low: float, high: float) -> bool:
        return self.is_crowd(row) or not self.inside(self.area_of_object(row), low, high)


class FirstOfEquals(Evaluator):
    """`argmax` gives the first of equals."""

    def worth(self, overlap: float, ignored: bool, place: int) -> tuple[float, ...]:
        return (not ignored, overlap, -place)


class LimitedOverAllClasses(Evaluator):
    """The best of an image are counted off over all its classes."""

    def limited(self, detections: list[int], limit: int) -> list[int]:
        images = self.columns["dt_image_ids"]
        here = [row for row, image in enumerate(images) if image in {images[d] for d in detections}]
        first = set(self.best_first(here)[:limit])
        return [detection for detection in detections if detection in first]


class NothingIsIgnored(Evaluator):
    """A detection that finds what is ignored, or lies outside the range, is a false positive."""

    def verdict(
        self, detection: int, best: int | None, ignored: Mapping[int, bool], inside: bool
    ) -> Found:
        found = super().verdict(detection, best, ignored, inside)
        return Found(found.score, found.hit, False)


class AnnotationZeroIsNobody(Evaluator):
    """Who has found the first annotation, whose id is 0, has found nothing."""

    def verdict(
        self, detection: int, best: int | None, ignored: Mapping[int, bool], inside: bool
    ) -> Found:
        found = super().verdict(detection, best, ignored, inside)
        return Found(found.score, found.hit and best != 0, found.ignored)


# --- Numbers ---


class UndefinedIsZero(Evaluator):
    """A class with nothing to find counts as 0 in the mean."""

    def mean(self, values: F64) -> float:
        return float(np.mean(np.maximum(values, 0.0))) if values.size else -1.0


class UndefinedIsMinusOne(Evaluator):
    """And as -1."""

    def mean(self, values: F64) -> float:
        return float(np.mean(values)) if values.size else -1.0


class OnlyAtAHundred(Evaluator):
    """The means are looked for at 100 detections an image, and are -1 at any other limit."""

    def summary(self, precision: F64, recall: F64) -> F64:
        stats = super().summary(precision, recall)
        if 100 not in self.params.max_detections:
            stats[0] = -1.0
        return stats


RIGHT = (Right("evaluate_coco", Evaluator()),)

TORCHMETRICS = "torchmetrics 1.9.0, detection/mean_ap.py"
GLOBOX = "globox 2.9.0, evaluation.py and boundingbox.py"

ZOO = tuple(
    Wrong("evaluate_coco", name, function, source)
    for name, function, source in (
        ("takes-nan", TakesNan(), "pycocotools 2.0.11, ultrafast-pycocotools 0.1.14"),
        ("images-as-they-come", ImagesAsTheyCome(), "Lightning-AI/torchmetrics#1774"),
        (
            "labels-from-zero",
            LabelsFromZero(),
            "endernewton/tf-faster-rcnn#128, Lightning-AI/torchmetrics#2932",
        ),
        ("unstable-sort", UnstableSort(), "Lightning-AI/torchmetrics#632"),
        (
            "equals-backwards",
            EqualsBackwards(),
            "bes-dev/mean_average_precision, utils.py: argsort(...)[::-1]",
        ),
        ("background-is-not-judged", BackgroundIsNotJudged(), "roboflow/supervision#1836"),
        (
            "missed-images-are-not-judged",
            MissedImagesAreNotJudged(),
            "DIUx-xView/xView1_baseline#10",
        ),
        (
            "undetected-classes-are-not-judged",
            UndetectedClassesAreNotJudged(),
            "JdeRobot/PerceptionMetrics#385, Striveworks/valor#379",
        ),
        ("float32-thresholds", Float32Thresholds(), f"{TORCHMETRICS}: linspace(0.5, 0.95, 10)"),
        ("float32-levels", Float32Levels(), f"{TORCHMETRICS}: linspace(0.0, 1.00, 101)"),
        ("area-of-the-box", AreaOfTheBox(), GLOBOX),
        (
            "upper-end-excluded",
            UpperEndExcluded(),
            "supervision 0.31.2, metrics/utils/object_size.py",
        ),
        ("crowds-are-objects", CrowdsAreObjects(), GLOBOX),
        ("ignore-is-overwritten", IgnoreIsOverwritten(), "cocodataset/cocoapi#123, #322"),
        (
            "first-of-equals",
            FirstOfEquals(),
            "torchmetrics 1.9.0, detection/_mean_ap.py, _find_best_gt_match",
        ),
        (
            "limited-over-all-classes",
            LimitedOverAllClasses(),
            "as cocodataset/cocoapi#321 corrects",
        ),
        (
            "nothing-is-ignored",
            NothingIsIgnored(),
            "rafaelpadilla/Object-Detection-Metrics#71",
        ),
        (
            "annotation-0-is-nobody",
            AnnotationZeroIsNobody(),
            "pytorch/vision#1530, cvat-ai/cvat#748, MiXaiLL76/faster_coco_eval#77",
        ),
        (
            "undefined-is-zero",
            UndefinedIsZero(),
            "AlexeyAB/darknet#1768, rafaelpadilla/review_object_detection_metrics#152",
        ),
        ("undefined-is-minus-one", UndefinedIsMinusOne(), "cancam/LRP#9"),
        (
            "only-at-a-hundred",
            OnlyAtAHundred(),
            "cocodataset/cocoapi#558, Lightning-AI/torchmetrics#1153",
        ),
    )
)
