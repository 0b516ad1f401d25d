"""`refdet tune` as its users meet it, and the commands that read what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refdet.cli import main
from refdet.config import Evaluate
from refdet.config_analysis import Tune
from refdet.evaluate import EvaluationSettings
from refdet.reading import evaluation_settings
from tests.data.every_format import DETECTIONS, detections_in, ground_truth_in

Capture = pytest.CaptureFixture[str]
CLASSES = ("cat", "dog")


def run(*arguments: object) -> None:
    """Run a command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which a command stops."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth and detections."""
    return ground_truth_in("coco", tmp_path / "gt"), detections_in("csv", tmp_path / "dt")


def test_tune_prints_and_writes_the_thresholds_found_by_hand(
    files: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    truth, found = files
    run("tune", found, "--gt", truth, "--f-beta", 1, "--output", tmp_path / "a" / "t.json")
    # By hand: cat 2 / 3 at 0.9, 1 / 2 at 0.6; dog 0 at 0.8, 2 / 3 at 0.75.
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["cat", "2", "0.900", ".900-.900", "1.000", "0.500", "0.667"] in rows
    assert ["dog", "1", "0.750", ".750-.750", "0.500", "1.000", "0.667"] in rows
    written = json.loads((tmp_path / "a" / "t.json").read_text(encoding="utf-8"))
    assert written["thresholds"] == {"cat": 0.9, "dog": 0.75}
    assert written["criterion"] == {"f_beta": 1}
    assert (written["ground_truth"], written["run"]) == (str(truth), str(found))
    assert (written["split"], written["n_images"], written["iou_threshold"]) == ("gt", 3, 0.5)
    assert (written["samples"], written["seed"], written["refdet"]) == (1000, 0, "0.1.0")
    assert written["classes"][1]["precision"]["value"] == 0.5


def test_evaluate_reads_what_tune_has_written(
    files: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    truth, found = files
    run("tune", found, "--gt", truth, "--f-beta", 1, "--output", tmp_path / "t.json")
    capsys.readouterr()
    run("evaluate", "--gt", truth, "--dt", found, "--class-thresholds", tmp_path / "t.json")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    (cat,) = (row for row in rows if row[0] == "cat")
    (dog,) = (row for row in rows if row[0] == "dog")
    assert cat[1:8] == ["2", "1", "0", "1", "1.000", "0.500", "0.667"]
    assert dog[1:8] == ["1", "1", "1", "0", "0.500", "1.000", "0.667"]
    assert (cat[-1], dog[-1]) == ("0.9", "0.75")


def test_tune_says_which_class_keeps_its_threshold(
    files: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    truth, found = files
    options = ("--gt", truth, "--precision", 0.9, "--score-threshold", 0.3)
    run("tune", found, *options, "--output", tmp_path / "t.json")
    shown = capsys.readouterr().out
    assert ["dog", "1", "keeps", "0.3", "-", "0.500", "1.000", "0.667"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "dog: precision 0.500 at best, at 0.75 with recall 1.000: keeps 0.3" in shown
    assert max(map(len, shown.splitlines()[2:-1])) <= 100
    thresholds = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["thresholds"]
    assert thresholds == {"cat": 0.9, "dog": None}
    run("evaluate", "--gt", truth, "--dt", found, "--class-thresholds", tmp_path / "t.json")
    assert f"{tmp_path}/t.json: no threshold for dog, which keeps 0.5" in capsys.readouterr().out


def test_tune_takes_a_required_recall(files: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = files
    run("tune", found, "--gt", truth, "--recall", 0.5, "--output", tmp_path / "t.json")
    written = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert written["thresholds"] == {"cat": 0.9, "dog": 0.75}
    assert written["criterion"] == {"recall": 0.5}


@pytest.mark.parametrize(
    ("f_beta", "precision", "recall", "message"),
    [
        (None, None, None, "give one of --f-beta, --precision and --recall, got none"),
        (1, None, 0.9, "--recall, got --f-beta --recall"),
        (None, 0, None, r"--precision must be in \(0, 1\], got 0"),
        (None, None, 1.5, r"--recall must be in \(0, 1\], got 1.5"),
        (-1, None, None, r"--f-beta must be in \(0, inf\), got -1"),
        (float("inf"), None, None, r"--f-beta must be in \(0, inf\), got inf"),
    ],
)
def test_tune_refuses_criteria_by_name(
    f_beta: float | None, precision: float | None, recall: float | None, message: str
) -> None:
    run, output = Path("found.csv"), Path("t.json")
    with pytest.raises(ValueError, match=message):
        Tune(run=run, output=output, f_beta=f_beta, precision=precision, recall=recall)


def test_tune_refuses_a_name_that_class_thresholds_would_not_know() -> None:
    with pytest.raises(ValueError, match=r"t.txt: the file's name must end in .json"):
        Tune(run=Path("found.csv"), output=Path("t.txt"), f_beta=1)


def test_tune_refuses_scores_that_are_no_probabilities(tmp_path: Path) -> None:
    truth = ground_truth_in("coco", tmp_path / "gt")
    found = detections_in("coco", tmp_path / "dt", (*DETECTIONS, ("a", "cat", (0, 0, 8, 8), 7.5)))
    options = ("--gt", truth, "--f-beta", 1, "--output", tmp_path / "t.json")
    assert (
        f"{found}: thresholds are in [0, 1], and the scores are not: they go from 0.25 to 7.5"
        in (refused("tune", found, *options))
    )
    assert not (tmp_path / "t.json").exists()


def test_tune_refuses_a_folder_for_its_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = files
    (tmp_path / "t.json").mkdir()
    options = ("--gt", truth, "--f-beta", 1, "--output", tmp_path / "t.json")
    assert "t.json is a folder; a file is written" in refused("tune", found, *options)


# --- `--class-thresholds FILE.json`, which every command reads in this way ---


def settings(*entries: object, iou_threshold: float = 0.5) -> EvaluationSettings:
    config = Evaluate(
        gt=Path("gt.json"),
        dt=(Path("dt.json"),),
        class_thresholds=tuple(map(str, entries)),
        iou_threshold=iou_threshold,
    )
    return evaluation_settings(config, CLASSES)


def tuned(path: Path, **thresholds: float | None) -> Path:
    content = {"format": "refdet class thresholds", "version": 1, "iou_threshold": 0.5}
    path.write_text(json.dumps(content | {"thresholds": thresholds}), encoding="utf-8")
    return path


def test_single_thresholds_win_over_the_files(tmp_path: Path, capsys: Capture) -> None:
    file = tuned(tmp_path / "t.json", cat=0.75, dog=0.25)
    assert settings(file).class_thresholds == {0: 0.75, 1: 0.25}
    for entries in ((file, "dog=0.6"), ("1:0.6", file)):
        assert settings(*entries).class_thresholds == {0: 0.75, 1: 0.6}
    assert capsys.readouterr().out == ""


def test_a_class_without_threshold_in_the_file_is_told(tmp_path: Path, capsys: Capture) -> None:
    file = tuned(tmp_path / "t.json", cat=None)
    assert settings(file).class_thresholds == {}
    assert capsys.readouterr().out == f"{file}: no threshold for cat, dog, which keeps 0.5\n"
    assert settings(file, "cat=0.7", "dog=0.7").class_thresholds == {0: 0.7, 1: 0.7}
    assert capsys.readouterr().out == ""


def test_thresholds_tuned_at_another_iou_are_told(tmp_path: Path, capsys: Capture) -> None:
    file = tuned(tmp_path / "t.json", cat=0.75, dog=0.25)
    settings(file, iou_threshold=0.75)
    assert capsys.readouterr().out == f"{file}: tuned at IoU 0.5, used at 0.75\n"


def test_a_file_of_other_classes_is_refused(tmp_path: Path) -> None:
    file = tuned(tmp_path / "t.json", cat=0.75, bird=0.25, fish=None)
    message = "t.json: thresholds of 'bird', 'fish'; the classes are cat, dog"
    with pytest.raises(ValueError, match=message):
        settings(file)


def test_two_files_are_refused(tmp_path: Path) -> None:
    files = [tuned(tmp_path / name, cat=0.75) for name in ("a.json", "b.json")]
    with pytest.raises(ValueError, match=r"--class-thresholds takes one file, got .*a.json .*b.js"):
        settings(*files)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.json cannot be read: No such file"):
        settings("nowhere.json")


def test_an_iou_threshold_that_is_on_background_is_refused_by_its_option() -> None:
    for iou_threshold in (0.05, 0.0999, 0.0, 1.5, float("nan")):
        message = rf"--iou-threshold must be in \[0.1, 1\], got {iou_threshold:g}: below 0.1 a det"
        with pytest.raises(ValueError, match=message):
            settings(iou_threshold=iou_threshold)
    assert [settings(iou_threshold=iou).iou_threshold for iou in (0.1, 1.0)] == [0.1, 1.0]


@pytest.mark.parametrize("named", [False, True])
def test_tune_calls_the_split_as_the_folder_that_infer_has_written(
    files: tuple[Path, Path], tmp_path: Path, *, named: bool
) -> None:
    truth, found = files
    folder = tmp_path / "val"
    folder.mkdir()
    truth.rename(folder / "ground_truth.json")
    found.rename(folder / "predictions.csv")
    gt = ("--gt", folder / "ground_truth.json") if named else ()
    run("tune", folder, *gt, "--f-beta", 1, "--output", tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["split"] == "val"
