"""`refdet evaluate --errors`: what is printed and written, and that it is off by default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.every_format import detections_in, ground_truth_in
from tests.test_judge_files import Capture, evaluate


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth and detections, both of COCO's format."""
    return ground_truth_in("coco", tmp_path / "gt"), detections_in("coco", tmp_path / "dt")


def test_evaluate_prints_no_errors_unless_asked(
    coco: tuple[Path, Path], capsys: Capture, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    evaluate("--gt", coco[0], "--dt", coco[1], "--output", output, "--max-pictures", 0)
    assert "AP back" not in capsys.readouterr().out
    assert not list(output.glob("errors.*"))


def test_evaluate_prints_and_writes_the_errors_found_by_hand(
    coco: tuple[Path, Path], capsys: Capture, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    evaluate(
        *("--gt", coco[0], "--dt", coco[1], "--errors"),
        *("--output", output, "--max-pictures", 0),
    )
    # The second cat of a is a duplicate. That of b, at an IoU of 1/3, would find the cat there,
    # which is thus not missed: from 51/101 to 1. The dog in c is on background: from 1/2 to 1.
    # LRP at 0.5: cat (0 + 1 + 1) / 3, dog (0.25 / 0.5 + 1 + 0) / 2; best: cat at 0.9, (0 + 1) / 2.
    counts = {"localization": 1, "duplicate": 1, "background": 1}
    gains = {"localization": 25 / 101, "background": 0.25}
    written = json.loads((output / "errors.json").read_text())
    assert [one["name"] for one in written["classes"]] == ["cat", "dog"]
    lines = capsys.readouterr().out.splitlines()
    for one in written["kinds"]:
        (line,) = (line for line in lines if line.startswith(f"{one['kind']} "))
        assert line.split()[1:3] == [str(one["count"]), f"{one['ap_gain']:.3f}"]
        assert one["count"] == counts.get(one["kind"], 0)
        assert one["ap_gain"] == pytest.approx(gains.get(one["kind"], 0.0))
    assert written["mean_lrp"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    best = [one["optimal_lrp"] for one in written["classes"]]
    assert [one["score_threshold"] for one in best] == [0.9, 0.75]
    assert [one["error"] for one in best] == pytest.approx([0.5, 0.75])
    assert (output / "errors.csv").read_text().startswith("name,ap,confusion,")
