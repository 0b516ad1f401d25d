"""COCO's evaluation of a data set: a right evaluator, whose steps are what people changed.

Slow and plain: images, classes, area ranges, thresholds, detections and objects one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from refdet.core.coco_eval import CocoParams

F64 = NDArray[np.float64]
Columns = Mapping[str, NDArray[np.generic]]
Range = tuple[float, float]

KINDS = {"crowd": "b", "ignore": "b", "ids": "iu", "labels": "iu"}


def refuse(columns: Columns) -> None:
    """What is malformed."""
    for name, column in columns.items():
        rows = len(columns.get(f"{name[:2]}_image_ids", columns.get(name, column)))
        kinds = KINDS.get(name.rsplit("_", maxsplit=1)[-1], "fiu")
        if column.size and column.dtype.kind not in kinds:
            raise TypeError(f"{name} is of {column.dtype}")
        if column.shape != ((rows, 4) if name.endswith("xywh") else (rows,)):
            raise ValueError(f"{name} is of shape {column.shape}")
        if kinds == "iu" and column.size and int(column.max()) >= 2**63:
            raise ValueError(f"{name} is no int64")
        if kinds == "fiu" and name != "dt_scores":
            numbers = column.astype(np.float64)
            sizes = numbers[:, 2:] if numbers.ndim == 2 else numbers
            if not np.isfinite(numbers).all() or (sizes < 0).any():
                raise ValueError(f"{name} is not finite, or negative in size")


@dataclass(frozen=True)
class Found:
    """A detection at one threshold in one range."""

    score: float
    hit: bool
    ignored: bool


@dataclass(frozen=True)
class Group:
    """The rows of a class in an image."""

    objects: list[int]
    detections: list[int]


class Evaluator:
    """pycocotools' numbers."""

    def __call__(self, *, params: CocoParams, **columns: NDArray[np.generic]) -> SimpleNamespace:
        columns = {name: np.asarray(column) for name, column in columns.items()}
        self.check(columns)
        self.columns = {name: column.tolist() for name, column in columns.items()}
        self.columns.setdefault("gt_ignore", [False] * len(self.columns["gt_labels"]))
        self.params = params
        images, labels = self.images(), self.labels()
        classes = [labels] if params.class_agnostic else [[label] for label in labels]
        n_cells = (len(classes), len(params.area_ranges), len(params.max_detections))
        sizes = (len(params.iou_thresholds), len(params.recall_levels))
        precision, scores = np.empty((*sizes, *n_cells)), np.empty((*sizes, *n_cells))
        recall = np.empty((sizes[0], *n_cells))
        for k, of_class in enumerate(classes):
            groups = self.counted([self.group(image, of_class) for image in images])
            for a, (_, low, high) in enumerate(params.area_ranges):
                for m, limit in enumerate(params.max_detections):
                    for t, threshold in enumerate(self.thresholds()):
                        curve = self.curve(groups, (low, high), threshold, limit)
                        precision[t, :, k, a, m], scores[t, :, k, a, m] = curve[:2]
                        recall[t, k, a, m] = curve[2]
        stats = self.summary(precision, recall)
        return SimpleNamespace(precision=precision, recall=recall, scores=scores, stats=stats)

    # --- What is judged ---

    def check(self, columns: Columns) -> None:
        refuse(columns)
        if np.isnan(columns["dt_scores"]).any():
            raise ValueError("a score is NaN")

    def images(self) -> list[int]:
        return sorted(set(self.columns["image_ids"]))

    def labels(self) -> list[int]:
        return sorted(set(self.columns["category_ids"]))

    def group(self, image: int, labels: list[int]) -> Group:
        rows = {
            side: [
                row
                for label in labels
                for row, place in enumerate(
                    zip(
                        self.columns[f"{side}_image_ids"],
                        self.columns[f"{side}_labels"],
                        strict=True,
                    )
                )
                if place == (image, label)
            ]
            for side in ("gt", "dt")
        }
        return Group(rows["gt"], self.best_first(rows["dt"]))

    def best_first(self, rows: list[int]) -> list[int]:
        scores = np.array([self.columns["dt_scores"][row] for row in rows])
        return [rows[place] for place in self.order(scores)]

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        return order

    # --- Matching ---

    def thresholds(self) -> list[float]:
        return [min(threshold, 1 - 1e-10) for threshold in self.params.iou_thresholds]

    def levels(self) -> F64:
        return np.array(self.params.recall_levels)

    def inside(self, area: float, low: float, high: float) -> bool:
        return low <= area <= high

    def area_of_object(self, row: int) -> float:
        return float(self.columns["gt_area"][row])

    def is_crowd(self, row: int) -> bool:
        return bool(self.columns["gt_crowd"][row])

    def is_ignored(self, row: int, low: float, high: float) -> bool:
        inside = self.inside(self.area_of_object(row), low, high)
        return self.is_crowd(row) or bool(self.columns["gt_ignore"][row]) or not inside

    def overlap(self, detection: int, row: int) -> float:
        x, y, w, h = self.columns["dt_boxes_xywh"][detection]
        gx, gy, gw, gh = self.columns["gt_boxes_xywh"][row]
        width, height = min(x + w, gx + gw) - max(x, gx), min(y + h, gy + gh) - max(y, gy)
        if width <= 0 or height <= 0:
            return 0.0
        inside = width * height
        return float(inside / (w * h if self.is_crowd(row) else w * h + gw * gh - inside))

    def worth(self, overlap: float, ignored: bool, place: int) -> tuple[float, ...]:
        return (not ignored, overlap, place)

    def judge(self, group: Group, one_range: Range, threshold: float, limit: int) -> list[Found]:
        ignored = {row: self.is_ignored(row, *one_range) for row in group.objects}
        free, judged = list(group.objects), []
        for detection in self.limited(group.detections, limit):
            overlaps = {row: self.overlap(detection, row) for row in free}
            enough = [row for row in free if overlaps[row] >= threshold]
            best = max(
                enough, key=lambda row: self.worth(overlaps[row], ignored[row], row), default=None
            )
            if best is not None and not self.is_crowd(best):
                free.remove(best)
            judged.append(
                self.verdict(detection, best, ignored, self.range_of(detection, *one_range))
            )
        return judged

    def limited(self, detections: list[int], limit: int) -> list[int]:
        return detections[:limit]

    def range_of(self, detection: int, low: float, high: float) -> bool:
        _, _, width, height = self.columns["dt_boxes_xywh"][detection]
        return self.inside(width * height, low, high)

    def verdict(
        self, detection: int, best: int | None, ignored: Mapping[int, bool], inside: bool
    ) -> Found:
        score = float(self.columns["dt_scores"][detection])
        if best is None:
            return Found(score, False, not inside)
        return Found(score, not ignored[best], ignored[best])

    # --- Numbers ---

    def counted(self, groups: list[Group]) -> list[Group]:
        return groups

    def curve(
        self, groups: list[Group], one_range: Range, threshold: float, limit: int
    ) -> tuple[F64, F64, float]:
        """Precision and scores at each level, and recall."""
        levels = self.levels()
        objects = [row for group in groups for row in group.objects]
        n = sum(not self.is_ignored(row, *one_range) for row in objects)
        if not n:
            return np.full(len(levels), -1.0), np.full(len(levels), -1.0), -1.0
        found = [one for g in groups for one in self.judge(g, one_range, threshold, limit)]
        found = [found[place] for place in self.order(np.array([one.score for one in found]))]
        right = np.cumsum([one.hit for one in found])
        wrong = np.cumsum([not one.hit and not one.ignored for one in found])
        precision = np.append(right / (wrong + right + np.spacing(1)), 0.0)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(right / n, levels, side="left")
        scores = np.append([one.score for one in found], 0.0)
        return best[places], scores[places], float(right[-1] / n) if len(right) else 0.0

    def mean(self, values: F64) -> float:
        defined = values[values > -1]
        return float(np.mean(defined)) if defined.size else -1.0

    def summary(self, precision: F64, recall: F64) -> F64:
        names = [name for name, _, _ in self.params.area_ranges]
        last = len(self.params.max_detections) - 1

        def mean(array: F64, area: str, limit: int, only: float | None = None) -> float:
            rows = [t for t, at in enumerate(self.params.iou_thresholds) if only in (None, at)]
            return self.mean(array[rows][..., names.index(area), limit]) if area in names else -1.0

        sizes: Sequence[str] = ("small", "medium", "large")
        return np.array(
            [
                *(mean(precision, "all", last, only) for only in (None, 0.5, 0.75)),
                *(mean(precision, size, last) for size in sizes),
                *(mean(recall, "all", limit) for limit in (0, min(1, last), last)),
                *(mean(recall, size, last) for size in sizes),
            ]
        )
