"""The rows of a CSV file as text, none of them longer or shorter than the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from refdet.data.text_numbers import read_text


def read_csv_rows(
    path: Path, needed: Sequence[str]
) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, the rows, and in which line each ends.

    Args:
        path: the file, UTF-8.
        needed: columns that the header must have, each once.

    Raises:
        ValueError: names the file and the line: it cannot be read, a column is missing or there
            twice, a row has more or fewer fields than the header, a quote is not closed.
    """
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    try:
        header = next(lines, [])
        for column in needed:
            if header.count(column) != 1:
                raise ValueError(f"{path}: header {header} needs {column!r} exactly once")
        for fields in lines:
            if len(fields) != len(header):
                raise ValueError(
                    f"{path}, line {lines.line_num}: {len(fields)} fields, the header has "
                    f"{len(header)}"
                )
            rows.append(fields)
            line_numbers.append(lines.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from error
    return header, rows, line_numbers
