"""A mutant, and what it is known by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where a mistake is.

    RULE: in how a result is computed.
    CHECK: in what decides whether an input is refused, or is called to decide it.
    MESSAGE: in the text of an error, or where it is raised.
    EQUAL: nowhere, it computes the same by the rules of Python and NumPy; counted, not judged.
    """

    RULE = "rule"
    CHECK = "check"
    MESSAGE = "message"
    EQUAL = "equal"


JUDGED = (Kind.RULE, Kind.CHECK, Kind.MESSAGE)


@dataclass(frozen=True, order=True)
class Key:
    """What a mutant is known by; it stays the same when lines move.

    Attributes:
        file: the name of its file in `refdet/core`, without `.py`.
        scope: its function, or class and method; "" outside of both.
        was: the lines that it changes, joined by blanks.
        now: what they are in it.
        number: counts those of the same file, scope and change, from 1.
    """

    file: str
    scope: str
    was: str
    now: str
    number: int = 1


@dataclass(frozen=True)
class Mutant:
    """A file with one mistake: what it is known by, its kind, its first line, the whole file."""

    key: Key
    kind: Kind
    line: int
    source: str


def swapped(text: str, was: str, now: str) -> set[str]:
    """`text` with one occurrence of `was` replaced, whichever."""
    starts = [at for at in range(len(text)) if text.startswith(was, at)]
    return {text[:at] + now + text[at + len(was) :] for at in starts}
