"""Contracts in words: all of them in a list, or one with all that it asks for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from types import ModuleType

from refdet.conformance import catalogue
from refdet.conformance.contract import Check, CheckKind
from refdet.conformance.target import Function, contract_named

WIDTH = 100


def contract_list() -> str:
    """Every contract in a line, by the file of `refdet.core` that holds its rule."""
    width = max(len(contract.name) for contract in catalogue.CONTRACTS) + 4
    lines: list[str] = []
    for file in vars(catalogue).values():
        if not (isinstance(file, ModuleType) and hasattr(file, "CONTRACTS")):
            continue
        lines += ["", file.__name__.rpartition(".")[2]]
        for contract in file.CONTRACTS:
            rule = contract.conventions.rule
            lines.append(f"  {contract.name:<{width - 2}}{_cut(rule, WIDTH - width)}")
    return "\n".join(lines[1:])


def contract_text(name: str) -> str:
    """One contract: parameters, conventions, properties, and vectors with source and flags."""
    contract = contract_named(name)
    said = contract.conventions
    lines = [f"{name}({', '.join(contract.parameters)})", "", *_wrapped(said.rule, "")]
    for what in ("boxes", "ties", "thresholds", "undefined"):
        if text := getattr(said, what):
            lines += _wrapped(text, f"{what + ':':<13}")
    checks = contract.checks()
    for kind, title in ((CheckKind.PROPERTY, "Properties"), (CheckKind.VECTOR, "Vectors")):
        lines += ["", f"{title}:"]
        lines += [line for check in checks if check.kind is kind for line in _check(check)]
    return "\n".join(lines)


def _check(check: Check[Function]) -> Iterator[str]:
    yield f"  {check.name}"
    yield from _wrapped(check.about, "    ")
    if check.flags:
        yield f"    [{', '.join(check.flags)}]"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 4]} ..."
