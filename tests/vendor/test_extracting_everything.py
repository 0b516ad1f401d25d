"""Every public function of `core` and `torch_ops`, taken out alone: clean, complete, and no more.

`test_contracts_file.py` has them held to their contracts.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from refdet.vendor.extracting import Room, module_source, modules, public_names
from tests.conftest import REPOSITORY


@dataclass(frozen=True)
class Extract:
    """One public name alone in one file."""

    room: Room
    module: str
    name: str
    file: Path


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> list[Extract]:
    folder = tmp_path_factory.mktemp("extracts")
    found = []
    for room in Room:
        for module in modules(room):
            for name in public_names(module, room):
                file = folder / f"{room}_{module}_{name.lower()}.py"
                file.write_text(module_source(module, [name], room), encoding="utf-8", newline="")
                found.append(Extract(room, module, name, file))
    assert len(found) > 80
    return found


def folder_of(extracts: list[Extract]) -> Path:
    return extracts[0].file.parent


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def ruff(*arguments: str | Path) -> str:
    return output_of(sys.executable, "-m", "ruff", *arguments, "--config", "pyproject.toml")


def test_extracts_are_clean_for_ruff(extracts: list[Extract]) -> None:
    assert ruff("check", "--no-cache", folder_of(extracts)) == ""


def test_extracts_are_formatted(extracts: list[Extract]) -> None:
    assert ruff("format", "--check", "--no-cache", folder_of(extracts)) == ""


def test_extracts_are_clean_for_mypy(extracts: list[Extract]) -> None:
    files = [extract.file for extract in extracts]
    # All at once, beside the cache of `make check`: NumPy and torch are read once, or not at all.
    assert output_of(sys.executable, "-m", "mypy", "--strict", *files) == ""


def test_extracts_can_be_imported_alone(extracts: list[Extract]) -> None:
    program = f"""
import importlib, pathlib, sys
for file in map(pathlib.Path, {[str(extract.file) for extract in extracts]!r}):
    sys.path.insert(0, str(file.parent))
    module = importlib.import_module(file.stem)
    assert not {{name for name in sys.modules if name.partition(".")[0] == "refdet"}}
    del sys.path[0]
"""
    assert output_of(sys.executable, "-I", "-c", program) == ""


def test_extracts_have_nothing_that_they_do_not_need(
    extracts: list[Extract], tmp_path: Path
) -> None:
    """Ruff finds a name missing as soon as any definition is taken away."""
    without = {
        tmp_path / f"{extract.file.stem}_without_{name}.py": text
        for extract in extracts
        for name, text in with_one_less(extract.file.read_text(encoding="utf-8"), extract.name)
    }
    for file, text in without.items():
        file.write_text(text, encoding="utf-8")
    assert len(without) > 500
    found = ruff("check", "--no-cache", "--select", "F821", "--output-format", "concise", tmp_path)
    missing = {Path(line.partition(":")[0]).name for line in found.splitlines()}
    assert [file.name for file in without if file.name not in missing] == []


def with_one_less(source: str, asked: str) -> list[tuple[str, str]]:
    """The module without one of its definitions: what is left out, and what is left."""
    lines = source.splitlines()
    variants = []
    for node in ast.parse(source).body:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        rest = "\n".join([*lines[: first - 1], *lines[node.end_lineno :]])
        variants += [(name, rest) for name in defined(node) if name != asked]
    return variants


def defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
