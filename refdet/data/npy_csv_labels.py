"""One CSV of labels, read without trusting that it is what it should be.

The header is `class,x_center,y_center,width,height`, in any order and with nothing else; a line
is an object. Everything wrong in the file is listed, line by line from 1, rather than raised at
the first. Nothing is converted here: numbers are those that the file holds.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refdet.records import Problem

COLUMNS = ("class", "x_center", "y_center", "width", "height")
_WITHOUT_OBJECTS = "an image without objects needs a CSV with the header alone"


@dataclass(frozen=True)
class CsvObject:
    """One line as the file has it.

    Attributes:
        place: the file and the line.
        class_id: at least 0, counted as the file counts.
        box: `x_center, y_center, width, height`; finite, no size is negative.
    """

    place: str
    class_id: int
    box: tuple[float, float, float, float]

    def __str__(self) -> str:
        return f"class {self.class_id} ({', '.join(f'{value:.10g}' for value in self.box)})"


@dataclass(frozen=True)
class CsvLabels:
    """What could be read of one file, and what could not, and why."""

    objects: tuple[CsvObject, ...]
    problems: tuple[Problem, ...]


def read_label_csv(file: Path, place: str) -> CsvLabels:
    """The labels in `file`; whatever is wrong in it is among its problems.

    Args:
        file: the CSV, UTF-8.
        place: what to call the file in a problem.
    """
    objects: list[CsvObject] = []
    problems: list[Problem] = []
    try:
        text = _read_text(file)
    except ValueError as error:
        return CsvLabels((), (Problem(place, str(error)),))
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        wrong = _header_problem(header)
        if wrong:
            return CsvLabels((), (Problem(f"{place}, line 1", wrong),))
        for fields in lines:
            where = f"{place}, line {lines.line_num}"
            try:
                if fields:
                    objects.append(_read_object(header, fields, where))
                else:
                    problems.append(Problem(where, "is blank", dropped=True))
            except ValueError as error:
                problems.append(Problem(where, str(error)))
    except csv.Error as error:
        problems.append(Problem(f"{place}, line {lines.line_num}", f"is no CSV: {error}"))
    return CsvLabels(tuple(objects), tuple(problems))


def _read_text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"is missing; {_WITHOUT_OBJECTS}") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error}") from error
    if not content:
        raise ValueError(f"is empty; {_WITHOUT_OBJECTS}: {','.join(COLUMNS)}")
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"holds a NUL byte in line {line}")
    try:
        return content.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"is not UTF-8 in line {line}: {error.reason}") from None


def _header_problem(header: Sequence[str]) -> str | None:
    if sorted(header) == sorted(COLUMNS):
        return None
    shown, wanted = ",".join(header), ",".join(COLUMNS)
    if sorted(name.strip() for name in header) == sorted(COLUMNS):
        return f"the header {shown!r} has spaces around its names; it must be {wanted}"
    if len(header) == len(COLUMNS) and all(_is_number(field) for field in header):
        return f"{shown!r} is no header; the first line must be {wanted}"
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        return f"the header {shown!r} lacks {', '.join(missing)}; it must be {wanted}"
    return f"the header {shown!r} has too many columns; it must be {wanted}"


def _read_object(header: Sequence[str], fields: Sequence[str], where: str) -> CsvObject:
    if len(fields) != len(header):
        raise ValueError(f"has {len(fields)} fields, the header has {len(header)}")
    row = dict(zip(header, fields, strict=True))
    class_id, x, y, width, height = (_number(row, column) for column in COLUMNS)
    if not class_id.is_integer():
        raise ValueError(f"class is {row['class']!r}, not a whole number")
    if class_id < 0:
        raise ValueError(f"class is {row['class']!r}; no class is negative")
    for side in ("width", "height"):
        if _number(row, side) < 0:
            raise ValueError(f"{side} is {row[side]!r}: the box is inverted")
    return CsvObject(where, int(class_id), (x, y, width, height))


def _number(row: Mapping[str, str], column: str) -> float:
    text = row[column]
    if not _is_number(text):
        raise ValueError(f"{column} is {text!r}, not a number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{column} is {text!r}, not a finite number")
    return number


def _is_number(text: str) -> bool:
    try:
        # Python reads 1_0 as 10.
        float(text.replace("_", "?"))
    except ValueError:
        return False
    return True
