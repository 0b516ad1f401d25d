"""Detections of images and classes that the ground truth has; others are refused, or counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refdet.columns import I64, DetectionColumns


@dataclass(frozen=True)
class Unknown:
    """How many detections were left out: in no image, or in one but of no class."""

    of_image: int = 0
    of_class: int = 0

    def __add__(self, other: Unknown) -> Unknown:
        return Unknown(self.of_image + other.of_image, self.of_class + other.of_class)


@dataclass(frozen=True, eq=False)
class Known:
    """Detections of images and classes that the ground truth has, and what was left out."""

    detections: DetectionColumns
    unknown: Unknown = Unknown()


def keep_known(
    image_rows: I64,
    category_rows: I64,
    image: Callable[[int], str],
    category: Callable[[int], str],
    place: Callable[[int], str],
    *,
    ignore_unknown: bool,
) -> tuple[I64, Unknown]:
    """Which detections are of an image and a class that are known.

    Args:
        image_rows: (D,) -1 where the image is unknown.
        category_rows: (D,) -1 where the class is.
        image: names the image of a detection as its file does: "image 'a'".
        category: likewise its class: "class 'dog'".
        place: the file and the line or entry of a detection.
        ignore_unknown: True to count the others.

    Returns:
        (N,) the indices of those that are known, ascending, and the count of the others.

    Raises:
        ValueError: one is unknown and they are not to be counted; names the first.
    """
    no_image, no_class = image_rows < 0, category_rows < 0
    unknown = no_image | no_class
    if unknown.any() and not ignore_unknown:
        row = int(unknown.argmax())
        what = image(row) if no_image[row] else category(row)
        raise ValueError(
            f"{place(row)}: the ground truth has no {what}; --ignore-unknown leaves out and "
            "counts such detections"
        )
    counts = Unknown(int(no_image.sum()), int((no_class & ~no_image).sum()))
    return np.flatnonzero(~unknown), counts
