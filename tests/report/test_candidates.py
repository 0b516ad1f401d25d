"""Candidates for missing labels as tables and pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdet.analysis_records import LabelCandidate
from refdet.data.csv_detections import read_csv_detections
from refdet.records import AnnotatedImage, GroundTruth
from refdet.report.candidate_pictures import draw_candidate, write_candidate_pictures
from refdet.report.candidates import (
    format_candidates,
    write_candidates_csv,
    write_candidates_json,
)
from refdet.report.colours import class_colour
from refdet.report.panels import U8
from tests.data.small_columns import objects_of

NAMES = ("cat", 'a,"dog"')
FIRST = LabelCandidate("a", 1, (10.0, 20.0, 30.5, 40.0), 0.75, 2, 0.05, (1.0, 0.5))
SECOND = LabelCandidate("b", 0, (0.0, 0.0, 8.0, 8.0), 0.25, 1, 0.0, (0.0, 0.5))
GREY: U8 = np.full((120, 200, 3), 128, np.uint8)


def truth(name: str = "a") -> GroundTruth:
    """An image of 200 x 120 with one object, right of the first candidate."""
    return GroundTruth(
        name, 200, 120, np.array([[34.0, 24.0, 50.0, 40.0]]), np.array([0]), np.array([False])
    )


def test_format_candidates_is_a_line_for_each() -> None:
    assert format_candidates([FIRST, SECOND], NAMES, 2).splitlines() == [
        "rank  image  class    score  runs    IoU",
        '1     a      a,"dog"  0.750   2/2  0.050',
        "2     b      cat      0.250   1/2  0.000",
    ]


def test_write_candidates_csv_holds_rank_and_box(tmp_path: Path) -> None:
    write_candidates_csv(tmp_path / "c.csv", [FIRST, SECOND], NAMES)
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        **{"rank": "1", "image": "a", "class": 'a,"dog"', "score": "0.75", "runs": "2"},
        **{"best_iou": "0.05", "x1": "10.0", "y1": "20.0", "x2": "30.5", "y2": "40.0"},
    }
    assert (second["rank"], second["image"], second["runs"]) == ("2", "b", "1")


def test_write_candidates_csv_can_be_read_as_detections(tmp_path: Path) -> None:
    write_candidates_csv(tmp_path / "c.csv", [FIRST, SECOND], NAMES)
    objects = objects_of(names=("a", "b"), classes=NAMES)
    found = read_csv_detections(tmp_path / "c.csv", objects).detections
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.boxes_xywh[0].tolist() == [10.0, 20.0, 20.5, 20.0]


def test_write_candidates_json_names_the_runs_of_the_scores(tmp_path: Path) -> None:
    write_candidates_json(tmp_path / "c.json", [FIRST], NAMES, ["runs/a", "runs/b"])
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["runs"] == ["runs/a", "runs/b"]
    (candidate,) = written["candidates"]
    assert (candidate["rank"], candidate["class"]) == (1, NAMES[1])
    assert candidate["run_scores"] == [1.0, 0.5]
    assert candidate["box_xyxy"] == [10.0, 20.0, 30.5, 40.0]


def colours_in(picture: Image.Image) -> set[tuple[int, ...]]:
    """All that occur."""
    pixels = np.asarray(picture).reshape(-1, 3)
    return {tuple(colour) for colour in np.unique(pixels, axis=0).tolist()}


def test_draw_candidate_shows_it_and_the_object_beside_it_alone() -> None:
    picture = draw_candidate(GREY, truth(), FIRST, NAMES, 300)
    assert picture.size == (300, 300)
    assert {class_colour(0), class_colour(1)} <= colours_in(picture)
    far = LabelCandidate("a", 1, (150.0, 80.0, 170.0, 100.0), 0.5, 1, 0.0, (0.5,))
    assert class_colour(0) not in colours_in(draw_candidate(GREY, truth(), far, NAMES, 300))


def test_draw_candidate_shows_the_pixels_around_the_box_where_the_box_is() -> None:
    # Of 200 x 120 pixels 60 x 60 are shown from (70, 30) on, at five times their size.
    candidate = LabelCandidate("a", 1, (90.0, 50.0, 110.0, 70.0), 0.5, 1, 0.0, (0.5,))
    image = GREY.copy()
    image[50:70, 90:110] = (1, 2, 3)
    pixels = np.asarray(draw_candidate(image, truth(), candidate, NAMES, 300))
    assert (pixels[112:188, 112:188] == (1, 2, 3)).all()
    assert (pixels[205:295, 5:295] == 128).all()


@pytest.mark.parametrize("box", [(0.0, 0.0, 200.0, 120.0), (199.0, 119.0, 199.0, 119.0)])
def test_draw_candidate_of_any_size_and_place_fits(box: tuple[float, float, float, float]) -> None:
    candidate = LabelCandidate("a", 1, box, 0.5, 1, 0.0, (0.5,))
    picture = draw_candidate(GREY, truth(), candidate, NAMES, 100)
    assert picture.size == (100, 100)
    assert class_colour(1) in colours_in(picture)


def test_write_candidate_pictures_has_a_sheet_of_twenty_and_one_of_each(tmp_path: Path) -> None:
    many = [FIRST] * 21
    images = [AnnotatedImage(tmp_path / "a.png", truth())]
    written, problems = write_candidate_pictures(tmp_path, many, images, NAMES, lambda _: GREY)
    assert problems == []
    names = [path.name for path in written]
    assert names[:3] == ["sheet_01.png", "sheet_02.png", "candidate_0001_a.png"]
    assert len(names) == 23
    first, second = (Image.open(tmp_path / name).size for name in names[:2])
    assert first[1] > 4 * 280 > second[1]
    written, _ = write_candidate_pictures(tmp_path, [FIRST], images, NAMES, lambda _: GREY)
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_write_candidate_pictures_tells_what_it_cannot_draw(tmp_path: Path) -> None:
    def read(image: AnnotatedImage) -> U8:
        if image.ground_truth.image == "b":
            raise ValueError("damaged")
        return GREY

    images = [AnnotatedImage(tmp_path / f"{name}.png", truth(name)) for name in "ab"]
    absent = LabelCandidate("c", 0, (0.0, 0.0, 8.0, 8.0), 0.1, 1, 0.0, (0.1, 0.0))
    found = [FIRST, SECOND, absent]
    written, problems = write_candidate_pictures(tmp_path, found, images, NAMES, read)
    assert [path.name for path in written] == ["sheet_01.png", "candidate_0001_a.png"]
    assert [str(problem) for problem in problems] == [
        "b: no picture: damaged",
        "c: no picture: there is no image file",
    ]
