"""Pictures of the places where a detector errs, as many as fit: cut out, small, each made once."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from refdet.records import F64, I64, Problem

U8 = NDArray[np.uint8]
Box: TypeAlias = tuple[float, float, float, float]
Region: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels of an image."""

_CONTEXT = 2.5
"""A region's side, in lengths of the box's longer side."""
_LEAST_SIDE = 64
"""Pixels around a tiny box, without which nobody sees where it is."""
_LONGEST = 256
"""A picture's longer side is brought down to this."""
_QUALITY = 72
_OPEN_BYTES = 256_000_000
"""Of images that stay open because other places in them are likely to follow."""


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with its annotated objects.

    Attributes:
        pixels: (H, W, 3).
        boxes_xyxy: (N, 4) of the objects, in pixels.
        labels: (N,) their classes.
    """

    pixels: U8
    boxes_xyxy: F64
    labels: I64


LoadScene: TypeAlias = Callable[[str], Scene]
"""Opens an image by its name; raises ValueError or OSError where it cannot."""


@dataclass(frozen=True)
class Place:
    """Somewhere in an image."""

    image: str
    box_xyxy: Box


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of an image.

    Attributes:
        region: which part.
        webp: its picture, in base64.
        boxes_xyxy: (N, 4) of the objects that reach into it.
        labels: (N,) their classes.
    """

    region: Region
    webp: str
    boxes_xyxy: F64
    labels: I64

    @property
    def n_bytes(self) -> int:
        """About what it takes in a page."""
        return len(self.webp) + 40 * len(self.labels)


@dataclass(eq=False)
class Album:
    """Crops, and which of them shows which place.

    Attributes:
        crops: in the order in which they were made.
        shown: for each place its row in `crops`, or -1.
        problems: images that could not be opened.
        n_bytes: about what they take in a page.
    """

    crops: list[Crop] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    n_bytes: int = 0


def make_album(
    places: Sequence[Place], load: LoadScene, max_bytes: int, *, progress: bool = False
) -> Album:
    """Cut out `places`, the first ones first, until the pictures fill `max_bytes`.

    A place that an earlier picture shows large enough shares it. What cannot be opened is left out
    and told.

    Args:
        places: those that matter most first.
        load: opens an image.
        max_bytes: of all pictures together, in base64.
        progress: show a progress bar, on a terminal.
    """
    maker = _Maker(load, max_bytes, Album(shown=[-1] * len(places)))
    # None shows it on a terminal only.
    with tqdm(total=len(places), desc="pictures", disable=None if progress else True) as bar:
        for row, place in enumerate(places):
            maker.album.shown[row] = maker.crop_of(place)
            bar.update()
    return maker.album


class _Maker:
    """Fills an album place by place."""

    def __init__(self, load: LoadScene, max_bytes: int, album: Album) -> None:
        self.load, self.max_bytes, self.album = load, max_bytes, album
        self.of_image: dict[str, list[int]] = {}
        self.open: dict[str, Scene] = {}
        self.n_open_bytes = 0
        self.damaged: set[str] = set()
        self.full = False

    def crop_of(self, place: Place) -> int:
        """The row of the crop that shows the place, made if need be, or -1."""
        album, own = self.album, self.of_image.setdefault(place.image, [])
        for crop in own:
            if _shows(album.crops[crop].region, place):
                return crop
        scene = None if self.full else self._scene(place.image)
        if scene is None:
            return -1
        made = cut_out(scene, place.box_xyxy)
        self.full = album.n_bytes + made.n_bytes > self.max_bytes
        if self.full:
            return -1
        own.append(len(album.crops))
        album.crops.append(made)
        album.n_bytes += made.n_bytes
        return own[-1]

    def _scene(self, image: str) -> Scene | None:
        if image in self.damaged or image in self.open:
            return self.open.get(image)
        try:
            scene = self.load(image)
        # Whatever is wrong with one image, the page must come out.
        except (OSError, ValueError) as error:
            self.damaged.add(image)
            self.album.problems.append(Problem(image, str(error), dropped=True))
            return None
        self.n_open_bytes += scene.pixels.nbytes
        while self.open and self.n_open_bytes > _OPEN_BYTES:
            oldest = self.open.pop(next(iter(self.open)))
            self.n_open_bytes -= oldest.pixels.nbytes
        self.open[image] = scene
        return scene


def cut_out(scene: Scene, box_xyxy: Box) -> Crop:
    """The box with its surroundings."""
    height, width = scene.pixels.shape[:2]
    region = region_around(box_xyxy, width, height)
    left, top, right, bottom = region
    picture = Image.fromarray(scene.pixels[top:bottom, left:right])
    picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    file = BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY)
    boxes = scene.boxes_xyxy
    reach = (boxes[:, :2] < (right, bottom)).all(axis=1) & (boxes[:, 2:] > (left, top)).all(axis=1)
    webp = base64.b64encode(file.getvalue()).decode()
    return Crop(region, webp, boxes[reach], scene.labels[reach])


def region_around(box_xyxy: Box, width: int, height: int) -> Region:
    """A square about the box, moved and cut so that it lies in an image of this size."""
    x1, y1, x2, y2 = box_xyxy
    side = max(_LEAST_SIDE, _CONTEXT * max(x2 - x1, y2 - y1))
    (left, right), (top, bottom) = _span(x1, x2, side, width), _span(y1, y2, side, height)
    return left, top, right, bottom


def _span(low: float, high: float, side: float, length: int) -> tuple[int, int]:
    size = max(1, round(min(side, length)))
    start = round((low + high - size) / 2)
    start = min(max(start, 0), length - size)
    return start, start + size


def _shows(region: Region, place: Place) -> bool:
    """Whether the box lies in the region, and is not small in it."""
    left, top, right, bottom = region
    x1, y1, x2, y2 = place.box_xyxy
    inside = left <= x1 and top <= y1 and x2 <= right and y2 <= bottom
    side = max(_LEAST_SIDE, max(x2 - x1, y2 - y1) * 2 * _CONTEXT)
    return inside and max(right - left, bottom - top) <= side
