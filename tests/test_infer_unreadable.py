"""`refdet infer` on a folder with files that cannot be read: refused, or left out and named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refdet.config import Infer
from refdet.data.image_folder import NAMED, read_image_folder
from refdet.infer import infer
from tests.test_detecting import Prepared, grey_images
from tests.test_detecting import prepared as prepared  # noqa: PLC0414 - a fixture, used by its name
from tests.test_infer_stream import BATCH, N
from tests.test_infer_stream import config as config  # noqa: PLC0414 - likewise
from tests.test_infer_stream import detector as detector  # noqa: PLC0414 - likewise


def spoil_header(file: Path) -> None:
    file.write_bytes(b"no pixels")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])  # its header is whole: this is seen when it is read


def test_infer_names_all_headers_that_cannot_be_read_before_the_work(
    config: Infer, prepared: Prepared
) -> None:
    assert config.images
    for number in (3, 7):
        spoil_header(config.images / f"{number:05d}.png")
    with pytest.raises(ValueError, match="cannot be read") as raised:
        infer(config)
    said = str(raised.value)
    assert f"2 of {N} images in {config.images} cannot be read: " in said
    assert "00003.png is no readable image: it cannot be read as an image" in said
    assert "00007.png is no readable image" in said
    assert said.endswith("--ignore-unreadable leaves them out")
    assert prepared.greys == []
    assert not config.output.exists()


def test_read_image_folder_names_the_first_of_many_and_counts_all(tmp_path: Path) -> None:
    grey_images(tmp_path, 30)
    for file in sorted(tmp_path.iterdir())[::2]:
        spoil_header(file)
    with pytest.raises(
        ValueError, match=rf"^15 of 30 images .*; and {15 - NAMED} more\. "
    ) as raised:
        read_image_folder(tmp_path)
    assert str(raised.value).count("is no readable image") == NAMED


def test_infer_leaves_out_what_cannot_be_read_and_names_it_at_the_end(
    config: Infer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config.images
    spoil_header(config.images / "00003.png")
    cut_short(config.images / "00009.png")
    assert infer(replace(config, ignore_unreadable=True, max_pictures=N)) == 0
    rows = list(csv.DictReader((config.output / "predictions.csv").open()))
    want = [n for n in range(N) if n not in (3, 9)]
    assert [row["image"] for row in rows] == [f"{n:05d}.png" for n in want]
    # Each with the detection of its own image: the grey detector's score is the grey.
    scores = [float(row["score"]) for row in rows]
    np.testing.assert_allclose(scores, np.array(want) / 255, atol=1e-6)
    assert len(list((config.output / "pictures").glob("*.png"))) == len(want)
    *before, first, second, last = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{N - 2} detections in {N - 2} images, ") for line in before)
    assert first.startswith("left out: ")
    assert "00003.png is no readable image" in first
    assert second.startswith("left out: ")
    assert "00009.png: cannot be read as an image" in second
    assert last == "warning: 2 images left out, since they cannot be read"


def test_infer_goes_on_when_every_image_of_a_batch_is_left_out(config: Infer) -> None:
    assert config.images
    for number in range(BATCH, 2 * BATCH):
        cut_short(config.images / f"{number:05d}.png")
    assert infer(replace(config, ignore_unreadable=True)) == 0
    rows = (config.output / "predictions.csv").read_text().splitlines()[1:]
    assert len(rows) == N - BATCH


def test_infer_fails_where_no_image_at_all_can_be_read(
    config: Infer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config.images
    for file in config.images.iterdir():
        cut_short(file)
    with pytest.raises(ValueError, match=rf"none of the {N} images in .* can be read"):
        infer(replace(config, ignore_unreadable=True))
    assert capsys.readouterr().out.count("left out: ") == N


def test_infer_counts_what_is_left_out_as_done(
    config: Infer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.images
    cut_short(config.images / "00003.png")
    steps: list[int] = []

    @contextmanager
    def counted(_name: str, _total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
        assert shown == config.progress
        yield steps.append

    monkeypatch.setattr("refdet.detecting.images_counted", counted)
    infer(replace(config, ignore_unreadable=True))
    assert sum(steps) == N


def test_infer_refuses_a_folder_of_which_no_header_can_be_read(config: Infer) -> None:
    assert config.images
    for file in config.images.iterdir():
        spoil_header(file)
    with pytest.raises(
        ValueError, match=rf"none of the {N} images in .* can be read: .*00000\.png"
    ):
        infer(replace(config, ignore_unreadable=True))


def test_read_image_folder_asks_for_the_range_of_floats_also_where_files_are_left_out(
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 3), np.float32))
    left_out: list[str] = []
    with pytest.raises(ValueError, match=r"a\.npy holds floats; declare them by --pixel-range"):
        read_image_folder(tmp_path, leave_out=left_out.append)
    assert left_out == []


def test_infer_does_not_leave_out_what_is_judged() -> None:
    with pytest.raises(ValueError, match="--ignore-unreadable is of --images"):
        Infer(checkpoint=Path("c"), output=Path("o"), data=Path("d"), ignore_unreadable=True)
