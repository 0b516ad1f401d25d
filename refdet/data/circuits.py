"""A synthetic set of circuit diagrams: `.npy` images with CSV labels, for demonstration and tests.

`python -m refdet.data.circuits FOLDER` writes the set that ships as `fixtures/datasets/circuits`,
the same bytes on every machine: random numbers are PCG64's raw output, and everything else is
integers, the four operations of IEEE floats and their square root.

Six components (`CLASS_NAMES`) are drawn as their symbols, of many sizes, turned by quarters and
mirrored, joined by wires, between marks that look like text. Ink, paper, stroke and noise differ
from image to image; a diagram in forty has wires and marks only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refdet.data.circuit_symbols import (
    CLASS_NAMES,
    Box,
    Component,
    Line,
    Point,
    make_component,
)
from refdet.data.dice import Dice

__all__ = ["CLASS_NAMES", "SPLITS", "make_diagram", "write_circuits"]

F64 = NDArray[np.float64]
Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 96, 84
"""Of every image. With NumPy's header that is a file of 8,192 bytes."""
SPLITS: Mapping[str, int] = {"train": 104, "val": 24, "test": 32}
EMPTY_EVERY = 40
HEADER = "class,x_center,y_center,width,height"
ROOM = 4.0
"""Pixels between two components, and half of them to the edge of the image."""

# The middle of each pixel, in columns and rows: (1, WIDTH) and (HEIGHT, 1).
_X: F64 = np.arange(WIDTH, dtype=np.float64)[None, :] + 0.5
_Y: F64 = np.arange(HEIGHT, dtype=np.float64)[:, None] + 0.5


def make_diagram(seed: int, index: int) -> tuple[Pixels, list[Component]]:
    """One image, (HEIGHT, WIDTH, 1), and its components, in the order of their labels."""
    dice = Dice(seed, index)
    stroke = dice.between(12, 20) / 10
    empty = index % EMPTY_EVERY == EMPTY_EVERY - 1
    components = _place_components(dice, 0 if empty else dice.between(3, 6), stroke)
    boxes = [component.box_xyxy for component in components]
    lines = [line for component in components for line in component.lines]
    lines += _wires(dice, components)
    depth = _ink([*lines, *_marks(dice, boxes)], stroke)
    paper, ink = dice.between(190, 245), dice.between(20, 90)
    slopes = dice.between(-15, 15) / WIDTH, dice.between(-15, 15) / HEIGHT
    light = paper + slopes[0] * (_X - WIDTH / 2) + slopes[1] * (_Y - HEIGHT / 2)
    grain = dice.between(3, 24)
    noise = dice.field(grain, (HEIGHT, WIDTH)) - (grain - 1) / 2
    pixels = light + depth * (ink - light) + noise
    return np.clip(pixels, 0, 255).astype(np.uint8)[..., None], components


def _place_components(dice: Dice, count: int, stroke: float) -> list[Component]:
    """As many components as wanted, apart from each other; later ones are smaller if need be."""
    components: list[Component] = []
    attempts = 0
    while len(components) < count:
        attempts += 1
        largest = max(120 - attempts // 3, 80)
        component = make_component(
            CLASS_NAMES[dice.between(0, len(CLASS_NAMES) - 1)],
            (dice.between(0, 10 * WIDTH) / 10, dice.between(0, 10 * HEIGHT) / 10),
            dice.between(80, largest) / 100,
            dice.between(0, 3),
            dice.between(0, 1) == 1,
            stroke,
        )
        x1, y1, x2, y2 = component.box_xyxy
        inside = min(x1, y1, WIDTH - x2, HEIGHT - y2) >= ROOM / 2
        if inside and all(_apart(component.box_xyxy, o.box_xyxy, ROOM) for o in components):
            components.append(component)
        elif attempts > 400:
            # There is no room left; such a diagram has one component less.
            count, attempts = count - 1, 0
    return components


def _apart(a: Box, b: Box, room: float) -> bool:
    return max(a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3]) >= room


def _wires(dice: Dice, components: Sequence[Component]) -> Iterator[Line]:
    """From each component to the next, around one corner, where no other one is in the way."""
    if not components:
        x, y = dice.between(10, WIDTH - 10), dice.between(10, HEIGHT - 10)
        yield (x, 4), (x, y), (4, y)
    for one, other in pairwise(components):
        start, end = one.terminals[-1], other.terminals[0]
        corners = [(start[0], end[1]), (end[0], start[1])]
        if dice.between(0, 1):
            corners.reverse()
        for corner in corners:
            legs = [_bounds([start, corner]), _bounds([corner, end])]
            # A leg may touch the component that it begins at, but not cross it.
            if all(_apart(leg, c.box_xyxy, -1) for leg in legs for c in components):
                yield start, corner, end
                break


def _bounds(points: Iterable[Point]) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _marks(dice: Dice, taken: Sequence[Box]) -> Iterator[Line]:
    """Two or three letters of a few strokes, here and there, off the components."""
    for _ in range(dice.between(2, 6)):
        letters, size = dice.between(2, 3), dice.between(3, 5)
        x, y = dice.between(2, WIDTH - 5 * size), dice.between(2, HEIGHT - 3 * size)
        box = (x, y, x + letters * (size + 2), y + 2.0 * size)
        strokes = [_letter(dice, x + place * (size + 2), y, size) for place in range(letters)]
        if all(_apart(box, other, 2) for other in taken):
            yield from (line for letter in strokes for line in letter)


def _letter(dice: Dice, x: float, y: float, size: int) -> list[Line]:
    corners = [(x + size * i, y + size * j) for i in (0, 1) for j in (0, 1, 2)]
    strokes: list[Line] = [(corners[0], corners[2])]
    for _ in range(dice.between(1, 2)):
        strokes.append((corners[dice.between(0, 2)], corners[dice.between(3, 5)]))
    return strokes


def _ink(lines: Iterable[Line], stroke: float) -> F64:
    """(HEIGHT, WIDTH): 1 where the pen was, 0 where it was not, between the two at the edges."""
    nearest = np.full((HEIGHT, WIDTH), np.inf)
    for line in lines:
        for start, end in pairwise(line):
            np.minimum(nearest, _squared_distance(start, end), out=nearest)
    depth: F64 = np.clip(stroke / 2 + 0.5 - np.sqrt(nearest), 0, 1)
    return depth


def _squared_distance(start: Point, end: Point) -> F64:
    along = end[0] - start[0], end[1] - start[1]
    x, y = _X - start[0], _Y - start[1]
    length = along[0] * along[0] + along[1] * along[1]
    share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else np.float64(0)
    u, v = x - share * along[0], y - share * along[1]
    squared: F64 = u * u + v * v
    return squared


def labels_csv(components: Sequence[Component]) -> str:
    """The labels of one image: centre and size in pixels, to a hundredth."""
    rows = [HEADER]
    for component in components:
        x1, y1, x2, y2 = component.box_xyxy
        label = CLASS_NAMES.index(component.class_name)
        box = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        rows.append(",".join([str(label), *(f"{value:.2f}" for value in box)]))
    return "\n".join([*rows, ""])


def write_circuits(root: Path, seed: int = 2024, splits: Mapping[str, int] = SPLITS) -> None:
    """Write the set as `<split>/images/*.npy` and `<split>/labels/*.csv`.

    Args:
        root: the folder; made if it does not exist, and else empty.
        seed: of the random numbers; every seed is another set.
        splits: how many images each split gets.

    Raises:
        ValueError: there is something in `root`.
    """
    if root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} is not empty; the set is written to a new folder")
    first = 0
    for split, count in splits.items():
        images, labels = root / split / "images", root / split / "labels"
        images.mkdir(parents=True)
        labels.mkdir()
        for index in range(first, first + count):
            pixels, components = make_diagram(seed, index)
            np.save(images / f"circuit_{index:04d}.npy", pixels)
            # The same bytes on every system.
            (labels / f"circuit_{index:04d}.csv").write_bytes(labels_csv(components).encode())
        first += count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the synthetic set of circuit diagrams.")
    parser.add_argument("folder", type=Path, help="where to write it")
    write_circuits(parser.parse_args().folder)
