"""The README's examples give what the README says."""

from __future__ import annotations

import doctest
import re

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
    for target in ("demo", "test", "check", "bench", "bccd", "clean"):
        assert f"make {target}" in text
        assert f"\n{target}:" in makefile
