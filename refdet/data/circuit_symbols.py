"""The symbols of electrical components, as strokes of a pen, and where their ink is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float]
Line = tuple[Point, ...]
"""A stroke of the pen through several points."""
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

CLASS_NAMES = ("resistor", "capacitor", "inductor", "diode", "source", "ground")

# Points of a quarter of the unit circle that are fractions, so that no sine is needed.
_QUARTER = ((1.0, 0.0), (0.96, 0.28), (0.8, 0.6), (0.6, 0.8), (0.28, 0.96), (0.0, 1.0))
_HALF: Line = (*_QUARTER, *((-x, y) for x, y in _QUARTER[-2::-1]))
_CIRCLE: Line = (*_HALF, *((x, -y) for x, y in _HALF[-2::-1]))


def _bump(middle: float) -> Line:
    return tuple((middle - 4 * x, -9 * y) for x, y in _HALF)


SYMBOLS: Mapping[str, tuple[Line, ...]] = {
    "resistor": (
        ((-14, 0), (-11, 0), (-9, -6), (-5, 6), (-1, -6), (3, 6), (7, -6), (10, 0), (14, 0)),
    ),
    "capacitor": (
        ((-10, 0), (-3, 0)),
        ((-3, -10), (-3, 10)),
        ((3, -10), (3, 10)),
        ((3, 0), (10, 0)),
    ),
    "inductor": (((-14, 0), *_bump(-8), *_bump(0), *_bump(8), (14, 0)),),
    "diode": (
        ((-12, 0), (-6, 0)),
        ((-6, -8), (6, 0), (-6, 8), (-6, -8)),
        ((6, -8), (6, 8)),
        ((6, 0), (12, 0)),
    ),
    "source": (
        tuple((10 * x, 10 * y) for x, y in _CIRCLE),
        ((-14, 0), (-10, 0)),
        ((10, 0), (14, 0)),
        ((-4, 0), (4, 0)),
        ((0, -4), (0, 4)),
    ),
    "ground": (((-9, 0), (0, 0)), ((0, -10), (0, 10)), ((4, -6), (4, 6)), ((8, -2.5), (8, 2.5))),
}
"""The strokes of each component about its middle, in pixels at scale 1."""


@dataclass(frozen=True)
class Component:
    """One symbol in an image."""

    class_name: str
    lines: tuple[Line, ...]
    box_xyxy: Box
    """Where its ink is, half of the stroke's width included."""
    terminals: tuple[Point, ...]
    """Where wires begin."""


def make_component(
    class_name: str, middle: Point, scale: float, quarter_turns: int, mirrored: bool, stroke: float
) -> Component:
    """A symbol with its middle at `middle`, turned and scaled.

    Args:
        class_name: one of `CLASS_NAMES`.
        middle: x and y of the symbol's origin, in pixels.
        scale: 1 is the size in `SYMBOLS`.
        quarter_turns: 0..3, from the x axis towards the y axis.
        mirrored: True to swap the symbol's two sides first.
        stroke: width of the pen in pixels.
    """

    def placed(point: Point) -> Point:
        x, y = scale * point[0], scale * (-point[1] if mirrored else point[1])
        for _ in range(quarter_turns):
            x, y = -y, x
        return middle[0] + x, middle[1] + y

    symbol = SYMBOLS[class_name]
    lines = tuple(tuple(placed(point) for point in line) for line in symbol)
    xs = [x for line in lines for x, _ in line]
    ys = [y for line in lines for _, y in line]
    half = stroke / 2
    box = min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half
    ends = [min(point for line in symbol for point in line if point[1] == 0)]
    if class_name != "ground":
        ends.append(max(point for line in symbol for point in line if point[1] == 0))
    return Component(class_name, lines, box, tuple(placed(end) for end in ends))
