"""What the page says about errors: the confusion matrix, kinds of error, and LRP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refdet.analysis_records import ErrorKind
from refdet.records import ConfusionMatrix
from refdet.report.confusion import names_with_background
from refdet.report.page.names import shown_name
from refdet.report.page.runs import Run, Runs, cells_for, class_names, columns_for
from refdet.report.page.strips import axis_strip, bar_strip
from refdet.report.page.tables import (
    NO_CELL,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    domain,
    share_cell,
    strip_cell,
    text_cell,
)

MOST_CONFUSED_CLASSES = 120
"""A matrix of more is nothing to look at, and would fill the file."""
_MOST_PAIRS = 20
_SHADES = 10

KIND_MEANINGS = {
    ErrorKind.CONFUSION: "a box that fits an object of another class",
    ErrorKind.LOCALIZATION: "the right class, in a box that does not fit well enough",
    ErrorKind.BOTH: "another class, in a box that does not fit well enough",
    ErrorKind.DUPLICATE: "a second detection of an object that is already found",
    ErrorKind.BACKGROUND: "a detection where no object is",
    ErrorKind.MISSED: "an object that no detection accounts for",
}
_BY_CLASS = (
    "errors of detections of this class; below, the AP that this class would gain if all errors of "
    "the kind were fixed, those of other classes too"
)
_MISSED_BY_CLASS = "objects of this class; below, the AP that it would gain if all were found"


@dataclass(frozen=True)
class ConfusionCell:
    """A cell of the matrix.

    Attributes:
        count: how many.
        shade: 0 to 10, the count's share of what was there.
        diagonal: whether it is right.
    """

    count: int
    shade: int
    diagonal: bool


@dataclass(frozen=True)
class Confusion:
    """The matrix of a run.

    Attributes:
        run: whose it is.
        names: of the classes and the background.
        rows: what was detected as each of them; empty where there are too many classes.
        pairs: the largest counts of one class taken for another.
    """

    run: Run
    names: tuple[str, ...]
    rows: tuple[tuple[ConfusionCell, ...], ...]
    pairs: Table


def confusions(runs: Runs) -> list[Confusion]:
    """A matrix for each run."""
    return [_confusion(run, run.evaluation.confusion) for run in runs]


def _confusion(run: Run, matrix: ConfusionMatrix) -> Confusion:
    names = tuple(names_with_background([shown_name(name) for name in matrix.class_names]))
    rows: tuple[tuple[ConfusionCell, ...], ...] = ()
    if len(names) <= MOST_CONFUSED_CLASSES + 1:
        there = np.maximum(matrix.counts.sum(axis=0), 1)
        shades = np.ceil(_SHADES * matrix.counts / there).astype(int).tolist()
        rows = tuple(
            tuple(
                ConfusionCell(count, shade, row == column and row < len(names) - 1)
                for column, (count, shade) in enumerate(zip(counts, row_shades, strict=True))
            )
            for row, (counts, row_shades) in enumerate(
                zip(matrix.counts.tolist(), shades, strict=True)
            )
        )
    return Confusion(run, names, rows, _pairs(run, names, matrix))


def confused_pairs(matrix: ConfusionMatrix) -> list[tuple[int, int, int]]:
    """Class that was detected, class that was there, how often: the most frequent first."""
    between = matrix.counts[:-1, :-1].copy()
    np.fill_diagonal(between, 0)
    rows, columns = np.nonzero(between)
    counts = between[rows, columns]
    order = np.argsort(-counts, kind="stable")
    found = np.stack([rows, columns, counts], axis=1)[order].tolist()
    return [(row, column, count) for row, column, count in found]


def _pairs(run: Run, names: tuple[str, ...], matrix: ConfusionMatrix) -> Table:
    columns = (
        Column("detected as"),
        Column("was there", numeric=False),
        Column("count", "objects of one class that a detection of another one covers"),
    )
    rows = tuple(
        Row(names[row], (text_cell(names[column]), count_cell(count)))
        for row, column, count in confused_pairs(matrix)[:_MOST_PAIRS]
    )
    return Table(f"pairs-{run.letter}", "Classes taken for another", columns, rows)


def kinds_table(runs: Runs) -> Table:
    """A row for each kind of error: how often, and the AP that it costs; below, FP and FN."""
    errors = [run.analysis.errors for run in runs]
    gains: dict[str, list[float]] = {
        kind.value: [one.kinds[place].ap_gain for one in errors]
        for place, kind in enumerate(ErrorKind)
    }
    gains["all false positives"] = [one.false_positive_gain for one in errors]
    gains["all not found"] = [one.false_negative_gain for one in errors]
    ends = domain(gain for each in gains.values() for gain in each)

    def cells(name: str, counts: Sequence[Cell], meaning: str) -> tuple[Cell, ...]:
        pairs = [(run.letter, gain) for run, gain in zip(runs, gains[name], strict=True)]
        strip = strip_cell(bar_strip(pairs, *ends))
        return (*(share_cell(gain) for gain in gains[name]), strip, *counts, text_cell(meaning))

    rows = []
    for place, kind in enumerate(ErrorKind):
        counts = [count_cell(int(one.kinds[place].counts.sum())) for one in errors]
        rows.append(Row(kind.value, cells(kind, counts, KIND_MEANINGS[kind])))
    no_counts = [NO_CELL] * len(runs)
    totals = (
        Row("all false positives", cells("all false positives", no_counts, "any wrong detection")),
        Row("all not found", cells("all not found", no_counts, "any object not found")),
    )
    columns = (
        Column("kind"),
        *columns_for(runs, "AP lost", "by how much AP would rise if all of them were fixed"),
        Column("drawn", numeric=False, axis=axis_strip(*ends)),
        *columns_for(runs, "errors", "how many, over detections of any score"),
        Column("what it is", numeric=False),
    )
    return Table("kinds", "Kinds of error, after TIDE", columns, tuple(rows), totals)


def class_kinds_table(run: Run) -> Table:
    """A row for each class: how often each kind of error, and the AP of the class that it costs."""
    errors = run.analysis.errors
    columns = (
        Column("class"),
        *(
            Column(kind.kind.value, f"{KIND_MEANINGS[kind.kind]}: {_by_class(kind.kind)}")
            for kind in errors.kinds
        ),
    )
    rows = []
    for label, name in enumerate(class_names([run])):
        cells = []
        for kind in errors.kinds:
            count, gain = int(kind.counts[label]), share_cell(float(kind.class_ap_gains[label]))
            note = "" if gain.value is None else gain.text
            cells.append(Cell(count_cell(count).text, note, count))
        rows.append(Row(name, tuple(cells)))
    return Table(f"class-kinds-{run.letter}", "Kinds of error by class", columns, tuple(rows))


def _by_class(kind: ErrorKind) -> str:
    return _MISSED_BY_CLASS if kind is ErrorKind.MISSED else _BY_CLASS


_LRP = (
    ("LRP", "error", "error of localisation, recall and precision in one, 0 is perfect, 1 useless"),
    (
        "loc",
        "localization",
        "its part from boxes that do not fit: mean of 1 less IoU of what is right",
    ),
    ("FP", "false_positive", "its part from wrong detections: 1 less precision"),
    ("FN", "false_negative", "its part from objects that are not found: 1 less recall"),
)
_OPTIMAL = (
    ("best score ≥", "score_threshold", "the score threshold at which LRP is lowest"),
    ("best LRP", "error", "LRP at that threshold: optimal LRP"),
)


def lrp_table(runs: Runs) -> Table:
    """A row for each class: LRP at its score threshold, and where it is lowest; then the means."""
    columns = [Column("class")]
    for name, _, meaning in (*_LRP, *_OPTIMAL):
        columns += columns_for(runs, name, meaning)
    rows = []
    for label, class_name in enumerate(class_names(runs)):
        cells = [
            share_cell(getattr(run.analysis.errors.lrp[label], part))
            for _, part, _ in _LRP
            for run in runs
        ]
        cells += [
            share_cell(getattr(run.analysis.errors.optimal_lrp[label], part))
            for _, part, _ in _OPTIMAL
            for run in runs
        ]
        rows.append(Row(class_name, tuple(cells)))
    gap = [NO_CELL] * len(runs)
    mean = cells_for(runs, lambda one: share_cell(one.errors.mean_lrp))
    best = cells_for(runs, lambda one: share_cell(one.errors.mean_optimal_lrp))
    means = Row("mean", (*mean, *gap * 4, *best))
    return Table("lrp-numbers", "LRP by class", tuple(columns), tuple(rows), (means,))
