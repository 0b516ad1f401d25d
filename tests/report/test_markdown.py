"""The Markdown page."""

from __future__ import annotations

import dataclasses
import html

import pytest

from refdet.report.coco_lines import coco_lines
from refdet.report.markdown import escape, metrics_markdown
from refdet.report.text_table import format_class_table
from tests.report.examples import STATS, evaluation


def shown(text: str) -> list[str]:
    """A line as Markdown shows it, cut at its pipes; refuses whatever could be more than text."""
    cells, letters = [""], iter(text)
    for letter in letters:
        if letter == "\\":
            cells[-1] += f"&#{ord(next(letters))};"
        elif letter == "|":
            cells.append("")
        else:
            assert letter not in "`*_[]<~$\n", f"{letter!r} in {text!r}"
            cells[-1] += letter
    return [html.unescape(cell).strip() for cell in cells]


def rows_of(page: str) -> list[list[str]]:
    """The table without its second row, which aligns the columns."""
    rows = [line.replace("**", "") for line in page.splitlines() if line.startswith("|")]
    return [shown(row)[1:-1] for row in rows[:1] + rows[2:]]


def test_metrics_markdown_has_the_cells_of_the_printed_table() -> None:
    printed = format_class_table(evaluation()).splitlines()
    del printed[4]  # the rule
    rows = rows_of(metrics_markdown(evaluation()))
    assert [[cell for cell in row if cell] for row in rows] == [
        line.split() for line in printed[:6]
    ]


def test_metrics_markdown_says_what_is_printed_below_the_table() -> None:
    paragraphs = metrics_markdown(evaluation()).partition("\n\n```")[0].split("\n\n")[2:]
    printed = format_class_table(evaluation()).splitlines()[7:]
    assert " ".join(shown(part)[0] for part in paragraphs) == " ".join(printed)


def test_metrics_markdown_ends_with_cocos_lines() -> None:
    _, code, rest = metrics_markdown(evaluation()).split("```")
    assert (code.strip("\n").splitlines(), rest) == (coco_lines(STATS), "\n")


def test_metrics_markdown_aligns_names_left_and_numbers_right() -> None:
    lines = metrics_markdown(evaluation()).splitlines()
    assert lines[3] == f"| :-- |{' --: |' * 12}"


HOSTILE = {
    "a|b": "a|b",
    "a\\|b": "a\\|b",
    "ends in \\": "ends in \\",
    "two\nlines": r"two\nlines",
    "r\r": r"r\r",
    "<b>bold</b>": "<b>bold</b>",
    "*a* _b_ `c` ~~d~~": "*a* _b_ `c` ~~d~~",
    "[a](http://b)": "[a](http://b)",
    "&lt;": "&lt;",
    "| --- |": "| --- |",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_metrics_markdown_keeps_a_hostile_name_in_its_cell(name: str) -> None:
    one = dataclasses.replace(evaluation().classes[0], name=name)
    rows = rows_of(metrics_markdown(dataclasses.replace(evaluation(), classes=(one,))))
    assert len(rows) == 4
    assert {len(row) for row in rows} == {13}
    assert rows[1][0] == HOSTILE[name]
    assert rows[1][1] == "80"


def test_metrics_markdown_keeps_a_hostile_split_and_list_of_names_on_their_lines() -> None:
    names = ("x\n# heading", "<i>")
    judged = dataclasses.replace(evaluation(), split="a\n# b", classes_without_ground_truth=names)
    lines = metrics_markdown(judged).splitlines()
    assert shown(lines[0].removeprefix("# ")) == [r"a\n# b"]
    (note,) = (line for line in lines if "left out" in line)
    assert shown(note)[0].endswith(r"means: x\n# heading, <i>.")


def test_escape_leaves_plain_text_alone() -> None:
    assert escape("class 07, 0.5 >= x.") == "class 07, 0.5 >= x."
