"""Names of images and classes as files use them: how they are found, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence

from refdet.data.images import IMAGE_SUFFIXES
from refdet.data.npy_image import NPY_SUFFIX
from refdet.data.options import TargetFormat

_SUFFIXES = (*IMAGE_SUFFIXES, NPY_SUFFIX, ".webp", ".tif", ".tiff", ".gif")


class ImageNames:
    """Finds images of a table by the names that other files give them.

    A name is the table's own; or, where only one image can be meant, the same without its folder,
    without its suffix, or without both: `val/a.jpg` is also `a.jpg`, `val/a` and `a`.

    Args:
        names: of the table.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._rows: dict[str, int | None] = {}
        for row, name in enumerate(names):
            base = name.replace("\\", "/").rpartition("/")[2]
            for short in {base, stem_of(name), stem_of(base)}:
                self._rows[short] = None if short in self._rows else row
        self._rows.update((name, row) for row, name in enumerate(names))

    def row(self, name: str) -> int | None:
        """The row of the image; None if there is none, or if more than one can be meant."""
        return self._rows.get(name)


def stem_of(name: str) -> str:
    """The name without the suffix of an image file, if it has one."""
    head, dot, suffix = name.rpartition(".")
    return head if head and f"{dot}{suffix}".lower() in _SUFFIXES else name


def name_in(name: str, target: TargetFormat) -> str:
    """What an image is called in a folder of a format: its suffix may be one that is not read."""
    if target is TargetFormat.NPY_CSV:
        return stem_of(name) + NPY_SUFFIX
    return name if name.lower().endswith(IMAGE_SUFFIXES) else f"{stem_of(name)}.png"


def require_file_names(names: Sequence[str], what: str) -> None:
    """Raise ValueError unless every name can be that of a file in one folder, on its own line.

    Args:
        names: to become names of files.
        what: they are, for the message: "image".
    """
    for name in names:
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise ValueError(f"{what} {name!r} cannot be the name of a file")
        if name != name.strip() or not name.isprintable():
            raise ValueError(
                f"{what} {name!r} cannot be the name of a file: it begins or ends with a space, "
                "or holds what cannot be printed"
            )


def require_distinct_stems(names: Sequence[str]) -> None:
    """Raise ValueError if two images would share the file of their annotations."""
    found: dict[str, str] = {}
    for name in names:
        stem = stem_of(name)
        if stem in found:
            raise ValueError(
                f"images {found[stem]!r} and {name!r} differ by their suffix alone; both would be "
                f"annotated in {stem!r}"
            )
        found[stem] = name
