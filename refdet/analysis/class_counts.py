"""One class at every score threshold, its images counting any number of times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refdet.core.tuning import ThresholdCounts, threshold_counts
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """The judged detections of a class, by score descending, and its objects.

    Attributes:
        counts: at each of M thresholds.
        image: (N,) place of each detection's image.
        right: (N,) true positives.
        objects: (I,) how many in each image count.
    """

    counts: ThresholdCounts
    image: I64
    right: Mask
    objects: I64

    @classmethod
    def of(cls, judged: JudgedDataSet, label: int) -> ClassCounts:
        """Without the detections that are neither right nor wrong."""
        rows = np.flatnonzero((judged.labels == label) & (judged.true | judged.false))
        scores = judged.detections.scores
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        ids = judged.matches.state.image_ids
        own = judged.objects.image_ids[(judged.object_labels == label) & judged.counts]
        return cls(
            counts=threshold_counts(scores[rows], judged.true[rows]),
            image=np.searchsorted(ids, judged.detections.image_ids[rows]),
            right=judged.true[rows],
            objects=np.bincount(np.searchsorted(ids, own), minlength=len(ids)),
        )

    @property
    def n_objects(self) -> int:
        """In all images."""
        return int(self.objects.sum())

    @property
    def n_kept(self) -> I64:
        """(M,) detections from each threshold on."""
        return self.counts.true_positives + self.counts.false_positives

    def kept(self, weights: I64) -> tuple[I64, I64]:
        """(S, M) true and false positives from each threshold on, of images that count so often."""
        times = weights[:, self.image]  # (S, N)
        right = np.cumsum(times * self.right, axis=1)[:, self.n_kept - 1]
        return right, np.cumsum(times, axis=1)[:, self.n_kept - 1] - right

    def place(self, thresholds: F64) -> I64:
        """(...) how many of the M thresholds these reach; 0 of one that is NaN."""
        descending = self.counts.thresholds
        reached = np.searchsorted(-descending, -thresholds, side="right")
        return np.where(np.isnan(thresholds), 0, reached)


@dataclass(frozen=True, eq=False)
class Rates:
    """(...) precision, recall and F-beta; NaN where undefined."""

    precision: F64
    recall: F64
    f_beta: F64

    @classmethod
    def of(cls, counts: I64, beta: float) -> Rates:
        """From (3, ...) true positives, false positives and objects."""
        right, wrong, n_objects = counts
        weight = beta**2
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
            f_beta = (1 + weight) * right / (weight * n_objects + right + wrong)
            rates = right / (right + wrong), right / n_objects
        return cls(*rates, np.where(n_objects > 0, f_beta, np.nan))

    @property
    def all(self) -> tuple[F64, F64, F64]:
        """In that order."""
        return self.precision, self.recall, self.f_beta
