"""The intervals of an evaluation's numbers as text: a second table below the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain

from refdet.analysis_records import Estimate, EvaluationIntervals
from refdet.records import Evaluation
from refdet.report.cells import Cells, counted, is_shown, one_line

RATES = {"P": "precision", "R": "recall", "F1": "f1"}
APS = {"AP": "ap", "AP75": "ap75", "AP50": "ap50", "VOC": "ap50_voc", "VOC07": "ap50_voc07"}

_NO_INTERVAL = (
    "A dash: it cannot be told. Fewer than 6 images have an object of the class or size, or all "
    "samples are equal, or more than 5 % of them lack a class that the mean is one of."
)


def interval_cells(evaluation: Evaluation, intervals: EvaluationIntervals) -> Cells:
    """A row for each row of the evaluation's table, a column for each of its fractions."""
    classes = [
        [one_line(metrics.name), *(span(estimates[name]) for name in (RATES | APS).values())]
        for metrics, estimates in zip(evaluation.classes, intervals.classes, strict=True)
        if is_shown(metrics)
    ]
    totals = intervals.totals
    micro = [span(totals[f"micro_{name}"]) for name in RATES.values()]
    macro = [span(totals[f"macro_{name}"]) for name in RATES.values()]
    means = [span(totals[f"mean_{name}"]) for name in APS.values()]
    return Cells(
        header=["class", *RATES, *APS],
        classes=classes,
        totals=[["micro", *micro, *[""] * len(APS)], ["macro", *macro, *means]],
        notes=[interval_note(evaluation, intervals), *_missing_note(intervals)],
    )


def interval_note(evaluation: Evaluation, intervals: EvaluationIntervals) -> str:
    """What the intervals are."""
    return (
        f"Intervals of {100 * intervals.level:g} %: {intervals.n_samples} bootstrap samples of the "
        f"{counted(evaluation.n_images, 'image')}, seed {intervals.seed}."
    )


def _missing_note(intervals: EvaluationIntervals) -> list[str]:
    """Why a number has no interval, if one has none."""
    classes = (one.values() for one in intervals.classes)
    numbers = chain(intervals.coco_stats, intervals.totals.values(), *classes)
    return [_NO_INTERVAL] if any(_lacks_interval(one) for one in numbers) else []


def _lacks_interval(estimate: Estimate) -> bool:
    return math.isnan(estimate.low) and not math.isnan(estimate.value)


def span(estimate: Estimate) -> str:
    """Both ends with three digits and without the leading zero; `-` for what is undefined.

    Such as `.880-.940`, which leaves room for eight of them on a terminal; `-.120 to .040` where an
    end is below 0.
    """
    if math.isnan(estimate.low):
        return "-"
    ends = [_digits(end) for end in (estimate.low, estimate.high)]
    return (" to " if estimate.low < 0 else "-").join(ends)


def _digits(end: float) -> str:
    text = f"{abs(end):.3f}"
    sign = "-" if end < 0 and text != "0.000" else ""
    return sign + (text[1:] if text.startswith("0") else text[:4])


def ends(estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """`name_low` and `name_high` of each."""
    found = {}
    for name, estimate in estimates.items():
        found[f"{name}_low"], found[f"{name}_high"] = estimate.low, estimate.high
    return found
