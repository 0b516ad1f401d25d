"""The times of the commands: which are run, on what, and what becomes of one that fails."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.analysis.run import LINES, Outcome, exists, measured, table, write_inputs
from benchmarks.evaluation.workloads import Size, synthetic

SMALL = Size(images=6, objects=30, detections=80, categories=3)


def test_write_inputs_makes_two_runs_that_differ_in_their_scores_alone(tmp_path: Path) -> None:
    write_inputs(synthetic(SMALL), tmp_path)
    truth, a, b = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("gt", "a", "b"))
    assert (len(truth["images"]), len(truth["annotations"]), len(a)) == (6, 30, 80)
    for one in (*a, *b):
        assert 0 <= one["score"] <= 1
    assert [one.pop("score") for one in a] != [one.pop("score") for one in b]
    assert a == b
    with (tmp_path / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [one["file_name"] for one in truth["images"]]
    assert list(rows[0]) == ["image", "site", "camera", "date"]


def test_measured_has_seconds_and_peak_of_a_command_and_outlives_a_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_inputs(synthetic(SMALL), tmp_path)
    done = measured("evaluate --gt gt.json --dt a.json", tmp_path, 1)
    failed = measured("evaluate --gt gt.json --dt nothing.json", tmp_path, 1)
    written = measured("convert --gt gt.json --dt a.json --to csv --output out.csv", tmp_path, 2)
    assert 0.05 < done.seconds[0] < 60
    assert 20e6 < done.peak_bytes[0] < 2e9
    assert done.problem == written.problem == ""
    assert len(written.seconds) == 2
    assert (tmp_path / "out1.csv").read_bytes() == (tmp_path / "out0.csv").read_bytes()
    assert failed.seconds == ()
    assert "nothing.json" in failed.problem
    assert "evaluate --gt gt.json --dt a.json: " in capfd.readouterr().err


def test_exists_knows_commands_and_their_options() -> None:
    assert exists("evaluate --gt gt.json --dt a.json")
    assert not exists("evaluate --gt gt.json --unheard-of a.json")
    assert not exists("unheard-of --gt gt.json")
    assert exists(LINES[0])


def test_table_has_a_row_for_each_command() -> None:
    done = Outcome("evaluate", (1.0, 3.0, 2.0), (10**8, 3 * 10**8, 2 * 10**8))
    failed = Outcome("compare", problem="no such file")
    assert [row.replace(" ", "") for row in table([done, failed]).splitlines()[2:]] == [
        "|`refdetevaluate`|2.0|200|",
        "|`refdetcompare`|failed|nosuchfile|",
    ]
