"""A run as Markdown tables: who is how fast, how much memory, how far from a plain copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from benchmarks.evaluation.tables import NOT_RUN, markdown
from benchmarks.speed.matches import Match, matches, times_as_long, title
from benchmarks.speed.runs import Row, Run
from benchmarks.speed.summary import Section, summary
from benchmarks.speed.units import duration, memory


def headed(heading: str, text: str) -> str:
    """A section below its heading."""
    return f"#### {heading}\n\n{text}"


def report(run: Run, section: Section = headed) -> str:
    """Everything that is told of a run, the shortest first, below a heading of its own."""
    sections = (section(*one) for one in long_tables(run))
    return "\n\n".join([headline(run), summary(run, section), *sections])


def long_tables(run: Run) -> Iterator[tuple[str, str]]:
    """Title and table of each family, of memory, and of what a plain copy takes."""
    # By family alone: the rows of a device follow those of another.
    by_family = sorted(run.rows, key=lambda row: row.family)
    for family, rows in groupby(by_family, key=lambda row: row.family):
        yield f"{family}: time of a call", time_table(list(rows))
    largest = largest_cases(by_family)
    yield "Memory at the peak, above the inputs, in MB", memory_table(largest)
    yield "How far from a plain copy", roofline_table(largest, run)


def headline(run: Run) -> str:
    """What was measured, with what, on what."""
    models = dict.fromkeys(f"{device.name}: {device.model}" for device in run.devices)
    versions = ", ".join(f"{name} {number}" for name, number in run.versions.items())
    threads = f"{run.threads} thread{'s' * (run.threads > 1)} of {run.cores} cores"
    return (
        f"{'; '.join(models)}. {threads}; Python {run.python}, {versions}; "
        f"commit {run.commit}, {run.day}."
    )


def time_table(rows: Sequence[Row]) -> str:
    """Ours, each peer, and the ratio of the fastest peer to ours."""
    return _grid(
        rows, lambda row: duration(row) if row.agrees else f"{duration(row)} ≠", times_as_long
    )


def memory_table(rows: Sequence[Row]) -> str:
    """The same of memory."""
    return _grid(rows, memory, None)


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
            lines.append([title(row), row.device, row.dtype, row.implementation])
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
        lines.append([title(ours), ours.device, ours.dtype, ours.implementation, cell(ours)])
        lines[-1] += [cells.get(name, NOT_RUN) for name in names]
        lines[-1] += [last(match)] if last else []
    header = ["", "device", "dtype", "ours", "", *names, *(["ratio"] if last else [])]
    return markdown(header, lines)
