"""A project that vendors, and a refdet that moves on, for the tests of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import refdet
from refdet.cli import main
from refdet.vendor.contracts_file import contracts_source
from refdet.vendor.extracting import Room, module_source, modules

FOLDER = "src/pkg/_vendor/refdet"


def _sources() -> Iterator[str]:
    yield from (module_source(module, room=room) for room in Room for module in modules(room))
    yield contracts_source("iou")


@dataclass(frozen=True)
class Ran:
    """What `refdet` gave back and said; an error's sentence is what it said last."""

    code: int
    said: str


@dataclass
class Host:
    """A project in an empty folder, in which `refdet` runs.

    Attributes:
        root: of the project, where the commands run.
        edits: what the installed refdet's sources have otherwise than ours.
    """

    root: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    edits: list[tuple[str, str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def run(self, *words: str | Path) -> Ran:
        """`refdet vendor` in this process."""
        self.capsys.readouterr()
        try:
            main(["vendor", *map(str, words)])
        except SystemExit as stopped:
            said = "".join(self.capsys.readouterr())
            if isinstance(stopped.code, str):
                return Ran(1, said + stopped.code)
            return Ran(int(stopped.code or 0), said)
        raise AssertionError("a command ends with its exit code")

    def add(self, *words: str) -> None:
        """Copy into the folder; must succeed."""
        ran = self.run("add", *words, "--to", FOLDER)
        assert ran.code == 0, ran.said

    def edit(self, name: str, old: str, new: str) -> str:
        """Change a file of the folder by hand; its text from before."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8", newline="")
        return text

    def contents(self) -> dict[str, bytes]:
        """Every file of the project."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def install(self, version: str, *edits: tuple[str, str]) -> None:
        """Another refdet is installed from here on, whose sources have these replacements."""
        for old, _ in edits:
            assert any(old in text for text in _sources()), f"no source has {old!r} any more"
        self.edits = [*edits]
        self.monkeypatch.setattr(refdet, "__version__", version)
