"""Vendored files with their contracts, in a package of their own and without `refdet`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from refdet.conformance.catalogue import CONTRACTS
from refdet.vendor.contracts_file import contracts_source, has_contracts
from refdet.vendor.extracting import Room, module_source, modules, public_names

CONFTEST = """
import sys

from hypothesis import Phase, settings

settings.register_profile("few", max_examples=2, phases=[Phase.explicit, Phase.generate])
settings.load_profile("few")


class NoRefdet:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "refdet":
            raise ImportError("a vendored file needs refdet")


assert "refdet" not in sys.modules
sys.meta_path.insert(0, NoRefdet())


def pytest_collection_modifyitems(items):
    # What is vendored alone is held to its vectors: the properties are tried on it in `whole`.
    items[:] = [one for one in items if "alone" not in str(one.path) or "/" in one.name]
"""

# Puts something a little wrong in the place of what each function gives.
WRONG = """

import dataclasses as _dataclasses
import functools as _functools
import numpy as _np


def _wrong(value):
    if _dataclasses.is_dataclass(value):
        named = vars(value).items()
        return _dataclasses.replace(value, **{name: _wrong(item) for name, item in named})
    if isinstance(value, tuple):
        return tuple(_wrong(item) for item in value)
    if isinstance(value, dict):
        return {key: _wrong(item) for key, item in value.items()}
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, str):
        return value + "?"
    if isinstance(value, float | int):
        return value + 1
    if str(value.dtype).endswith("bool"):
        return ~value
    return value + 1


def _break(function):
    return _functools.wraps(function)(lambda *args, **named: _wrong(function(*args, **named)))


"""


def with_contracts(room: Room) -> list[str]:
    return [module for module in modules(room) if has_contracts(module, (), room)]


def vendor(folder: Path, room: Room, module: str, functions: tuple[str, ...] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    source = module_source(module, functions, room)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    contracts = contracts_source(module, functions, room)
    (folder / f"test_{module}.py").write_text(contracts, encoding="utf-8")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every module in one package, and every function in one of its own."""
    root = tmp_path_factory.mktemp("host")
    (root / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for room in Room:
        for module in with_contracts(room):
            vendor(root / "whole" / room, room, module)
            for name in public_names(module, room):
                if has_contracts(module, (name,), room):
                    vendor(root / "alone" / f"{room}_{module}_{name}", room, module, (name,))
    return root


def run_pytest(folder: Path) -> list[str]:
    """One line for each test, with its outcome first."""
    command = [sys.executable, "-I", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:refdet"]
    done = subprocess.run(
        [*command, "-q", "-rA", "--tb=no", "--assert=plain", f"--rootdir={folder}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    outcomes = [line for line in lines if line.startswith(("PASSED", "FAILED", "ERROR"))]
    assert outcomes, done.stdout + done.stderr
    return outcomes


def function_of(outcome: str) -> tuple[str, str]:
    """The folder and the function that a line of pytest is about."""
    place, _, test = outcome.partition(" ")[2].partition(" - ")[0].partition("::")
    case = test.partition("[")[2]
    return str(Path(place).parent), case.replace("/", "-").partition("-")[0]


def expected_tests(room: Room) -> Counter[str]:
    """How many tests each function of a room must have, counted from the contracts themselves."""
    names = {name for module in modules(room) for name in public_names(module, room)}
    return Counter(
        {
            contract.name: len(
                [
                    check
                    for check in contract.checks()
                    if room is Room.CORE or "refused-value" not in check.flags
                ]
            )
            for contract in CONTRACTS
            if contract.name in names
        }
    )


def test_everything_passes_without_refdet(host: Path) -> None:
    outcomes = run_pytest(host)
    assert [line for line in outcomes if not line.startswith("PASSED")] == []
    counted = Counter(function_of(line) for line in outcomes)
    for room in Room:
        wanted = expected_tests(room)
        assert {name: counted[f"whole/{room}", name] for name in wanted} == wanted
        alone = {name for folder, name in counted if folder.startswith(f"alone/{room}_")}
        assert alone == set(wanted)


def test_a_broken_function_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for room in Room:
        for module in with_contracts(room):
            vendor(tmp_path / room, room, module)
            names = [name for name in public_names(module, room) if name in expected_tests(room)]
            lines = "".join(f"{name} = _break({name})\n" for name in names)
            with (tmp_path / room / f"{module}.py").open("a", encoding="utf-8") as file:
                file.write(WRONG + lines)
    failed = {
        (*function_of(line), "/" not in line.partition("[")[2])
        for line in run_pytest(tmp_path)
        if line.startswith("FAILED")
    }
    wanted = {
        (str(room), name, is_property)
        for room in Room
        for name in expected_tests(room)
        for is_property in (True, False)
    }
    assert wanted - failed == set()


def test_contracts_of_one_function_hold_its_vectors_alone() -> None:
    text = contracts_source("iou", ["ioa_matrix"])
    assert text.startswith('"""What ioa_matrix must do: ')
    vectors = re.findall(r'^    "(\w+)/', text, re.MULTILINE)
    assert set(vectors) == {"ioa_matrix"}
    assert "from .iou import ioa_matrix\n" in text


def test_contracts_import_nothing_but_what_they_say() -> None:
    for room, others in ((Room.CORE, set()), (Room.TORCH_OPS, {"torch"})):
        for module in with_contracts(room):
            tree = ast.parse(contracts_source(module, (), room))
            froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            beside = {node.module for node in froms if node.level}
            names = {str(node.module).partition(".")[0] for node in froms if not node.level}
            names |= {
                alias.name.partition(".")[0]
                for node in ast.walk(tree)
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert beside == {module}
            assert names - sys.stdlib_module_names == {"numpy", "hypothesis", "pytest", *others}
            assert not names & {"os", "pathlib", "subprocess"}, "a copy reads no files"


def test_what_has_no_contract_is_told() -> None:
    assert not has_contracts("losses", (), Room.TORCH_OPS)
    with pytest.raises(
        ValueError, match=r"losses of refdet\.torch_ops has no contract; copy it wi"
    ):
        contracts_source("losses", (), Room.TORCH_OPS)
    with pytest.raises(ValueError, match=r"^SSD300_COCO in priors of refdet\.core has no contract"):
        contracts_source("priors", ["SSD300_COCO"])
    with pytest.raises(ValueError, match=r"did you mean iou_matrix"):
        contracts_source("iou", ["iou_matrx"])
