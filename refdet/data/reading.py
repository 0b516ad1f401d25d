"""What readers of every layout give: one image's reading, and a whole split."""

from __future__ import annotations

from dataclasses import dataclass

from refdet.records import AnnotatedImage, Problem

SMALLEST_SIDE = 1.0 - 1e-9
"""Pixels; a box with a smaller width or height is left out. A box of one pixel between pixels is a
little less than 1 wide once its corners were rounded."""

_USUAL_SPLITS = ("train", "val", "trainval", "test")


@dataclass(frozen=True)
class ImageReading:
    """What came of one image's files.

    Attributes:
        image: with its objects, or None if one of the problems is an error.
        class_names: the class of every object in the file, also of those left out.
        problems: what is wrong.
    """

    image: AnnotatedImage | None
    class_names: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Split:
    """One part of a data set, ready to be used.

    Attributes:
        name: of the split.
        images: with their objects, in the order of the data set.
        dropped: objects that were left out and blank lines, each with its place.
    """

    name: str
    images: tuple[AnnotatedImage, ...]
    dropped: tuple[Problem, ...]


def split_order(name: str) -> tuple[int, str]:
    """The key that sorts the names of splits: the usual ones first, others by the alphabet."""
    place = _USUAL_SPLITS.index(name) if name in _USUAL_SPLITS else len(_USUAL_SPLITS)
    return place, name
