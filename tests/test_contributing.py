"""CONTRIBUTING.md lists every room of the package."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "refdet"


def rooms_in_the_table() -> list[str]:
    """Folders and files right under `refdet`, as the first column of the table names them."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `refdet/")]
    return re.findall(r"`(?:refdet/)?(\w+(?:\.py|/))`", " ".join(cells))


def test_contributing_lists_every_room() -> None:
    folders = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert len(folders) > 5
    assert sorted(rooms_in_the_table()) == sorted(folders | files)
