"""Every contract, on `core` and on its torch twin wherever there is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import refdet.core
import refdet.torch_ops
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.contract import Contract
from tests.targets import DEVICES, on_torch

Function = Callable[..., object]


def _public_functions(package_path: list[str], package: str) -> dict[str, Function]:
    """The functions defined in the files of a package, by name."""
    found: dict[str, Function] = {}
    for module_info in pkgutil.iter_modules(package_path):
        module = importlib.import_module(f"{package}.{module_info.name}")
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", "") == module.__name__:
                found[name] = value
    return found


CORE = _public_functions(list(refdet.core.__path__), "refdet.core")
TORCH = _public_functions(list(refdet.torch_ops.__path__), "refdet.torch_ops")


def _targets(name: str) -> Iterator[tuple[str, Function]]:
    yield "core", CORE[name]
    if name in TORCH:
        yield from ((f"torch-{device}", on_torch(TORCH[name], device)) for device in DEVICES)


PROPERTIES = [
    pytest.param(check, function, id=f"{contract.name}-{check.__name__}-{target}")
    for contract in CONTRACTS
    for target, function in _targets(contract.name)
    for check in contract.properties
]
VECTORS = [
    pytest.param(contract, function, target == "core", id=f"{contract.name}-{target}")
    for contract in CONTRACTS
    for target, function in _targets(contract.name)
]


@pytest.mark.parametrize(("check", "function"), PROPERTIES)
def test_property_holds(check: Callable[[Function], None], function: Function) -> None:
    check(function)


@pytest.mark.parametrize(("contract", "function", "checks_values"), VECTORS)
def test_vectors_are_reproduced(
    contract: Contract[Function], function: Function, checks_values: bool, golden: Path
) -> None:
    for vector in contract.vectors(golden):
        # torch functions check shapes and dtypes only: looking at values waits for the device.
        if checks_values or "refused-value" not in vector.flags:
            contract.check_vector(function, vector)


def test_every_public_function_of_core_has_a_contract() -> None:
    functions = {name for name, value in CORE.items() if not isinstance(value, type)}
    public = {name for name in functions if not name.startswith("_")}
    assert public - {contract.name for contract in CONTRACTS} == set()
