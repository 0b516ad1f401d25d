"""Who imports whom, which files stand alone, and what importing costs: the rules of the house."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "refdet"

ROOMS = (
    *("core", "torch_ops", "records", "analysis_records", "columns", "files"),
    *("data", "models", "evaluate", "report"),
)
CONFIGS = ("config_train", "config_analysis", "config_conformance", "config_vendor")
OPTIONS = ("config", *CONFIGS, "config_file", "terminal", "progress")
TOOLS = (*OPTIONS, "analysis", "shards", "training", "conformance", "vendor")
ENTRY_POINTS = (
    *("train", "infer", "detecting", "judge", "judge_files", "convert", "reading"),
    *("compare", "tune", "slices", "audit_labels", "report_page", "vendoring", "conform"),
)

# What each room may import besides itself. `refdet` alone is the version number.
ALLOWED: dict[str, tuple[str, ...]] = {
    "": (),
    "core": (),
    "torch_ops": (),
    "records": (),
    "analysis_records": ("records",),
    "columns": (),
    "files": (),
    "data": ("records", "columns", "files", "progress"),
    "models": ("torch_ops", "core.priors", "files", "refdet"),
    "evaluate": ("records", "columns", "core"),
    "analysis": ("records", "analysis_records", "columns", "core", "evaluate"),
    "report": ("records", "analysis_records", "columns", "files"),
    "config": ("data.options",),
    "config_train": ("config", "models.faster_rcnn_spec"),
    "config_analysis": ("config",),
    "config_conformance": ("config", "conformance.adapter", "conformance.contract"),
    "config_vendor": (),
    "config_file": ("config", *CONFIGS, "files"),
    "terminal": (),
    "progress": ("terminal",),
    "shards": ("columns", "core", "data", "evaluate", "refdet"),
    "training": (*ROOMS, *OPTIONS),
    "conformance": ("core", "refdet"),
    "vendor": ("files", "conformance.golden", "refdet"),
    **dict.fromkeys(ENTRY_POINTS, (*ROOMS, *TOOLS, *ENTRY_POINTS, "refdet")),
    "cli": (*ROOMS, *TOOLS, *ENTRY_POINTS, "refdet"),
    "__main__": ("cli",),
}

# What may come from outside, besides the standard library, where a file is meant to be copied.
OUTSIDE = {
    "core": {"numpy"},
    "torch_ops": {"torch", "torchvision"},
    "records": {"numpy"},
    "columns": {"numpy"},
}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    """The folder or file right under `refdet`; empty for its `__init__`."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported(source: str) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            yield from (f"{dots}{node.module or ''}.{alias.name}" for alias in node.names)


def forbidden_imports(room: str, source: str) -> list[str]:
    """The imports in `source` that a file of `room` may not make."""
    found = []
    for name in imported(source):
        top, _, rest = name.partition(".")
        if not top:
            found.append(f"{name} (relative)")
        elif top == "refdet":
            target = rest if rest.partition(".")[0] in ALLOWED and rest else "refdet"
            own_and_allowed = (room, *ALLOWED[room]) if room else ()
            if not any(f"{target}.".startswith(f"{prefix}.") for prefix in own_and_allowed):
                found.append(name)
            elif room in {"core", "torch_ops"}:
                found.append(f"{name} (each file stands alone)")
        elif room in OUTSIDE and top not in OUTSIDE[room] | sys.stdlib_module_names:
            found.append(name)
    return found


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_import_is_an_arrow_of_the_design(file: Path) -> None:
    assert room_of(file) in ALLOWED, f"no rule for the room of {file}"
    assert forbidden_imports(room_of(file), file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("core", "from refdet.records import GroundTruth"),
        ("core", "from refdet.core.iou import iou_matrix"),
        ("core", "import pandas"),
        ("torch_ops", "from refdet.core.iou import iou_matrix"),
        ("torch_ops", "import numpy as np"),
        ("records", "from refdet.core import iou"),
        ("data", "from refdet import core"),
        ("models", "from refdet.core.iou import iou_matrix"),
        ("models", "import refdet.evaluate"),
        ("report", "def later():\n    from refdet.train import train_ssd300"),
        ("train", "from refdet.cli import main"),
        ("training", "import refdet.train"),
        ("config", "from refdet.data.voc import read_voc_split"),
        ("conformance", "from refdet.torch_ops import iou"),
        ("data", "from .voc import read_voc"),
        ("", "import refdet.core.iou"),
    ],
)
def test_the_import_rule_catches(room: str, source: str) -> None:
    assert forbidden_imports(room, source)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("core", "import math\nimport numpy as np\nfrom numpy.typing import NDArray"),
        ("models", "from refdet.core.priors import ssd_priors\nfrom refdet import __version__"),
        ("evaluate", "from refdet.core import matching\nfrom refdet.records import Detections"),
        ("data", "from refdet.data.voc import read_voc"),
        ("train", "from refdet.models import ssd300"),
    ],
)
def test_the_import_rule_allows(room: str, source: str) -> None:
    assert forbidden_imports(room, source) == []


@pytest.mark.parametrize("room", ["core", "torch_ops"])
def test_every_file_stands_alone_in_an_empty_folder(room: str, tmp_path: Path) -> None:
    names = [file.stem for file in SOURCES if room_of(file) == room and file.stem != "__init__"]
    assert names
    for name in names:
        (tmp_path / name).mkdir()
        shutil.copy(PACKAGE / room / f"{name}.py", tmp_path / name)
    program = f"""
import importlib, sys
for name in {names!r}:
    sys.path.insert(0, {str(tmp_path)!r} + "/" + name)
    module = importlib.import_module(name)
    assert module.__file__.startswith(sys.path.pop(0)), module.__file__
    del sys.modules[name]  # the next file must not find this one
assert not [name for name in sys.modules if name.partition(".")[0] == "refdet"]
"""
    run_isolated(program)


@pytest.mark.parametrize("statement", ["import refdet", "import refdet.core.iou"])
def test_importing_loads_neither_torch_nor_pandas(statement: str) -> None:
    run_isolated(f"{statement}, sys\nassert not {{'torch', 'pandas'}} & set(sys.modules)")


def run_isolated(program: str) -> None:
    """Run `program` in a fresh interpreter that sees neither this folder nor the environment."""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ["core", "torch_ops"])
def test_helpers_that_files_share_are_copied_word_for_word(room: str) -> None:
    copies: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in (file for file in SOURCES if room_of(file) == room):
        source = file.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("_"):
                text = ast.get_source_segment(source, node) or ""
                copies[node.name][text].append(file.name)
    differing = {name: list(found.values()) for name, found in copies.items() if len(found) > 1}
    assert differing == {}
