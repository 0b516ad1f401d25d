"""Detections written as they are found: the same files, and what a run that breaks off leaves."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refdet.records import Detections
from refdet.report.prediction_stream import PARTIAL, prediction_files
from refdet.report.predictions import write_predictions_coco, write_predictions_csv
from tests.report.test_predictions import EXTREME, NAMES, TIED, detections

FOUND = [
    detections("b.png", (1, 0.1, [0.0, 1.5, 2.0, 3.0]), (0, 0.30000000000000004, [1, 2, 3, 4])),
    detections("empty.png"),
    TIED,
    EXTREME,
]
IMAGES = [found.image for found in FOUND]


@pytest.mark.parametrize("n", [0, 1, 2, len(FOUND)])
def test_prediction_files_are_those_that_are_written_at_once(tmp_path: Path, n: int) -> None:
    write_predictions_csv(tmp_path / "want.csv", FOUND[:n], NAMES)
    write_predictions_coco(tmp_path / "want.json", FOUND[:n], IMAGES)
    output = tmp_path / "new" / "out"
    with prediction_files(output, IMAGES, NAMES) as write:
        for found in FOUND[:n]:
            write(found)
    assert sorted(file.name for file in output.iterdir()) == ["predictions.csv", "predictions.json"]
    for suffix in ("csv", "json"):
        want = (tmp_path / f"want.{suffix}").read_bytes()
        assert (output / f"predictions.{suffix}").read_bytes() == want


def test_prediction_files_hold_each_image_as_soon_as_it_is_written(tmp_path: Path) -> None:
    # Also a process that is killed leaves them: nothing waits in a buffer.
    # The third name ends in a line break, which stands in both of its rows.
    lines = [1 + 2, 1 + 2, 1 + 2 + 4, 1 + 2 + 4 + 2]
    with prediction_files(tmp_path, IMAGES, NAMES) as write:
        for found, want in zip(FOUND, lines, strict=True):
            write(found)
            assert (tmp_path / PARTIAL).read_bytes().count(b"\n") == want


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_prediction_files_keep_what_was_written_before_an_error(
    tmp_path: Path, error: type[BaseException]
) -> None:
    for name in ("predictions.csv", "predictions.json"):
        (tmp_path / name).write_text("of an earlier run")

    def break_off() -> None:
        with prediction_files(tmp_path, IMAGES, NAMES) as write:
            write(FOUND[0])
            raise error

    with pytest.raises(error):
        break_off()
    assert (tmp_path / PARTIAL).read_text() == (
        '"image","class","label","score","x1","y1","x2","y2"\n'
        '"b.png","WBC",0,0.30000000000000004,1.0,2.0,3.0,4.0\n'
        '"b.png","RBC",1,0.1,0.0,1.5,2.0,3.0\n'
    )
    for name in ("predictions.csv", "predictions.json"):
        assert (tmp_path / name).read_text() == "of an earlier run"
    assert len(list(tmp_path.iterdir())) == 3, "a temporary file is left"


def test_prediction_files_leave_an_earlier_part_until_they_have_something_better(
    tmp_path: Path,
) -> None:
    (tmp_path / PARTIAL).write_text("nine thousand images")

    def break_off() -> None:
        with prediction_files(tmp_path, IMAGES, NAMES):
            raise ValueError("no image")

    with pytest.raises(ValueError, match="no image"):
        break_off()
    assert (tmp_path / PARTIAL).read_text() == "nine thousand images"
    with prediction_files(tmp_path, IMAGES, NAMES) as write:
        write(FOUND[0])
    assert not (tmp_path / PARTIAL).exists()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (detections("other.png"), "image 'other.png', which is not in the split"),
        (detections("b.png", (3, 0.5, [0, 0, 1, 1])), "image 'b.png': label 3, but there are 3"),
    ],
)
def test_prediction_files_refuse_what_the_writers_refuse(
    tmp_path: Path, found: Detections, message: str
) -> None:
    with (
        pytest.raises(ValueError, match=message),
        prediction_files(tmp_path, IMAGES, NAMES) as write,
    ):
        write(found)
    assert not (tmp_path / "predictions.csv").exists()


def test_prediction_files_refuse_an_image_twice_before_anything_is_written(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"'a\.png' is in the split more than once"),
        prediction_files(tmp_path / "out", ["a.png", "a.png"], NAMES),
    ):
        pass
    assert not (tmp_path / "out").exists()


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_prediction_files_on_a_full_disk_keep_whole_images(tmp_path: Path) -> None:
    many = [detections(f"{n}.png", *[(0, 0.5, [0.0, 0.0, 1.0, 1.0])] * 20) for n in range(10)]
    written = []

    def fill() -> None:
        with prediction_files(tmp_path, [one.image for one in many], NAMES) as write:
            for one in many:
                write(one)
                written.append(one)

    with room_for(4000), pytest.raises(OSError, match="File too large"):
        fill()
    assert 0 < len(written) < len(many)
    write_predictions_csv(tmp_path / "want.csv", written, NAMES)
    assert (tmp_path / PARTIAL).read_bytes() == (tmp_path / "want.csv").read_bytes()
    assert not (tmp_path / "predictions.json").exists()


def test_prediction_files_json_is_a_list_of_entries(tmp_path: Path) -> None:
    with prediction_files(tmp_path, IMAGES, NAMES) as write:
        write(detections("b.png", (2, 0.5, [1.0, 2.0, 4.0, 8.0])))
    assert json.loads((tmp_path / "predictions.json").read_text()) == [
        {"image_id": 1, "category_id": 3, "bbox": [1.0, 2.0, 3.0, 6.0], "score": 0.5}
    ]
