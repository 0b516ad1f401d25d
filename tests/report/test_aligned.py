"""Columns of text."""

from __future__ import annotations

from refdet.report.aligned import aligned


def test_aligned_puts_text_left_and_numbers_right() -> None:
    rows = [["a", "long name", "1.5"], ["bb", "b", "-"]]
    assert aligned(["x", "y", "number"], rows, n_text=2).splitlines() == [
        "x   y          number",
        "a   long name     1.5",
        "bb  b               -",
    ]


def test_aligned_keeps_rows_on_their_lines_whatever_the_names() -> None:
    lines = aligned(["class", "n"], [["a\nb\x1b[31m", "1"], ["細胞", "2"]]).split("\n")
    assert lines == ["class" + 9 * " " + "n", "a\\nb\\x1b[31m  1", "細胞" + 10 * " " + "2"]


def test_aligned_without_rows_is_the_header() -> None:
    assert aligned(["a", "b"], []) == "a  b"
