"""The per-class table that is printed after an evaluation."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from refdet.analysis_records import EvaluationIntervals
from refdet.records import Evaluation
from refdet.report.aligned import clamped, display_width
from refdet.report.cells import Cells, cells_of
from refdet.report.interval_cells import interval_cells

WIDTH = 100
"""Columns of a terminal that the table fits into, unless class names are long."""

_GROUP_STARTS = frozenset({"objects", "P", "AP", "AP50", "score>="})
_SCREEN = 40
"""More classes than this scroll the header away."""


def format_class_table(evaluation: Evaluation, intervals: EvaluationIntervals | None = None) -> str:
    """A line per class in aligned columns, the totals, and what the numbers stand on.

    COCO's AP50 stands beside VOC's and VOC 2007's, with a word on why they differ. A class without
    objects and without false positives is left out of the lines. What is undefined is shown as `-`.
    Classes with different score thresholds have theirs in the last column.

    Args:
        evaluation: the judged data set.
        intervals: of its numbers; they follow in a second table of the same rows.

    Returns:
        Lines joined by newlines, without a last one.
    """
    cells = cells_of(evaluation)
    lines = _rows(cells)
    notes = cells.notes
    if intervals is not None:
        second = interval_cells(evaluation, intervals)
        lines += ["", *_rows(second)]
        notes = [*second.notes, *notes]
    return "\n".join([*lines, *(line for note in notes for line in textwrap.wrap(note, WIDTH))])


def _rows(cells: Cells) -> list[str]:
    """The header, the classes, and below a rule the totals."""
    named = [[clamped(row[0]), *row[1:]] for row in cells.classes]
    cells = replace(cells, classes=named)
    widths = _widths(cells)
    lines = [_line(row, cells.header, widths) for row in (cells.header, *cells.classes)]
    rule = "-" * max(display_width(line) for line in lines)
    again = [lines[0]] if len(cells.classes) > _SCREEN else []
    totals = [_line(row, cells.header, widths) for row in cells.totals]
    return [*lines, rule, *again, *totals]


def _widths(cells: Cells) -> list[int]:
    rows = [cells.header, *cells.classes, *cells.totals]
    return [max(display_width(cell) for cell in column) for column in zip(*rows, strict=True)]


def _line(row: list[str], header: list[str], widths: list[int]) -> str:
    """The name to the left, numbers to the right; a wider gap where a group begins."""
    line = row[0] + " " * (widths[0] - display_width(row[0]))
    for cell, name, width in zip(row[1:], header[1:], widths[1:], strict=True):
        line += ("  " if name in _GROUP_STARTS else " ") + cell.rjust(width)
    return line.rstrip()
