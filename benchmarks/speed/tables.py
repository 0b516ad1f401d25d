"""A run as Markdown tables: who is how fast, how much memory, how far from a plain copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.evaluation.tables import NOT_RUN, markdown
from benchmarks.speed.runs import Row, Run

# Times closer than that are called even.
EVEN = 0.05
# A call's memory is counted in pages: less than this tells nothing.
LEAST_BYTES = 500_000


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


def matches(rows: Iterable[Row]) -> Iterator[Match]:
    """One for each row of ours."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group in groups.values():
        peers = tuple(row for row in group if not row.ours)
        yield from (Match(row, peers) for row in group if row.ours)


def report(run: Run) -> str:
    """Everything that is told of a run, below a heading of its own."""
    parts = [headline(run), verdict(run)]
    for family, rows in groupby(run.rows, key=lambda row: row.family):
        parts += [f"#### {family}: time of a call", time_table(list(rows))]
    largest = largest_cases(run.rows)
    parts += ["#### Memory at the peak, above the inputs, in MB", memory_table(largest)]
    parts += ["#### How far from a plain copy", roofline_table(largest, run)]
    return "\n\n".join(parts)


def headline(run: Run) -> str:
    """What was measured, with what, on what."""
    models = dict.fromkeys(f"{device.name}: {device.model}" for device in run.devices)
    versions = ", ".join(f"{name} {number}" for name, number in run.versions.items())
    threads = f"{run.threads} thread{'s' * (run.threads > 1)} of {run.cores} cores"
    return (
        f"{'; '.join(models)}. {threads}; Python {run.python}, {versions}; "
        f"commit {run.commit}, {run.day}."
    )


def verdict(run: Run) -> str:
    """Wins and losses against the fastest peer, by the faster of ours, and each loss."""
    best: dict[tuple[str, str, str, str], Match] = {}
    for match in matches(run.rows):
        held = best.get(match.ours.group)
        if match.best and (held is None or match.ours.median < held.ours.median):
            best[match.ours.group] = match
    ratios = {match: match.ratio or 0.0 for match in best.values()}
    wins = sum(ratio > 1 + EVEN for ratio in ratios.values())
    lost = {match: ratio for match, ratio in ratios.items() if ratio < 1 - EVEN}
    even = len(ratios) - wins - len(lost)
    text = f"Against the fastest peer of each row: {wins} won, {even} even, {len(lost)} lost."
    lines = [f"- {_loss(match)}" for match in sorted(lost, key=lambda match: lost[match])]
    return "\n".join([text, *(["", "Lost:", "", *lines] if lines else [])])


def _loss(match: Match) -> str:
    ours, best = match.ours, match.best
    assert best is not None
    where = f"{_title(ours)}, {ours.device}, {ours.dtype}"
    return f"{where}: {best.implementation} takes {match.ratio:.2f} of our time"


def time_table(rows: Sequence[Row]) -> str:
    """Ours, each peer, and the ratio of the fastest peer to ours."""
    return _grid(rows, lambda row: duration(row) if row.agrees else f"{duration(row)} ≠", ratio)


def memory_table(rows: Sequence[Row]) -> str:
    """The same of memory."""
    return _grid(rows, memory, None)


def ratio(match: Match) -> str:
    """How many times as long the fastest peer takes, bold where ours is faster."""
    if match.ratio is None:
        return NOT_RUN
    text = f"{match.ratio:.3g}x" if match.ratio < 100 else f"{match.ratio:,.0f}x"
    return f"**{text}**" if match.ratio >= 1 else text


def duration(row: Row) -> str:
    """The median with its unit, and the quartiles' distance as a share of it."""
    return f"{seconds(row.median)} ±{50 * row.iqr / row.median:.0f} %"


def seconds(value: float) -> str:
    """Three digits with the unit that suits."""
    unit, factor = ("s", 1.0) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return (
        f"{value * factor:.3g} {unit}" if value * factor < 1000 else f"{value * factor:,.0f} {unit}"
    )


def memory(row: Row) -> str:
    """In MB, or that it is too little to be counted."""
    return f"{row.peak_bytes / 1e6:,.1f}" if row.peak_bytes >= LEAST_BYTES else "< 0.5"


def largest_cases(rows: Iterable[Row]) -> list[Row]:
    """The rows of each function's largest case that one of ours ran."""
    rows = list(rows)
    most: dict[str, int] = {}
    for row in rows:
        if row.ours:
            most[row.function] = max(row.size, most.get(row.function, 0))
    return [row for row in rows if row.size == most.get(row.function)]


def roofline_table(rows: Sequence[Row], run: Run) -> str:
    """Bytes and operations that must be, and what ours and the fastest peer reach of a copy."""
    header = ["", "device", "dtype", "implementation", "MB", "Mop", "GB/s", "of copy", "Gop/s"]
    copied = {device.name: device.copied_bytes_per_second for device in run.devices}
    lines = []
    for _, group in groupby(rows, key=lambda row: row.group):
        one_group = list(group)
        peers = sorted((row for row in one_group if not row.ours), key=lambda row: row.median)
        for row in [*(row for row in one_group if row.ours), *peers[:1]]:
            if row.moved_bytes is None or row.operations is None:
                continue
            rate = row.moved_bytes / row.median
            lines.append([_title(row), row.device, row.dtype, row.implementation])
            lines[-1] += [f"{row.moved_bytes / 1e6:.3g}", f"{row.operations / 1e6:.3g}"]
            lines[-1] += [f"{rate / 1e9:.3g}", f"{rate / copied[row.device]:.1%}"]
            lines[-1] += [f"{row.operations / row.median / 1e9:.3g}"]
    rates = (f"{name} {rate / 1e9:.3g} GB/s" for name, rate in copied.items())
    return f"A plain copy reads and writes: {', '.join(rates)}.\n\n{markdown(header, lines)}"


def _grid(
    rows: Sequence[Row], cell: Callable[[Row], str], last: Callable[[Match], str] | None
) -> str:
    """A line for each of ours, a column for each peer."""
    found = list(matches(rows))
    names = list(dict.fromkeys(peer.implementation for match in found for peer in match.peers))
    lines = []
    for match in found:
        cells = {peer.implementation: cell(peer) for peer in match.peers}
        ours = match.ours
        lines.append([_title(ours), ours.device, ours.dtype, ours.implementation, cell(ours)])
        lines[-1] += [cells.get(name, NOT_RUN) for name in names]
        lines[-1] += [last(match)] if last else []
    header = ["", "device", "dtype", "ours", "", *names, *(["ratio"] if last else [])]
    return markdown(header, lines)


def _title(row: Row) -> str:
    return f"{row.function}, {row.case} ({row.size:,} {row.unit})"
