"""What the images of a slice share: the values of a column, or ranges where they are many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from refdet.columns import ObjectColumns

EMPTY = "(empty)"
"""The slice of the images that a column says nothing of."""
IMAGE_SIZE, OBJECT_COUNT = "image-size", "object-count"

MOST_VALUES = 40
"""A column of text with more values than this names single images rather than kinds of them."""
_MOST_NUMBERS = 8
"""So many different numbers, such as those of wards, are a slice each; more become ranges."""
_MOST_DATES = 12
_RANGES = 4
_DIGITS = 4
"""So many significant digits the ends of ranges have, or more where they would be equal."""


@dataclass(frozen=True)
class Grouping:
    """Which slice of a column each image is in.

    Attributes:
        column: its name.
        values: (I,) of each image in the order of the data set's table, as text.
    """

    column: str
    values: tuple[str, ...]


def grouping_of(column: str, cells: Sequence[str]) -> Grouping:
    """The slices of a column, by what all its cells are.

    Numbers: a slice for each, if they are at most eight; else four ranges that hold about a
    quarter of the images each, named by their ends to four digits. Dates (ISO 8601, with or
    without a time): the finest of hour, day, month, quarter and year that gives at most twelve
    slices. Anything else is text: a slice for each value. Empty cells are a slice of their own.

    Args:
        column: its name.
        cells: (I,) in the order of the images.

    Raises:
        ValueError: there are too many different texts, or all images have the same value.
    """
    texts = [cell.strip() for cell in cells]
    filled = [text for text in texts if text]
    of_text = _by_number(filled) or _by_date(filled) or {text: text for text in filled}
    values = tuple(of_text[text] if text else EMPTY for text in texts)
    n_values = len(set(values))
    if n_values > MOST_VALUES:
        raise ValueError(
            f"column {column!r} has {n_values} different texts in {len(values)} images, such as "
            f"{filled[0]!r}: it can have {MOST_VALUES}. Take a column that says what images have "
            "in common"
        )
    if n_values < 2:
        raise ValueError(
            f"column {column!r} is {values[0] if values else EMPTY!r} in all {len(values)} images: "
            "there is nothing to compare it with"
        )
    return Grouping(column, values)


def image_sizes(objects: ObjectColumns) -> Grouping:
    """The images by width and height."""
    sizes = objects.images.sizes.tolist()
    cells = [f"{width} x {height}" if width and height else "" for width, height in sizes]
    return grouping_of(IMAGE_SIZE, cells)


def object_counts(objects: ObjectColumns) -> Grouping:
    """The images by how many objects that count are in them."""
    counted = objects.image_ids[~(objects.crowd | objects.ignore)]
    ids, counts = np.unique(counted, return_counts=True)
    count_of = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    cells = [str(count_of.get(image, 0)) for image in objects.images.ids.tolist()]
    return grouping_of(OBJECT_COUNT, cells)


def _by_number(texts: Sequence[str]) -> dict[str, str] | None:
    """The slice of each text, if they are all numbers; None if not."""
    try:
        numbers = {text: float(text) for text in texts if "_" not in text}
    except ValueError:
        return None
    if not all(text in numbers and math.isfinite(numbers[text]) for text in texts):
        return None
    # 1 and 1.0 are one number, written as it was first.
    first_text: dict[float, str] = {}
    for text in texts:
        first_text.setdefault(numbers[text], text)
    if len(first_text) <= _MOST_NUMBERS:
        return {text: first_text[number] for text, number in numbers.items()}
    values = np.array([numbers[text] for text in texts])
    ends = np.quantile(values, np.arange(1, _RANGES) / _RANGES, method="inverted_cdf")
    members: dict[int, list[float]] = {}
    for number in first_text:
        members.setdefault(int(np.searchsorted(ends, number)), []).append(number)
    ends_of = [(min(numbers), max(numbers)) for numbers in members.values()]
    written = _written(first_text, {end for both in ends_of for end in both})
    name: dict[float, str] = {}
    for numbers_in_range, (low, high) in zip(members.values(), ends_of, strict=True):
        both = f"{written[low]} to {written[high]}" if low < high else written[low]
        name |= dict.fromkeys(numbers_in_range, both)
    return {text: name[number] for text, number in numbers.items()}


def _written(text_of: Mapping[float, str], ends: set[float]) -> dict[float, str]:
    """Ends of ranges with as few digits, four or more, as keep them apart; short ones as given."""
    for digits in range(_DIGITS, 17):
        written = {}
        for end in ends:
            rounded = f"{end:.{digits}g}"
            if "e+" in rounded:
                rounded = f"{end:.0f}"
            written[end] = rounded if len(rounded) < len(text_of[end]) else text_of[end]
        if len({float(text) for text in written.values()}) == len(ends):
            break
    return written


def _by_date(texts: Sequence[str]) -> dict[str, str] | None:
    """The slice of each text, if they are all dates; None if not."""
    try:
        dates = {text: datetime.fromisoformat(text) for text in texts}
    except ValueError:
        return None
    units = [
        [f"{date:%Y-%m-%d %H}h" for date in dates.values()],
        [f"{date:%Y-%m-%d}" for date in dates.values()],
        [f"{date:%Y-%m}" for date in dates.values()],
        [f"{date:%Y} Q{(date.month + 2) // 3}" for date in dates.values()],
        [f"{date:%Y}" for date in dates.values()],
    ]
    if not all(":" in text for text in texts):
        del units[0]
    apart = [unit for unit in units if len(set(unit)) > 1] or units
    chosen = next((unit for unit in apart if len(set(unit)) <= _MOST_DATES), apart[-1])
    return dict(zip(dates, chosen, strict=True))
