"""How fast each function is beside what one would use instead, on this machine: `make bench`.

Prints the tables. A whole run is kept: JSON and plots in benchmarks/results, and the page
benchmarks/README.md; a part of one goes to benchmarks/results/latest.json.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from benchmarks.evaluation.machine import REPOSITORY, commit, processor, today, version
from benchmarks.speed.page import store
from benchmarks.speed.runs import LATEST, RESULTS, Device, Row, Run, machine_name, write_run
from benchmarks.speed.tables import report
from benchmarks.speed.task import DEVICES

BENCHMARKS = RESULTS.parent
FAMILIES = tuple(sorted(path.stem.partition("_")[2] for path in BENCHMARKS.glob("bench_*.py")))
PACKAGES = ("numpy", "torch", "torchvision", "pycocotools")
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> None:
    """Measure, print, keep."""
    asked = parser().parse_args()
    devices = tuple(dict.fromkeys(name for names in asked.device for name in names))
    run = measured(devices, asked.only, threads=asked.threads, quick=asked.quick)
    sys.stdout.write(f"{report(run)}\n")
    whole = devices == DEVICES and tuple(asked.only) == FAMILIES and not asked.quick
    if whole and not asked.throw_away:
        files = store(run)
    else:
        write_run(LATEST, run)
        files = [LATEST]
    sys.stderr.write(f"wrote {', '.join(str(path.relative_to(REPOSITORY)) for path in files)}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    holds = "\n".join(f"  {family:10}  {headline_of(family)}" for family in FAMILIES)
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.run",
        description=__doc__,
        epilog=f"families:\n{holds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    devices = f"{', '.join(DEVICES)}, or cuda for every GPU; default: all"
    made.add_argument("--device", nargs="+", type=devices_called, default=[DEVICES], help=devices)
    families = "measure these alone; see below"
    made.add_argument(
        "--only", nargs="+", choices=FAMILIES, default=FAMILIES, metavar="FAMILY", help=families
    )
    # One, so that a table compares algorithms and not how busy the cores are.
    made.add_argument("--threads", type=threads, default=1, help="of everybody; default: 1")
    made.add_argument("--quick", action="store_true", help="the smallest cases, two calls each")
    made.add_argument("--throw-away", action="store_true", help="keep a whole run as latest.json")
    return made


def threads(text: str) -> int:
    """No more than there are cores, where times would be those of waiting."""
    cores = os.cpu_count() or 1
    if not text.isdecimal() or not 1 <= int(text) <= cores:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no whole number from 1 to {cores}, the cores"
        )
    return int(text)


def devices_called(name: str) -> tuple[str, ...]:
    """`cuda` is every GPU that torch sees."""
    found = tuple(device for device in DEVICES if name in (device, device.partition(":")[0]))
    if not found:
        gpu = "; torch sees no CUDA device" if len(DEVICES) == 1 else ""
        there = ", ".join(DEVICES)
        raise argparse.ArgumentTypeError(f"no device {name!r} here, there is {there}{gpu}")
    return found


def headline_of(family: str) -> str:
    """The first line of what its file says it holds."""
    source = (BENCHMARKS / f"bench_{family}.py").read_text(encoding="utf-8")
    told = ast.get_docstring(ast.parse(source)) or ""
    return told.partition("\n")[0]


def measured(
    devices: Sequence[str], families: Sequence[str], *, threads: int = 1, quick: bool = False
) -> Run:
    """A run of these benchmarks, each device in a process of its own.

    A device that none of them runs on has no rows. Exits where a benchmark's answer is wrong, and
    where nothing runs at all.
    """
    each = (_one_device(device, families, threads, quick=quick) for device in devices)
    found = [one for one in each if one is not None]
    if not found:
        sys.exit(f"nothing of {', '.join(families)} runs on {', '.join(devices)}: no times")
    (pinned,) = {one.threads for one in found}
    return Run(
        cores=os.cpu_count() or 0,
        threads=pinned,
        python=platform.python_version(),
        versions={name: version(name) for name in PACKAGES},
        commit=commit(),
        day=today(),
        devices=tuple(one.device for one in found),
        rows=tuple(row for one in found for row in one.rows),
    )


def machine_here() -> str:
    """What a whole run on this machine will be called."""
    models = (
        processor() if name == "cpu" else torch.cuda.get_device_name(name) for name in DEVICES
    )
    return machine_name(list(models), os.cpu_count() or 0)


@dataclass(frozen=True)
class Measured:
    """What came of one device."""

    device: Device
    threads: int
    rows: tuple[Row, ...]


def from_pytest_benchmark(path: Path) -> Measured:
    """Its JSON, of which most is of no use here and some tells whose machine it is."""
    content = json.loads(path.read_text(encoding="utf-8"))
    about = content["machine_info"]["refdet"]
    model = about["device_name"] or processor()
    rows = []
    for one in content["benchmarks"]:
        if "family" not in one["extra_info"]:
            sys.stderr.write(f"not in the tables, since it is no `Task`: {one['name']}\n")
            continue
        stats = {name: one["stats"][name] for name in ("median", "iqr", "rounds")}
        rows.append(Row(**one["extra_info"], **stats))
    device = Device(about["device"], model, about["copied_bytes_per_second"])
    return Measured(device, about["threads"], tuple(rows))


def _one_device(
    device: str, families: Sequence[str], threads: int, *, quick: bool
) -> Measured | None:
    """What came of it; None where these families have nothing that runs there."""
    # A process for each device: a process that counts the CPU's memory is a fork of its parent,
    # and that must not have a CUDA context.
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "raw.json"
        files = [str(BENCHMARKS / f"bench_{family}.py") for family in families]
        options = ["--benchmark-only", "--benchmark-quiet", "--benchmark-disable-gc", "-q"]
        options += ["-p", "no:cacheprovider", f"--benchmark-json={result}", f"--device={device}"]
        options += ["--quick"] if quick else []
        # pytest's lines are for whoever waits: on standard output are the tables alone.
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *files, *options],
            cwd=REPOSITORY,
            env=environment(threads),
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
            sys.stderr.write(f"nothing of {', '.join(families)} runs on {device}\n")
            return None
        if done.returncode:
            sys.exit(f"a benchmark on {device} failed, see above: nothing is kept")
        return from_pytest_benchmark(result)


def environment(threads: int) -> dict[str, str]:
    """Ours, with the threads pinned. A worker of pytest-xdist would time nothing: it is hidden."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return kept | dict.fromkeys(POOLS, str(threads))


if __name__ == "__main__":
    main()
