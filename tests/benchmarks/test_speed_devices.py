"""`make bench` on several devices, of which some families run on one alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.speed import run as speed_run
from benchmarks.speed.run import (
    FAMILIES,
    devices_called,
    headline_of,
    machine_here,
    measured,
    parser,
)

ONLY_ON_THE_CPU = ["bootstrap", "matching", "priors"]


@pytest.fixture
def _invented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "tests.benchmarks.invented_device")


@pytest.mark.usefixtures("_invented")
def test_a_device_without_a_trial_has_no_rows_and_stops_nobody(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured(["cpu", "cuda:0"], ["priors"], quick=True)
    assert {row.device for row in run.rows} == {"cpu"}
    assert [device.name for device in run.devices] == ["cpu"]
    assert "nothing of priors runs on cuda:0" in capfd.readouterr().err
    monkeypatch.setattr(speed_run, "DEVICES", ("cpu",))
    assert run.machine == machine_here()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_more_threads_are_pinned_recorded_and_kept_apart() -> None:
    run = measured(["cpu"], ["priors"], threads=2, quick=True)
    assert run.threads == 2
    assert run.machine == f"{machine_here()}-2-threads"


PEAK_OF_MANY_THREADS = """
import torch
from benchmarks.speed.measuring import peak_bytes
torch.set_num_threads(2)
values = torch.ones(4_000_000)
values.exp()
print(peak_bytes(torch.exp, (values,), "cpu"))
"""


def test_memory_is_measured_in_a_fork_of_a_process_with_many_threads() -> None:
    command = [sys.executable, "-c", PEAK_OF_MANY_THREADS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert 15e6 < int(done.stdout) < 20e6


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "100000", "all"])
def test_threads_that_are_not_here_are_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"--threads={text}"])
    assert f"{text!r} is no whole number from 1 to {os.cpu_count()}" in capsys.readouterr().err


@pytest.mark.usefixtures("_invented")
def test_measured_says_that_nothing_runs_where_asked() -> None:
    message = "nothing of bootstrap, matching, priors runs on cuda:0"
    with pytest.raises(SystemExit, match=message):
        measured(["cuda:0"], ONLY_ON_THE_CPU)


def test_cuda_is_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_run, "DEVICES", ("cpu", "cuda:0", "cuda:1"))
    assert devices_called("cuda") == ("cuda:0", "cuda:1")
    assert devices_called("cuda:1") == ("cuda:1",)
    assert devices_called("cpu") == ("cpu",)
    asked = parser().parse_args(["--device", "cuda", "cuda:1", "cpu"])
    assert asked.device == [("cuda:0", "cuda:1"), ("cuda:1",), ("cpu",)]
    assert parser().parse_args([]).device == [("cpu", "cuda:0", "cuda:1")]


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "gpu", ""])
def test_a_device_that_is_not_here_is_refused_in_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed_run, "DEVICES", ("cpu",))
    monkeypatch.setattr(speed_run, "measured", None)
    monkeypatch.setattr(sys, "argv", ["run", f"--device={name}"])
    with pytest.raises(SystemExit):
        speed_run.main()
    said = capsys.readouterr().err
    assert f"no device {name!r} here, there is cpu; torch sees no CUDA device" in said


def test_help_says_what_each_family_holds() -> None:
    told = parser().format_help()
    for family in FAMILIES:
        assert len(headline_of(family)) > 20
        assert f"  {family:10}  {headline_of(family)}\n" in told
