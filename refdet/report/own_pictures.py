"""Pictures written to a folder in which no file of anybody else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from refdet.files import atomic_path
from refdet.records import Problem

_SIGNATURE = "refdet picture"
"""The key of the text in a PNG by which one of ours is known again: the name that we gave it. A
copy by another name is somebody else's."""
_LEVEL = 4
"""Of the compression: a third of the time of Pillow's own, 6, for a few hundredths more size."""


@dataclass(frozen=True)
class Picture:
    """A picture that is yet to be drawn.

    Attributes:
        name: of its file, with the suffix .png.
        place: the image file that it is of, which is told if it cannot be drawn.
        draw: draws it; may raise ValueError or OSError.
    """

    name: str
    place: str
    draw: Callable[[], Image.Image]


def write_own_pictures(
    folder: Path, pictures: Iterable[Picture]
) -> tuple[list[Path], list[Problem]]:
    """Write pictures, and remove those that an earlier call wrote to the folder.

    No other file is touched, whatever its name. A picture that cannot be drawn is left out.

    Args:
        folder: made if it does not exist.
        pictures: drawn one at a time.

    Returns:
        The files written, and what went wrong with the others.
    """
    written: list[Path] = []
    problems: list[Problem] = []
    for stale in folder.glob("*.png"):
        if _is_ours(stale):
            stale.unlink()
    for picture in pictures:
        path = folder / picture.name
        try:
            if path.exists():
                raise ValueError(f"{path} is there already and not one of ours")
            drawn = picture.draw()
            with atomic_path(path) as temporary:
                drawn.save(temporary, "PNG", pnginfo=_signature(path), compress_level=_LEVEL)
        # Whatever is wrong with one file, the others and the reports must come out.
        except (OSError, ValueError) as error:
            problems.append(Problem(picture.place, f"no picture: {error}", dropped=True))
        else:
            written.append(path)
    return written, problems


def _signature(path: Path) -> PngInfo:
    info = PngInfo()
    info.add_text(_SIGNATURE, path.name)
    return info


def _is_ours(file: Path) -> bool:
    """Whether the PNG says that it was written here."""
    try:
        with Image.open(file) as picture:
            return picture.info.get(_SIGNATURE) == file.name
    # Pillow raises all of these on what is no PNG.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False
