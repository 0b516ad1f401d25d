"""`make bench` on several devices, of which some families run on one alone."""

from __future__ import annotations

import pytest

from benchmarks.speed import run as speed_run
from benchmarks.speed.run import machine_here, measured

ONLY_ON_THE_CPU = ["bootstrap", "matching", "priors"]


@pytest.fixture(autouse=True)
def _invented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "tests.benchmarks.invented_device")


def test_a_device_without_a_trial_has_no_rows_and_stops_nobody(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured(["cpu", "cuda:0"], ["priors"], quick=True)
    assert {row.device for row in run.rows} == {"cpu"}
    assert [device.name for device in run.devices] == ["cpu"]
    assert "nothing of priors runs on cuda:0" in capfd.readouterr().err
    monkeypatch.setattr(speed_run, "DEVICES", ("cpu",))
    assert run.machine == machine_here()


def test_measured_says_that_nothing_runs_where_asked() -> None:
    message = "nothing of bootstrap, matching, priors runs on cuda:0"
    with pytest.raises(SystemExit, match=message):
        measured(["cuda:0"], ONLY_ON_THE_CPU)
