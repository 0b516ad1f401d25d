"""`refdet compare` as its users meet it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from refdet.cli import main
from tests.data.every_format import DETECTIONS, detections_in, ground_truth_in

Capture = pytest.CaptureFixture[str]
BETTER = (*DETECTIONS[:3], ("b", "cat", (0, 0, 32, 16), 0.6))
"""The second cat is found, and the dog of nothing is gone."""


def compare(*arguments: object) -> None:
    """Run the command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments), "--samples", "100"])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which the command stops."""
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments), "--samples", "100"])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


def files(root: Path) -> tuple[Path, Path, Path]:
    """Ground truth, and two runs in different formats."""
    a = detections_in("csv", root / "a")
    b = detections_in("coco", root / "b", BETTER)
    return ground_truth_in("coco", root / "truth"), a, b


def test_compare_prints_every_number_and_the_verdict_last(tmp_path: Path, capsys: Capture) -> None:
    truth, a, b = files(tmp_path)
    compare(a, b, "--gt", truth)
    shown = capsys.readouterr().out
    # By hand: AP (51 / 101 + 0.3) / 2; then all cats, and the dog at 6 of 10 thresholds.
    rows = [line.split()[:6] for line in shown.splitlines()]
    assert ["AP", "0.402", "0.800", "+0.398", "-", "-"] in rows
    assert ["dog", "0.300", "0.600", "+0.300", "-", "-"] in rows
    assert f"\nA: {a.name}\nB: {b.name}\n" in shown  # no more of a path than is needed
    last = " ".join(shown.rpartition("\n\n")[2].split())
    assert last.startswith(
        f"No difference is shown: {b.name}'s AP is 0.398 higher than {a.name}'s, but 2 "
    )
    assert max(len(line) for line in shown.splitlines() if "tmp" not in line) <= 100


def test_compare_a_run_with_itself_finds_nothing(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    compare(a, a, "--gt", truth, "--output", tmp_path / "out")
    assert "do not differ in AP: it is 0.402 for both." in " ".join(capsys.readouterr().out.split())
    read = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert (read["images"], read["changes"]) == ([], [])
    assert list((tmp_path / "out").glob("pictures/*")) == []


def test_compare_writes_files_and_pictures(tmp_path: Path, capsys: Capture) -> None:
    truth, a, b = files(tmp_path)
    out = tmp_path / "out"
    pictures = truth.parent / "pictures"
    compare(a, b, "--gt", truth, "--images", pictures, "--output", out, "--max-pictures", 2)
    assert f"comparison: {out}   pictures: {out / 'pictures'} (2)" in capsys.readouterr().out
    # b: a cat found, a false positive gone; c: a false positive gone.
    assert {file.relative_to(out).as_posix() for file in out.rglob("*.*")} == {
        *("comparison.json", "comparison.csv", "comparison.md", "changes.csv"),
        *("pictures/changed_0001_b.png.png", "pictures/changed_0002_c.png.png"),
    }
    changes = (out / "changes.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:4] for line in changes[1:]] == [
        ["b.png", "found", "cat", "0.6"],
        ["b.png", "removed false positive", "cat", "0.6"],
        ["c.png", "removed false positive", "dog", "0.8"],
    ]


def test_compare_without_image_files_says_how_to_name_them(tmp_path: Path, capsys: Capture) -> None:
    truth, a, b = files(tmp_path)
    shutil.rmtree(truth.parent / "pictures")
    compare(a, b, "--gt", truth, "--output", tmp_path / "out")
    assert "no image files are known" in capsys.readouterr().out


def test_compare_takes_the_truth_that_lies_with_the_runs(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    b = detections_in("csv", tmp_path / "c", BETTER)
    for name, detections in (("first", a), ("second", b)):
        (tmp_path / name).mkdir()
        shutil.copy(truth, tmp_path / name / "ground_truth.json")
        shutil.copy(detections, tmp_path / name / "predictions.csv")
    compare(tmp_path / "first", tmp_path / "second")
    said = capsys.readouterr().out
    assert "0.402  0.800  +0.398" in said
    assert said.count("ground truth:") == 1
    # The truth of another split holds other images; its detections may well be in ours.
    other = json.loads(truth.read_text())
    other["images"] = [image for image in other["images"] if image["file_name"] != "c.png"]
    (tmp_path / "second" / "ground_truth.json").write_text(json.dumps(other))
    message = refused(tmp_path / "first", tmp_path / "second")
    assert "judged on different images, 3 and 2: 'c.png', id 20, is only among those of" in message
    compare(tmp_path / "first", tmp_path / "second", "--gt", truth)


def test_compare_refuses_a_file_for_its_output(tmp_path: Path) -> None:
    truth, a, b = files(tmp_path)
    assert "is a file; a folder is written" in refused(a, b, "--gt", truth, "--output", truth)


def test_compare_refuses_too_few_samples(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", "a", "b", "--samples", "99"])
    assert stopped.value.code == 2
    assert "--samples must be at least 100, got 99" in capsys.readouterr().err
