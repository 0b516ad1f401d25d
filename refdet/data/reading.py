"""What readers of every layout give: one image's reading, and a whole split.

Nothing is learnt from a box less than a pixel wide or high, so that records leave it out. Somebody
who judges detections or converts a data set wants all objects, which are there beside the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refdet.records import F64, I64, AnnotatedImage, GroundTruth, Mask, Problem

SMALLEST_SIDE = 1.0 - 1e-9
"""Pixels; a box with a smaller width or height is not learnt from. A box of one pixel between
pixels is a little less than 1 wide once its corners were rounded."""

_USUAL_SPLITS = ("train", "val", "trainval", "test")


class SmallObject(Problem):
    """An object that is left out of records because its box is small, and of nothing else."""


@dataclass(frozen=True, eq=False)
class FileObjects:
    """All objects of one image, in the order of their file, the small ones included.

    Attributes:
        boxes_xyxy: (N, 4) float64, pixels; not inverted, perhaps without width or height.
        labels: (N,) int64 in 0..C-1.
        difficult: (N,) bool.
    """

    boxes_xyxy: F64
    labels: I64
    difficult: Mask

    def ground_truth(self, image: str, size: tuple[int, int]) -> GroundTruth:
        """What can be learnt from: the record of an image of this name, width and height."""
        large = np.array([not is_small(box) for box in self.boxes_xyxy.tolist()], np.bool_)
        return GroundTruth(
            image, *size, self.boxes_xyxy[large], self.labels[large], self.difficult[large]
        )


@dataclass(frozen=True)
class ImageReading:
    """What came of one image's files.

    Attributes:
        image: with the objects to learn from, or None if one of the problems is an error.
        objects: all of its objects.
        class_names: the class of every object in the file, also of those left out.
        problems: what is wrong.
    """

    image: AnnotatedImage | None
    objects: FileObjects
    class_names: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Split:
    """One part of a data set, ready to be used.

    Attributes:
        name: of the split.
        images: with the objects to learn from, in the order of the data set.
        objects: of each image, all of them.
        dropped: objects that `images` lack and blank lines, each with its place.
    """

    name: str
    images: tuple[AnnotatedImage, ...]
    objects: tuple[FileObjects, ...]
    dropped: tuple[Problem, ...]


def split_of(name: str, readings: Sequence[ImageReading], dropped: Sequence[Problem]) -> Split:
    """The split of these images, in none of which there is an error."""
    whole = [(reading.image, reading.objects) for reading in readings if reading.image is not None]
    images, objects = tuple(image for image, _ in whole), tuple(objects for _, objects in whole)
    return Split(name, images, objects, tuple(dropped))


def is_small(corners: Sequence[float]) -> bool:
    """True for a box, x1, y1, x2, y2 in pixels, that is less than a pixel wide or high."""
    x1, y1, x2, y2 = corners
    return x2 - x1 < SMALLEST_SIDE or y2 - y1 < SMALLEST_SIDE


def split_order(name: str) -> tuple[int, str]:
    """The key that sorts the names of splits: the usual ones first, others by the alphabet."""
    place = _USUAL_SPLITS.index(name) if name in _USUAL_SPLITS else len(_USUAL_SPLITS)
    return place, name
