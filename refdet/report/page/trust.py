"""What the page says about scores: how far they can be taken at their word."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from refdet.analysis_records import Reliability
from refdet.report.cells import share
from refdet.report.page.charts import reliability_chart
from refdet.report.page.runs import Runs, cells_for, class_names, columns_for
from refdet.report.page.tables import (
    NO_CELL,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    share_cell,
    signed_cell,
)

_MEANINGS = (
    ("detections", "how many have any score"),
    ("mean gap", "mean score less precision: above 0, the detector is too sure of itself"),
    ("ECE", "expected calibration error: mean distance of score and precision, bin by bin"),
    ("LaECE", "the same, of score and precision times the mean IoU of what is right"),
)


def overall_reliability(runs: Runs) -> Markup:
    """The chart of all classes together."""
    pairs = [(run.letter, run.analysis.calibration.overall) for run in runs]
    words = " ".join(
        f"{run.name}: expected calibration error "
        f"{share(run.analysis.calibration.overall.expected_error)}."
        for run in runs
    )
    return reliability_chart(
        "reliability-all", "Precision of each score, all classes", words, pairs
    )


def calibration_table(runs: Runs) -> Table:
    """A row for each class; below, all together."""
    columns = [Column("class")]
    for name, meaning in _MEANINGS:
        columns += columns_for(runs, name, meaning)
    rows = [
        Row(name, _cells([run.analysis.calibration.classes[label] for run in runs]))
        for label, name in enumerate(class_names(runs))
    ]
    together = Row("all together", _cells([run.analysis.calibration.overall for run in runs]))
    mean_errors = cells_for(
        runs, lambda one: share_cell(one.calibration.mean_localization_aware_error)
    )
    mean = Row("mean of the classes", (*[NO_CELL] * 3 * len(runs), *mean_errors))
    return Table(
        "calibration", "Calibration by class", tuple(columns), tuple(rows), (together, mean)
    )


def _cells(each: Sequence[Reliability]) -> tuple[Cell, ...]:
    return (
        *(count_cell(int(one.counts.sum())) for one in each),
        *(signed_cell(mean_gap(one)) for one in each),
        *(share_cell(one.expected_error) for one in each),
        *(share_cell(one.localization_aware_error) for one in each),
    )


def mean_gap(reliability: Reliability) -> float:
    """Mean score less precision, over the detections; NaN without any."""
    gaps = [
        (count, score - precision)
        for count, score, precision in zip(
            reliability.counts.tolist(),
            reliability.mean_score.tolist(),
            reliability.precision.tolist(),
            strict=True,
        )
        if count
    ]
    total = sum(count for count, _ in gaps)
    return sum(count * gap for count, gap in gaps) / total if total else math.nan
