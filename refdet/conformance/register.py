"""The register of a target's known deviations: which checks it breaks, why, and where that is told.

A TOML file. A break that it lists is no failure; one that no longer happens is, so that the
register stays true:

    [[deviation]]
    target = "torchvision.ops:box_iou"
    contract = "iou_matrix"
    checks = ["iou_equals_counting_unit_cells"]
    why = "two empty boxes give NaN"
    kind = "numbers"
    thread = "pytorch/vision#2582"

`kind` is one of those of `DeviationKind`, "numbers" where it is left out; `thread` may be missing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import cast

from refdet.conformance.target import Target, contract_named

FIELDS = ("target", "contract", "checks", "why", "kind", "thread")


class DeviationKind(StrEnum):
    """What comes out where a check is broken."""

    NUMBERS = "numbers"
    """Another number than the rule's, or another detection."""
    ROUNDING = "rounding"
    """The rule's number but for the last bits, where the contract asks for all of them."""
    FAILS = "fails"
    """An error or an unusable shape, for input that is legal."""
    VALUES = "values"
    """An answer to input that has none: NaN, an inverted box, a class that is a fraction."""


@dataclass(frozen=True)
class Deviation:
    """One way in which a target is known to differ.

    Attributes:
        target: the target's label.
        contract: the rule's name.
        checks: the names of the checks that it breaks.
        why: what it does instead, in a line.
        thread: where that is told, as owner/repository#number; may be empty.
        kind: what comes out.
        of: the library and version whose register it is from, where that one ships.
    """

    target: str
    contract: str
    checks: tuple[str, ...]
    why: str
    thread: str = ""
    kind: DeviationKind = DeviationKind.NUMBERS
    of: str = ""


@dataclass(frozen=True)
class Register:
    """All known deviations of some targets."""

    deviations: tuple[Deviation, ...] = ()

    def find(self, target: Target, check: str) -> Deviation | None:
        """The entry for a check of a target; None if it is expected to hold."""
        for entry in self.deviations:
            same_rule = (entry.target, entry.contract) == (target.label, target.contract)
            if same_rule and check in entry.checks:
                return entry
        return None


def read_register(file: Path, of: str = "") -> Register:
    """The register in a TOML file; `of` is the library that it ships for.

    Raises:
        ValueError: names the file and the entry with a missing, unknown or misspelt part.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # of TOML, or of UTF-8
        raise ValueError(f"{file}: {error}") from error
    entries = tables.get("deviation", [])
    unknown = sorted(set(tables) - {"deviation"})
    if unknown or not isinstance(entries, list):
        raise ValueError(
            f"{file}: only [[deviation]] tables are expected, got {unknown or entries}"
        )
    found = (_deviation(file, number, entry) for number, entry in enumerate(entries, 1))
    return Register(tuple(replace(entry, of=of) for entry in found))


def not_run(file: Path, targets: Sequence[Target]) -> list[str]:
    """A line for each function and contract that a register lists and that is not in `targets`.

    A register may be of more functions than are run; but a misspelt one is of none.
    """
    ran = {(target.label, target.contract) for target in targets}
    # Of several entries for one function, one line: a dictionary keeps their order.
    listed = dict.fromkeys((one.target, one.contract) for one in read_register(file).deviations)
    return [
        f"{file} lists {label} as {contract}, which was not run"
        for label, contract in listed
        if (label, contract) not in ran
    ]


def _deviation(file: Path, number: int, entry: object) -> Deviation:
    where = f"{file}: deviation {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: must be a table, got {entry!r}")
    # What TOML holds has no types; each is looked at below.
    table = cast("dict[str, object]", entry)
    for name in table:
        if name not in FIELDS:
            raise ValueError(f"{where}: no field {name!r}; there are {', '.join(FIELDS)}")
    texts = {name: _text(where, table, name) for name in ("target", "contract", "why")}
    checks = table.get("checks")
    if not isinstance(checks, list) or not checks or not all(isinstance(c, str) for c in checks):
        raise ValueError(f"{where}: checks must be a list of names, got {checks!r}")
    _refuse_unknown(where, texts["contract"], checks)
    thread = _text(where, table, "thread") if "thread" in table else ""
    return Deviation(
        texts["target"], texts["contract"], tuple(checks), texts["why"], thread, _kind(where, table)
    )


def _kind(where: str, table: dict[str, object]) -> DeviationKind:
    given = table.get("kind", DeviationKind.NUMBERS)
    if given not in list(DeviationKind):
        raise ValueError(f"{where}: kind must be one of {', '.join(DeviationKind)}, got {given!r}")
    return DeviationKind(str(given))


def _refuse_unknown(where: str, contract: str, checks: Sequence[str]) -> None:
    try:
        known = {check.name for check in contract_named(contract).checks()}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    for name in checks:
        if name not in known:
            raise ValueError(f"{where}: {contract} has no check {name!r}")


def _text(where: str, table: dict[str, object], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {name} must be a text, got {value!r}")
    return value
