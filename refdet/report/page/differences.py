"""What the page says about two runs: by how much they differ, and in which images."""

from __future__ import annotations

from collections.abc import Sequence

from refdet.analysis_records import ComparedNumber, Comparison
from refdet.report.page.names import shown_name
from refdet.report.page.numbers import MINUS
from refdet.report.page.strips import axis_strip, interval_strip
from refdet.report.page.tables import (
    Column,
    Row,
    Table,
    count_cell,
    difference_cell,
    domain,
    p_cell,
    share_cell,
    strip_cell,
)

_DIFFERENCE = f"B {MINUS} A; bold where its interval excludes 0"
_P = "how likely so large a difference is where there is none"


def overall_differences(comparison: Comparison) -> Table:
    """A row for each number of all classes together."""
    return _table("number-differences", "Differences overall", "number", _P, comparison.overall)


def class_differences(comparison: Comparison) -> Table:
    """A row for each class."""
    meaning = f"{_P}, corrected for how many classes there are"
    caption = "Differences in AP by class"
    return _table("class-differences", caption, "class", meaning, comparison.classes)


def _table(
    key: str, caption: str, first: str, p_meaning: str, numbers: Sequence[ComparedNumber]
) -> Table:
    ends = [
        end
        for one in numbers
        for end in (one.difference.value, one.difference.low, one.difference.high)
    ]
    low, high = domain(ends)
    columns = (
        Column(first),
        Column("value", run="a"),
        Column("value", run="b"),
        Column("difference", _DIFFERENCE),
        Column("drawn", numeric=False, axis=axis_strip(low, high)),
        Column("p", p_meaning),
    )
    rows = tuple(
        Row(
            shown_name(one.name),
            (
                share_cell(one.a),
                share_cell(one.b),
                difference_cell(one.difference),
                strip_cell(interval_strip([("both", one.difference)], low, high)),
                p_cell(one.p_value),
            ),
        )
        for one in numbers
    )
    return Table(key, caption, columns, rows)


def changed_images(comparison: Comparison) -> Table:
    """A row for each image that explains the difference, the most changed first."""
    columns = (
        Column("image"),
        Column("found", "objects that only B found, at the score thresholds"),
        Column("lost", "objects that only A found, at the score thresholds"),
        Column("FP gone", "false positives that only A has"),
        Column("FP added", "false positives that only B has"),
    )
    rows = tuple(
        Row(
            shown_name(one.image),
            tuple(
                count_cell(count)
                for count in (
                    one.found,
                    one.lost,
                    one.removed_false_positives,
                    one.added_false_positives,
                )
            ),
        )
        for one in comparison.images
    )
    return Table("changed-images", "Images that explain the difference", columns, rows)
