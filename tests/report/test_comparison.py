"""What is said about two runs: the table that is printed, the page, the files, the pictures."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdet.analysis_records import (
    Change,
    ChangedImage,
    ChangeKind,
    ComparedNumber,
    Comparison,
    Estimate,
)
from refdet.records import AnnotatedImage, GroundTruth
from refdet.report.comparison import comparison_markdown, format_comparison, write_comparison
from refdet.report.comparison_pictures import draw_changes, write_comparison_pictures

NAN = float("nan")
FOUND, LOST, ADDED, REMOVED = ChangeKind
COMPARISON = Comparison(
    names=("runs/a", "runs/b"),
    level=0.95,
    n_samples=1000,
    overall=(
        ComparedNumber("AP", 0.5, 0.5313, Estimate(0.0313, 0.0121, 0.0504), 0.002),
        ComparedNumber("AP small", NAN, NAN, Estimate(NAN, NAN, NAN), NAN),
        ComparedNumber("AR 1", 0.5, 0.5, Estimate(-0.0, -0.0001, 0.0002), 1.0),
    ),
    classes=(
        ComparedNumber("cat", 0.25, 0.5, Estimate(0.25, 0.125, 0.375), 0.004),
        ComparedNumber("dog|\n", 0.75, 0.5625, Estimate(-0.1875, NAN, NAN), 1.0),
    ),
    images=(ChangedImage("one", 1, 0, 0, 2), ChangedImage("two\n", 0, 1, 1, 0)),
    verdict="runs/b is better. " * 8 + "It *is*.",
    n_images=72,
    changes=(
        Change("one", FOUND, 0, (1.0, 2.0, 30.0, 40.0), 0.5),
        Change("one", REMOVED, 1, (1.0, 2.0, 30.0, 40.0), 0.75),
        Change("one", REMOVED, 1, (50.0, 2.0, 80.0, 40.0), 0.625),
        Change("two\n", LOST, 1, (1.0, 2.0, 3.0, 4.0), 0.5),
        Change("two\n", ADDED, 1, (1.0, 2.0, 3.0, 4.0), 0.5),
    ),
)


def test_format_comparison_has_a_line_for_each_number_and_the_verdict_last() -> None:
    lines = format_comparison(COMPARISON).splitlines()
    assert lines[:13] == [
        "all classes      A      B   B - A     low    high      p",
        "AP           0.500  0.531  +0.031  +0.012  +0.050  0.002",
        "AP small         -      -       -       -       -      -",
        "AR 1         0.500  0.500   0.000   0.000   0.000  1.000",
        "",
        "AP of class      A      B   B - A     low    high      p",
        "cat          0.250  0.500  +0.250  +0.125  +0.375  0.004",
        r"dog|\n       0.750  0.562  -0.188       -       -  1.000",
        "",
        "image                     found  lost  new FP  gone FP",
        "one                           1     0       0        2",
        r"two\n                         0     1       1        0",
        "all 2 images that differ      1     1       1        2",
    ]
    assert lines[14:16] == ["A: runs/a", "B: runs/b"]
    assert "1000 samples of the 72 images" in " ".join(lines)
    assert lines[-1].endswith("It *is*.")
    assert max(map(len, lines)) <= 100


def test_format_comparison_of_equal_runs_has_no_images() -> None:
    equal = replace(COMPARISON, images=(), changes=())
    assert "images that differ" not in format_comparison(equal)
    assert "found, lost" not in format_comparison(equal)


def test_format_comparison_shows_the_most_changed_images_and_counts_all() -> None:
    many = tuple(ChangedImage(f"image {i}", 1, 0, 0, 0) for i in range(12))
    text = format_comparison(replace(COMPARISON, images=many))
    assert "image 9 " in text
    assert "image 10" not in text
    assert "all 12 images that differ" in text


def test_comparison_markdown_escapes_names() -> None:
    text = comparison_markdown(COMPARISON)
    assert r"| dog\|\\n | 0.750 |" in text
    assert r"It \*is\*.**" in text
    assert "\n| AP | 0.500 | 0.531 | +0.031 | +0.012 | +0.050 | 0.002 |\n" in text
    assert text.endswith("\n")


def test_write_comparison_writes_all_digits_and_every_change(tmp_path: Path) -> None:
    write_comparison(tmp_path, COMPARISON)
    assert {file.name for file in tmp_path.iterdir()} == {
        *("comparison.json", "comparison.md", "comparison.csv", "changes.csv")
    }
    read = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert read["overall"][0]["difference"] == {"value": 0.0313, "low": 0.0121, "high": 0.0504}
    assert read["overall"][1]["a"] is None
    assert read["changes"][1]["kind"] == "removed false positive"
    assert read["verdict"] == COMPARISON.verdict
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["of", "name", "a", "b", "difference", "low", "high", "p_value"]
    assert rows[1] == ["overall", "AP", "0.5", "0.5313", "0.0313", "0.0121", "0.0504", "0.002"]
    assert rows[2] == ["overall", "AP small", *[""] * 6]
    assert rows[5] == ["class AP", "dog|\n", "0.75", "0.5625", "-0.1875", "", "", "1.0"]
    with (tmp_path / "changes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "change", "class", "score", "x1", "y1", "x2", "y2"]
    assert rows[1] == ["one", "found", "cat", "0.5", "1.0", "2.0", "30.0", "40.0"]
    assert rows[4] == ["two\n", "lost", "dog|\n", "0.5", "1.0", "2.0", "3.0", "4.0"]
    assert len(rows) == 6


WHITE = np.full((560, 560, 3), 255, np.uint8)


def coloured(picture: Image.Image, left: int, right: int, bottom: int = 500) -> bool:
    """Whether anything between two columns of the panels' upper part is neither black nor white."""
    part = np.asarray(picture)[60:bottom, left:right].astype(int)
    return bool((part.max(axis=2) - part.min(axis=2) > 40).any())


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [(FOUND, False, True), (ADDED, False, True), (LOST, True, False), (REMOVED, True, False)],
)
def test_draw_changes_puts_a_change_on_the_side_of_its_run(
    kind: ChangeKind, left: bool, right: bool
) -> None:
    change = Change("one", kind, 0, (100, 100, 300, 300), 0.5)
    picture = draw_changes(WHITE, "one", replace(COMPARISON, changes=(change,)))
    assert picture.width == 2 * 560 + 3 * 10
    assert coloured(picture, 10, 570) == left
    assert coloured(picture, 580, 1140) == right


def test_draw_changes_leaves_other_images_out() -> None:
    change = Change("two", FOUND, 0, (100, 100, 300, 300), 0.5)
    picture = draw_changes(WHITE, "one", replace(COMPARISON, changes=(change,)))
    assert not coloured(picture, 0, picture.width)


def annotated(name: str) -> AnnotatedImage:
    none = np.zeros(0, np.int64)
    truth = GroundTruth(name, 560, 560, np.zeros((0, 4)), none, none.astype(np.bool_))
    return AnnotatedImage(Path(f"{name}.png"), truth)


def test_write_comparison_pictures_numbers_by_rank_and_tells_what_fails(tmp_path: Path) -> None:
    def read(image: AnnotatedImage) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        if image.ground_truth.image == "one":
            raise ValueError("broken")
        return WHITE

    images = [annotated("two\n"), annotated("one"), annotated("unchanged")]
    written, problems = write_comparison_pictures(tmp_path, COMPARISON, images, read)
    assert [path.name for path in written] == ["changed_0002_two_.png"]
    assert [str(problem) for problem in problems] == ["one.png: no picture: broken"]
