"""Ours beside those that do the same in the same place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from benchmarks.evaluation.tables import NOT_RUN
from benchmarks.speed.runs import Row
from benchmarks.speed.units import multiple

# Times closer than that are called even, and so are those that scatter more than they differ.
EVEN = 0.05


class Outcome(Enum):
    """Of ours beside a peer."""

    WON = "won"
    EVEN = "even"
    LOST = "lost"


@dataclass(frozen=True)
class Match:
    """One of ours beside those that do the same in the same place.

    Attributes:
        ours: refdet's row.
        peers: the others', as measured.
    """

    ours: Row
    peers: tuple[Row, ...]

    @property
    def best(self) -> Row | None:
        """The fastest peer; None without any."""
        return min(self.peers, key=lambda row: row.median, default=None)

    @property
    def ratio(self) -> float | None:
        """How many times as long as ours the fastest peer takes; None without any."""
        return self.best.median / self.ours.median if self.best else None

    @property
    def limit(self) -> float:
        """How much longer one of the two takes before it means anything."""
        return max(EVEN, self.ours.spread, self.best.spread if self.best else 0.0)

    @property
    def outcome(self) -> Outcome | None:
        """What every table and count calls won and lost; None without a peer.

        The same rule for both sides: whoever takes longer, by more than the limit, has lost.
        """
        if self.ratio is None:
            return None
        if self.ratio > 1 + self.limit:
            return Outcome.WON
        return Outcome.LOST if 1 / self.ratio > 1 + self.limit else Outcome.EVEN


def matches(rows: Iterable[Row]) -> Iterator[Match]:
    """One for each row of ours."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group in groups.values():
        peers = tuple(row for row in group if not row.ours)
        yield from (Match(row, peers) for row in group if row.ours)


def times_as_long(match: Match) -> str:
    """How many times as long the fastest peer takes, bold where ours won."""
    if match.ratio is None:
        return NOT_RUN
    text = multiple(match.ratio)
    return f"**{text}**" if match.outcome is Outcome.WON else text


def title(row: Row) -> str:
    """A case in words."""
    return f"{row.function}, {row.case} ({row.size:,} {row.unit})"
