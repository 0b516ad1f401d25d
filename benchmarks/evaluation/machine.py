"""What the numbers depend on: processor, cores, threads, versions, commit; and the day."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from benchmarks.evaluation.evaluators import EVALUATORS
from benchmarks.evaluation.workloads import SCALING, SIZES

REPOSITORY = Path(__file__).resolve().parents[2]
N_THREADS = "2"
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
THREADS = dict.fromkeys(VARIABLES, N_THREADS)


def machine() -> dict[str, object]:
    """All that the numbers depend on, as JSON's own types."""
    packages = dict.fromkeys(["numpy", *(evaluator.package for evaluator in EVALUATORS)])
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": N_THREADS,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "seeds": {name: size.seed for name, size in (SIZES | SCALING).items()},
    }


def processor() -> str:
    """Its model, as the system names it."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = (line for line in info.read_text().splitlines() if line.startswith("model name"))
        model = next(named, model).partition(":")[2].strip() or model
    return model


def version(package: str) -> str:
    """Of an installed package; `not installed` otherwise."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def today() -> str:
    """The day in UTC, as 2026-01-31."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def commit() -> str:
    """What is checked out, and whether what is measured differs from it."""
    told = _git("rev-parse", "--short=10", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", "refdet", "benchmarks/*.py")
    return f"{told} with changes" if changed else told


def _git(*arguments: str) -> str:
    """What git prints; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def headline(about: dict[str, object]) -> str:
    """The line above the tables."""
    versions = about["versions"]
    assert isinstance(versions, dict)
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{about['processor']}, {about['threads']} threads, Python {about['python']}; {listed}."
