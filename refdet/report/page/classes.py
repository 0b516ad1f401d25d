"""The page's table of classes and their curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from refdet.analysis_records import Analysis, Comparison, Estimate
from refdet.records import ClassMetrics
from refdet.report.cells import share
from refdet.report.page.charts import RunCurve, curve_chart
from refdet.report.page.numbers import MINUS, interval_text
from refdet.report.page.runs import Runs, cells_for, class_names, columns_for
from refdet.report.page.strips import axis_strip, interval_strip
from refdet.report.page.tables import (
    NO_CELL,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    difference_cell,
    estimate_cell,
    share_cell,
    strip_cell,
)

_RATES = (
    ("AP", "ap", "mean_ap", "average precision, mean over IoU 0.50, 0.55 … 0.95: COCO's rule"),
    ("AP50", "ap50", "mean_ap50", "average precision at IoU 0.5"),
    ("P", "precision", "macro_precision", "precision: how many of its detections are right"),
    ("R", "recall", "macro_recall", "recall: how many of its objects are found"),
    ("F1", "f1", "macro_f1", "harmonic mean of precision and recall"),
)
_COUNTS = (
    ("TP", "true_positives", "detections that are right, at the score and IoU thresholds"),
    ("FP", "false_positives", "detections that are wrong, at the score and IoU thresholds"),
    ("FN", "false_negatives", "objects that are not found, at the score and IoU thresholds"),
)


def class_table(runs: Runs, comparison: Comparison | None) -> Table:
    """A row for each class, each number of both runs, and how AP differs; below, the means."""
    columns = [
        Column("class"),
        Column("objects", "annotated objects that count"),
        *columns_for(runs, "AP", _RATES[0][3]),
        Column("0 to 1", numeric=False, axis=axis_strip(0, 1)),
    ]
    if comparison:
        columns.append(Column(f"AP, B {MINUS} A", "difference; bold where its interval excludes 0"))
    for name, _, _, meaning in _RATES[1:]:
        columns += columns_for(runs, name, meaning)
    for name, _, meaning in _COUNTS:
        columns += columns_for(runs, name, meaning)
    columns += columns_for(runs, "score ≥", "the score from which on its detections are counted")
    rows = [
        Row(name, tuple(_cells(runs, label, comparison)))
        for label, name in enumerate(class_names(runs))
    ]
    return Table(
        "classes", "Numbers of each class", tuple(columns), tuple(rows), (_means(runs, comparison),)
    )


def _cells(runs: Runs, label: int, comparison: Comparison | None) -> list[Cell]:
    def metrics(analysis: Analysis) -> ClassMetrics:
        return analysis.evaluation.classes[label]

    def rate(name: str) -> list[Cell]:
        return cells_for(runs, lambda one: estimate_cell(one.intervals.classes[label][name]))

    aps = [(run.letter, run.analysis.intervals.classes[label]["ap"]) for run in runs]
    cells = [count_cell(metrics(runs[0].analysis).n_ground_truth), *rate("ap")]
    cells.append(strip_cell(interval_strip(aps)))
    if comparison:
        cells.append(difference_cell(comparison.classes[label].difference))
    for _, name, _, _ in _RATES[1:]:
        cells += rate(name)
    for _, name, _ in _COUNTS:
        cells += [count_cell(getattr(metrics(run.analysis), name)) for run in runs]
    return [*cells, *cells_for(runs, lambda one: share_cell(metrics(one).score_threshold))]


def _means(runs: Runs, comparison: Comparison | None) -> Row:
    def mean(name: str) -> list[Cell]:
        return cells_for(runs, lambda one: estimate_cell(one.intervals.totals[name]))

    aps = [(run.letter, run.analysis.intervals.totals["mean_ap"]) for run in runs]
    cells = [count_cell(runs[0].evaluation.totals.n_ground_truth), *mean("mean_ap")]
    cells.append(strip_cell(interval_strip(aps)))
    if comparison:
        cells.append(difference_cell(comparison.overall[0].difference))
    for _, _, name, _ in _RATES[1:]:
        cells += mean(name)
    for _, name, _ in _COUNTS:
        cells += [count_cell(getattr(run.evaluation.totals, name)) for run in runs]
    return Row("mean of the classes; sum", (*cells, *[NO_CELL] * len(runs)))


@dataclass(frozen=True)
class Curve:
    """A class's chart.

    Attributes:
        label: of the class.
        name: of the class.
        ap50: of each run, in words, by its letter.
        order: AP50 of the first run that has one, by which the worst are found; None if none has.
        chart: the drawing.
    """

    label: int
    name: str
    ap50: tuple[tuple[str, str], ...]
    order: float
    chart: Markup


def class_curves(runs: Runs) -> list[Curve]:
    """A chart for each class that has objects, in label order."""
    names = class_names(runs)
    return [
        _class_curve(runs, label, names[label])
        for label in sorted(runs[0].analysis.intervals.bands)
    ]


def _class_curve(runs: Runs, label: int, name: str) -> Curve:
    curves, words, ap50 = [], [], []
    for run in runs:
        metrics = run.evaluation.classes[label]
        band = run.analysis.intervals.bands[label]
        curves.append(RunCurve(run.letter, band, metrics.recall, metrics.precision))
        ap50.append((run.tag, _with_interval(run.analysis.intervals.classes[label]["ap50"])))
        words.append(
            f"{run.name}: AP50 {share(metrics.ap50)}; at score {metrics.score_threshold:g}, "
            f"precision {share(metrics.precision)} and recall {share(metrics.recall)}."
        )
    order = runs[0].evaluation.classes[label].ap50
    return Curve(
        label,
        name,
        tuple(ap50),
        0.0 if math.isnan(order) else order,
        curve_chart(f"curve-{label}", f"Precision over recall, {name}", " ".join(words), curves),
    )


def _with_interval(estimate: Estimate) -> str:
    interval = interval_text(estimate)
    return f"{share(estimate.value)} ({interval})" if interval else share(estimate.value)
