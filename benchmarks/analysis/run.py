"""Each command on a whole data set, from files to files, in turn: `make bench-analysis`.

The clock runs from the start of the process to its end, on two cores: reading JSON is in it. Two
runs are judged, the second with other scores; a table of images has three columns, of which
two are sliced by, into 9 slices.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.evaluation import inputs
from benchmarks.evaluation.machine import THREADS, machine, version
from benchmarks.evaluation.tables import markdown
from benchmarks.evaluation.workloads import NAMES, Workload, workload
from refdet.cli import COMMANDS

MEASURE = Path(__file__).with_name("measure.py")
NOISE = 0.1
"""Standard deviation of what is added to the second run's scores."""

# The files that a line names are made by `write_inputs`; `out` is a name of its own for each line.
LINES = (
    "evaluate --gt gt.json --dt a.json",
    "evaluate --gt gt.json --dt a.json --errors",
    "evaluate --gt gt.json --dt a.json --bootstrap 1000",
    "compare a.json b.json --gt gt.json --samples 1000 --output out",
    "tune a.json --gt gt.json --samples 1000 --f-beta 1 --output out.json",
    "slices a.json --gt gt.json --image-table images.csv --by site camera --output out",
    "audit-labels a.json b.json --gt gt.json --output out",
    "report a.json --gt gt.json --samples 1000 --output out.html",
    "report a.json b.json --gt gt.json --samples 1000 --output out.html",
)


@dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
        line: its arguments.
        seconds: of each repetition; empty if it failed.
        peak_bytes: of each repetition.
        problem: what it said last, if it failed.
    """

    line: str
    seconds: tuple[float, ...] = ()
    peak_bytes: tuple[int, ...] = ()
    problem: str = ""


def main() -> None:
    """Measure, print the table."""
    arguments = parser().parse_args()
    lines = [line for line in LINES if exists(line) and line.startswith(arguments.only or line)]
    with tempfile.TemporaryDirectory() as folder:
        made = workload(arguments.workload)
        write_inputs(made, Path(folder))
        outcomes = [measured(line, Path(folder), arguments.repetitions) for line in lines]
    sys.stdout.write(f"{headline(made)}\n\n{table(outcomes)}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.analysis.run", description=__doc__)
    made.add_argument("--workload", choices=NAMES, default="coco", help=", ".join(NAMES))
    made.add_argument("--repetitions", type=int, default=1, help="the median is shown")
    made.add_argument("--only", metavar="COMMAND", help="this command alone")
    return made


def exists(line: str) -> bool:
    """Whether refdet has the command, and all the options that the line gives it."""
    name, *words = line.split()
    if (name,) not in COMMANDS:
        return False
    known = {field.name for field in dataclasses.fields(COMMANDS[name,].config_type)}
    given = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    return given <= known


def write_inputs(made: Workload, folder: Path) -> None:
    """Ground truth, two runs and a table of images, as files."""
    lists = inputs.lists(made)
    rng = np.random.default_rng(1)
    noisy = made.detections.scores + rng.normal(0, NOISE, len(made.detections))
    scores = np.clip(noisy, 0, 1).astype(np.float32).tolist()
    second = [one | {"score": score} for one, score in zip(lists.results, scores, strict=True)]
    files = {"gt.json": lists.ground_truth, "a.json": lists.results, "b.json": second}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    with (folder / "images.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "site", "camera", "date"])
        writer.writerows(image_rows(made.objects.images.names, rng))


def image_rows(
    names: Sequence[str], rng: np.random.Generator
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each image: 6 sites, 3 cameras, the days of a year."""
    for name in names:
        site, camera, day = (int(rng.integers(most)) for most in (6, 3, 365))
        date = np.datetime64("2024-01-01") + np.timedelta64(day, "D")
        yield name, f"site {site}", f"camera {camera}", str(date)


def measured(line: str, folder: Path, repetitions: int) -> Outcome:
    """The command in a process of its own, as often as asked for."""
    outcome = Outcome(line)
    for turn in range(repetitions):
        words = [re.sub(r"^out\b", f"out{turn}", word) for word in line.split()]
        result = folder / "result.json"
        command = [sys.executable, "-m", "refdet", *words]
        subprocess.run(
            [sys.executable, str(MEASURE), str(result), *command],
            cwd=folder,
            env=os.environ | THREADS | {"PYTHONPATH": str(MEASURE.parents[2])},
            check=True,
        )
        one = json.loads(result.read_text(encoding="utf-8"))
        sys.stderr.write(f"{line}: {one['seconds']:.1f} s, {one['peak_bytes'] / 1e6:,.0f} MB\n")
        if one["status"]:
            return Outcome(line, problem=one["last_line"])
        outcome = Outcome(
            line, (*outcome.seconds, one["seconds"]), (*outcome.peak_bytes, one["peak_bytes"])
        )
    return outcome


def headline(made: Workload) -> str:
    """What was measured, on what."""
    about = machine()
    return (
        f"{len(made.objects.images):,} images, {len(made.objects):,} objects, "
        f"{len(made.detections):,} detections of {len(made.objects.categories)} classes, as COCO "
        f"JSON; 2 cores of {about['processor']}, Python {about['python']}, "
        f"NumPy {version('numpy')}."
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each command."""
    rows = []
    for one in outcomes:
        seconds = f"{median(one.seconds):.1f}" if one.seconds else "failed"
        peak = f"{median(one.peak_bytes) / 1e6:,.0f}" if one.seconds else one.problem
        rows.append([f"`refdet {one.line}`", seconds, peak])
    return markdown(["command", "seconds", "peak MB"], rows)


if __name__ == "__main__":
    main()
