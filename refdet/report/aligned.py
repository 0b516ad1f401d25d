"""Rows of text in columns that stand below each other on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from refdet.report.cells import one_line


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], n_text: int = 1) -> str:
    """A line per row below the header, columns two spaces apart.

    Args:
        header: names of the columns.
        rows: as many cells each. A name may hold anything: no character of it ends a line.
        n_text: so many first columns are text, to the left; numbers stand to the right.

    Returns:
        Lines joined by newlines, without a last one.
    """
    cells = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            _padded(cell, width, left=place < n_text)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def display_width(text: str) -> int:
    """Columns on a terminal, where Chinese, Japanese and Korean letters take two."""
    return len(text) + sum(east_asian_width(letter) in "WF" for letter in text)


def _padded(cell: str, width: int, *, left: bool) -> str:
    space = " " * (width - display_width(cell))
    return cell + space if left else space + cell
