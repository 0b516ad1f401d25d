from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdet.data.cells import (
    CLASS_NAMES,
    COLOUR_STEP,
    SPLITS,
    Cell,
    annotation_xml,
    make_field,
    write_cells,
)
from refdet.data.check import check_voc
from refdet.data.voc import read_voc_split
from tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "fixtures" / "datasets" / "cells"
SEED = 2024


def pixels_of(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image.convert("RGB"))


def test_make_field_reproduces_the_shipped_set() -> None:
    names = [file.stem for file in sorted((SHIPPED / "JPEGImages").iterdir())]
    assert names == [f"cells_{index:04d}" for index in range(sum(SPLITS.values()))]
    for index, name in enumerate(names):
        pixels, cells = make_field(SEED, index)
        shipped = pixels_of(SHIPPED / "JPEGImages" / f"{name}.png")
        assert np.array_equal(pixels, shipped), name
        xml = (SHIPPED / "Annotations" / f"{name}.xml").read_bytes()
        assert annotation_xml(name, cells).encode() == xml, name


def test_write_cells_writes_what_make_field_makes(tmp_path: Path) -> None:
    write_cells(tmp_path, SEED, {"train": 2, "val": 1})
    lists = {file.name: file.read_bytes() for file in (tmp_path / "ImageSets/Main").iterdir()}
    assert lists == {"train.txt": b"cells_0000\ncells_0001\n", "val.txt": b"cells_0002\n"}
    for index in range(3):
        name = f"cells_{index:04d}"
        shown = pixels_of(tmp_path / "JPEGImages" / f"{name}.png")
        assert np.array_equal(shown, make_field(SEED, index)[0])
        xml = tmp_path / "Annotations" / f"{name}.xml"
        assert xml.read_bytes() == (SHIPPED / "Annotations" / f"{name}.xml").read_bytes()


def test_write_cells_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    mine = tmp_path / "set" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(ValueError, match=r"set is not empty"):
        write_cells(mine.parent, SEED, {"train": 1})
    assert list(mine.parent.iterdir()) == [mine]


def test_shipped_split_files_are_those_of_the_generator() -> None:
    first = 0
    for split, count in SPLITS.items():
        lines = (SHIPPED / "ImageSets" / "Main" / f"{split}.txt").read_bytes()
        names = [f"cells_{index:04d}\n" for index in range(first, first + count)]
        assert lines == "".join(names).encode()
        first += count


def test_shipped_set_is_clean_and_small() -> None:
    report = check_voc(SHIPPED, CLASS_NAMES)
    assert report.problems == ()
    assert {name: split.images for name, split in report.splits.items()} == dict(SPLITS)
    for split in report.splits.values():
        assert min(split.kept.values()) >= 20
    # On a disk that gives every file whole blocks of 4 KiB.
    blocks = [-(-file.stat().st_size // 4096) for file in SHIPPED.rglob("*") if file.is_file()]
    assert sum(blocks) * 4096 < 2_000_000


@pytest.mark.parametrize("split", SPLITS)
def test_shipped_set_holds_a_field_without_cells(split: str) -> None:
    images = read_voc_split(SHIPPED, split, CLASS_NAMES).images
    assert any(len(image.ground_truth) == 0 for image in images)


def test_make_field_differs_by_seed_and_index() -> None:
    first = make_field(1, 0)[0]
    assert np.array_equal(first, make_field(1, 0)[0])
    assert not np.array_equal(first, make_field(1, 1)[0])
    assert not np.array_equal(first, make_field(2, 0)[0])
    assert (first % COLOUR_STEP == 0).all()


def test_box_holds_the_pixels_of_the_cell_from_1() -> None:
    # By hand: a disc of radius 2 about (10, 20) covers the pixels whose middle is within 2 of it,
    # which are columns 8 to 11 and rows 18 to 21, counted from 0.
    disc = Cell("Platelets", 10, 20, (2.0, 2.0), (1, 0))
    assert disc.box() == (9, 19, 12, 22)
    # An ellipse twice as long along its direction, here straight down.
    ellipse = Cell("Platelets", 10, 20, (4.0, 2.0), (0, 1))
    assert ellipse.box() == (9, 17, 12, 24)


def test_box_is_cut_at_the_edge_of_the_image() -> None:
    assert Cell("RBC", 0, 0, (5.0, 5.0), (1, 0)).box() == (1, 1, 5, 5)
    assert Cell("RBC", 160, 120, (5.0, 5.0), (1, 0)).box() == (156, 116, 160, 120)


def test_box_lies_where_the_cell_is_painted() -> None:
    pixels, cells = make_field(SEED, 0)
    light = np.median(pixels, axis=(0, 1))
    darkness = np.abs(light - pixels).max(axis=-1)
    for cell in cells:
        x1, y1, x2, y2 = cell.box()
        inside = darkness[y1 - 1 : y2, x1 - 1 : x2]
        # An ellipse fills pi / 4 of its box; a red cell is pale in the middle.
        assert (inside > 20).mean() > 0.6, cell
