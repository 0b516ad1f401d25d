"""All that is said about one run, put together from one matching."""

from __future__ import annotations

from refdet.analysis.average_precisions import Progress
from refdet.analysis.calibrating import calibration_of
from refdet.analysis.errors import analyse_errors
from refdet.analysis.intervals import intervals_of
from refdet.analysis.thresholds import threshold_curves
from refdet.analysis_records import Analysis, Slice
from refdet.evaluate import JudgedDataSet


def analyse(
    judged: JudgedDataSet,
    *,
    name: str,
    split: str,
    n_samples: int,
    seed: int,
    slices: tuple[Slice, ...] = (),
    progress: Progress | None = None,
) -> Analysis:
    """Judge a run, and say how sure its numbers are, what is wrong, and what its scores are worth.

    Args:
        judged: the data set.
        name: of the run.
        split: its name, for the reports.
        n_samples: bootstrap samples of the images.
        seed: of their random numbers.
        slices: where somebody has judged them.
        progress: is told 1 after each sample.

    Returns:
        An `Analysis`.
    """
    evaluation = judged.evaluation(split)
    return Analysis(
        name=name,
        evaluation=evaluation,
        intervals=intervals_of(judged, evaluation, n_samples, seed, progress),
        errors=analyse_errors(judged),
        calibration=calibration_of(judged),
        thresholds=threshold_curves(judged),
        slices=slices,
    )
