"""The contracts of vendored functions as a pytest file that needs no `refdet`.

Everything is read as text, and what the contracts need of `refdet.conformance` is joined to one
file with the tests below.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from string import Template

from refdet.conformance.golden import golden_folder
from refdet.vendor.closure import Statement, needed, statements_of
from refdet.vendor.extracting import Room, module_source, public_names
from refdet.vendor.joining import Joint

_TESTS = "the tests"
# These methods of `Contract` read the files of vectors, which a copy has not.
_READERS = ("checks", "vectors")

_DOCSTRING = '''\
"""What $names must do: `pytest` on this file, in a package, tells.

It needs NumPy, Hypothesis and pytest$and_torch, but not refdet. The properties try inputs that
Hypothesis invents; their oracles are naive loops that share no code with what they test. The
vectors are inputs with the answer that a hand derivation or another tool gave.
"""

# ruff: noqa: E501 - vectors are kept as they are

'''

_WHAT_IS_TESTED = """\
Function = Callable[..., object]

LISTED = [
$contracts
]
CONTRACTS = [cast("Contract[Function]", contract) for contract in LISTED]
FUNCTIONS: list[tuple[str, Function]] = [
$functions
]
VECTORS: dict[str, str] = {
$vectors
}
"""

_ON_ARRAYS = """\
TARGETS = FUNCTIONS
"""

_ON_TENSORS = '''\
DEVICES = ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))


def of_arrays(function: Function, device: str) -> Function:
    """A function of tensors as one of arrays of the same dtypes, and of NumPy's generators."""

    def tensor(one: object) -> object:
        if isinstance(one, np.random.Generator):
            return torch.Generator(device).manual_seed(int(one.integers(2**63)))
        return torch.from_numpy(one).to(device) if isinstance(one, np.ndarray) else one

    def called(*arguments: object, **keywords: object) -> object:
        named = {name: tensor(one) for name, one in keywords.items()}
        return _as_numpy(function(*map(tensor, arguments), **named), masks=False)

    return called


TARGETS = [
    (name, of_arrays(function, device)) for name, function in FUNCTIONS for device in DEVICES
]
'''

_RUN = '''\
CHECKS = [
    pytest.param(check, function, id=f"{name}-{check.name}")
    for name, function in TARGETS
    for contract in CONTRACTS
    if contract.name == name
    for check in contract.checks_on(
        [parse_vector(case, text) for case, text in VECTORS.items() if case.startswith(f"{name}/")]
    )
]


@cache
def unhurried(run: Callable[[Function], None]) -> Callable[[Function], None]:
    """A check whose calls may take long. All else, as the number of examples, is the project's."""
    if hasattr(run, "hypothesis"):
        return settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])(run)
    return run


@pytest.mark.parametrize(("check", "function"), CHECKS)
def test_contract_holds(check: Check[Function], function: Function) -> None:
    """For every input that Hypothesis tries, and in every vector."""
    unhurried(check.run)(function)
'''

_IMPORTS = """\
from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from refdet.conformance.adapter import _as_numpy
from refdet.conformance.contract import Check, Contract
from refdet.conformance.vectors import parse_vector
"""


@dataclass(frozen=True)
class _Contract:
    """A contract in the list of its module.

    Attributes:
        name: the function's.
        module: where it stands.
        text: what is written in the list: its name, or the whole of it.
        uses: the names of that module that `text` needs.
    """

    name: str
    module: str
    text: str
    uses: tuple[str, ...]


def has_contracts(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> bool:
    """Whether there is anything that `contracts_source` could test, with the same arguments.

    Raises:
        ValueError: there is no such file or function.
    """
    return bool(_contracts(module, functions, room))


def contracts_source(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> str:
    """The text of `test_<module>.py`, which lies beside the vendored `<module>.py` in a package.

    Args:
        module: the vendored file's name, without `.py`.
        functions: those of its functions that are vendored; by default all.
        room: where the original lies.

    Raises:
        ValueError: there is no such file or function, or none that has a contract.
    """
    contracts = _contracts(module, functions, room)
    if not contracts:
        asked = f"{' and '.join(functions)} in {module}" if functions else module
        raise ValueError(f"{asked} of refdet.{room} has no contract; copy it without contracts")
    home = f"{room}.{module}"
    statements = _statements(home)
    everything = {name for statement in statements for name in statement.defines}
    vendored = needed(statements, functions) if functions else everything
    tests = tuple(statements_of(_tests(contracts, home, room)))
    read = partial(_read, tests=tests)
    joint = Joint(read, {home: vendored})
    joint.add(_TESTS, [name for one in tests if not one.is_import for name in one.defines])
    names = " and ".join(", ".join(one.name for one in contracts).rsplit(", ", 1))
    torch = "" if room is Room.CORE else ", and torch"
    return Template(_DOCSTRING).substitute(names=names, and_torch=torch) + joint.text()


def _contracts(module: str, functions: Sequence[str], room: Room) -> list[_Contract]:
    """The contracts of what is vendored, in the order of its file."""
    module_source(module, functions, room)  # raises if there is nothing of the name
    known = _all_contracts()
    asked = [name for name in public_names(module, room) if not functions or name in functions]
    return [known[name] for name in asked if name in known]


@cache
def _all_contracts() -> dict[str, _Contract]:
    """Every contract that a module of `refdet.conformance` lists, by the name of its function."""
    folder = files("refdet").joinpath("conformance")
    names = (file.name for file in folder.iterdir())
    modules = [name.removesuffix(".py") for name in names if name.endswith(".py")]
    return {
        contract.name: contract
        for name in modules
        if "\nCONTRACTS = (" in _source(f"conformance.{name}") and name != "catalogue"
        for contract in _listed(f"conformance.{name}")
    }


def _listed(module: str) -> list[_Contract]:
    source = _source(module)
    values = {
        statement.defines[0]: statement.node.value
        for statement in _statements(module)
        if isinstance(statement.node, ast.Assign)
    }
    listed = values["CONTRACTS"]
    assert isinstance(listed, ast.Tuple), f"{module} lists its contracts as a tuple"
    found = []
    for entry in listed.elts:
        call = values[entry.id] if isinstance(entry, ast.Name) else entry
        assert isinstance(call, ast.Call), f"{module}: {ast.unparse(entry)} is no contract"
        text = ast.get_source_segment(source, entry) or ""
        (statement,) = statements_of(f"_ = {text}")
        found.append(_Contract(ast.literal_eval(call.args[0]), module, text, tuple(statement.uses)))
    return found


def _tests(contracts: Sequence[_Contract], home: str, room: Room) -> str:
    """The module that is joined to what it imports."""
    imports = [
        f"from refdet.{one.module} import {name}"
        for one in contracts
        for name in one.uses
        if any(name in statement.defines for statement in _statements(one.module))
    ]
    imports += [f"from refdet.{home} import {one.name}" for one in contracts]
    functions = [f'    ("{one.name}", {one.name}),' for one in contracts]
    what = Template(_WHAT_IS_TESTED).substitute(
        contracts="\n".join(f"    {one.text}," for one in contracts),
        functions="\n".join(functions),
        vectors="\n".join(_vectors(contracts, room)),
    )
    targets = _ON_ARRAYS if room is Room.CORE else _ON_TENSORS
    return "\n".join([_IMPORTS, *imports, what, targets, _RUN])


def _vectors(contracts: Sequence[_Contract], room: Room) -> Iterator[str]:
    """The entries of the vectors' files, as they are."""
    for contract in contracts:
        for file in sorted((golden_folder() / contract.name).glob("*.json")):
            text = file.read_text(encoding="utf-8")
            # torch functions do not look at values, which would wait for the device.
            if room is Room.CORE or "refused-value" not in json.loads(text).get("flags", ()):
                yield f'    "{contract.name}/{file.stem}": r"""\n{text}""",'


def _read(module: str, tests: tuple[Statement, ...]) -> tuple[Statement, ...]:
    return tests if module == _TESTS else _statements(module)


@cache
def _statements(module: str) -> tuple[Statement, ...]:
    source = _source(module)
    if module == "conformance.contract":
        source = _without_methods(source, "Contract", _READERS)
    return tuple(statements_of(source))


@cache
def _source(module: str) -> str:
    room, _, name = module.partition(".")
    return files("refdet").joinpath(room, f"{name}.py").read_text(encoding="utf-8")


def _without_methods(source: str, class_name: str, methods: Collection[str]) -> str:
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for method in reversed(node.body):
                if isinstance(method, ast.FunctionDef) and method.name in methods:
                    assert method.end_lineno is not None, "the parser gives it"
                    del lines[method.lineno - 1 : method.end_lineno + 1]  # and the blank line below
    return "\n".join(lines) + "\n"
