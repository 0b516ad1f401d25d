"""The errors of a run as columns, as short as text can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdet.analysis_records import ErrorKind
from refdet.files import json_text
from refdet.records import F64, I64, Evaluation, FalsePositiveRecord, MissedObject

KINDS = tuple(ErrorKind)
MISSED = KINDS.index(ErrorKind.MISSED)


@dataclass(frozen=True, eq=False)
class ErrorList:
    """Errors of a run: false positives by score descending, then missed objects by size.

    Attributes:
        images: each one's image.
        labels: (N,) int64 class.
        kinds: (N,) int64 place in `KINDS`.
        scores: (N,) float64 NaN of a missed object.
        best_ious: (N,) likewise.
        confused_with: (N,) int64 class, or -1.
        boxes_xyxy: (N, 4) float64.
    """

    images: list[str]
    labels: I64
    kinds: I64
    scores: F64
    best_ious: F64
    confused_with: I64
    boxes_xyxy: F64

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: I64) -> ErrorList:
        """The errors of these rows, in their order."""
        return ErrorList(
            [self.images[row] for row in rows.tolist()],
            self.labels[rows],
            self.kinds[rows],
            self.scores[rows],
            self.best_ious[rows],
            self.confused_with[rows],
            self.boxes_xyxy[rows],
        )

    def fair_order(self) -> I64:
        """Of each kind and class the first one, of each the second, and so on."""
        group = self.kinds * (self.labels.max(initial=0) + 1) + self.labels
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        sizes = np.diff(starts, append=len(group))
        turn = np.empty(len(group), np.int64)
        turn[order] = np.arange(len(group)) - np.repeat(starts, sizes)
        return np.lexsort((group, turn))

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """The columns but for images and pictures, as short as they can be."""
        boxes_xywh = np.concatenate(
            [self.boxes_xyxy[:, :2], self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]], axis=1
        )
        return {
            "label": [str(label) for label in self.labels.tolist()],
            "kind": [str(kind) for kind in self.kinds.tolist()],
            "score": short(self.scores, ".5g"),
            "best_iou": short(self.best_ious, ".3g"),
            "confused_with": ["" if label < 0 else str(label) for label in self.confused_with],
            **{
                name: short(column, ".6g")
                for name, column in zip("xywh", np.round(boxes_xywh, 1).T, strict=True)
            },
        }

    def row_bytes(self) -> I64:
        """(N,) how much each row adds to the page, its image's name where it is the first."""
        sizes = np.full(len(self), 11)  # the row of the image, that of the picture, their commas
        for texts in self.texts.values():
            sizes += np.array([len(text) + 1 for text in texts], np.int64)
        seen: set[str] = set()
        for row, image in enumerate(self.images):
            if image not in seen:
                seen.add(image)
                # Each of these could become \u003c in a script.
                sizes[row] += len(json_text(image)) + 5 * sum(map(image.count, "<>&")) + 2
        return sizes

    def columns(self, rows_of_images: dict[str, int], crops: Sequence[int]) -> dict[str, str]:
        """The columns of a run, each one text with commas: JSON's lists take more room."""
        texts = {
            "image": [str(rows_of_images[image]) for image in self.images],
            **self.texts,
            "crop": ["" if crop < 0 else str(crop) for crop in crops],
        }
        return {name: ",".join(column) for name, column in texts.items()}


def errors_of(evaluation: Evaluation) -> ErrorList:
    """All errors of an evaluation."""
    wrong, missed = evaluation.false_positives, evaluation.missed
    both: list[FalsePositiveRecord | MissedObject] = [*wrong, *missed]
    boxes = [record.box_xyxy for record in both]
    nothing = [float("nan")] * len(missed)
    confused = [-1 if one.confused_with is None else one.confused_with for one in wrong]
    kinds = [KINDS.index(ErrorKind(record.kind.value)) for record in wrong]
    errors = ErrorList(
        [record.image for record in both],
        np.array([record.label for record in both], np.int64),
        np.array(kinds + [MISSED] * len(missed), np.int64),
        np.array([record.score for record in wrong] + nothing),
        np.array([record.best_iou for record in wrong] + nothing),
        np.array(confused + [-1] * len(missed), np.int64),
        np.array(boxes, np.float64).reshape(-1, 4),
    )
    area = np.prod(errors.boxes_xyxy[:, 2:] - errors.boxes_xyxy[:, :2], axis=1)
    return errors.take(np.lexsort((-area, -errors.scores)))  # NaN is last


def short(values: F64, form: str) -> list[str]:
    """Each number in few letters, and nothing for NaN."""
    return ["" if math.isnan(value) else format(value, form) for value in values.tolist()]
