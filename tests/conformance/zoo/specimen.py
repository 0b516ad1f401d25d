"""What is kept in the zoo: wrong implementations that people really wrote, each beside a right one.

A wrong function differs from the right one of its file in one place, so that a check which breaks
does so for that bug. Each file has two tables, `ZOO` and `RIGHT`; all are gathered here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tests.conformance.zoo

Function = Callable[..., object]


@dataclass(frozen=True)
class Right:
    """An implementation of a contract that must hold every check.

    Attributes:
        contract: the rule's name.
        function: takes and gives what the contract says.
    """

    contract: str
    function: Function


@dataclass(frozen=True)
class Wrong:
    """An implementation of a contract that at least one check must break.

    Attributes:
        contract: the rule's name.
        name: the bug in a few words with dashes between them.
        function: takes and gives what the contract says.
        source: who made this bug: a thread owner/repository#number, a file of a known project and
            its version, a paper.
    """

    contract: str
    name: str
    function: Function
    source: str


def _tables(name: str) -> Iterator[object]:
    for module_info in pkgutil.iter_modules(tests.conformance.zoo.__path__):
        module = importlib.import_module(f"tests.conformance.zoo.{module_info.name}")
        yield from getattr(module, name, ())


def all_wrong() -> list[Wrong]:
    """Of all files."""
    return [one for one in _tables("ZOO") if isinstance(one, Wrong)]


def all_right() -> list[Right]:
    """Of all files."""
    return [one for one in _tables("RIGHT") if isinstance(one, Right)]
