"""TIDE as its own code has it: the suite's naive loops, with one place changed.

A compact implementation of one's own would be as long as the oracle, so that it is taken here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from refdet.conformance import tide
from tests.conformance.zoo.scores import refuse
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Verdicts = Callable[[tide.DataSet, float, float], list[tide.Verdict]]


NAIVE: Verdicts = tide.naive_verdicts  # before it is replaced


class Tide:
    """All in one image: what is no pair does not overlap."""

    verdicts: Verdicts = staticmethod(NAIVE)

    def __call__(
        self,
        pair_detection: I64,
        pair_object: I64,
        pair_iou: F64,
        scores: F64,
        labels: I64,
        object_labels: I64,
        ignore: Mask,
        n_classes: int,
        iou_threshold: float,
        background_threshold: float,
    ) -> SimpleNamespace:
        refuse(*(np.asarray(c) >= n_classes for c in (labels, object_labels)))
        iou = np.zeros((len(scores), len(ignore)))
        iou[pair_detection, pair_object] = pair_iou
        images = [np.zeros(len(side), np.int64) for side in (scores, ignore)]
        data = tide.DataSet(images[0], labels, scores, images[1], object_labels, iou, ignore)
        with mock.patch.multiple(tide, N_CLASSES=n_classes, naive_verdicts=self.verdicts):
            arrays = tide.naive(data, iou_threshold, background_threshold)
        return self.told(SimpleNamespace(**arrays))

    def told(self, found: SimpleNamespace) -> SimpleNamespace:
        return found


class ClassesWithoutObjectsCount(Tide):
    """Their AP is 0, and so is their part in the mean."""

    def told(self, found: SimpleNamespace) -> SimpleNamespace:
        found.ap, found.gains = found.tidecv_ap, found.tidecv_gains
        return found


def verdicts_on_ignored(data: tide.DataSet, covers: float, background: float) -> list[tide.Verdict]:
    """Whoever finds nothing that counts is judged, whatever is ignored."""
    verdicts = NAIVE(data, covers, background)
    real = [o for o in range(len(data.ignore)) if not data.ignore[o]]
    for row, verdict in enumerate(verdicts):
        if verdict.finds is None and verdict.kind is None:
            tide.judge_wrong(data, row, real, verdict, covers, background)
    return verdicts


class IgnoredAreErrors(Tide):
    """What finds an ignored object gets a kind as well."""

    verdicts = staticmethod(verdicts_on_ignored)


RIGHT = (Right("tide_errors", Tide()),)

ZOO = (
    Wrong(
        "tide_errors",
        "classes-without-objects-count",
        ClassesWithoutObjectsCount(),
        "tidecv 1.0.1, ap.py: `if self.num_gt_positives == 0: return 0`",
    ),
    Wrong(
        "tide_errors",
        "ignored-are-errors",
        IgnoredAreErrors(),
        "tidecv 1.0.1, quantify.py: `pred['used'] == False or pred['used'] == None`",
    ),
)
