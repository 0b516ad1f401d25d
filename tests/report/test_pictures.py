"""Pictures in a folder: which ones, what they are called, and what happens to what is there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refdet.data.images import read_rgb
from refdet.records import (
    AnnotatedImage,
    Detections,
    Evaluation,
    FalsePositiveRecord,
    GroundTruth,
    MissedObject,
)
from refdet.report.colours import class_colour
from refdet.report.pictures import picture_name, write_pictures, write_prediction_pictures
from tests.report.examples import NAMES, evaluation

BOXES = np.array([[100.0, 100, 200, 300], [300, 100, 400, 300], [500, 100, 590, 300]])


def sample(folder: Path, image: str) -> AnnotatedImage:
    """An image file of 600 x 400 grey pixels with one object."""
    path = folder / f"{len(list(folder.iterdir()))}.png"
    Image.new("RGB", (600, 400), (100, 100, 100)).save(path)
    truth = GroundTruth(image, 600, 400, BOXES[:1], np.array([0]), np.zeros(1, np.bool_))
    return AnnotatedImage(path, truth)


def pixels(annotated: AnnotatedImage) -> NDArray[np.uint8]:
    """Opens an image as a reader of data sets does: every fault is a ValueError or OSError."""
    return read_rgb(annotated.path)


def found(image: str) -> Detections:
    """Three detections whose scores are 0.75 (Platelets), 0.625 (WBC) and 0.5 (WBC)."""
    return Detections(image, BOXES, np.array([0.75, 0.625, 0.5]), np.array([2, 0, 0]))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def judged(
    false_positives: tuple[FalsePositiveRecord, ...] = (),
    missed: tuple[MissedObject, ...] = (),
    split: str = "test",
) -> Evaluation:
    """Platelets are counted from a score of 0.8 on, the others from 0.5 on."""
    return dataclasses.replace(
        evaluation(platelets_score_threshold=0.8),
        false_positives=false_positives,
        missed=missed,
        split=split,
    )


def edge_colours(file: Path, x: int, panel: int = 620) -> set[tuple[int, ...]]:
    """The colours down a line in a panel of a comparison, between two rows of a box."""
    with Image.open(file) as picture:
        return {tuple(p) for p in np.asarray(picture)[50 + 150 : 50 + 280, panel + x].tolist()}


def test_write_pictures_shows_what_reaches_its_class_threshold(
    tmp_path: Path, source: Path
) -> None:
    written, problems = write_pictures(
        tmp_path / "out", [sample(source, "a")], [found("a")], judged(), pixels
    )
    assert problems == []
    assert written == [tmp_path / "out" / "test_0001_a.png"]
    grey = {(100, 100, 100)}
    assert edge_colours(written[0], 100) == grey  # Platelets 0.75 is below 0.8
    assert edge_colours(written[0], 300) == {class_colour(0)}
    assert edge_colours(written[0], 500) == {class_colour(0)}  # 0.5 reaches 0.5


def test_write_pictures_dashes_the_false_positive_by_its_row_before_the_threshold(
    tmp_path: Path, source: Path
) -> None:
    record = dataclasses.replace(evaluation().false_positives[0], image="b", index=1)
    images, detections = [sample(source, name) for name in "ab"], [found(name) for name in "ab"]
    (second, first), _ = write_pictures(  # worst first
        tmp_path / "out", images, detections, judged(false_positives=(record,)), pixels
    )
    dashed = {class_colour(0), (255, 255, 255)}
    assert edge_colours(second, 300) == dashed
    assert edge_colours(second, 500) == {class_colour(0)}
    assert edge_colours(first, 300) == {class_colour(0)}


def test_write_pictures_dashes_the_missed_object(tmp_path: Path, source: Path) -> None:
    lost = MissedObject("b", 0, 0, (100.0, 100.0, 200.0, 300.0))
    images, detections = [sample(source, name) for name in "ab"], [found(name) for name in "ab"]
    (second, first), _ = write_pictures(  # worst first
        tmp_path / "out", images, detections, judged(missed=(lost,)), pixels
    )
    assert edge_colours(second, 100, panel=10) == {class_colour(0), (255, 255, 255)}
    assert edge_colours(first, 100, panel=10) == {class_colour(0)}


def test_write_pictures_reports_a_picture_that_fails_and_draws_the_others(
    tmp_path: Path, source: Path
) -> None:
    images = [sample(source, name) for name in "abcd"]
    images[0].path.unlink()
    images[1].path.write_bytes(images[2].path.read_bytes()[:60])
    Image.new("RGB", (60, 40)).save(images[2].path)
    written, problems = write_pictures(
        tmp_path / "out", images, [found(name) for name in "abcd"], judged(), pixels
    )
    assert [path.name for path in written] == ["test_0004_d.png"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["test_0004_d.png"]
    assert [problem.place for problem in problems] == [str(item.path) for item in images[:3]]
    assert problems[2].what == "no picture: image is 60 x 40, its annotation 600 x 400"


def test_write_pictures_reports_a_picture_of_too_many_pixels(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [sample(source, "a")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600 * 400 // 3)
    written, problems = write_pictures(tmp_path / "out", images, [found("a")], judged(), pixels)
    assert (written, [problem.place for problem in problems]) == ([], [str(images[0].path)])


def test_write_pictures_lets_a_mistake_in_the_program_out(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> None:
        raise TypeError("a mistake")

    monkeypatch.setattr("refdet.report.pictures.draw_comparison", mistaken)
    with pytest.raises(TypeError, match="a mistake"):
        write_pictures(tmp_path / "out", [sample(source, "a")], [found("a")], judged(), pixels)


def test_write_pictures_touches_no_other_file(tmp_path: Path, source: Path) -> None:
    mine = tmp_path / "test_0002_a.png"
    mine.write_bytes(b"mine")
    write_pictures(tmp_path, [sample(source, "a")], [found("a")], judged(), pixels)
    assert mine.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "source",
        "test_0001_a.png",
        "test_0002_a.png",
    ]


def test_write_pictures_replaces_and_removes_its_own(tmp_path: Path, source: Path) -> None:
    images, detections = [sample(source, name) for name in "ab"], [found(name) for name in "ab"]
    out = tmp_path / "out"
    write_pictures(out, images, detections, judged(), pixels)
    assert len(list(out.iterdir())) == 2
    (out / "photo.png").write_bytes(images[0].path.read_bytes())  # a picture, but not ours
    (out / "kept.png").write_bytes((out / "test_0002_b.png").read_bytes())  # a copy of one of ours
    write_pictures(out, images[:1], detections[:1], judged(), pixels)
    assert {path.name for path in out.iterdir()} == {
        "test_0001_a.png",
        "photo.png",
        "kept.png",
    }


def test_write_pictures_leaves_a_stranger_by_its_own_name(tmp_path: Path, source: Path) -> None:
    stranger = tmp_path / "test_0001_a.png"
    Image.new("RGB", (5, 5)).save(stranger)
    before = stranger.read_bytes()
    written, problems = write_pictures(
        tmp_path, [sample(source, "a")], [found("a")], judged(), pixels
    )
    assert written == []
    assert "is there already and not one of ours" in problems[0].what
    assert stranger.read_bytes() == before


def test_write_pictures_stops_at_its_limit(tmp_path: Path, source: Path) -> None:
    images, detections = [sample(source, name) for name in "ab"], [found(name) for name in "ab"]
    written, _ = write_pictures(tmp_path / "out", images, detections, judged(), pixels, limit=1)
    assert [path.name for path in written] == ["test_0001_a.png"]
    assert write_pictures(tmp_path / "out", images, detections, judged(), pixels, limit=0) == (
        [],
        [],
    )


def test_write_pictures_draws_the_images_with_most_errors_first(
    tmp_path: Path, source: Path
) -> None:
    images, detections = [sample(source, name) for name in "abc"], [found(name) for name in "abc"]
    box = (0.0, 0.0, 1.0, 1.0)
    lost = (
        MissedObject("b", 0, 0, box),
        MissedObject("c", 0, 0, box),
        MissedObject("c", 1, 0, box),
    )
    written, _ = write_pictures(
        tmp_path / "out", images, detections, judged(missed=lost), pixels, limit=2
    )
    # A picture keeps its image's place in the split, whichever are drawn.
    assert [path.name for path in written] == ["test_0003_c.png", "test_0002_b.png"]


def test_write_pictures_refuses_detections_of_another_image(tmp_path: Path, source: Path) -> None:
    with pytest.raises(ValueError, match="'b' stand where image 'a' does"):
        write_pictures(tmp_path / "out", [sample(source, "a")], [found("b")], judged(), pixels)


@pytest.mark.parametrize(
    "image", ["../../escape", "/etc/passwd", "..", "a\\b", "a\nb", "a\0b", "x" * 300, "\udcff"]
)
def test_write_pictures_stays_in_its_folder_whatever_an_image_is_called(
    tmp_path: Path, source: Path, image: str
) -> None:
    written, problems = write_pictures(
        tmp_path / "out", [sample(source, image)], [found(image)], judged(split="../up"), pixels
    )
    assert problems == []
    assert [path.parent for path in written] == [tmp_path / "out"]
    assert list((tmp_path / "out").iterdir()) == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_picture_name_keeps_what_is_harmless_and_tells_images_apart() -> None:
    assert picture_name("test", 7, "BloodImage_0.v1") == "test_0007_BloodImage_0.v1.png"
    assert picture_name("val", 12345, "Zelle ä/ö") == "val_12345_Zelle_ä_ö.png"
    assert picture_name("..", 1, "..") == "_0001_...png"
    assert picture_name("test", 1, "a/b") != picture_name("test", 2, "a_b")


def test_write_prediction_pictures_shows_one_panel(tmp_path: Path, source: Path) -> None:
    written, problems = write_prediction_pictures(
        tmp_path / "out", [sample(source, "a")], [found("a")], NAMES, [0.5, 0.5, 0.8], pixels
    )
    assert problems == []
    assert [path.name for path in written] == ["image_0001_a.png"]
    with Image.open(written[0]) as picture:
        assert picture.width == 600 + 20
        shown = np.asarray(picture)
    assert tuple(shown[250, 10 + 300].tolist()) == class_colour(0)
    assert tuple(shown[250, 10 + 100].tolist()) == (100, 100, 100)
