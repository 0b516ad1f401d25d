"""The per-class table that is printed after an evaluation."""

from __future__ import annotations

import textwrap

from refdet.records import Evaluation
from refdet.report.aligned import display_width
from refdet.report.cells import Cells, cells_of

WIDTH = 100
"""Columns of a terminal that the table fits into, unless class names are long."""

_GROUP_STARTS = frozenset({"objects", "P", "AP", "AP50", "score>="})
_SCREEN = 40
"""More classes than this scroll the header away."""


def format_class_table(evaluation: Evaluation) -> str:
    """A line per class in aligned columns, the totals, and what the numbers stand on.

    COCO's AP50 stands beside VOC's and VOC 2007's, with a word on why they differ. A class without
    objects and without false positives is left out of the lines. What is undefined is shown as `-`.
    Classes with different score thresholds have theirs in the last column.

    Args:
        evaluation: the judged data set.

    Returns:
        Lines joined by newlines, without a last one.
    """
    cells = cells_of(evaluation)
    widths = _widths(cells)
    lines = [_line(row, cells.header, widths) for row in (cells.header, *cells.classes)]
    rule = "-" * max(display_width(line) for line in lines)
    again = [lines[0]] if len(cells.classes) > _SCREEN else []
    totals = [_line(row, cells.header, widths) for row in cells.totals]
    notes = [line for note in cells.notes for line in textwrap.wrap(note, WIDTH)]
    return "\n".join([*lines, rule, *again, *totals, *notes])


def _widths(cells: Cells) -> list[int]:
    rows = [cells.header, *cells.classes, *cells.totals]
    return [max(display_width(cell) for cell in column) for column in zip(*rows, strict=True)]


def _line(row: list[str], header: list[str], widths: list[int]) -> str:
    """The name to the left, numbers to the right; a wider gap where a group begins."""
    line = row[0] + " " * (widths[0] - display_width(row[0]))
    for cell, name, width in zip(row[1:], header[1:], widths[1:], strict=True):
        line += ("  " if name in _GROUP_STARTS else " ") + cell.rjust(width)
    return line.rstrip()
