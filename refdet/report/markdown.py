"""An evaluation as a Markdown page."""

from __future__ import annotations

import re
from pathlib import Path

from refdet.analysis_records import EvaluationIntervals
from refdet.files import write_text_atomic
from refdet.records import Evaluation
from refdet.report.cells import Cells, cells_of, one_line
from refdet.report.coco_lines import coco_interval_lines, coco_lines
from refdet.report.interval_cells import interval_cells

_SPECIAL = re.compile(r"([\\`*_\[\]|#])")
_ENTITIES = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<~$"})
"""Not every Markdown takes a backslash before these."""


def write_metrics_markdown(
    path: Path, evaluation: Evaluation, intervals: EvaluationIntervals | None = None
) -> None:
    """Write `metrics_markdown` to a file, replaced at once."""
    write_text_atomic(path, metrics_markdown(evaluation, intervals))


def metrics_markdown(evaluation: Evaluation, intervals: EvaluationIntervals | None = None) -> str:
    """The printed table, its notes and COCO's twelve numbers, in GitHub's Markdown.

    Args:
        evaluation: the judged data set. Its names may hold anything: no character of them is taken
            for Markdown or ends a row.
        intervals: of its numbers, in a second table and second lines.

    Returns:
        The page, with a last newline.
    """
    cells = cells_of(evaluation)
    lines, notes = [f"# {escape(evaluation.split)}", "", *_table(cells)], cells.notes
    code = coco_lines(evaluation.coco_stats, evaluation.max_detections)
    if intervals is not None:
        second = interval_cells(evaluation, intervals)
        lines += ["", *_table(second)]
        notes = [*second.notes, *notes]
        code += coco_interval_lines(intervals.coco_stats, evaluation.max_detections)
    for note in notes:
        lines += ["", escape(note)]
    lines += ["", "```", *code, "```"]
    return "\n".join(lines) + "\n"


def _table(cells: Cells) -> list[str]:
    bold = [[f"**{row[0]}**", *row[1:]] for row in cells.totals]
    classes = [[escape(row[0]), *row[1:]] for row in cells.classes]
    ruler = [":--", *["--:"] * (len(cells.header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (cells.header, ruler, *classes, *bold)]


def escape(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).translate(_ENTITIES)
