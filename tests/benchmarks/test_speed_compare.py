"""`make bench-compare`: a loss of more than a quarter is told, a slower machine is not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.speed.compare import changes, losses, main, verdict
from benchmarks.speed.runs import Run, write_run
from tests.benchmarks.speed_runs import row, run

Compared = Callable[..., object]
STORED = run(row("refdet.core", 4e-3), row("torchvision", 2e-3), row("loop", 9e-3))


def slower(by: float, machine: float = 1.0) -> Run:
    """Ours slower by a share, on a machine that takes `machine` times as long."""
    times = {"refdet.core": 4e-3 * (1 + by), "torchvision": 2e-3, "loop": 9e-3}
    return run(*(row(name, machine * seconds) for name, seconds in times.items()))


@pytest.fixture(name="compared")
def _compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compared:
    """The command on the stored run and a new one: its exit code."""

    def exit_code(new: Run, *options: str, stored: Run = STORED) -> object:
        for name, one in {"stored": stored, "new": new}.items():
            write_run(tmp_path / f"{name}.json", one)
        files = [str(tmp_path / "stored.json"), "--new", str(tmp_path / "new.json")]
        monkeypatch.setattr(sys, "argv", ["compare", *files, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    return exit_code


def test_bench_compare_fails_on_a_loss_of_26_percent_and_names_it(
    compared: Compared, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(slower(0.26)) == 1
    said = capsys.readouterr().out
    assert "1 ratios compared, 1 worse by more than 25%" in said
    assert "nms, a-few, cpu, float64, refdet.core" in said
    assert "+26%" in said


def test_bench_compare_passes_on_a_loss_of_24_percent(
    compared: Compared, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(slower(0.24)) == 0
    assert capsys.readouterr().out == "1 ratios compared, 0 worse by more than 25%\n"


@pytest.mark.parametrize("machine", [0.1, 3.0])
def test_bench_compare_does_not_look_at_absolute_times(machine: float) -> None:
    assert losses(STORED, slower(0.24, machine)) == []
    (lost,) = losses(STORED, slower(0.5, machine))
    assert lost.loss == pytest.approx(0.5)
    assert (lost.peer, lost.before) == ("torchvision", 2.0)
    assert lost.after == pytest.approx(3.0)


def test_bench_compare_does_not_mistake_a_better_peer_for_another() -> None:
    """The peer that was the fastest when stored is the one that counts now."""
    new = run(row("refdet.core", 4e-3), row("torchvision", 2e-3), row("loop", 1e-3))
    assert verdict(STORED, new)[1] == 0


def test_bench_compare_takes_the_next_peer_where_the_fastest_is_gone() -> None:
    (change,) = changes(STORED, run(row("refdet.core", 4e-3), row("loop", 4.5e-3)))
    assert change.peer == "loop"
    assert change.loss == pytest.approx(1.0)


def test_bench_compare_refuses_to_compare_nothing(compared: Compared) -> None:
    assert verdict(STORED, run())[1] == 2
    assert compared(run(row("refdet.core", 1.0))) == 2


def test_bench_compare_lists_the_worst_first() -> None:
    def at(first: float, second: float) -> Run:
        rows = [row("refdet.core", first), row("loop", 1.0)]
        more = [row("refdet.core", second, case="many"), row("loop", 1.0, case="many")]
        return run(*rows, *more)

    assert [change.after for change in losses(at(1.0, 1.0), at(1.5, 2.0))] == [2.0, 1.5]
