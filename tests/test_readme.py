"""The README's examples give what the README says."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator

import pytest

from refdet.cli import COMMANDS, parse_options
from tests.conftest import REPOSITORY


def test_readme_examples_give_what_they_show() -> None:
    results = doctest.testfile(
        str(REPOSITORY / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert results.attempted > 15
    assert results.failed == 0


def test_readme_has_no_figure_left_to_fill_in() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\b[A-Z]+_(?:MINUTES|TABLE)\b|\bTODO\b", text) == []


def test_readme_names_the_commands_that_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in (
        "demo",
        "test",
        "check",
        "bench",
        "bench-eval",
        "bench-analysis",
        "bccd",
        "clean",
    ):
        assert f"make {target}" in text
        assert f"\n{target}:" in makefile


def shell_lines() -> Iterator[str]:
    """Every call of `refdet` in a shell block of the README and of docs/."""
    for file in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))):
        for block in re.findall(r"^```sh\n(.*?)^```$", file.read_text(), re.DOTALL | re.MULTILINE):
            yield from (line for line in block.splitlines() if line.startswith("refdet "))


def recipe_lines() -> Iterator[str]:
    """Every call of `refdet` in the Makefile, its variables filled in."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    variables = dict(re.findall(r"^(\w+) [:?]= ?(.*)$", text, re.MULTILINE))
    while (
        filled := re.sub(r"\$\((\w+)\)", lambda one: variables.get(one[1], one[0]), text)
    ) != text:
        text = filled
    for line in text.splitlines():
        if line.startswith("\t.venv/bin/refdet "):
            yield line.removeprefix("\t.venv/bin/")


COMMAND_LINES = list(shell_lines())
RECIPE_LINES = list(recipe_lines())


def test_there_is_a_line_for_every_command() -> None:
    for name in COMMANDS:
        assert any(line.startswith(" ".join(("refdet", *name, ""))) for line in COMMAND_LINES)


def test_demo_and_bccd_end_with_a_page() -> None:
    pages = [line for line in RECIPE_LINES if line.startswith("refdet report ")]
    assert [re.findall(r"runs/\S+", line)[:2] for line in pages] == [
        ["runs/demo/test", "runs/demo/report.html"],
        ["runs/bccd/test", "runs/bccd/report.html"],
    ]


@pytest.mark.parametrize("line", COMMAND_LINES + RECIPE_LINES)
def test_command_lines_have_options_that_exist(line: str) -> None:
    _, *words = shlex.split(line, comments=True)
    (name,) = (name for name in COMMANDS if tuple(words[: len(name)]) == name)
    parse_options(COMMANDS[name].config_type, words[len(name) :], "refdet")
