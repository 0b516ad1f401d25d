"""`make bench-throughput` refuses what it cannot do before it does anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.throughput import run
from benchmarks.throughput.run import parser, planned


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--turns", "0", "'0' is no whole number of at least 1"),
        ("--batch-size", "0", "'0' is no whole number of at least 1"),
        ("--steps", "0", "'0' is no whole number of at least 1"),
        ("--steps", "1.5", "'1.5' is no whole number of at least 1"),
        ("--threads", "0", "'0' is no whole number of at least 1"),
        ("--workers", "-1", "'-1' is no whole number of at least 0"),
        ("--device", "cuda:77", "no device 'cuda:77' on this machine; there is cpu"),
        ("--device", "gpu", "no device 'gpu' on this machine; there is cpu"),
        ("--output", "/nope/x.json", "/nope/x.json cannot be written"),
        ("--output", "/", "/ cannot be written: name a file in a folder"),
    ],
)
def test_main_names_a_wrong_argument_and_measures_nothing(
    option: str,
    text: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "measured", None)
    monkeypatch.setattr(run, "measured_input", None)
    monkeypatch.setattr("sys.argv", ["run", f"{option}={text}"])
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_planned_does_what_is_asked_and_has_defaults(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    words = "--device cpu --batch-size 1 --steps 3 --turns 1 --workers 0 --size 1 2 --output"
    asked = parser().parse_args([*words.split(), str(file)])
    plan = planned(asked)
    assert (plan.device, plan.batch_size, plan.steps) == (torch.device("cpu"), 1, 3)
    assert (plan.turns, plan.workers, asked.size, asked.output) == (1, 0, [1, 2], file)
    usual = planned(parser().parse_args(["--device", "cpu"]))
    assert (usual.batch_size, usual.steps, usual.turns) == (2, 1, 5)
