"""`refdet evaluate --bootstrap`: intervals in everything that is printed and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refdet.config import Evaluate
from tests.test_judge_files import Capture, evaluate
from tests.test_judge_reports import crowded, lines_of_pycocotools

N_IMAGES = 12
NOTE = "Intervals of 95 %: {} bootstrap samples of the {} images, seed {}."


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth and detections: a cat and a dog in each of 12 images, a part of them found."""
    ids = range(1, N_IMAGES + 1)
    images = [{"id": i, "file_name": f"{i}.png", "width": 60, "height": 40} for i in ids]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    boxes = {1: [0, 0, 10, 10], 2: [30, 0, 10, 10]}
    shifted = {1: [0, 20, 10, 10], 2: [36, 0, 10, 10]}
    pairs = [(image, label) for image in ids for label in boxes]
    annotations: list[dict[str, object]] = [
        {"id": n, "image_id": image, "category_id": label, "bbox": boxes[label]}
        | {"area": 100, "iscrowd": 0}
        for n, (image, label) in enumerate(pairs, 1)
    ]
    found: list[dict[str, object]] = [
        {"image_id": image, "category_id": label, "score": 0.9 - image / 30}
        | {"bbox": (shifted if (image + label) % 3 == 0 else boxes)[label]}
        for image, label in pairs
    ]
    gt, dt = tmp_path / "gt.json", tmp_path / "dt.json"
    truth = {"images": images, "categories": categories, "annotations": annotations}
    gt.write_text(json.dumps(truth), encoding="utf-8")
    dt.write_text(json.dumps(found), encoding="utf-8")
    return gt, dt


def test_evaluate_prints_intervals_of_as_many_samples_as_are_asked_for(
    coco: tuple[Path, Path], capsys: Capture
) -> None:
    gt, dt = coco
    evaluate("--gt", gt, "--dt", dt)
    without = capsys.readouterr().out.splitlines()
    evaluate("--gt", gt, "--dt", dt, "--bootstrap", 120, "--seed", 3)
    lines = capsys.readouterr().out.splitlines()
    assert NOTE.format(120, N_IMAGES, 3) in lines
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
    assert lines[place + 12] == "Their intervals:"
    # Of one image nothing can be told.
    assert [line.split(" = ") for line in lines[place + 13 :]] == [
        [line.split(" = ")[0], "-"] for line in want
    ]


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
    assert NOTE.format(150, N_IMAGES, 0) in (folders[0] / "metrics.md").read_text()


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
