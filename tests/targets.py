"""Our own implementations as the targets of conformance: `core`, and torch on every device."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType

import torch

import refdet.core
import refdet.torch_ops
from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.target import Target

Function = Callable[..., object]

DEVICES = ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))


def public_functions(package: ModuleType) -> dict[str, Function]:
    """The functions and classes defined in the files of a package, by name."""
    found: dict[str, Function] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", "") == module.__name__:
                found[name] = value
    return found


CORE = public_functions(refdet.core)
TORCH = public_functions(refdet.torch_ops)


def own_targets(contract: str) -> Iterator[Target]:
    """What of ours follows a contract: core's function, and its torch twin where there is one."""
    yield Target("core", contract, CORE[contract], Adapter(exact_errors=True))
    if contract in TORCH:
        for device in DEVICES:
            # torch functions check shapes and dtypes only: looking at values waits for the device.
            adapter = Adapter(
                arrays=Arrays.TORCH, device=device, exact_errors=True, checks_values=False
            )
            yield Target(f"torch-{device}", contract, TORCH[contract], adapter)
