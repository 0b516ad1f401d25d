from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from refdet.data.circuit_symbols import Component, make_component
from refdet.data.circuits import (
    CLASS_NAMES,
    HEADER,
    HEIGHT,
    SPLITS,
    WIDTH,
    labels_csv,
    make_diagram,
    write_circuits,
)
from tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "fixtures" / "datasets" / "circuits"
SEED = 2024


def shipped_labels(split: str) -> list[np.ndarray]:
    """Per image, (N, 5): class, centre, size; read without refdet."""
    found = []
    for file in sorted((SHIPPED / split / "labels").iterdir()):
        with file.open(encoding="utf-8", newline="") as opened:
            header, *rows = csv.reader(opened)
        assert ",".join(header) == HEADER
        found.append(np.array(rows, np.float64).reshape(-1, 5))
    return found


def test_write_circuits_reproduces_the_shipped_set(tmp_path: Path) -> None:
    write_circuits(tmp_path / "set")
    made = {file.relative_to(tmp_path / "set"): file for file in (tmp_path / "set").rglob("*.*")}
    shipped = {file.relative_to(SHIPPED): file for file in SHIPPED.rglob("*.*")}
    assert made.keys() == shipped.keys()
    for name, file in made.items():
        assert file.read_bytes() == shipped[name].read_bytes(), name


def test_shipped_set_has_its_layout_and_is_small() -> None:
    first = 0
    for split, count in SPLITS.items():
        for part, suffix in (("images", "npy"), ("labels", "csv")):
            names = sorted(file.name for file in (SHIPPED / split / part).iterdir())
            assert names == [f"circuit_{i:04d}.{suffix}" for i in range(first, first + count)]
        first += count
    # On a disk that gives every file whole blocks of 4 KiB.
    blocks = [-(-file.stat().st_size // 4096) for file in SHIPPED.rglob("*") if file.is_file()]
    assert sum(blocks) * 4096 < 2_000_000


@pytest.mark.parametrize("split", SPLITS)
def test_shipped_set_has_enough_of_every_class_and_an_empty_diagram(split: str) -> None:
    labels = shipped_labels(split)
    counts = [len(rows) for rows in labels]
    assert min(counts) == 0
    assert {count for count in counts if count} <= set(range(3, 7))
    per_class = np.bincount(np.concatenate(labels)[:, 0].astype(int), minlength=len(CLASS_NAMES))
    assert per_class.min() >= 8


@pytest.mark.parametrize("split", SPLITS)
def test_shipped_components_are_inside_and_apart(split: str) -> None:
    for rows in shipped_labels(split):
        low, high = rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2
        assert (low >= 1.9).all()
        assert (high <= np.array([WIDTH, HEIGHT]) - 1.9).all()
        assert (rows[:, 3:].max(axis=1) >= 15).all()
        for one in range(len(rows)):
            for other in range(one):
                gaps = np.maximum(low[one] - high[other], low[other] - high[one])
                assert gaps.max() >= 3.9


def test_shipped_images_are_grey_bytes() -> None:
    for file in SHIPPED.rglob("*.npy"):
        image = np.load(file)
        assert image.shape == (HEIGHT, WIDTH, 1)
        assert image.dtype == np.uint8


def test_write_circuits_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty"):
        write_circuits(tmp_path, SEED, {"train": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_make_diagram_differs_by_seed_and_index() -> None:
    first = make_diagram(1, 0)[0]
    assert np.array_equal(first, make_diagram(1, 0)[0])
    assert not np.array_equal(first, make_diagram(1, 1)[0])
    assert not np.array_equal(first, make_diagram(2, 0)[0])


def test_make_component_boxes_the_strokes_and_half_the_pen() -> None:
    # By hand: a capacitor is 20 by 20; at scale 1.5, with half of 2 pixels on every side.
    component = make_component("capacitor", (50, 40), 1.5, 0, False, 2.0)
    np.testing.assert_array_equal(component.box_xyxy, (34, 24, 66, 56))
    np.testing.assert_array_equal(component.terminals, ((35, 40), (65, 40)))


def test_make_component_turns_and_mirrors() -> None:
    # By hand: an inductor's bumps reach 9 up from its axis, 14 to either side.
    boxes = {
        (turns, mirrored): make_component("inductor", (50, 40), 1, turns, mirrored, 0).box_xyxy
        for turns in range(4)
        for mirrored in (False, True)
    }
    assert boxes[0, False] == (36, 31, 64, 40)
    assert boxes[0, True] == (36, 40, 64, 49)
    assert boxes[1, False] == (50, 26, 59, 54)
    assert boxes[2, False] == boxes[0, True]
    assert boxes[3, False] == (41, 26, 50, 54)


def test_ink_of_a_component_touches_the_sides_of_its_box() -> None:
    pixels, components = make_diagram(SEED, 0)
    dark = pixels[..., 0] < (int(pixels.min()) + int(np.median(pixels))) / 2
    for component in components:
        x1, y1, x2, y2 = component.box_xyxy
        inside = dark[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1]
        rows, columns = np.nonzero(inside)
        assert rows.min() <= 1
        assert columns.min() <= 1
        assert rows.max() >= inside.shape[0] - 3
        assert columns.max() >= inside.shape[1] - 3


def test_labels_csv_writes_centres_and_sizes_in_pixels() -> None:
    # By hand: (10.25, 20, 30.25, 45) has its centre at (20.25, 32.5) and is 20 by 25.
    component = Component("diode", (), (10.25, 20.0, 30.25, 45.0), ())
    assert labels_csv([component]) == f"{HEADER}\n3,20.25,32.50,20.00,25.00\n"
    assert labels_csv([]) == f"{HEADER}\n"
