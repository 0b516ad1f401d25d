"""`benchmarks/README.md`: what is written by hand, and between two markers what was measured.

`python -m benchmarks.speed.page` writes the latter anew from the stored runs, without measuring.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.plots import time_figure
from benchmarks.speed.runs import RESULTS, Run, stored_runs, write_run
from benchmarks.speed.tables import report
from refdet.files import write_text_atomic
from refdet.report.plots import write_figure

PAGE = RESULTS.parent / "README.md"
BEGIN, END = "<!-- measured: written by make bench -->", "<!-- end of measured -->"
NOTHING = "No machine has been measured yet: `make bench` does it."


def store(run: Run, folder: Path = RESULTS, page: Path = PAGE) -> list[Path]:
    """Keep a run: its JSON and plots, and the page anew from all that is kept."""
    file = folder / f"{run.machine}.json"
    write_run(file, run)
    plots = [folder / name for name in plot_names(run).values()]
    for device, path in zip(run.devices, plots, strict=True):
        write_figure(path, time_figure(run, device.name))
    rewrite(folder, page)
    return [file, *plots, page]


def rewrite(folder: Path = RESULTS, page: Path = PAGE) -> None:
    """The page anew from all that is kept: nothing is measured."""
    text = page.read_text(encoding="utf-8")
    write_text_atomic(page, filled(text, stored_runs(folder)))


def plot_names(run: Run) -> dict[str, str]:
    """The file of each device's plot."""
    names = (device.name for device in run.devices)
    return {name: f"{run.machine}-{name.replace(':', '-')}.svg" for name in names}


def filled(text: str, runs: Sequence[Run]) -> str:
    """The page with the runs between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name} has lost a marker: it needs {BEGIN} and, later, {END}")
    return f"{before}{begin}\n\n{measured(runs)}\n\n{end}{after}"


def measured(runs: Sequence[Run]) -> str:
    """A section for each machine, its long tables folded away below the summary."""
    return "\n\n".join(_section(run) for run in runs) or NOTHING


def _section(run: Run) -> str:
    pictures = (
        f"![Time of a call against size, {device}](results/{name})"
        for device, name in plot_names(run).items()
    )
    return "\n\n".join([f"### {run.machine}", report(run, folded), *pictures])


def folded(heading: str, text: str) -> str:
    """What opens when its heading is clicked at."""
    return f"<details><summary>{heading}</summary>\n\n{text}\n\n</details>"


def main() -> None:
    """Write the page anew from the stored runs."""
    rewrite()
    sys.stdout.write(f"wrote {PAGE.name} from {len(stored_runs())} stored runs\n")


if __name__ == "__main__":
    main()
