"""Cells and numbers in words."""

from __future__ import annotations

import pytest

from refdet.analysis_records import Estimate
from refdet.report.page.numbers import count_text, p_text, plural, signed
from refdet.report.page.tables import (
    Cell,
    Column,
    Row,
    Table,
    difference_cell,
    domain,
    estimate_cell,
    share_cell,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "+0.250"),
        (-0.25, "\N{MINUS SIGN}0.250"),
        (0.0004, "0.000"),
        (-0.0004, "0.000"),
        (NAN, "-"),
    ],
)
def test_signed_has_a_sign_unless_it_is_zero(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "<0.001"), (0.001, "0.001"), (0.5, "0.500"), (NAN, "-")]
)
def test_p_text_does_not_tell_small_ones_apart(value: float, text: str) -> None:
    assert p_text(value) == text


def test_counts_are_in_groups_of_three() -> None:
    assert count_text(1234567) == "1\u202f234\u202f567"
    assert [plural(n, "class", "classes") for n in (0, 1, 2)] == [
        "0 classes",
        "1 class",
        "2 classes",
    ]


def test_estimate_cell_has_its_interval_below_and_sorts_by_its_value() -> None:
    assert estimate_cell(Estimate(0.5, 0.25, 0.75)) == Cell("0.500", "0.250\N{EN DASH}0.750", 0.5)
    assert estimate_cell(Estimate(0.5, NAN, NAN)) == Cell("0.500", "-", 0.5)
    assert estimate_cell(Estimate(NAN, NAN, NAN)) == share_cell(NAN) == Cell("-", "", None)


@pytest.mark.parametrize(
    ("low", "high", "strong"),
    [
        (0.0, 0.5, False),
        (0.125, 0.5, True),
        (-0.5, -0.125, True),
        (-0.5, 0.5, False),
        (NAN, NAN, False),
    ],
)
def test_difference_cell_stands_out_where_its_interval_excludes_zero(
    low: float, high: float, *, strong: bool
) -> None:
    assert difference_cell(Estimate(0.25, low, high)).strong is strong


def test_domain_holds_zero_and_is_never_empty() -> None:
    assert domain([0.25, NAN, 0.5]) == (0.0, 0.5)
    assert domain([-0.25]) == (-0.25, 0.0)
    assert domain([NAN]) == domain([]) == domain([0.0]) == (0.0, 1.0)


def test_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match=r"table t: row 'x' has 2 cells for 1 columns"):
        Table("t", "", (Column("a"), Column("b")), (Row("x", (Cell(), Cell())),))
