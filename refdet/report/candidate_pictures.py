"""Pictures in which each candidate for a missing label can be judged by eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from refdet.analysis_records import LabelCandidate
from refdet.records import AnnotatedImage, GroundTruth, Problem
from refdet.report.cells import one_line
from refdet.report.colours import class_colour
from refdet.report.drawing import Mark, draw_marks, font
from refdet.report.own_pictures import Picture, write_own_pictures
from refdet.report.panels import U8
from refdet.report.pictures import ReadPixels, picture_name

PER_SHEET, _PER_ROW = 20, 5
_CROP, _TILE = 560, 280
"""Sides of a picture of one candidate, and of one on a sheet."""
_CONTEXT, _LEAST = 3.0, 48
"""A picture shows so many times the candidate's longer side, and at least so many pixels."""
_TEXT, _LINE, _MARGIN = 13, 18, 8


def write_candidate_pictures(
    folder: Path,
    candidates: Sequence[LabelCandidate],
    images: Sequence[AnnotatedImage],
    class_names: Sequence[str],
    read_pixels: ReadPixels,
) -> tuple[list[Path], list[Problem]]:
    """Write sheets of twenty candidates in their order, and a larger picture of each.

    Args:
        folder: made if it does not exist; pictures that an earlier call wrote to it are removed.
        candidates: those to draw, by rank.
        images: in any order; a candidate that is in none of them is told.
        class_names: by label.
        read_pixels: opens an image.

    Returns:
        The files written, and what went wrong with the others. On a sheet, the place of one that
        cannot be drawn stays empty.
    """
    by_name = {image.ground_truth.image: image for image in images}

    def crop(place: int, side: int) -> Image.Image:
        one = candidates[place]
        if one.image not in by_name:
            raise ValueError("there is no image file")
        annotated = by_name[one.image]
        return draw_candidate(
            read_pixels(annotated), annotated.ground_truth, one, class_names, side
        )

    def tile(place: int) -> Image.Image:
        try:
            drawn = crop(place, _TILE)
        except (OSError, ValueError):  # which the candidate's own picture tells
            drawn = Image.new("RGB", (_TILE, _TILE), "lightgrey")
        return _with_caption(drawn, place + 1, candidates[place], class_names)

    def single(place: int) -> Image.Image:
        return _with_caption(crop(place, _CROP), place + 1, candidates[place], class_names)

    return write_own_pictures(folder, _pictures(candidates, tile, single))


def _pictures(
    candidates: Sequence[LabelCandidate],
    tile: Callable[[int], Image.Image],
    single: Callable[[int], Image.Image],
) -> Iterator[Picture]:
    for number, first in enumerate(range(0, len(candidates), PER_SHEET), start=1):
        places = range(first, min(first + PER_SHEET, len(candidates)))
        name = f"sheet_{number:02d}.png"
        yield Picture(name, name, partial(_sheet, tile, places))
    for place, one in enumerate(candidates):
        name = picture_name("candidate", place + 1, one.image)
        yield Picture(name, one.image, partial(single, place))


@dataclass(frozen=True)
class _Window:
    """The square part of an image that is shown."""

    left: float
    top: float
    length: float

    @staticmethod
    def around(box_xyxy: Sequence[float], width: int, height: int) -> _Window:
        """The box in the middle, or less so near an edge of the image."""
        x1, y1, x2, y2 = box_xyxy
        length = max(_CONTEXT * max(x2 - x1, y2 - y1), _LEAST)
        length = min(length, max(width, height))

        def start(low: float, high: float, size: int) -> float:
            return min(max((low + high - length) / 2, 0), max(size - length, 0))

        return _Window(start(x1, x2, width), start(y1, y2, height), length)

    def shows(self, truth: GroundTruth) -> list[int]:
        """The rows of the objects that are in it at least in part."""
        start, end = np.array([self.left, self.top]), np.array([self.left, self.top]) + self.length
        inside = (truth.boxes_xyxy[:, :2] < end) & (truth.boxes_xyxy[:, 2:] > start)
        rows: list[int] = np.flatnonzero(inside.all(axis=1)).tolist()
        return rows

    def cut(self, image: U8, side: int) -> Image.Image:
        """What it shows, (side, side), white beyond the image."""
        right, bottom = self.left + self.length, self.top + self.length
        return Image.fromarray(image).transform(
            (side, side),
            Image.Transform.EXTENT,
            (self.left, self.top, right, bottom),
            Image.Resampling.BILINEAR,
            fillcolor=(255, 255, 255),
        )


def draw_candidate(
    image: U8,
    ground_truth: GroundTruth,
    candidate: LabelCandidate,
    class_names: Sequence[str],
    side: int,
) -> Image.Image:
    """The candidate, dashed, among the annotated objects around it.

    Args:
        image: (H, W, 3) uint8 RGB.
        ground_truth: of the image.
        candidate: in the image.
        class_names: by label.
        side: of the square picture, in pixels.
    """
    window = _Window.around(candidate.box_xyxy, image.shape[1], image.shape[0])
    picture = window.cut(image, side)
    scale = side / window.length

    def mark(box_xyxy: Sequence[float], text: str, label: int, *, dashed: bool) -> Mark:
        x1, x2 = ((x - window.left) * scale for x in box_xyxy[::2])
        y1, y2 = ((y - window.top) * scale for y in box_xyxy[1::2])
        return Mark((x1, y1, x2, y2), text, class_colour(label), dashed)

    label = candidate.label
    marks = [mark(candidate.box_xyxy, f"? {class_names[label]}", label, dashed=True)]
    for row in window.shows(ground_truth):
        label = int(ground_truth.labels[row])
        box = ground_truth.boxes_xyxy[row].tolist()
        marks.append(mark(box, class_names[label], label, dashed=False))
    draw_marks(picture, marks)
    return picture


def _with_caption(
    drawn: Image.Image, rank: int, one: LabelCandidate, class_names: Sequence[str]
) -> Image.Image:
    tile = Image.new("RGB", (drawn.width, drawn.height + 2 * _LINE), "white")
    tile.paste(drawn)
    draw = ImageDraw.Draw(tile)
    seen = f"{one.n_runs} of {len(one.run_scores)} runs"
    what = f"#{rank}  {one_line(class_names[one.label])}  {one.score:.2f}  {seen}"
    for line, text in enumerate((what, one_line(one.image))):
        draw.text((2, drawn.height + line * _LINE), text, "black", font(_TEXT))
    return tile


def _sheet(tile: Callable[[int], Image.Image], places: Sequence[int]) -> Image.Image:
    tiles = [tile(place) for place in places]
    across, down = tiles[0].width + _MARGIN, tiles[0].height + _MARGIN
    n_columns, n_rows = min(_PER_ROW, len(tiles)), -(-len(tiles) // _PER_ROW)
    sheet = Image.new("RGB", (n_columns * across + _MARGIN, n_rows * down + _MARGIN), "white")
    for place, one in enumerate(tiles):
        row, column = divmod(place, _PER_ROW)
        sheet.paste(one, (_MARGIN + column * across, _MARGIN + row * down))
    return sheet
