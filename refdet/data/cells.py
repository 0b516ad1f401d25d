"""A synthetic Pascal VOC set that looks like a stained blood smear, for demonstration and tests.

`python -m refdet.data.cells FOLDER` writes the set that ships as `fixtures/datasets/cells`, the
same pixels and the same annotations on every machine: random numbers are the raw output of PCG64,
which NumPy promises to keep, and everything else is integers or the four operations of IEEE
floats. Only the compression of the PNG files depends on the zlib that Pillow was built with.

White cells (WBC) are large with a dark, lobed nucleus; red cells (RBC) are discs, pale in the
middle, that overlap; platelets are small and dark. The stain, the light and the sharpness differ
from image to image, and a field in thirty is empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refdet.data.dice import Dice

F64 = NDArray[np.float64]
Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 160, 120
SHAPE = HEIGHT, WIDTH
SPLITS: Mapping[str, int] = {"train": 100, "val": 25, "test": 35}
CLASS_NAMES = ("WBC", "RBC", "Platelets")
EMPTY_FIELD_EVERY = 30
COLOUR_STEP = 8
"""Colours are multiples of this, fewer than 256 an image, which keeps the files small."""
GRAIN = 3
"""Levels of noise; each more costs a tenth of the set's size."""

# The share of light, in 1/255, that passes through each part: what a stain looks like.
_BACKGROUND = np.array([240.0, 232.0, 222.0])
_RED = np.array([228.0, 158.0, 164.0])
_CYTOPLASM = np.array([208.0, 188.0, 228.0])
_NUCLEUS = np.array([118.0, 66.0, 168.0])
_PLATELET = np.array([150.0, 98.0, 182.0])

# The middle of each pixel, in columns and rows: (1, WIDTH) and (HEIGHT, 1).
_X: F64 = np.arange(WIDTH, dtype=np.float64)[None, :] + 0.5
_Y: F64 = np.arange(HEIGHT, dtype=np.float64)[:, None] + 0.5


@dataclass(frozen=True)
class Cell:
    """One ellipse: centre and radii in pixels; `turn` is a direction along its first radius."""

    class_name: str
    x: float
    y: float
    radii: tuple[float, float]
    turn: tuple[int, int]

    def squared_distance(self) -> F64:
        """(HEIGHT, WIDTH): 0 at the centre, 1 on the outline."""
        across, along = self.turn
        x, y = _X - self.x, _Y - self.y
        u, v = across * x + along * y, across * y - along * x
        length = float(across * across + along * along)
        (a, b), squared = self.radii, length
        return (u * u) / (a * a * squared) + (v * v) / (b * b * squared)

    def box(self) -> tuple[int, int, int, int]:
        """First and last pixel column and row inside the image, from 1, as VOC writes corners."""
        rows, columns = np.nonzero(self.squared_distance() <= 1)
        corners = columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1
        x1, y1, x2, y2 = (int(corner) for corner in corners)
        return x1, y1, x2, y2


def make_field(seed: int, index: int) -> tuple[Pixels, list[Cell]]:
    """One image, (HEIGHT, WIDTH, 3), and the cells in it, in the order of their annotation."""
    dice = Dice(seed, index)
    cells = [] if index % EMPTY_FIELD_EVERY == EMPTY_FIELD_EVERY - 1 else _place_cells(dice)
    light = _BACKGROUND * (dice.between(92, 104) / 100)
    slope_x, slope_y = dice.between(-12, 12) / WIDTH, dice.between(-12, 12) / HEIGHT
    shade = slope_x * (_X - WIDTH / 2) + slope_y * (_Y - HEIGHT / 2)
    pixels = light + shade[..., None]
    stain = dice.between(75, 115) / 100
    softness = dice.between(15, 40) / 100
    for cell in cells:
        for depth, colour in _layers(cell, dice, softness):
            # A stain of full depth lets `colour / 255` of the light through.
            pixels = pixels * (1 - np.minimum(depth * stain, 1)[..., None] * (1 - colour / 255))
    grain = dice.field(GRAIN, SHAPE)[..., None] + (COLOUR_STEP - GRAIN) / 2
    stepped = (pixels + grain) // COLOUR_STEP * COLOUR_STEP
    return np.clip(stepped, 0, 255).astype(np.uint8), cells


def _place_cells(dice: Dice) -> list[Cell]:
    cells: list[Cell] = []
    # name, least and most cells, radii in tenths of pixels, share of the radius that stays inside.
    kinds = (
        ("WBC", 0, 2, 180, 230, 0.3),
        ("RBC", 4, 10, 110, 145, 0.2),
        ("Platelets", 0, 4, 58, 76, 1.2),
    )
    for name, least, most, smallest, largest, inside in kinds:
        for _ in range(dice.between(least, most)):
            cell = _place_cell(dice, name, (smallest, largest), inside, cells)
            if cell is not None:
                cells.append(cell)
    return cells


def _place_cell(
    dice: Dice, name: str, radius_range: tuple[int, int], inside: float, others: list[Cell]
) -> Cell | None:
    """A cell that leaves the others visible, or None if there was no room in 30 attempts."""
    radius = dice.between(*radius_range) / 10
    radii = radius, radius * dice.between(84, 100) / 100
    turn = dice.between(1, 8), dice.between(-8, 8)
    margin = int(inside * radius)
    for _ in range(30):
        x = dice.between(margin, WIDTH - margin)
        y = dice.between(margin, HEIGHT - margin)
        cell = Cell(name, x, y, radii, turn)
        if all(_apart(cell, other) for other in others):
            return cell
    return None


def _apart(cell: Cell, other: Cell) -> bool:
    # Red cells overlap; the others only touch.
    least = 0.75 if cell.class_name == other.class_name == "RBC" else 0.98
    distance = least * (cell.radii[0] + other.radii[0])
    return (cell.x - other.x) ** 2 + (cell.y - other.y) ** 2 >= distance * distance


def _layers(cell: Cell, dice: Dice, softness: float) -> Iterator[tuple[F64, F64]]:
    """What a cell is painted of: depth of the stain in 0..1 for every pixel, and its colour."""
    t = cell.squared_distance()
    body = np.clip((1 + softness / 2 - t) / softness, 0, 1)
    if cell.class_name == "RBC":
        hollow = dice.between(30, 70) / 100
        yield body * (1 - hollow * np.clip((0.55 - t) / 0.5, 0, 1)), _RED
    elif cell.class_name == "Platelets":
        yield body * (0.7 + dice.field(4, SHAPE) / 10), _PLATELET
    else:
        yield body, _CYTOPLASM
        lobes = [_lobe(cell, dice).squared_distance() for _ in range(dice.between(2, 4))]
        nearest = np.minimum(np.minimum.reduce(lobes), t / 0.3)
        yield np.clip((1 + softness - nearest) / softness, 0, 1) * body, _NUCLEUS


def _lobe(cell: Cell, dice: Dice) -> Cell:
    radius = cell.radii[1] * dice.between(40, 55) / 100
    reach = int(cell.radii[1] * 0.45)
    x, y = cell.x + dice.between(-reach, reach), cell.y + dice.between(-reach, reach)
    return Cell(cell.class_name, x, y, (radius, radius), (1, 0))


def annotation_xml(name: str, cells: list[Cell]) -> str:
    """The annotation of one image, as VOC writes it."""
    lines = [
        "<annotation>",
        f"  <filename>{name}.png</filename>",
        f"  <size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>",
    ]
    for cell in cells:
        x1, y1, x2, y2 = cell.box()
        lines += [
            f"  <object><name>{cell.class_name}</name><difficult>0</difficult>",
            f"    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
            f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def write_cells(root: Path, seed: int = 2024, splits: Mapping[str, int] = SPLITS) -> None:
    """Write the set as a Pascal VOC folder.

    Args:
        root: the folder; made if it does not exist, and else empty.
        seed: of the random numbers; every seed is another set.
        splits: how many images each split gets.

    Raises:
        ValueError: there is something in `root`.
    """
    if root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} is not empty; the set is written to a new folder")
    folders = [root / part for part in ("Annotations", "JPEGImages", "ImageSets/Main")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    annotations, images, lists = folders
    first = 0
    for split, count in splits.items():
        names = [f"cells_{index:04d}" for index in range(first, first + count)]
        for index, name in enumerate(names, start=first):
            pixels, cells = make_field(seed, index)
            _with_palette(pixels).save(images / f"{name}.png", optimize=True)
            _write(annotations / f"{name}.xml", annotation_xml(name, cells))
        _write(lists / f"{split}.txt", "".join(f"{name}\n" for name in names))
        first += count


def _with_palette(pixels: Pixels) -> Image.Image:
    """The same colours, one byte a pixel."""
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    colours, indices = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    if len(colours) > 256:
        raise ValueError(f"{len(colours)} colours do not fit in a palette of 256")
    image = Image.fromarray(indices.reshape(HEIGHT, WIDTH).astype(np.uint8))
    image.putpalette([int(colour) >> shift & 255 for colour in colours for shift in (16, 8, 0)])
    return image


def _write(file: Path, text: str) -> None:
    # The same bytes on every system.
    file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the synthetic blood-cell set.")
    parser.add_argument("folder", type=Path, help="where to write it")
    write_cells(parser.parse_args().folder)
