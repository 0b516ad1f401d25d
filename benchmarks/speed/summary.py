"""What a run says in a few lines: which of ours to use where, who wins, who loses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from benchmarks.evaluation.tables import NOT_RUN, markdown
from benchmarks.speed.asked import OURS, asked_table
from benchmarks.speed.matches import Match, Outcome, matches, times_as_long, title
from benchmarks.speed.runs import Row, Run
from benchmarks.speed.units import multiple

LIBRARIES = ("torchvision", "pycocotools")
NAMED = 5
NO_ACCELERATOR = (
    "No accelerator was at hand, or asked for: nothing here was measured on a GPU, "
    "and what runs on one is tested on the CPU only."
)
# Of a title and its text.
Section = Callable[[str, str], str]


def summary(run: Run, section: Section) -> str:
    """A few lines, the tables that belong to them, and each loss; `section` is for what is long."""
    found = list(matches(run.rows))
    parts = [highlights(run), tally(found)]
    if asked := asked_table(run):
        parts += [f"What was asked of {OURS}, and what this run measured:\n\n{asked}"]
    parts += [f"The faster of ours, beside the fastest peer:\n\n{guide(run.rows)}"]
    parts += [f"Lost, by the faster of ours in each row:\n\n{losses(fastest(found))}"]
    for name in implementations(found):
        own = [match for match in found if match.ours.implementation == name]
        if n_lost := counts(own)[-1]:
            parts.append(section(f"All rows that {name} loses: {n_lost}", losses(own)))
    return "\n\n".join(parts)


def fastest(found: Iterable[Match]) -> list[Match]:
    """The faster of ours on each case, device and dtype."""
    best: dict[tuple[str, ...], Match] = {}
    for match in found:
        held = best.setdefault(match.ours.group, match)
        if match.ours.median < held.ours.median:
            best[match.ours.group] = match
    return list(best.values())


def implementations(found: Iterable[Match]) -> list[str]:
    """The names of ours."""
    return list(dict.fromkeys(match.ours.implementation for match in found))


def highlights(run: Run) -> str:
    """The largest wins over a library, the largest losses, and what was not run on a GPU."""
    everything = list(matches(run.rows))
    found = fastest(everything)
    beside = by_ratio(beside_libraries(found))
    lost = by_ratio(match for match in found if match.outcome is Outcome.LOST)
    wins = [match for match in reversed(beside) if match.outcome is Outcome.WON]
    lines = [f"- {use(everything, device.name)}" for device in run.devices]
    lines += [f"- Largest wins over a library: {named(wins)}."]
    lines += [f"- Largest losses: {named(lost)}."]
    on_gpu = {row.function for row in run.rows if row.device != "cpu"}
    missing = [name for name in dict.fromkeys(r.function for r in run.rows) if name not in on_gpu]
    if on_gpu:
        lines.append(f"- Without a GPU figure: {', '.join(missing) or 'none'}.")
    else:
        lines.append(f"- Without a GPU figure: all. {NO_ACCELERATOR}")
    return "\n".join(lines)


def use(found: Iterable[Match], device: str) -> str:
    """Who of ours is to be taken for which function, where there is a choice."""
    chosen: dict[str, list[str]] = {}
    for function, own in by_function(match for match in found if match.ours.device == device):
        if len(implementations(own)) > 1:
            winners = {match.ours.implementation for match in fastest(shared(own))}
            name = winners.pop() if len(winners) == 1 else "either, by size,"
            chosen.setdefault(name, []).append(function)
    parts = (f"{name} for {', '.join(functions)}" for name, functions in chosen.items())
    return f"Of ours, the faster on {device}: {'; '.join(parts) or 'no choice'}."


def by_function(found: Iterable[Match]) -> list[tuple[str, list[Match]]]:
    """The matches of each function."""
    groups: dict[str, list[Match]] = {}
    for match in found:
        groups.setdefault(match.ours.function, []).append(match)
    return list(groups.items())


def shared(found: Sequence[Match]) -> list[Match]:
    """Those of cases that several of ours run, or all if there are none."""
    several = Counter(match.ours.group for match in found)
    return [match for match in found if several[match.ours.group] > 1] or list(found)


def named(found: Sequence[Match]) -> str:
    """The first of each function, in brief."""
    first: dict[str, Match] = {}
    for match in found:
        first.setdefault(match.ours.function, match)
    return "; ".join(_brief(match) for match in list(first.values())[:NAMED]) or "none"


def _brief(match: Match) -> str:
    assert match.best is not None
    peer = match.best.implementation
    return f"{match.ours.function} ({match.ours.case}) {multiple(match.ratio or 0.0)} {peer}"


def by_ratio(found: Iterable[Match]) -> list[Match]:
    """Those with a peer, the worst first."""
    return sorted((match for match in found if match.ratio), key=lambda match: match.ratio or 0.0)


def beside_libraries(found: Iterable[Match]) -> list[Match]:
    """The matches with those peers that are packages; without one, with none."""
    return [
        replace(match, peers=tuple(row for row in match.peers if row.implementation in LIBRARIES))
        for match in found
    ]


def tally(found: Sequence[Match]) -> str:
    """How many rows are won, even and lost: by the faster of ours, and by each of ours."""
    best = fastest(found)
    library = beside_libraries(best)
    alone = [match for match, other in zip(best, library, strict=True) if not other.peers]
    counted = {
        "the faster of ours in each row, beside the fastest peer": best,
        f"... beside {' or '.join(LIBRARIES)}": library,
        "... where neither does it, beside what else does": alone,
    }
    for name in implementations(found):
        own = [match for match in found if match.ours.implementation == name]
        counted[f"{name}, beside the fastest peer"] = own
    lines = [[name, *map(str, counts(chosen))] for name, chosen in counted.items()]
    return markdown(["rows", "all", "won", "even", "lost"], lines)


def counts(found: Iterable[Match]) -> tuple[int, int, int, int]:
    """All that have a peer, won, even, lost."""
    each = Counter(match.outcome for match in found if match.outcome)
    return each.total(), each[Outcome.WON], each[Outcome.EVEN], each[Outcome.LOST]


def guide(rows: Iterable[Row]) -> str:
    """For each function and device the faster of ours, and how it does."""
    found = list(matches(rows))
    lines = []
    for device in dict.fromkeys(match.ours.device for match in found):
        for function, own in by_function(match for match in found if match.ours.device == device):
            best = by_ratio(fastest(own))
            ends = f"{times_as_long(best[0])} .. {times_as_long(best[-1])}" if best else NOT_RUN
            lines.append([function, device, faster(own), *map(str, counts(best)[1:]), ends])
    header = ["function", "device", "the faster of ours", "won", "even", "lost", "worst .. best"]
    return markdown(header, lines)


def faster(found: Sequence[Match]) -> str:
    """Who of ours is the faster where several of ours run."""
    best = fastest(shared(found))
    ((name, count),) = Counter(match.ours.implementation for match in best).most_common(1)
    return name if count == len(best) else f"{name} in {count} of {len(best)} rows"


def losses(found: Iterable[Match]) -> str:
    """A list, the worst first."""
    lost = by_ratio(match for match in found if match.outcome is Outcome.LOST)
    return "\n".join(f"- {_loss(match)}" for match in lost) or "None."


def _loss(match: Match) -> str:
    ours, best = match.ours, match.best
    assert best is not None
    where = f"{title(ours)}, {ours.device}, {ours.dtype}"
    return f"{where}: {best.implementation} takes {match.ratio:.2f} of {ours.implementation}'s time"
