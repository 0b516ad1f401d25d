"""What `auto` settles for a whole set of `.npy` images and CSV labels, and why it does.

Every split has a say, and one answer holds for all of them. Where the data does not give one
answer there is an error that asks for a declaration: guessing per image or per file is how boxes
disappear and images turn black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from refdet.data.npy_csv_folder import ImageFacts
from refdet.data.npy_csv_labels import CsvObject
from refdet.data.npy_image import extreme_values, open_npy
from refdet.data.options import BoxCoordinates
from refdet.data.reading import SMALLEST_SIDE
from refdet.records import PixelRange, Problem

_Choice = TypeVar("_Choice")

TOLERANCE = 1e-4
"""How far outside a box may be, as a share of the image's side: what rounding to 4 decimals does.
Such a box is clipped; one that is farther outside is an error."""

MIDDLE_OF_SYMMETRIC = -0.5
"""A set of floats in [-1, 1] holds something at least this dark; what dips below 0 by less may as
well be [0, 1] that resizing made overshoot."""

MOST_ABSENT = 100
"""Class numbers without an object that are believed unless names are declared."""

MOST_CLASSES = 1000
"""More are not believed unless their names are declared."""


@dataclass(frozen=True)
class Settled(Generic[_Choice]):
    """What was chosen, and why, as sentences; or None, and the problem."""

    choice: _Choice | None
    reasons: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def settle_coordinates(images: Sequence[ImageFacts]) -> Settled[BoxCoordinates]:
    """Pixels or fractions, by the boxes that can be only one of the two.

    A box can be in pixels if it is at least one pixel wide and high and inside its image; in
    fractions if it has a size and is inside (0, 0, 1, 1). What can be both or neither says nothing.
    """
    pixels: list[CsvObject] = []
    fractions: list[CsvObject] = []
    n_boxes = 0
    for image in images:
        for item in image.labels.objects:
            n_boxes += 1
            in_pixels = image.size and min(item.box[2:]) >= SMALLEST_SIDE
            in_pixels = in_pixels and image.size and is_inside(item.box, image.size)
            in_fractions = min(item.box[2:]) > 0 and is_inside(item.box, (1, 1))
            if in_pixels and not in_fractions:
                pixels.append(item)
            elif in_fractions and not in_pixels:
                fractions.append(item)
    if not n_boxes:
        return Settled(BoxCoordinates.PIXELS, ("box coordinates: pixels (auto: there is no box)",))
    if bool(pixels) == bool(fractions):
        counts = f"{_only(pixels, 'in pixels')}, {_only(fractions, 'normalized')}"
        what = f"box coordinates are ambiguous: of {n_boxes} boxes {counts}"
        problem = Problem("labels", f"{what}; declare them as pixels or normalized")
        return Settled(None, problems=(problem,))
    choice = BoxCoordinates.PIXELS if pixels else BoxCoordinates.NORMALIZED
    telling = f"{len(pixels or fractions)} of {n_boxes} boxes can be nothing else"
    reason = f"box coordinates: {choice} (auto: {telling})"
    return Settled(choice, (reason,))


def is_inside(box: Sequence[float], size: tuple[int, int]) -> bool:
    """True if no side of a box, centre and size, is outside the image by more than rounding."""
    return all(
        centre - length / 2 >= -TOLERANCE * side and centre + length / 2 <= (1 + TOLERANCE) * side
        for centre, length, side in zip(box[:2], box[2:], size, strict=True)
    )


def settle_pixel_range(images: Sequence[ImageFacts]) -> Settled[PixelRange]:
    """By the images' types, and for floats by the values of those that are within [-1, 1].

    Floats are unit if none of these images holds a negative value, and symmetric if at least half
    of them do and one goes down to -0.5; in between it is ambiguous. This reads every image of
    floats once.
    """
    readable = [image for image in images if image.size]
    eight_bit = [image for image in readable if image.eight_bit]
    floats = [image for image in readable if not image.eight_bit]
    if not floats:
        how_many = f"all {len(eight_bit)} images hold uint8" if eight_bit else "there is no image"
        return Settled(PixelRange.UINT8, (f"pixel range: uint8 (auto: {how_many})",))
    if eight_bit:
        what = (
            f"hold both kinds of pixels: {len(eight_bit)} hold uint8 (first: "
            f"{eight_bit[0].place}), {len(floats)} floats (first: {floats[0].place})"
        )
        problem = Problem("images", f"{what}; declare the pixel range")
        return Settled(None, problems=(problem,))
    return _settle_float_range(floats)


def _settle_float_range(floats: Sequence[ImageFacts]) -> Settled[PixelRange]:
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for image in floats:
        try:
            low, high = extreme_values(open_npy(image.path))
        except ValueError:
            continue  # Checking and decoding name it.
        if low >= -1 and high <= 1:
            lowest[image.place], highest[image.place] = float(low), float(high)
    if not lowest:
        problem = Problem("images", "hold floats, none within [-1, 1]; scale them to [0, 1]")
        return Settled(None, problems=(problem,))
    negative = [place for place, low in lowest.items() if low < 0]
    values = f"{min(lowest.values()):g} to {max(highest.values()):g} in {len(lowest)} images"
    deep = min(lowest.values()) <= MIDDLE_OF_SYMMETRIC
    if negative and not (deep and len(negative) >= len(lowest) / 2):
        what = (
            f"are ambiguous: {values}, negative in {len(negative)} (first: {negative[0]}); "
            "declare the pixel range as unit or symmetric"
        )
        return Settled(None, problems=(Problem("images", what),))
    choice = PixelRange.SYMMETRIC if negative else PixelRange.UNIT
    return Settled(choice, (f"pixel range: {choice} (auto: floats from {values})",))


def settle_class_names(images: Sequence[ImageFacts], first_class: int) -> Settled[tuple[str, ...]]:
    """Names after the numbers in the labels, `class_07`, from the first to the highest found."""
    ids = {item.class_id for image in images for item in image.labels.objects}
    believed = {number for number in ids if first_class <= number < first_class + MOST_CLASSES}
    if not believed:
        problem = Problem("labels", "hold no object to take classes from; declare class names")
        return Settled(None, problems=(problem,))
    numbers = range(first_class, max(believed) + 1)
    names = tuple(f"class_{number:02d}" for number in numbers)
    reason = f"classes: {len(names)}, {names[0]} to {names[-1]} (auto: the numbers in the labels)"
    absent = [f"{number}" for number in numbers if number not in believed]
    if len(absent) > MOST_ABSENT:
        # More likely a slip of the pen than that many classes without an object.
        objects = (item for image in images for item in image.labels.objects)
        highest = next(item for item in objects if item.class_id == numbers[-1])
        what = (
            f"class {highest.class_id} is far from the others: of the {len(numbers)} numbers up to "
            f"it {len(absent)} have no object; correct it, or declare class names"
        )
        return Settled(None, problems=(Problem(highest.place, what),))
    if absent:
        reason += f"; no object of {', '.join(absent)}"
        if absent[0] == "0":
            reason += ": if classes count from 1, declare first_class=1"
    return Settled(names, (reason,))


def _only(items: Sequence[CsvObject], unit: str) -> str:
    first = f" (first: {items[0].place})" if items else ""
    return f"{len(items) or 'none'} can only be {unit}{first}"


def clipped_corners(
    box: Sequence[float], coordinates: BoxCoordinates, size: tuple[int, int]
) -> list[float]:
    """`x1, y1, x2, y2` in pixels of a box, centre and size, cut at the image's sides."""
    sides = np.array(size, np.float64)
    scale = sides if coordinates is BoxCoordinates.NORMALIZED else np.ones(2)
    centre, length = np.array(box[:2]), np.array(box[2:])
    corners = np.concatenate([(centre - length / 2) * scale, (centre + length / 2) * scale])
    clipped: list[float] = np.clip(corners, 0, np.tile(sides, 2)).tolist()
    return clipped
