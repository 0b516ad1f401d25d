"""Rows of text in columns that stand below each other on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from refdet.report.cells import one_line

LONGEST = 40
"""Letters of a name in a printed table; files have all of it."""


def aligned(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    n_text: int = 1,
    longest: int = LONGEST,
) -> str:
    """A line per row below the header, columns two spaces apart.

    Args:
        header: names of the columns.
        rows: as many cells each. A name may hold anything: no character of it ends a line.
        n_text: so many first columns are text, to the left; numbers stand to the right.
        longest: columns that a text may take; of a longer one the middle is left out.

    Returns:
        Lines joined by newlines, without a last one.
    """
    cells = [
        [*(clamped(one_line(cell), longest) for cell in row[:n_text]), *map(one_line, row[n_text:])]
        for row in (header, *rows)
    ]
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


def clamped(text: str, longest: int = LONGEST) -> str:
    """Text that takes so many columns at most: both its ends, since names may share either."""
    if display_width(text) <= longest:
        return text
    n_letters = longest - 1
    while True:
        end = n_letters // 2
        short = f"{text[: n_letters - end]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - end :]}"
        if display_width(short) <= longest:
            return short
        n_letters -= 1


def _padded(cell: str, width: int, *, left: bool) -> str:
    space = " " * (width - display_width(cell))
    return cell + space if left else space + cell
