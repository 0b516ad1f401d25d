"""The reader of Pascal VOC data sets: `Annotations/*.xml`, `ImageSets/Main/*.txt`, `JPEGImages/*`.

Corners in a VOC file count pixels from 1; `one_based` subtracts 1 from all four, so that a box's
width stays `xmax - xmin`. What is refused and what is left out: see `refdet.data.voc_folder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refdet.data.problems import refuse_errors
from refdet.data.reading import Split, split_of
from refdet.data.voc_folder import VocFolder, require_voc_folder
from refdet.data.voc_xml import read_voc_xml


def read_voc_split(
    root: Path, split: str, class_names: Sequence[str], *, one_based: bool = True
) -> Split:
    """One split of a Pascal VOC folder.

    Args:
        root: the folder that holds `Annotations`, `ImageSets` and `JPEGImages`.
        split: the name of a file in `ImageSets/Main`, without `.txt`.
        class_names: label 0 is the first, label 1 the second, and so on.
        one_based: True if corners count from 1; all four become 1 less.

    Raises:
        DataError: something is wrong; names the file, the line or object, and the value.
        TypeError: `class_names` is one string.
        ValueError: `class_names` is empty or repeats a name.
    """
    if isinstance(class_names, str):
        raise TypeError(f"class_names must be a sequence of names, got {class_names!r}")
    folder = VocFolder(root, tuple(class_names), one_based)
    names, problems = folder.read_split_file(split)
    readings = [folder.read_image(name) for name in names]
    problems += [problem for reading in readings for problem in reading.problems]
    refuse_errors(problems)
    return split_of(split, readings, problems)


def discover_classes(root: Path) -> tuple[str, ...]:
    """The class names that the annotations use, sorted, for a user who declares none.

    A misspelt class cannot be told from a class here. Files that cannot be read are passed over;
    reading and checking name them.

    Raises:
        DataError: `root` is no VOC folder.
    """
    require_voc_folder(root)
    files = sorted((root / "Annotations").glob("*.xml"))
    return tuple(sorted({name for file in files for name in read_voc_xml(file, "").class_names}))
