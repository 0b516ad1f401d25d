"""Why a mutant survives: the reasons, kept by hand in `survivors.toml`.

A reason without a survivor is a mistake in the register: the mutant is gone, or a test catches it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.mutants.mutant import Key, swapped
from benchmarks.mutants.results import Record
from benchmarks.mutants.trial import CORE, Verdict

REGISTER = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True)
class Reason:
    """Why some mutants of a verdict are as they are.

    Attributes:
        verdict: SURVIVED (they are equivalent) or LOOP (they do not come to an end).
        where: file and scope, such as `nms.soft_nms`; `*` stands for anything.
        reason: why, in a sentence or two.
        swaps: pieces of a line, and what stands in their place. One of them makes the mutant.
    """

    verdict: Verdict
    where: str
    reason: str
    swaps: tuple[tuple[str, str], ...]

    def explains(self, record: Record) -> set[tuple[str, str]]:
        """The swaps that make this mutant; empty if it is none of these."""
        key = record.key
        if record.verdict is not self.verdict or not fnmatchcase(place(key), self.where):
            return set()
        return {swap for swap in self.swaps if key.now in swapped(key.was, *swap)}


def place(key: Key) -> str:
    """File and scope of a mutant."""
    return f"{key.file}.{key.scope}"


def read_register(path: Path = REGISTER) -> list[Reason]:
    """The register, `[[equivalent]]` and `[[loop]]`, in the order of the file."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Reason(
            verdict,
            entry["where"],
            " ".join(entry["reason"].split()),
            tuple((was, now) for was, now in entry["swaps"]),
        )
        for name, verdict in (("equivalent", Verdict.SURVIVED), ("loop", Verdict.LOOP))
        for entry in tables.get(name, [])
    ]


@dataclass(frozen=True)
class Explained:
    """Mutants and their reasons.

    Attributes:
        reasons: each reason with the mutants that it explains.
        unexplained: the survivors and loops without a reason.
        stale: what in the register explains no survivor. Of loops it may: a check that notices
            the mutant may have come first.
    """

    reasons: Sequence[tuple[Reason, Sequence[Record]]]
    unexplained: Sequence[Record]
    stale: Sequence[str]


def explain(
    records: Iterable[Record], register: Sequence[Reason], files: Iterable[str]
) -> Explained:
    """Find each survivor's and loop's reason; the first counts. `files` are those judged."""
    asked = [record for record in records if record.verdict in (Verdict.SURVIVED, Verdict.LOOP)]
    judged = set(files)
    of_reason: list[list[Record]] = [[] for _ in register]
    used: list[set[tuple[str, str]]] = [set() for _ in register]
    unexplained = []
    for record in asked:
        found = [place for place, reason in enumerate(register) if reason.explains(record)]
        for entry in found:
            used[entry] |= register[entry].explains(record)
        if found:
            of_reason[found[0]].append(record)
        else:
            unexplained.append(record)
    stale = [
        f"{reason.where}: {was!r} -> {now!r}"
        for reason, mine in zip(register, used, strict=True)
        for was, now in reason.swaps
        if reason.verdict is Verdict.SURVIVED
        and (was, now) not in mine
        and _files(reason.where) <= judged
    ]
    return Explained(list(zip(register, of_reason, strict=True)), unexplained, stale)


def _files(where: str) -> set[str]:
    """The files of `core` that a place may be in."""
    names = (path.stem for path in CORE.glob("[!_]*.py"))
    return {name for name in names if fnmatchcase(name, where.partition(".")[0])}
