"""`refdet evaluate --bootstrap`: intervals in everything that is printed and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refdet.config import Evaluate
from refdet.report.coco_lines import coco_lines
from tests.data import every_format
from tests.test_judge_files import Capture, evaluate
from tests.test_judge_reports import crowded, lines_of_pycocotools

NOTE = "Intervals of 95 %: {} bootstrap samples of the {} images, seed {}."


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth and detections."""
    gt = every_format.ground_truth_in("coco", tmp_path / "gt")
    return gt, every_format.detections_in("coco", tmp_path / "dt")


def test_evaluate_prints_intervals_of_as_many_samples_as_are_asked_for(
    coco: tuple[Path, Path], capsys: Capture
) -> None:
    gt, dt = coco
    evaluate("--gt", gt, "--dt", dt)
    without = capsys.readouterr().out.splitlines()
    evaluate("--gt", gt, "--dt", dt, "--bootstrap", 120, "--seed", 3)
    lines = capsys.readouterr().out.splitlines()
    assert NOTE.format(120, 3, 3) in lines
    assert [line for line in lines if line in without] == without
    header = next(line for line in lines if line.split()[1:3] == ["P", "R"])
    assert lines.index(header) > lines.index(next(line for line in lines if "macro" in line))


def test_evaluate_leaves_cocos_lines_as_they_are_beside_intervals(
    tmp_path: Path, capsys: Capture
) -> None:
    gt, dt = crowded(tmp_path)
    want = lines_of_pycocotools(gt, dt, capsys)
    evaluate("--gt", gt, "--dt", dt, "--coco", "--bootstrap", 100)
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(want[0])
    assert lines[place : place + 12] == want
    assert lines[place + 12] == NOTE.format(100, 1, 0)
    # Of one image every sample is the data set itself.
    values = [line.split(" = ")[1] for line in want]
    spans = [line.split(" = ")[1] for line in lines[place + 13 :]]
    assert spans == ["-" if value == "-1.000" else f"{value} to {value}" for value in values]
    assert len(coco_lines([0] * 12)) == len(spans)


def test_evaluate_writes_the_intervals_that_it_prints(
    coco: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refdet.judge.write_figure", lambda *_: None)
    gt, dt = coco
    folders = [tmp_path / name for name in ("first", "again", "other", "without")]
    for folder, options in zip(
        folders,
        (("--bootstrap", 150), ("--bootstrap", 150), ("--bootstrap", 150, "--seed", 1), ()),
        strict=True,
    ):
        evaluate("--gt", gt, "--dt", dt, "--output", folder, *options)
    first, again, other, without = (
        json.loads((folder / "metrics.json").read_text()) for folder in folders
    )
    assert first == again
    assert first["intervals"]["n_samples"] == 150
    assert other["intervals"]["seed"] == 1
    assert other["intervals"]["totals"] != first["intervals"]["totals"]
    assert {**without, "intervals": first["intervals"]} == first
    low, high = first["intervals"]["totals"]["micro_recall"]
    assert low < first["totals"]["micro_recall"] < high
    assert "precision_low" in (folders[0] / "metrics.csv").read_text().splitlines()[0]
    assert "mean_ap_high" in (folders[0] / "totals.csv").read_text().splitlines()[0]
    assert NOTE.format(150, 3, 0) in (folders[0] / "metrics.md").read_text()


@pytest.mark.parametrize(
    ("n_samples", "seed", "message"),
    [
        (99, 0, "--bootstrap must be at least 100, got 99"),
        (-1, 0, "--bootstrap must be at least 100, got -1"),
        (100, -1, "--seed must be at least 0, got -1"),
        (0, 4, "--seed 4 is of --bootstrap, which draws no samples"),
    ],
)
def test_evaluate_refuses_samples_that_make_no_interval(
    n_samples: int, seed: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Evaluate(gt=Path("gt"), dt=(Path("dt"),), bootstrap=n_samples, seed=seed)
