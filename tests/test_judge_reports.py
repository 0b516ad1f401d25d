"""What `refdet evaluate` prints and writes: pycocotools' lines, every file whole, and pictures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refdet.cli import main
from refdet.config import Evaluate
from refdet.judge_files import evaluate_files
from tests.data import every_format, voc_folder
from tests.test_judge_files import Capture, evaluate, refused

REPORTS = {
    "confusion.csv",
    "confusion.png",
    "false_positive_images.txt",
    "false_positives.csv",
    "false_positives.json",
    "metrics.csv",
    "metrics.json",
    "metrics.md",
    "precision_recall.png",
    "totals.csv",
}


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth with its images in `pictures` beside it, and detections."""
    gt = every_format.ground_truth_in("coco", tmp_path / "gt")
    return gt, every_format.detections_in("coco", tmp_path / "dt")


def crowded(root: Path) -> tuple[Path, Path]:
    """One image with 12 objects, found by the last of 120 detections, so that limits matter."""
    rng = np.random.default_rng(0)
    boxes = [[80.0 * (n % 4), 80.0 * (n // 4), 40.0 + n, 60.0] for n in range(12)]
    misses = [[900.0, 900.0, *rng.uniform(1, 20, 2).tolist()] for _ in range(108)]
    common: dict[str, object] = {"image_id": 1, "category_id": 1}
    annotations = [
        {**common, "id": n + 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for n, box in enumerate(boxes)
    ]
    contents = {
        "images": [{"id": 1, "file_name": "a.png", "width": 1000, "height": 1000}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": annotations,
    }
    # Three objects are among the best ten, five more within a hundred, all within three hundred.
    order = [*boxes[:3], *misses[:7], *boxes[3:8], *misses[7:], *boxes[8:]]
    scores = np.linspace(0.99, 0.01, len(order)).tolist()
    found = [
        {**common, "bbox": box, "score": score} for box, score in zip(order, scores, strict=True)
    ]
    (root / "gt.json").write_text(json.dumps(contents))
    (root / "dt.json").write_text(json.dumps(found))
    return root / "gt.json", root / "dt.json"


def lines_of_pycocotools(
    gt: Path, dt: Path, capsys: Capture, limits: tuple[int, int, int] = (1, 10, 100)
) -> list[str]:
    """The twelve lines that pycocotools prints of the same files."""
    truth = COCO(str(gt))
    judge = COCOeval(truth, truth.loadRes(str(dt)), "bbox")
    judge.params.maxDets = list(limits)
    judge.evaluate()
    judge.accumulate()
    capsys.readouterr()
    judge.summarize()
    return capsys.readouterr().out.splitlines()


def coco_lines_of(gt: Path, dt: Path, capsys: Capture, *options: object) -> list[str]:
    evaluate("--gt", gt, "--dt", dt, "--coco", *options)
    return capsys.readouterr().out.splitlines()[-12:]


def test_coco_lines_are_those_of_pycocotools(coco_fake100: Path, capsys: Capture) -> None:
    files = coco_fake100 / "gt.json", coco_fake100 / "detections.json"
    want = lines_of_pycocotools(*files, capsys)
    assert len(want) == 12
    assert coco_lines_of(*files, capsys) == want


@pytest.mark.parametrize(("limit", "ap50"), [(10, 3), (100, 8), (300, 12)])
def test_coco_lines_at_any_limit_are_those_of_pycocotools(
    tmp_path: Path, capsys: Capture, limit: int, ap50: int
) -> None:
    files = crowded(tmp_path)
    got = coco_lines_of(*files, capsys, "--max-detections", limit)
    want = lines_of_pycocotools(*files, capsys, (1, 10, limit))
    # pycocotools looks for the limit 100 alone in its first line, and prints -1.000.
    first = 0 if limit == 100 else 1
    assert got[first:] == want[first:]
    assert f"maxDets={limit:>3d} ] = {ap50 / 12:.3f}" in got[8]  # AR: the objects within the limit
    assert re.search(rf"maxDets={limit:>3d} \] = 0\.[1-9]", got[0])


def test_evaluate_writes_every_report_and_pictures_of_coco(
    coco: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    gt, dt = coco
    output = tmp_path / "made" / "out"
    evaluate("--gt", gt, "--dt", dt, "--images", gt.parent / "pictures", "--output", output)
    assert {file.name for file in output.iterdir()} == {*REPORTS, "pictures"}
    assert f"reports: {output}   pictures: {output / 'pictures'} (3)" in capsys.readouterr().out
    for file in (*output.glob("*.png"), *(output / "pictures").iterdir()):
        with Image.open(file) as picture:
            picture.load()
            assert min(picture.size) > 100
    report = json.loads((output / "false_positives.json").read_text())
    kinds = {(record["image"], record["kind"]) for record in report["false_positives"]}
    # By hand: the cat at 256 / 768 of the other, and nothing in the third image.
    assert kinds == {("b.png", "localization"), ("c.png", "background")}
    assert (output / "false_positive_images.txt").read_text().split() == ["b.png", "c.png"]


def test_evaluate_of_coco_without_images_writes_reports_alone(
    coco: tuple[Path, Path], tmp_path: Path
) -> None:
    gt, dt = coco
    evaluate("--gt", gt, "--dt", dt, "--output", tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == REPORTS


def test_evaluate_tells_of_a_few_images_why_they_are_not_drawn(
    tmp_path: Path, capsys: Capture
) -> None:
    names = [f"{n:02d}" for n in range(12)]
    contents = {
        "images": [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
    }
    (tmp_path / "gt.json").write_text(json.dumps(contents))
    (tmp_path / "dt.json").write_text("[]")
    (tmp_path / "images").mkdir()
    for name in names:
        (tmp_path / "images" / f"{name}.png").write_text("no pixels")
    evaluate("--gt", tmp_path / "gt.json", "--dt", tmp_path / "dt.json",
             "--images", tmp_path / "images", "--output", tmp_path / "out")  # fmt: skip
    told = [line for line in capsys.readouterr().out.splitlines() if "not drawn: " in line]
    assert len(told) == 11
    assert "09.png" in told[9]
    assert told[10] == "not drawn: 2 more"


def test_evaluate_names_a_file_on_the_wrong_side(coco: tuple[Path, Path]) -> None:
    gt, dt = coco
    message = refused("--gt", dt, "--dt", gt)
    assert message == (
        f"refdet: {dt} looks like detections (--dt): coco (a JSON list); "
        "ground truth (--gt) was to be read"
    )
    message = refused("--gt", gt, "--dt", gt)
    assert message == (
        f"refdet: {gt} looks like ground truth (--gt): coco (a JSON object); "
        "detections (--dt) was to be read"
    )


def test_evaluate_names_a_file_that_is_not_there(coco: tuple[Path, Path], tmp_path: Path) -> None:
    gt, dt = coco
    absent = tmp_path / "absent.json"
    assert refused("--gt", absent, "--dt", dt) == f"refdet: ground truth: {absent} is not there"
    assert refused("--gt", gt, "--dt", absent) == f"refdet: detections: {absent} is not there"
    assert "is a file; a folder is written" in refused("--gt", gt, "--dt", dt, "--output", gt)


def test_evaluate_names_the_splits_of_a_folder(tmp_path: Path) -> None:
    root = voc_folder.clean_folder(tmp_path / "voc")
    dt = every_format.detections_in("csv", tmp_path / "dt", [])
    assert "name one of the splits: train, val" in refused("--gt", root, "--dt", dt)
    message = refused("--gt", root, "--dt", dt, "--split", "test")
    assert "test.txt: is missing; the splits that exist: train, val" in message


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_evaluate_that_is_stopped_leaves_whole_files(
    coco: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    gt, dt = coco
    output = tmp_path / "out"
    arguments = ("--gt", gt, "--dt", dt, "--output", output)
    evaluate(*arguments)
    before = {file.name: file.read_bytes() for file in output.iterdir()}

    def stopped(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise error("the disk is full")

    # In the middle of the first plot, after metrics.json and its neighbours.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", stopped)
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments), "--score-threshold", "0.7"])
    assert ended.value.code == (130 if error is KeyboardInterrupt else "refdet: the disk is full")
    after = {file.name: file.read_bytes() for file in output.iterdir()}
    assert after.keys() == before.keys()
    assert after["metrics.json"] != before["metrics.json"]
    assert json.loads(after["metrics.json"])["classes"][0]["score_threshold"] == 0.7
    assert after["precision_recall.png"] == before["precision_recall.png"]


def test_evaluate_files_returns_the_exit_code(coco: tuple[Path, Path]) -> None:
    assert evaluate_files(Evaluate(gt=coco[0], dt=coco[1:])) == 0


OF_OTHERS = {
    *("PIL", "defusedxml", "matplotlib", "pandas", "torch", "tqdm", "yaml"),
    *("refdet.config_train", "refdet.data.source", "refdet.data.yolo", "refdet.judge"),
}
"""What training, folders of images, reports and several processes need, and two JSON files do not.
Loading them takes longer than judging a hundred images."""


def test_evaluate_of_json_loads_what_it_needs_and_no_more(coco: tuple[Path, Path]) -> None:
    gt, dt = map(str, coco)
    program = f"""
import sys
from refdet.cli import main
try:
    main(["evaluate", "--gt", {gt!r}, "--dt", {dt!r}, "--coco"])
finally:
    loaded = {OF_OTHERS!r} & set(sys.modules)
    assert not loaded, loaded
"""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Average Recall" in done.stdout


def test_help_has_an_example_of_each_format(capsys: Capture) -> None:
    evaluate("--help")
    shown = capsys.readouterr().out
    for name in ("COCO", "Pascal VOC", "YOLO", "npy and CSV"):
        assert re.search(rf"^{name}.*: refdet evaluate --gt .* --dt ", shown, re.MULTILINE)
