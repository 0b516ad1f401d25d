"""Adapters for detection libraries, ready to be run: a module and a register for each.

A suite is a module of this package that imports the library and has a function `targets()`; beside
it lies a register of what the library is known to break, `<name>.toml`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, cast

from refdet.conformance.register import Register, read_register
from refdet.conformance.target import Target

SUITES: Mapping[str, str] = {
    "torchvision": "torchvision",
    "pycocotools": "pycocotools",
    "faster-coco-eval": "faster-coco-eval",
    "hotcoco": "hotcoco",
    "ultrafast": "ultrafast-pycocotools",
    "vernier": "vernier",
    "torchmetrics": "torchmetrics",
    "supervision": "supervision",
    "globox": "globox",
    "mean-average-precision": "mean-average-precision",
    "mapcalc": "mapcalc",
}
"""All suites, as the command line has them, and what `pip install` calls their libraries."""


@dataclass(frozen=True)
class Suite:
    """A library, as it is installed, and what of it is held to which contracts.

    Attributes:
        name: one of `SUITES`.
        distribution: what `pip install` calls the library.
        version: of the installed one.
        targets: its functions.
        register: what they are known to break.
    """

    name: str
    distribution: str
    version: str
    targets: tuple[Target, ...]
    register: Register


class _SuiteModule(Protocol):
    def targets(self) -> tuple[Target, ...]: ...


def load_suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        ValueError: there is none, or its library is not installed; says how to install it.
    """
    if name not in SUITES:
        raise ValueError(f"no suite {name!r}; there are {', '.join(SUITES)}")
    distribution = SUITES[name]
    try:
        installed = version(distribution)
    except PackageNotFoundError as error:
        how = f"pip install {distribution}"
        raise ValueError(f"suite {name} needs {distribution}: {how}") from error
    stem = name.replace("-", "_")
    # A module found by its name has no type; each of this package's has this function.
    module = cast(_SuiteModule, importlib.import_module(f"{__name__}.{stem}"))
    register = read_register(Path(__file__).with_name(f"{stem}.toml"))
    # Only what ships may say that it gives a part of an answer.
    targets = tuple(
        replace(one, adapter=replace(one.adapter, gives_parts=True)) for one in module.targets()
    )
    return Suite(name, distribution, installed, targets, register)
