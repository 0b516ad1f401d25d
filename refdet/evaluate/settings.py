"""How a data set is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from refdet.core.coco_eval import CocoParams
from refdet.records import F64


@dataclass(frozen=True)
class EvaluationSettings:
    """How a data set is judged.

    Attributes:
        iou_threshold: at or above it a detection can be a true positive; AP has its own.
        score_threshold: a score counts as a detection at or above it; AP sees every score.
        class_thresholds: score thresholds of single classes, by label.
        max_detections: how many detections of a class in an image are judged, the best first.
        background_threshold: IoU below which a false positive lies on background.
    """

    iou_threshold: float = 0.5
    score_threshold: float = 0.5
    class_thresholds: Mapping[int, float] = field(default_factory=dict)
    max_detections: int = 100
    background_threshold: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.iou_threshold <= 1:
            raise ValueError(f"iou_threshold = {self.iou_threshold} is not in (0, 1]")
        if not 0 < self.background_threshold <= self.iou_threshold:
            raise ValueError(
                f"background_threshold = {self.background_threshold} is not in "
                f"(0, {self.iou_threshold}], up to the IoU threshold"
            )
        if self.max_detections < 1:
            raise ValueError(f"max_detections = {self.max_detections} is not positive")
        for label, threshold in [(None, self.score_threshold), *self.class_thresholds.items()]:
            name = "score_threshold" if label is None else f"class_thresholds[{label}]"
            if not 0 <= threshold <= 1:
                raise ValueError(f"{name} = {threshold} is not in [0, 1]")

    def score_thresholds(self, n_classes: int) -> F64:
        """(C,), what a score of each class must reach to be counted."""
        for label in self.class_thresholds:
            if not 0 <= label < n_classes:
                raise ValueError(f"class_thresholds names label {label}, of {n_classes} classes")
        return np.array(
            [self.class_thresholds.get(label, self.score_threshold) for label in range(n_classes)]
        )

    @property
    def coco_params(self) -> CocoParams:
        """COCO's own, but for the detections per image."""
        limits = {min(limit, self.max_detections) for limit in (1, 10, self.max_detections)}
        return CocoParams(max_detections=sorted(limits))
