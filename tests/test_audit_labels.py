"""`refdet audit-labels` as its users meet it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from refdet.cli import main
from refdet.config_analysis import AuditLabels
from refdet.data.coco_json import read_coco_ground_truth
from tests.conftest import REPOSITORY
from tests.test_judge_files import Capture

CELLS = REPOSITORY / "fixtures" / "datasets" / "cells"
GT = ("--gt", CELLS, "--split", "val", "--classes", "WBC", "RBC", "Platelets")
HEADER = "image,class,score,x1,y1,x2,y2\n"
EMPTY_FIELD = "cells_0119"
"""An image of the split in which nothing is annotated."""


def refdet(*arguments: object) -> None:
    """Run a command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which `refdet audit-labels` stops."""
    with pytest.raises(SystemExit) as stopped:
        main(["audit-labels", *map(str, arguments)])
    return str(stopped.value.code)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Both see a cell in the empty field; the second sees another, more surely."""
    shared = f"{EMPTY_FIELD},RBC,0.8,20,20,50,50\n"
    alone = f"{EMPTY_FIELD},WBC,0.9,80,60,120,100\n"
    faint = f"{EMPTY_FIELD},WBC,0.04,0,0,40,40\n"
    (tmp_path / "a.csv").write_text(HEADER + shared)
    (tmp_path / "b.csv").write_text(HEADER + alone + shared + faint)
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_audit_labels_ranks_draws_and_writes(
    tmp_path: Path, runs: tuple[Path, Path], capsys: Capture
) -> None:
    output = tmp_path / "audit"
    refdet("audit-labels", *runs, *GT, "--output", output)
    said = capsys.readouterr().out
    assert "2 candidates in 1 image; all 2 runs agree on 1" in said
    assert said.endswith(f"pictures: {output / 'pictures'} (2 of 2 candidates, 1 sheet)\n")
    with (output / "candidates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["score"], row["runs"]) for row in rows] == [
        ("RBC", "0.8", "2"),
        ("WBC", "0.45", "1"),
    ]
    assert json.loads((output / "candidates.json").read_text())["runs"] == list(map(str, runs))
    assert sorted(file.name for file in (output / "pictures").iterdir()) == [
        f"candidate_0001_{EMPTY_FIELD}.png",
        f"candidate_0002_{EMPTY_FIELD}.png",
        "sheet_01.png",
    ]


def test_audit_labels_of_one_run_says_what_is_missing(
    tmp_path: Path, runs: tuple[Path, Path], capsys: Capture
) -> None:
    refdet("audit-labels", runs[1], *GT, "--output", tmp_path / "audit", "--max-pictures", 0)
    assert "by the score of one run" in capsys.readouterr().out
    assert list((tmp_path / "audit" / "pictures").glob("*")) == []


def test_audit_labels_writes_candidates_as_annotations(
    tmp_path: Path, runs: tuple[Path, Path]
) -> None:
    refdet("audit-labels", *runs, *GT, "--output", tmp_path / "audit", "--max-pictures", 0)
    written = read_coco_ground_truth(tmp_path / "audit" / "candidates_coco.json")
    assert len(written.images) == 25
    image = {name: row for row, name in enumerate(written.images.names)}[f"{EMPTY_FIELD}.png"]
    assert written.image_ids.tolist() == [written.images.ids[image]] * 2
    classes = dict(zip(written.categories.ids.tolist(), written.categories.names, strict=True))
    assert [classes[label] for label in written.category_ids.tolist()] == ["RBC", "WBC"]
    assert written.boxes_xywh.tolist() == [[20, 20, 30, 30], [80, 60, 40, 40]]
    assert written.area.tolist() == [900, 1600]


def test_audit_labels_refuses_what_it_cannot_rank(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    output = ("--output", tmp_path / "audit")
    logits = tmp_path / "logits.csv"
    logits.write_text(f"{HEADER}{EMPTY_FIELD},RBC,3.5,20,20,50,50\n")
    assert "cannot be averaged" in refused(runs[0], logits, *GT, *output)
    assert "is a file" in refused(*runs, *GT, "--output", runs[0])
    assert not (tmp_path / "audit").exists()


def test_audit_labels_refuses_a_run_that_agrees_with_itself(
    tmp_path: Path, runs: tuple[Path, Path]
) -> None:
    output = ("--output", tmp_path / "audit")
    a, b = runs
    same = tmp_path / "elsewhere" / ".." / a.name
    same.parent.parent.mkdir()
    assert f"{a} and {same} are one run: name each of them once" in refused(
        a, b, same, *GT, *output
    )
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "predictions.csv").write_text(b.read_text())
    again = folder / "predictions.csv"
    assert f"{folder} and {again} are one run" in refused(folder, again, *GT, *output)
    lines = b.read_text().splitlines()
    (tmp_path / "c.csv").write_text("\n".join([lines[0], *lines[:0:-1]]))
    copy = tmp_path / "c.csv"
    assert f"{b} and {copy} hold the same detections" in refused(a, b, copy, *GT, *output)
    assert not (tmp_path / "audit").exists()


def test_audit_labels_takes_runs_that_found_nothing(tmp_path: Path, capsys: Capture) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(HEADER)
    refdet("audit-labels", tmp_path / "a.csv", tmp_path / "b.csv", *GT, "--output", tmp_path / "o")
    assert "0 candidates in 0 images; all 2 runs agree on 0" in capsys.readouterr().out


def test_audit_labels_counts_the_pictures_that_could_be_drawn(
    tmp_path: Path, runs: tuple[Path, Path], capsys: Capture
) -> None:
    truth = tmp_path / "truth.json"
    image = {"id": 1, "file_name": f"{EMPTY_FIELD}.png", "width": 160, "height": 120}
    categories = [{"id": 1, "name": "RBC"}]
    truth.write_text(json.dumps({"images": [image], "annotations": [], "categories": categories}))
    refdet("audit-labels", runs[0], "--gt", truth, "--output", tmp_path / "audit")
    said = capsys.readouterr().out
    assert "1 candidate in 1 image, by the score of one run" in said
    assert "not drawn: " in said
    assert said.endswith("(0 of 1 candidate, 1 sheet)\n")


def test_audit_labels_options_are_checked_before_anything_is_read() -> None:
    nowhere = Path("nowhere")
    with pytest.raises(ValueError, match="name at least one run"):
        AuditLabels(runs=(), output=nowhere)
    with pytest.raises(ValueError, match=r"--score-threshold must be in \[0, 1\], got 2"):
        AuditLabels(runs=(nowhere,), output=nowhere, score_threshold=2)
