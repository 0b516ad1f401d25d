"""`refdet evaluate` as its users meet it: any format, in parts, and what is said of the input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from refdet.cli import main
from tests.data.every_format import (
    AP,
    AP50,
    CATEGORY_IDS,
    COUNTED,
    DETECTION_FORMATS,
    DETECTIONS,
    GROUND_TRUTH_FORMATS,
    IMAGE_IDS,
    SPLIT,
    detections_in,
    ground_truth_in,
)

Capture: TypeAlias = pytest.CaptureFixture[str]


def evaluate(*arguments: object) -> None:
    """Run the command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *map(str, arguments)])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which the command stops."""
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *map(str, arguments)])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


def told(capsys: Capture) -> tuple[list[str], str]:
    """What was said about the input, and the table."""
    said, header, table = capsys.readouterr().out.partition("\nclass ")
    return said.splitlines(), header + table.partition("reports: ")[0]


def options_of(file_format: str) -> Sequence[object]:
    """A split's name; and what names the classes where files hold numbers alone."""
    names = ("--classes", "cat", "dog") if file_format == "npy-csv" else ()
    return () if file_format == "coco" else ("--split", SPLIT, *names)


def ids_in(file_format: str) -> dict[str, int]:
    """What COCO's results call images and classes of that ground truth."""
    if file_format == "coco":
        return IMAGE_IDS | CATEGORY_IDS
    # YOLO's numbers are those of its files; of names, the first is 1.
    return COUNTED | ({"cat": 0, "dog": 1} if file_format == "yolo" else {})


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Ground truth and detections, both of COCO's format."""
    return ground_truth_in("coco", tmp_path / "gt"), detections_in("coco", tmp_path / "dt")


def test_evaluate_of_any_two_formats_gives_the_numbers_found_by_hand(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refdet.judge.write_figure", lambda *_: None)  # 16 times takes too long
    tables: set[str] = set()
    metrics: set[str] = set()
    for gt_format in GROUND_TRUTH_FORMATS:
        gt = ground_truth_in(gt_format, tmp_path / gt_format)
        if gt_format == "coco":  # without splits; the file's name is told instead
            gt = gt.rename(gt.with_stem(SPLIT))
        ids = ids_in(gt_format)
        for dt_format in DETECTION_FORMATS:
            root = tmp_path / f"{gt_format}_{dt_format}"
            dt = detections_in(dt_format, root, ids=ids)
            output = root / "out"
            evaluate("--gt", gt, "--dt", dt, *options_of(gt_format), "--output", output,
                     "--max-pictures", 0)  # fmt: skip
            said, table = told(capsys)
            assert said[0].startswith(f"ground truth: {gt_format} (auto: ")
            assert said[-1].startswith(f"detections: {dt_format} (auto: ")
            has_counted_ids = dt_format == "coco" and gt_format != "coco"
            assert any(line.startswith("ids of COCO results") for line in said) == has_counted_ids
            tables.add(table)
            metrics.add((output / "metrics.json").read_text())
    (table,), (text,) = tables, metrics
    by_name = {entry["name"]: entry for entry in json.loads(text)["classes"]}
    counts = {
        name: [entry[f"{kind}s"] for kind in ("true_positive", "false_positive", "false_negative")]
        for name, entry in by_name.items()
    }
    assert counts == {"cat": [1, 1, 1], "dog": [1, 1, 0]}
    for key, by_hand in (("ap50", AP50), ("ap", AP)):
        for name, value in by_hand.items():
            assert by_name[name][key] == pytest.approx(value, abs=1e-12)
    assert f"Split {SPLIT}, 3 images." in table


@pytest.mark.parametrize("dt_format", DETECTION_FORMATS)
def test_evaluate_of_several_parts_equals_that_of_one(
    tmp_path: Path, capsys: Capture, dt_format: str
) -> None:
    gt = ground_truth_in("coco", tmp_path / "gt")
    whole = detections_in("csv", tmp_path / "whole")
    parts = [
        detections_in(dt_format, tmp_path / f"part_{image}",
                      [row for row in DETECTIONS if row[0] == image])
        for image in "cab"
    ]  # fmt: skip
    evaluate("--gt", gt, "--dt", whole, "--coco")
    _, want = told(capsys)
    evaluate("--gt", gt, "--dt", *parts, "--coco")
    said, got = told(capsys)
    assert got == want
    named = [line for line in said if f"detections: {dt_format}" in line]
    assert [line.startswith(f"{part}: ") for line, part in zip(named, parts, strict=True)] == (
        [True] * 3
    )


@pytest.mark.parametrize(
    ("gt_format", "suffix", "first"),
    [("voc", ".png", 1), ("yolo", ".png", 0), ("npy-csv", ".npy", 1)],
)
def test_evaluate_says_what_ids_are_taken_to_mean(
    tmp_path: Path, capsys: Capture, gt_format: str, suffix: str, first: int
) -> None:
    gt = ground_truth_in(gt_format, tmp_path / "gt")
    dt = detections_in("coco", tmp_path / "dt", ids=ids_in(gt_format))
    csv = detections_in("csv", tmp_path / "csv", [])
    evaluate("--gt", gt, "--dt", csv, dt, *options_of(gt_format))
    sentence = "ids of COCO results are taken as this folder's: "
    assert f"{sentence}image 1 is a{suffix}, class {first} is cat" in told(capsys)[0]


def test_evaluate_names_what_the_ground_truth_does_not_know(
    coco: tuple[Path, Path], tmp_path: Path
) -> None:
    gt, dt = coco
    entries = json.loads(dt.read_text())
    for key, value, what in (
        ("image_id", 77, r"no image of id 77 (its ids go from 10 to 30)"),
        ("category_id", 5, r"no class of id 5 (its ids go from 3 to 7)"),
    ):
        dt.write_text(json.dumps([*entries, {**entries[0], key: value}]))
        message = refused("--gt", gt, "--dt", dt)
        assert message.startswith(f"refdet: {dt}, entry 5: the ground truth has {what}; ")
        assert "--ignore-unknown" in message
    rows = [*DETECTIONS, ("z", "cat", (0, 0, 1, 1), 1.0)]
    csv = detections_in("csv", tmp_path / "csv", rows)
    assert f"{csv}, line 7: the ground truth has no image 'z'" in refused("--gt", gt, "--dt", csv)


def test_evaluate_counts_what_is_unknown_when_asked(
    coco: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    gt, dt = coco
    evaluate("--gt", gt, "--dt", dt)
    _, want = told(capsys)
    box = (0, 0, 1, 1)
    more = [("z", "cat", box, 1.0), ("z", "cow", box, 1.0), ("a", "cow", box, 1.0)]
    csv = detections_in("csv", tmp_path / "csv", [*more, *DETECTIONS])
    evaluate("--gt", gt, "--dt", csv, "--ignore-unknown")
    said, got = told(capsys)
    assert got == want
    assert said[2:] == [
        "left out: 2 detections in images without ground truth",
        "left out: 1 detections of classes without ground truth",
    ]


def test_evaluate_tells_how_many_objects_are_marked_ignore(
    coco: tuple[Path, Path], capsys: Capture
) -> None:
    gt, dt = coco
    contents = json.loads(gt.read_text())
    # A crowd that is marked as well is counted by nobody.
    contents["annotations"][2].update(ignore=1, iscrowd=1)
    for n_ignored, sentence in enumerate(["1 object is marked", "2 objects are marked"]):
        contents["annotations"][n_ignored]["ignore"] = 1
        gt.write_text(json.dumps(contents))
        evaluate("--gt", gt, "--dt", dt)
        said, table = told(capsys)
        assert f"{sentence} ignore: not counted (pycocotools counts them)" in said
        # The first detection of the cat has found what does not count, and is not wrong either.
        assert f"Objects that do not count: {n_ignored + 2}" in table


def test_evaluate_says_nothing_of_what_is_usual(
    coco: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    box = (0, 0, 8, 8)
    ends = [("a", "cat", box, 0.0), ("a", "cat", box, 1.0)]  # the least and the highest score
    evaluate("--gt", coco[0], "--dt", detections_in("csv", tmp_path / "csv", ends))
    assert told(capsys)[0] == [
        "ground truth: coco (auto: a JSON object)",
        "detections: csv (auto: a .csv file)",
    ]


def test_evaluate_of_scores_that_are_no_probabilities(
    coco: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    gt, dt = coco
    evaluate("--gt", gt, "--dt", dt)
    _, want = told(capsys)
    entries = json.loads(dt.read_text())
    # The same order, and the same detections from 0.5 on.
    dt.write_text(json.dumps([{**entry, "score": 20 * entry["score"] - 9} for entry in entries]))
    pictures = gt.parent / "pictures"
    evaluate("--gt", gt, "--dt", dt, "--images", pictures, "--output", tmp_path / "out")
    said, got = told(capsys)
    assert got == want
    assert said[-1] == (
        "scores go from -4 to 9: AP needs their order alone; counted is what reaches "
        "--score-threshold 0.5 as it stands; no pictures are drawn, which need scores in [0, 1]"
    )
    assert list((tmp_path / "out" / "pictures").glob("*")) == []
    arguments = ("--gt", gt, "--dt", dt, "--score-threshold", 9)
    assert refused(*arguments) == "refdet: score_threshold = 9.0 is not in [0, 1]"


@pytest.mark.parametrize("dt_format", ["coco", "csv"])
def test_evaluate_without_any_detection(tmp_path: Path, capsys: Capture, dt_format: str) -> None:
    gt = ground_truth_in("coco", tmp_path / "gt")
    dt = detections_in(dt_format, tmp_path / "dt", [])
    evaluate("--gt", gt, "--dt", dt, "--coco", "--output", tmp_path / "out")
    _, table = told(capsys)
    assert table.count("= 0.000") == 8
    assert table.count("= -1.000") == 4  # medium and large objects, of which there are none
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [entry["false_negatives"] for entry in metrics["classes"]] == [2, 1]
    assert metrics["mean_ap50"] == 0


@pytest.mark.parametrize("emptied", [("annotations",), ("annotations", "images", "categories")])
def test_evaluate_without_any_object(
    coco: tuple[Path, Path], tmp_path: Path, capsys: Capture, emptied: tuple[str, ...]
) -> None:
    gt, dt = coco
    gt.write_text(json.dumps({**json.loads(gt.read_text()), **{part: [] for part in emptied}}))
    arguments = ("--gt", gt, "--dt", dt, "--coco", "--output", tmp_path / "out")
    evaluate(*arguments, *(["--ignore-unknown"] if "images" in emptied else []))
    said, table = told(capsys)
    assert table.count("= -1.000") == 12
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["mean_ap50"] is None
    if "images" in emptied:
        assert "left out: 5 detections in images without ground truth" in said
    else:
        assert metrics["totals"]["false_positives"] == 4
