"""Functions that are copied one file at a time say all about themselves in their docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "refdet"
SOURCES = [file for room in ("core", "torch_ops") for file in sorted((PACKAGE / room).glob("*.py"))]
SECTIONS = ("Args", "Returns", "Raises", "Source")


def missing_sections(source: str) -> Iterator[str]:
    """`function: section` for each section that a public function's docstring lacks."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            lines = (ast.get_docstring(node) or "").splitlines()
            takes_nothing = ast.unparse(node.args) == ""
            wanted = SECTIONS[1:] if takes_nothing else SECTIONS
            for section in wanted:
                # A heading alone on its line, then indented text.
                where = lines.index(f"{section}:") if f"{section}:" in lines else len(lines)
                if not "".join(lines[where + 1 : where + 2]).startswith("    "):
                    yield f"{node.name}: {section}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_public_function_has_all_sections(file: Path) -> None:
    assert list(missing_sections(file.read_text(encoding="utf-8"))) == []


def test_missing_sections_are_found() -> None:
    described = '''
def area(boxes):
    """Area.

    Args:
        boxes: (N, 4).

    Returns:
        (N,).

    Raises:
    Source:
        Arithmetic.
    """
def nothing(): "Nothing."
def _private(a): "Private."
'''
    assert list(missing_sections(described)) == [
        "area: Raises",
        "nothing: Returns",
        "nothing: Raises",
        "nothing: Source",
    ]
