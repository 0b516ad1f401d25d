"""What a run measured, on what, and its file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.speed.task import OURS
from refdet.files import write_text_atomic

RESULTS = Path(__file__).resolve().parent.parent / "results"
LATEST = RESULTS / "latest.json"
"""Of a run that is not kept: of a part, or to be compared. Git ignores it."""
FORMAT = "refdet bench 1"


@dataclass(frozen=True)
class Row:
    """What one implementation needs on one case.

    Attributes:
        family, function, unit, case, size: the task and the case.
        device, dtype, implementation: who, where.
        agrees: False if it differs from the oracle, which only a peer may.
        median, iqr: seconds of a call, and between the quartiles.
        rounds: calls measured.
        peak_bytes: the most memory of a call above its inputs.
        moved_bytes, operations: what any implementation has to do; None if not counted.
    """

    family: str
    function: str
    unit: str
    case: str
    size: int
    device: str
    dtype: str
    implementation: str
    agrees: bool
    median: float
    iqr: float
    rounds: int
    peak_bytes: int
    moved_bytes: int | None
    operations: int | None

    @property
    def ours(self) -> bool:
        """Whether it is refdet's."""
        return self.implementation.startswith(OURS)

    @property
    def spread(self) -> float:
        """The quartiles' distance as a share of the median."""
        return self.iqr / self.median

    @property
    def group(self) -> tuple[str, str, str, str]:
        """What rows that are compared with each other have in common."""
        return self.function, self.case, self.device, self.dtype


@dataclass(frozen=True)
class Device:
    """Where it ran.

    Attributes:
        name: as torch calls it, `cpu` or `cuda:0`.
        model: what it is.
        copied_bytes_per_second: read and written by a plain copy.
    """

    name: str
    model: str
    copied_bytes_per_second: float


@dataclass(frozen=True)
class Run:
    """All that `make bench` measured, and all that it depends on."""

    cores: int
    threads: int
    python: str
    versions: Mapping[str, str]
    commit: str
    day: str
    devices: tuple[Device, ...]
    rows: tuple[Row, ...]

    @property
    def machine(self) -> str:
        """A file's name for it."""
        return machine_name([device.model for device in self.devices], self.cores, self.threads)

    def best_of(self, again: Run) -> Run:
        """This run with the lesser time of each benchmark that was run again."""
        other = {(row.group, row.implementation): row for row in again.rows}
        rows = (
            min(row, other.get((row.group, row.implementation), row), key=lambda row: row.median)
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))


def machine_name(models: Sequence[str], cores: int, threads: int = 1) -> str:
    """What a machine is called: its devices and cores, and nothing that tells whose it is."""
    pinned = f" {threads} threads" if threads > 1 else ""
    text = f"{' '.join(dict.fromkeys(models))} {cores} cores{pinned}".lower()
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", text)).strip("-")


def write_run(path: Path, run: Run) -> None:
    """As JSON, a row to a line, replaced at once."""
    head = json.dumps({"format": FORMAT, **asdict(replace(run, rows=()))}, indent=1)
    rows = ",\n".join(f"  {json.dumps(asdict(row))}" for row in run.rows)
    write_text_atomic(path, head.replace('"rows": []', f'"rows": [\n{rows}\n ]') + "\n")


def read_run(path: Path) -> Run:
    """What `write_run` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is of another format, or a part of it is missing.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no run of `make bench`: it is no JSON: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"{path} is no run of `make bench`: its format is not {FORMAT!r}")
    try:
        devices = tuple(Device(**device) for device in content.pop("devices"))
        rows = tuple(Row(**row) for row in content.pop("rows"))
        return Run(**content, devices=devices, rows=rows)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no whole run of `make bench`: {error}") from error


def stored_runs(folder: Path = RESULTS) -> list[Run]:
    """The runs that are kept, by machine; other benchmarks' results lie beside them."""
    files = (path for path in sorted(folder.glob("*.json")) if path != LATEST)
    mark = json.dumps(FORMAT)
    return [read_run(path) for path in files if mark in path.read_text(encoding="utf-8")[:200]]
