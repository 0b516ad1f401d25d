"""Boxes and their labels on an image, drawn so that they stay legible where objects crowd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from refdet.report.colours import Colour

Rectangle = tuple[int, int, int, int]
"""The first and the last pixel in each direction: left, top, right, bottom."""

LINE_WIDTH = 2
TEXT_SIZE = 11
_DASH, _GAP = 8, 6
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class Mark:
    """A box to draw.

    Attributes:
        box_xyxy: in pixels of the picture, continuous coordinates.
        text: what its label says.
        colour: of the line, and of the label's ground.
        dashed: whether the line is dashed.
    """

    box_xyxy: tuple[float, float, float, float]
    text: str
    colour: Colour
    dashed: bool = False


def draw_marks(picture: Image.Image, marks: Sequence[Mark]) -> None:
    """Draw boxes and then their labels on `picture`, in place; the first ones end on top.

    A label is put above its box, or in or below it where another label has that place.

    Args:
        picture: an RGB image.
        marks: may lie outside the picture in part or altogether.
    """
    draw = ImageDraw.Draw(picture)
    outlines = [_pixels(mark, picture.width, picture.height) for mark in marks]
    for mark, outline in reversed(list(zip(marks, outlines, strict=True))):
        _draw_outline(draw, outline, mark)
    taken: list[Rectangle] = []
    for mark, outline in zip(marks, outlines, strict=True):
        place = _label_place(draw, mark.text, outline, taken, picture.size)
        taken.append(place)
        draw.rectangle(place, fill=mark.colour)
        draw.text((place[0] + 2, place[1]), mark.text, _readable_on(mark.colour), font(TEXT_SIZE))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: it has letters that Pillow's own font lacks."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)


def _pixels(mark: Mark, width: int, height: int) -> Rectangle:
    """The outermost pixels of a box; a far one is cut just outside the picture."""
    left, top, right, bottom = mark.box_xyxy
    x1, x2 = (round(min(max(x, -LINE_WIDTH), width + LINE_WIDTH)) for x in (left, right))
    y1, y2 = (round(min(max(y, -LINE_WIDTH), height + LINE_WIDTH)) for y in (top, bottom))
    # Continuous coordinates 3 to 5 are the pixels 3 and 4; a box without size still shows.
    return x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)


def _draw_outline(draw: ImageDraw.ImageDraw, outline: Rectangle, mark: Mark) -> None:
    # A white line around the coloured one parts it from a ground of a like colour.
    x1, y1, x2, y2 = outline
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_WHITE, width=LINE_WIDTH + 1)
    if not mark.dashed:
        draw.rectangle(outline, outline=mark.colour, width=LINE_WIDTH)
        return
    depth = LINE_WIDTH - 1
    for x in range(x1, x2 + 1, _DASH + _GAP):
        end = min(x + _DASH - 1, x2)
        draw.rectangle((x, y1, end, min(y1 + depth, y2)), fill=mark.colour)
        draw.rectangle((x, max(y2 - depth, y1), end, y2), fill=mark.colour)
    for y in range(y1, y2 + 1, _DASH + _GAP):
        end = min(y + _DASH - 1, y2)
        draw.rectangle((x1, y, min(x1 + depth, x2), end), fill=mark.colour)
        draw.rectangle((max(x2 - depth, x1), y, x2, end), fill=mark.colour)


def _label_place(
    draw: ImageDraw.ImageDraw,
    text: str,
    outline: Rectangle,
    taken: Sequence[Rectangle],
    size: tuple[int, int],
) -> Rectangle:
    """Where the label goes: the first place that hides no other label, else above the box."""
    x1, y1, x2, y2 = outline
    width, height = round(draw.textlength(text, font(TEXT_SIZE))) + 4, TEXT_SIZE + 4
    below_line = y1 + LINE_WIDTH
    wanted = [
        (x1, y1 - height),
        (x1 + LINE_WIDTH, below_line),
        (x2 - width, y1 - height),
        (x2 - width - LINE_WIDTH, below_line),
        (x1 + LINE_WIDTH, below_line + height),
        (x1, y2 + 1),
        (x2 - width, y2 + 1),
    ]
    places = [_moved_inside(left, top, width, height, size) for left, top in wanted]
    free = (place for place in places if not any(_overlap(place, other) for other in taken))
    return next(free, places[0])


def _moved_inside(left: int, top: int, width: int, height: int, size: tuple[int, int]) -> Rectangle:
    x = max(0, min(left, size[0] - width))
    y = max(0, min(top, size[1] - height))
    return x, y, x + width - 1, y + height - 1


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _readable_on(colour: Colour) -> Colour:
    """Black or white text, by the ground's brightness (ITU-R BT.601)."""
    red, green, blue = colour
    return _BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else _WHITE
