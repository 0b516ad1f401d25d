"""Rows as CSV that spreadsheets, pandas and `csv.reader` get back whole."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """A line per row: a float with all its digits, NaN empty, text in quotes where it needs them.

    Args:
        rows: text and numbers.
    """
    return "".join(_line(row) for row in rows)


def _line(row: Sequence[object]) -> str:
    # With its own line end, `csv` quotes lone carriage returns as well, which would end the row.
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(
        "" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row
    )
    return line.getvalue().removesuffix("\r\n") + "\n"
