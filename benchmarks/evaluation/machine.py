"""What the numbers depend on: processor, cores, threads, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from benchmarks.evaluation.evaluators import EVALUATORS
from benchmarks.evaluation.workloads import SCALING, SIZES

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


def headline(about: dict[str, object]) -> str:
    """The line above the tables."""
    versions = about["versions"]
    assert isinstance(versions, dict)
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{about['processor']}, {about['threads']} threads, Python {about['python']}; {listed}."
