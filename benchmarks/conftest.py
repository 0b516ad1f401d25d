"""Of benchmarks: threads are pinned, devices and sizes are chosen, results are checked first."""

from __future__ import annotations

import os

# Before NumPy and torch load, since their thread pools read these once; `make bench` has set them.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")
os.environ["MKL_NUM_THREADS"] = os.environ.get("MKL_NUM_THREADS", "1")
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed.measuring import copied_bytes_per_second, measure
from benchmarks.speed.task import DEVICES, Trial


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=DEVICES, default="cpu", help="what is measured")
    parser.addoption("--quick", action="store_true", help="each task's smallest case, two calls")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another device, or another size, would do."""
    kept = [item for item in items if _is_asked_for(config, item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _is_asked_for(config: pytest.Config, item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    trial = callspec.params.get("trial") if callspec else None
    if not isinstance(trial, Trial):
        return True
    smallest = trial.case is trial.task.cases[0] or not config.getoption("--quick")
    return smallest and trial.device == config.getoption("--device")


@pytest.fixture(name="measure")
def _measure(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> Callable[[Trial], None]:
    """Check a trial, then time it."""
    quick = bool(pytestconfig.getoption("--quick"))
    return lambda trial: measure(trial, benchmark, quick=quick)


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, object]
) -> None:
    """Beside the times stands what they depend on."""
    device = str(config.getoption("--device"))
    cuda = device != "cpu"
    machine_info["refdet"] = {
        "threads": torch.get_num_threads(),
        "device": device,
        "device_name": torch.cuda.get_device_name(device) if cuda else "",
        "copied_bytes_per_second": copied_bytes_per_second(device),
    }
