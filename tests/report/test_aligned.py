"""Columns of text."""

from __future__ import annotations

from refdet.report.aligned import aligned, display_width


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


def test_aligned_leaves_out_the_middle_of_a_long_name() -> None:
    names = ["a" * 300 + "1", "a" * 300 + "2", "\N{CJK UNIFIED IDEOGRAPH-8840}" * 200]
    lines = aligned(("class", "n"), [[name, "7"] for name in names]).splitlines()
    assert [display_width(line) for line in lines[1:3]] == [43, 43]
    assert lines[1] == f"{'a' * 20}\N{HORIZONTAL ELLIPSIS}{'a' * 18}1  7"
    assert lines[2] != lines[1]
    assert 41 < display_width(lines[3]) <= 43
    whole = aligned(("class", "n"), [["a" * 41, "7"]], longest=41)
    assert "a" * 41 in whole
