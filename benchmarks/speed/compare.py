"""Hold a new run against a stored one, by ratios to a peer: `make bench-compare`.

A machine that is slower today is so for the peer as well, and another machine's run can be held
against as long as the peer runs there: absolute times are not looked at. Measures everything on the
devices of the stored run, what lost once more, and fails where a ratio is worse by more than 25 %
both times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.tables import markdown
from benchmarks.speed.run import FAMILIES, measured
from benchmarks.speed.runs import LATEST, RESULTS, Run, read_run, write_run
from benchmarks.speed.tables import Match, matches
from benchmarks.speed.task import DEVICES

MOST = 0.25


@dataclass(frozen=True)
class Change:
    """One of ours, then and now.

    Attributes:
        name: which, where.
        family: of the benchmark.
        peer: who it was measured against: the fastest in the stored run.
        before, after: our time as a share of the peer's.
    """

    name: str
    family: str
    peer: str
    before: float
    after: float

    @property
    def loss(self) -> float:
        """How much longer ours takes than it should; negative for a gain."""
        return self.after / self.before - 1


def changes(stored: Run, new: Run) -> list[Change]:
    """Each of ours that both runs have beside the same peer."""
    found = {_key(match): match for match in matches(new.rows)}
    return [
        change
        for match in matches(stored.rows)
        if (now := found.get(_key(match))) and (change := _change(match, now))
    ]


def _key(match: Match) -> tuple[str, ...]:
    return *match.ours.group, match.ours.implementation


def _change(then: Match, now: Match) -> Change | None:
    times = {peer.implementation: peer.median for peer in now.peers}
    for peer in sorted(then.peers, key=lambda peer: peer.median):
        if peer.implementation in times:
            return Change(
                ", ".join(_key(then)),
                then.ours.family,
                peer.implementation,
                then.ours.median / peer.median,
                now.ours.median / times[peer.implementation],
            )
    return None


def losses(stored: Run, new: Run) -> list[Change]:
    """Those that lost more than may be lost, the worst first."""
    lost = [change for change in changes(stored, new) if change.loss > MOST]
    return sorted(lost, key=lambda change: -change.loss)


def table(found: Sequence[Change]) -> str:
    """A line for each."""
    rows = [[c.name, c.peer, f"{c.before:.3g}", f"{c.after:.3g}", f"{c.loss:+.0%}"] for c in found]
    return markdown(["", "peer", "stored ratio", "new ratio", "slower by"], rows)


def verdict(stored: Run, new: Run) -> tuple[str, int]:
    """What is said, and the exit code."""
    compared, lost = changes(stored, new), losses(stored, new)
    if not compared:
        return "nothing to compare: no benchmark of the stored run was run again beside its peer", 2
    missing = sum(bool(match.peers) for match in matches(stored.rows)) - len(compared)
    text = f"{len(compared)} ratios compared, {len(lost)} worse by more than {MOST:.0%}"
    text += f"; {missing} of the stored run were not measured" if missing else ""
    return (f"{text}\n\n{table(lost)}", 1) if lost else (text, 0)


def main() -> None:
    """Compare, print, and say by the exit code whether anything was lost."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.speed.compare", description=__doc__)
    made.add_argument("stored", type=Path, nargs="?", help="a run's JSON; default: this machine's")
    made.add_argument("--new", type=Path, help="a run that is there already: measure nothing")
    asked = made.parse_args()
    # Before anything is measured, if it is named: nobody waits to be told of a wrong path.
    stored = read_run(asked.stored) if asked.stored else None
    new = read_run(asked.new) if asked.new else measured(DEVICES, FAMILIES)
    stored = stored or this_machines(new)
    if not asked.new:
        if again := sorted({change.family for change in losses(stored, new)}):
            sys.stderr.write(f"once more, since they lost: {', '.join(again)}\n")
            new = new.best_of(measured(DEVICES, again))
        write_run(LATEST, new)
    text, status = verdict(stored, new)
    sys.stdout.write(f"{text}\n")
    sys.exit(status)


def this_machines(new: Run) -> Run:
    """The stored run of the machine that `new` is of."""
    path = RESULTS / f"{new.machine}.json"
    if not path.exists():
        sys.exit(
            f"no stored run of this machine ({path.name}): `make bench` makes one, or name one"
        )
    return read_run(path)


if __name__ == "__main__":
    main()
