"""Images that a training run leaves out by name, as the list of false-positive images has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from refdet.records import AnnotatedImage


def read_exclude_list(file: Path) -> tuple[str, ...]:
    """The names in `file`, one a line as they stand; blank lines are passed over.

    Raises:
        ValueError: no such file, or it is no text in UTF-8.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: cannot be read as a list: {error}") from error
    return tuple(line for line in lines if line.strip())


def exclude_images(
    images: Sequence[AnnotatedImage], names: Sequence[str], file: Path
) -> tuple[AnnotatedImage, ...]:
    """`images` without those that are named.

    A name is that of the image file, with or without its last suffix, and nothing else: `a.v1`
    leaves out `a.v1.png`, but not `a.png`.

    Args:
        images: of the split.
        names: to leave out.
        file: that they are from, for the message.

    Raises:
        ValueError: a name that no image has, one that two images have, or nothing is left.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for place, image in enumerate(images):
        for name in (image.ground_truth.image, image.path.name, image.path.stem):
            places[name].add(place)
    wrong = []
    for name in dict.fromkeys(names):
        if name not in places:
            close = get_close_matches(name, places, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            wrong.append(f"{name!r} names no image of the split{hint}")
        elif len(places[name]) > 1:
            both = " and ".join(images[place].path.name for place in sorted(places[name]))
            wrong.append(f"{name!r} could be {both}: write the suffix too")
    if wrong:
        raise ValueError(f"{file}: {'; '.join(wrong)}")
    excluded = {place for name in names for place in places[name]}
    if len(excluded) == len(images):
        raise ValueError(f"{file}: names every image of the split; none is left")
    return tuple(image for place, image in enumerate(images) if place not in excluded)
