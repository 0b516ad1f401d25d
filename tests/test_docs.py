"""The pages of docs/ say what is so: their blocks are run, beside the peers that they speak of."""

from __future__ import annotations

import doctest
import re

import pytest

from tests.conftest import REPOSITORY

PAGES = ("from_pycocotools.md", "from_torchmetrics.md")

BLOCK = re.compile(r"^```(.*)\n(.*\n)*?```$", re.MULTILINE)
PEER_BLOCK = re.compile(r"^```python torchmetrics\n(.*\n)*?```$", re.MULTILINE)
"""A block that needs torchmetrics, which only the extra `peers` installs."""


def read(page: str) -> str:
    return (REPOSITORY / "docs" / page).read_text(encoding="utf-8")


def run(page: str, text: str) -> doctest.TestResults:
    """The examples of a page; what fails is printed."""
    examples = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    return doctest.DocTestRunner().run(examples)


@pytest.mark.parametrize("page", PAGES)
def test_page_gives_what_it_shows(page: str) -> None:
    results = run(page, PEER_BLOCK.sub("", read(page)))
    assert results.attempted > 20
    assert results.failed == 0


def test_page_gives_what_it_shows_of_torchmetrics() -> None:
    pytest.importorskip("torchmetrics", reason="torchmetrics comes with the extra `peers` alone")
    page = "from_torchmetrics.md"
    results = run(page, read(page))
    assert results.attempted > run(page, PEER_BLOCK.sub("", read(page))).attempted + 10
    assert results.failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_python_that_is_not_run(page: str) -> None:
    blocks = [block.group().splitlines() for block in BLOCK.finditer(read(page))]
    assert len(blocks) > 10
    for first, second, *_ in blocks:
        assert first in {"```python", "```python torchmetrics", "```sh"}
        assert second.startswith(">>> ") or first == "```sh", second


@pytest.mark.parametrize("page", PAGES)
def test_page_imports_torchmetrics_in_marked_blocks_only(page: str) -> None:
    assert "import MeanAveragePrecision" not in PEER_BLOCK.sub("", read(page))
