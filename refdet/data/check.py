"""The check of a whole Pascal VOC data set before training: everything wrong, all at once.

Beyond what a reader would refuse, it decodes every image and looks across splits: an image that
is in two of them, under one name or two, makes a test result worthless. VOC's `trainval` is the
union of `train` and `val` by definition, so it may share images with those two. Under two names
only files that are equal byte by byte are found: neither the same picture saved anew nor another
photograph of the same field. Files that no split uses are listed, but are no errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations
from pathlib import Path

from refdet.data.check_report import (
    BoxSizes,
    DataReport,
    SplitCounts,
    data_report,
    format_data_report,
    shared_images,
)
from refdet.data.voc import discover_classes
from refdet.data.voc_folder import VocFolder
from refdet.records import Problem

__all__ = ["BoxSizes", "DataReport", "SplitCounts", "check_voc", "format_data_report"]


def check_voc(
    root: Path,
    class_names: Sequence[str] | None = None,
    *,
    one_based: bool = True,
    settled: tuple[str, ...] = (),
) -> DataReport:
    """Read every split and every image of a Pascal VOC folder, and list all that is wrong.

    Args:
        root: the folder that holds `Annotations`, `ImageSets` and `JPEGImages`.
        class_names: in label order; by default every name that the annotations use, sorted.
        one_based: True if corners count from 1.
        settled: what was not declared, for the report.

    Raises:
        DataError: `root` is no VOC folder.
    """
    names = discover_classes(root) if class_names is None else tuple(class_names)
    folder = VocFolder(root, names, one_based)
    problems: list[Problem] = []
    members: dict[str, list[str]] = {}
    for split in folder.splits:
        members[split], wrong = folder.read_split_file(split)
        problems += wrong
    if not members:
        problems.append(Problem("ImageSets/Main", "holds no split file (*.txt)"))
    every_name = sorted({name for split in members.values() for name in split})
    readings = {name: folder.read_image(name, decode=True) for name in every_name}
    problems += [problem for reading in readings.values() for problem in reading.problems]
    problems += _shared_images(members, _hashes(folder, every_name))
    annotated = {file.stem for file in (root / "Annotations").glob("*.xml")}
    problems += _unused_files(folder, annotated, set(every_name))
    return data_report(
        root,
        names,
        sum(len(files) for files in folder.image_files.values()),
        len(annotated),
        {split: [readings[name] for name in listed] for split, listed in members.items()},
        problems,
        settled,
    )


def _hashes(folder: VocFolder, names: Iterable[str]) -> dict[str, str]:
    return {
        name: hashlib.sha256(folder.image_files[name][0].read_bytes()).hexdigest()
        for name in names
        if name in folder.image_files
    }


def _shared_images(
    members: Mapping[str, Sequence[str]], hashes: Mapping[str, str]
) -> Iterator[Problem]:
    # A name without an image file stands for itself.
    identities = {
        split: {name: hashes.get(name, name) for name in names} for split, names in members.items()
    }
    for one, other in combinations(members, 2):
        if "trainval" in (one, other) and {one, other} & {"train", "val"}:
            continue
        place = f"ImageSets/Main/{other}.txt"
        for name, twin in shared_images(identities[one], identities[other]):
            if twin == name:
                yield Problem(place, f"{name!r} is also in {one}.txt")
            else:
                yield Problem(place, f"{name!r} is the same image as {twin!r} in {one}.txt")


def _unused_files(
    folder: VocFolder, annotated: AbstractSet[str], in_splits: AbstractSet[str]
) -> Iterator[Problem]:
    """What no split uses; a name in a split that lacks a file is told where it is read."""
    for name in sorted((annotated | folder.image_files.keys()) - in_splits):
        place = f"Annotations/{name}.xml"
        if name not in annotated:
            for file in folder.image_files[name]:
                what = "is in no split and has no annotation"
                yield Problem(f"JPEGImages/{file.name}", what, dropped=True)
        elif name in folder.image_files:
            yield Problem(place, "is in no split, nor is its image", dropped=True)
        else:
            yield Problem(place, "is in no split and has no image", dropped=True)
