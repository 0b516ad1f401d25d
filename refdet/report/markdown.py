"""An evaluation as a Markdown page."""

from __future__ import annotations

import re
from pathlib import Path

from refdet.files import write_text_atomic
from refdet.records import Evaluation
from refdet.report.cells import cells_of, one_line
from refdet.report.coco_lines import coco_lines

_SPECIAL = re.compile(r"([\\`*_\[\]|#])")
_ENTITIES = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<~$"})
"""Not every Markdown takes a backslash before these."""


def write_metrics_markdown(path: Path, evaluation: Evaluation) -> None:
    """Write `metrics_markdown` to a file, replaced at once."""
    write_text_atomic(path, metrics_markdown(evaluation))


def metrics_markdown(evaluation: Evaluation) -> str:
    """The printed table, its notes and COCO's twelve numbers, in GitHub's Markdown.

    Args:
        evaluation: the judged data set. Its names may hold anything: no character of them is taken
            for Markdown or ends a row.

    Returns:
        The page, with a last newline.
    """
    cells = cells_of(evaluation)
    bold = [[f"**{row[0]}**", *row[1:]] for row in cells.totals]
    classes = [[escape(row[0]), *row[1:]] for row in cells.classes]
    ruler = [":--", *["--:"] * (len(cells.header) - 1)]
    rows = (cells.header, ruler, *classes, *bold)
    lines = [f"# {escape(evaluation.split)}", "", *(f"| {' | '.join(row)} |" for row in rows)]
    for note in cells.notes:
        lines += ["", escape(note)]
    lines += ["", "```", *coco_lines(evaluation.coco_stats, evaluation.max_detections), "```"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).translate(_ENTITIES)
