"""What the page's threshold explorer shows: each class at every step of its slider."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refdet.analysis_records import Analysis, ThresholdCurve
from refdet.records import F64, I64, ClassMetrics

N_STEPS = 1000
"""From a slider's one end to the other."""


def explorer_data(analyses: Sequence[Analysis]) -> dict[str, object]:
    """For each run its classes with their counts at every step; `explorer.js` reads it.

    Between two steps the counts change by little, so that what is written are the changes, from the
    highest threshold downwards: 80 classes take less than 1 MB.

    Args:
        analyses: the runs, one or two, of the same classes.

    Returns:
        What `refdet.files.json_text` takes.
    """
    return {"n_steps": N_STEPS, "runs": [_run(analysis) for analysis in analyses]}


def threshold_steps(curve: ThresholdCurve, score_threshold: float) -> F64:
    """The thresholds that a class's slider stops at, ascending; `score_threshold` is among them.

    Scores in [0, 1] have 0, 0.001 ... 1. Others have themselves, or so many of them evenly chosen.
    """
    if _are_probabilities(curve):
        steps = np.arange(N_STEPS + 1) / N_STEPS
    else:
        ascending = curve.scores[::-1]
        places = np.linspace(0, len(ascending) - 1, min(N_STEPS, len(ascending)))
        steps = ascending[places.round().astype(np.int64)]
    return np.union1d(steps, [score_threshold])


def counts_at(curve: ThresholdCurve, thresholds: F64) -> tuple[I64, I64]:
    """True and false positives with a score of at least each threshold."""
    n_scores = len(curve.scores) - np.searchsorted(curve.scores[::-1], thresholds, "left")
    # With no score at or above the threshold, nothing is counted.
    right = np.concatenate([[0], curve.true_positives])[n_scores]
    wrong = np.concatenate([[0], curve.false_positives])[n_scores]
    return right, wrong


def _run(analysis: Analysis) -> dict[str, object]:
    pairs = zip(analysis.evaluation.classes, analysis.thresholds, strict=True)
    return {
        "name": analysis.name,
        "iou_threshold": analysis.evaluation.iou_threshold,
        "classes": [_class(metrics, curve) for metrics, curve in pairs],
    }


def _class(metrics: ClassMetrics, curve: ThresholdCurve) -> dict[str, object]:
    steps = threshold_steps(curve, metrics.score_threshold)
    right, wrong = counts_at(curve, steps)
    return {
        "name": metrics.name,
        "start": metrics.score_threshold,
        "objects": curve.n_objects,
        # The page makes the even steps itself.
        "steps": None if _are_probabilities(curve) else steps.tolist(),
        "true_positives": _changes(right),
        "false_positives": _changes(wrong),
    }


def _changes(counts: I64) -> str:
    return ",".join(map(str, np.diff(counts[::-1], prepend=0).tolist()))


def _are_probabilities(curve: ThresholdCurve) -> bool:
    return bool(((curve.scores >= 0) & (curve.scores <= 1)).all())
