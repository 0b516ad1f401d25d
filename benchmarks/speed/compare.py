"""Hold a new run against a stored one, by ratios to a peer: `make bench-compare`.

A machine that is slower today is so for the peer as well, and another machine's run can be held
against as long as the peer runs there: absolute times are not looked at. What has no peer is held
against `refdet.core` on the CPU. Measures on each device of the stored run that is here, and what
lost once more where it lost. Fails where a ratio is worse both times by more than 25 %, or by more
than the stored quartiles are apart if that is more, and where a row of the stored run is gone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.tables import markdown
from benchmarks.speed.matches import Match, matches
from benchmarks.speed.run import FAMILIES, machine_here, measured
from benchmarks.speed.runs import LATEST, RESULTS, Row, Run, read_run, write_run
from benchmarks.speed.task import DEVICES

MOST = 0.25
STAND_IN = "refdet.core"
MOST_NAMED = 20


@dataclass(frozen=True)
class Change:
    """One of ours, then and now.

    Attributes:
        name: which, where.
        family, device: of the benchmark.
        peer: who it was measured against: the fastest in the stored run.
        before, after: our time as a share of the peer's.
        limit: the loss that may be: the stored times scatter as much.
    """

    name: str
    family: str
    device: str
    peer: str
    before: float
    after: float
    limit: float

    @property
    def loss(self) -> float:
        """How much longer ours takes than it should; negative for a gain."""
        return self.after / self.before - 1


def changes(stored: Run, new: Run) -> list[Change]:
    """Each of ours that both runs have beside the same peer."""
    found = {_name(match): match for match in held_against(new.rows)}
    return [
        change
        for match in held_against(stored.rows)
        if (now := found.get(_name(match))) and (change := _change(match, now))
    ]


def held_against(rows: Iterable[Row]) -> Iterator[Match]:
    """`matches`; where nobody else does the same, `refdet.core` on the CPU is the peer."""
    rows = list(rows)
    stand_ins = {row.group[:2]: row for row in rows if row.implementation == STAND_IN}
    for match in matches(rows):
        stand_in = stand_ins.get(match.ours.group[:2])
        lonely = not match.peers and stand_in not in (None, match.ours)
        yield Match(match.ours, (stand_in,)) if lonely and stand_in else match


def _name(match: Match) -> str:
    return ", ".join((*match.ours.group, match.ours.implementation))


def _change(then: Match, now: Match) -> Change | None:
    times = {peer.implementation: peer.median for peer in now.peers}
    for peer in sorted(then.peers, key=lambda peer: peer.median):
        if peer.implementation in times:
            return Change(
                _name(then),
                then.ours.family,
                then.ours.device,
                peer.implementation,
                then.ours.median / peer.median,
                now.ours.median / times[peer.implementation],
                max(MOST, then.ours.spread, peer.spread),
            )
    return None


def losses(stored: Run, new: Run) -> list[Change]:
    """Those that lost more than may be lost, the worst first."""
    lost = [change for change in changes(stored, new) if change.loss > change.limit]
    return sorted(lost, key=lambda change: -change.loss)


def gone(stored: Run, new: Run, families: Sequence[str]) -> list[str]:
    """Those of ours in these families that the new run should have beside a peer, and has not."""
    here = {device.name for device in new.devices}
    wanted = (m for m in held_against(stored.rows) if m.ours.family in families)
    kept = {change.name for change in changes(stored, new)}
    alone = {_name(match) for match in matches(new.rows)}  # enough for what never had a peer
    return [
        _name(match)
        for match in wanted
        if match.ours.device in here and _name(match) not in (kept if match.peers else alone)
    ]


def table(found: Sequence[Change]) -> str:
    """A line for each."""
    rows = [
        [c.name, c.peer, f"{c.before:.3g}", f"{c.after:.3g}", f"{c.loss:+.0%}", f"{c.limit:+.0%}"]
        for c in found
    ]
    return markdown(["", "peer", "stored ratio", "new ratio", "slower by", "may be"], rows)


def verdict(stored: Run, new: Run, families: Sequence[str] = FAMILIES) -> tuple[str, int]:
    """What is said, and the exit code."""
    compared, lost = changes(stored, new), losses(stored, new)
    if not compared:
        return "nothing to compare: no benchmark of the stored run was run again beside its peer", 2
    missing = gone(stored, new, families)
    parts = [f"{len(compared)} ratios compared, {len(lost)} worse by more than {MOST:.0%}"]
    elsewhere = {row.device for row in stored.rows} - {device.name for device in new.devices}
    if elsewhere:
        parts[0] += f"; nothing of {', '.join(sorted(elsewhere))}, which is not here"
    if lost:
        parts.append(table(lost))
    if missing:
        parts.append(
            f"{len(missing)} of the stored run are gone, or have lost their peer; "
            "`--only` compares a part:\n" + "\n".join(f"- {name}" for name in missing[:MOST_NAMED])
        )
    if len(missing) > MOST_NAMED:
        parts[-1] += f"\n- and {len(missing) - MOST_NAMED} more"
    return "\n\n".join(parts), 1 if lost or missing else 0


def main() -> None:
    """Compare, print, and say by the exit code whether anything was lost."""
    made = parser()
    asked = made.parse_args()
    try:  # before anything is measured: nobody waits to be told of a wrong path
        new = read_run(asked.new) if asked.new else None
        stored = read_run(asked.stored or machines_own(new))
    except (OSError, ValueError) as error:
        made.error(str(error))
    if new is None:
        new = measured_anew(stored, asked.only)
        write_run(LATEST, new)
    text, status = verdict(stored, new, asked.only)
    sys.stdout.write(f"{text}\n")
    sys.exit(status)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("stored", type=Path, nargs="?", help="a run's JSON; default: this machine's")
    made.add_argument("--new", type=Path, help="a run that is there already: measure nothing")
    families = f"compare these alone: {', '.join(FAMILIES)}"
    made.add_argument("--only", nargs="+", choices=FAMILIES, default=FAMILIES, help=families)
    return made


def machines_own(new: Run | None) -> Path:
    """The stored run of the machine that `new` is of, or of this one.

    Raises:
        ValueError: there is none.
    """
    path = RESULTS / f"{new.machine if new else machine_here()}.json"
    if not path.exists():
        raise ValueError(f"no stored run of this machine, {path}: `make bench` makes one")
    return path


def measured_anew(stored: Run, families: Sequence[str]) -> Run:
    """A new run on the devices of the stored one, and what lost again."""
    devices = [name for name in DEVICES if name in {row.device for row in stored.rows}]
    if not devices:
        sys.exit(f"the stored run is of devices that are not here; here is {', '.join(DEVICES)}")
    new = measured(devices, families, threads=stored.threads)
    lost = losses(stored, new)
    for device in devices:
        if again := sorted({change.family for change in lost if change.device == device}):
            sys.stderr.write(f"once more on {device}, since they lost: {', '.join(again)}\n")
            new = new.best_of(measured([device], again, threads=stored.threads))
    return new


if __name__ == "__main__":
    main()
