"""What a table of the page holds: columns with their meaning, cells with what sorting looks at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from refdet.analysis_records import Estimate
from refdet.report.cells import one_line, share
from refdet.report.page.numbers import (
    count_text,
    interval_note,
    p_text,
    signed,
    signed_interval_text,
)

NOTHING = Markup()
"""No drawing."""

_MANY_ROWS = 12
"""More are easier to filter than to look through."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: in the header.
        meaning: one sentence below the table; empty for what speaks for itself.
        run: `a` or `b` where it is of one of two runs.
        numeric: whether its cells are numbers, to the right; else text, or a drawing.
        axis: ticks of the drawings in its cells.
    """

    name: str
    meaning: str = ""
    run: str = ""
    numeric: bool = True
    axis: Markup = NOTHING


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what it says.
        note: smaller, below: an interval.
        value: what its column is sorted by; None, always last, for what is undefined.
        strip: a drawing, instead of text.
        strong: whether it stands out.
    """

    text: str = ""
    note: str = ""
    value: float | str | None = None
    strip: Markup = NOTHING
    strong: bool = False


@dataclass(frozen=True)
class Row:
    """A row: its name and its cells.

    Attributes:
        name: in the first column.
        cells: one for each further column.
        run: `a` or `b` where the row is of one of two runs.
    """

    name: str
    cells: tuple[Cell, ...]
    run: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        key: its id in the page.
        caption: what it is.
        columns: the first one is of the rows' names.
        rows: its body.
        totals: below, never sorted.
        sortable: whether a click on a header sorts by it.
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()
    sortable: bool = True

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.totals):
            if len(row.cells) != len(self.columns) - 1:
                raise ValueError(
                    f"table {self.key}: row {row.name!r} has {len(row.cells)} cells "
                    f"for {len(self.columns) - 1} columns"
                )

    @property
    def filterable(self) -> bool:
        """Whether it has so many rows that one looks for some by name."""
        return self.sortable and len(self.rows) > _MANY_ROWS

    @property
    def meanings(self) -> dict[str, str]:
        """What the columns mean, each once."""
        return {column.name: column.meaning for column in self.columns if column.meaning}


NO_CELL = Cell()
"""Nothing to say there."""


def text_cell(text: str) -> Cell:
    """Text, on one line."""
    return Cell(one_line(text), value=one_line(text))


def count_cell(value: int) -> Cell:
    """A count."""
    return Cell(count_text(value), value=value)


def share_cell(value: float) -> Cell:
    """A fraction without an interval."""
    return Cell(share(value), value=_sorted_by(value))


def signed_cell(value: float) -> Cell:
    """A difference without an interval."""
    return Cell(signed(value), value=_sorted_by(value))


def estimate_cell(estimate: Estimate) -> Cell:
    """A fraction with its interval."""
    return Cell(share(estimate.value), interval_note(estimate), _sorted_by(estimate.value))


def difference_cell(estimate: Estimate) -> Cell:
    """A difference with its interval; it stands out where that is all on one side of 0."""
    return Cell(
        signed(estimate.value),
        signed_interval_text(estimate) or interval_note(estimate),
        _sorted_by(estimate.value),
        strong=estimate.low > 0 or estimate.high < 0,
    )


def p_cell(value: float) -> Cell:
    """A p value."""
    return Cell(p_text(value), value=_sorted_by(value))


def strip_cell(strip: Markup) -> Cell:
    """A drawing of the numbers beside it."""
    return Cell(strip=strip)


def domain(values: Iterable[float]) -> tuple[float, float]:
    """The least range with 0 and all that is defined of `values`, for a column of drawings."""
    defined = [value for value in values if not math.isnan(value)]
    low, high = min([0.0, *defined]), max([0.0, *defined])
    return (low, high) if high > low else (0.0, 1.0)


def _sorted_by(value: float) -> float | None:
    return None if math.isnan(value) else value
