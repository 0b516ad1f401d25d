"""One class at every score threshold, its images counting any number of times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refdet.core.tuning import ThresholdCounts, threshold_counts
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """The judged detections of a class, by score descending, and its objects.

    A threshold that adds no true positive to those above it is worse than the one above it, by any
    criterion and in any sample. So in samples only the W others are counted: the *worthwhile*.

    Attributes:
        counts: at each of M thresholds.
        images: (J,) places among all images of those that the class is in.
        image: (N,) place in `images` of each detection's image.
        right: (N,) true positives.
        objects: (J,) how many in each image count.
    """

    counts: ThresholdCounts
    images: I64
    image: I64
    right: Mask
    objects: I64

    @classmethod
    def of(cls, judged: JudgedDataSet, label: int) -> ClassCounts:
        """Without the detections that are neither right nor wrong."""
        rows = np.flatnonzero((judged.labels == label) & (judged.true | judged.false))
        scores = judged.detections.scores
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        found = judged.detections.image_ids[rows]
        own = judged.objects.image_ids[(judged.object_labels == label) & judged.counts]
        ids = np.union1d(found, own)
        return cls(
            counts=threshold_counts(scores[rows], judged.true[rows]),
            images=np.searchsorted(judged.matches.state.image_ids, ids),
            image=np.searchsorted(ids, found),
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

    @property
    def is_worthwhile(self) -> Mask:
        """(M,) thresholds from which on there are more true positives than from the one above."""
        return np.diff(self.counts.true_positives, prepend=0) > 0

    def kept(self, weights: I32) -> tuple[I64, I64]:
        """(S, W) true and false positives from each worthwhile threshold on.

        Args:
            weights: (J, S) how often each image counts.
        """
        ends = self.n_kept[self.is_worthwhile]
        if not len(ends):
            nothing = np.zeros((weights.shape[1], 0), np.int64)
            return nothing, nothing
        # By detection, then by sample: each detection adds a row that lies in one piece.
        rows = np.take(weights, self.image[: ends[-1]], axis=0)
        right = _running(
            rows[self.right[: ends[-1]]], self.counts.true_positives[self.is_worthwhile]
        )
        return right.T.copy(), (_running(rows, ends) - right).T.copy()

    def place(self, thresholds: F64, among: F64) -> I64:
        """(...) how many of the descending thresholds `among` these reach; 0 of one that is NaN."""
        reached = np.searchsorted(-among, -thresholds, side="right")
        return np.where(np.isnan(thresholds), 0, reached)


def _running(rows: I32, ends: I64) -> I64:
    """(W, S) sums of the first so many of the rows (N, S); `ends` ascend and reach N."""
    parts = np.add.reduceat(rows, np.append(0, ends[:-1]), axis=0)
    return np.cumsum(parts, axis=0, dtype=np.int64)


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
