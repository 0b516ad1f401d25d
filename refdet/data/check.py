"""The check of a whole Pascal VOC data set before training: everything wrong, all at once.

Beyond what a reader would refuse, it decodes every image and looks across splits: an image that
is in two of them, under one name or two, makes a test result worthless. VOC's `trainval` is the
union of `train` and `val` by definition, so it may share images with those two. Under two names
only files that are equal byte by byte are found: neither the same picture saved anew nor another
photograph of the same field. Files that no split uses are listed, but are no errors.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from refdet.data.problems import errors_in
from refdet.data.voc import discover_classes
from refdet.data.voc_folder import ImageReading, VocFolder
from refdet.records import Problem


@dataclass(frozen=True)
class SplitCounts:
    """What one split holds.

    Attributes:
        images: named by its split file.
        objects: by class, as they are written, with those that are left out.
        kept: by class, what a reader would give.
    """

    images: int
    objects: Mapping[str, int]
    kept: Mapping[str, int]


@dataclass(frozen=True)
class BoxSizes:
    """Smallest, median and largest width and height of a class's boxes, in pixels."""

    widths: tuple[float, float, float]
    heights: tuple[float, float, float]


@dataclass(frozen=True)
class DataReport:
    """A data set, counted and checked.

    Attributes:
        root: its folder.
        class_names: in label order.
        image_files: in `JPEGImages`.
        annotation_files: in `Annotations`.
        splits: by name.
        box_sizes: by class, over every image of every split once; classes without a box are not
            in it.
        problems: everything wrong, errors and objects and files left out, each once.
    """

    root: Path
    class_names: tuple[str, ...]
    image_files: int
    annotation_files: int
    splits: Mapping[str, SplitCounts]
    box_sizes: Mapping[str, BoxSizes]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What training would stop at; a command that checks exits non-zero if there is any."""
        return tuple(errors_in(self.problems))


def check_voc(
    root: Path, class_names: Sequence[str] | None = None, *, one_based: bool = True
) -> DataReport:
    """Read every split and every image of a Pascal VOC folder, and list all that is wrong.

    Args:
        root: the folder that holds `Annotations`, `ImageSets` and `JPEGImages`.
        class_names: in label order; by default every name that the annotations use, sorted.
        one_based: True if corners count from 1.

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
    return DataReport(
        root=root,
        class_names=names,
        image_files=sum(len(files) for files in folder.image_files.values()),
        annotation_files=len(annotated),
        splits={
            split: _count([readings[name] for name in split_names], names)
            for split, split_names in members.items()
        },
        box_sizes=_box_sizes(readings.values(), names),
        problems=tuple(problems),
    )


def _count(readings: Sequence[ImageReading], class_names: Sequence[str]) -> SplitCounts:
    written = Counter(name for reading in readings for name in reading.class_names)
    kept = Counter(
        class_names[label]
        for reading in readings
        if reading.image
        for label in reading.image.ground_truth.labels
    )
    return SplitCounts(
        images=len(readings),
        objects={name: written[name] for name in class_names},
        kept={name: kept[name] for name in class_names},
    )


def _box_sizes(readings: Iterable[ImageReading], class_names: Sequence[str]) -> dict[str, BoxSizes]:
    truths = [reading.image.ground_truth for reading in readings if reading.image]
    found: dict[str, BoxSizes] = {}
    for label, name in enumerate(class_names):
        boxes = [truth.boxes_xyxy[truth.labels == label] for truth in truths]
        corners = np.concatenate([np.zeros((0, 4)), *boxes])
        if len(corners):
            low, middle, high = np.percentile(corners[:, 2:] - corners[:, :2], (0, 50, 100), axis=0)
            widths, heights = ((low[i], middle[i], high[i]) for i in (0, 1))
            found[name] = BoxSizes(widths, heights)
    return found


def _hashes(folder: VocFolder, names: Iterable[str]) -> dict[str, str]:
    return {
        name: hashlib.sha256(folder.image_files[name][0].read_bytes()).hexdigest()
        for name in names
        if name in folder.image_files
    }


def _shared_images(
    members: Mapping[str, Sequence[str]], hashes: Mapping[str, str]
) -> Iterator[Problem]:
    for one, other in combinations(members, 2):
        if "trainval" in (one, other) and {one, other} & {"train", "val"}:
            continue
        place = f"ImageSets/Main/{other}.txt"
        # A name without an image file stands for itself.
        names_in_one = {hashes.get(name, name): name for name in members[one]}
        for name in members[other]:
            twin = names_in_one.get(hashes.get(name, name))
            if twin == name:
                yield Problem(place, f"{name!r} is also in {one}.txt")
            elif twin:
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


def format_data_report(report: DataReport) -> str:
    """The report as lines of text, problems last."""
    names, splits = report.class_names, report.splits
    counts = [
        (split, part.images, sum(part.objects.values()), *(part.objects[name] for name in names))
        for split, part in splits.items()
    ]
    sizes = [
        (name, *(f"{value:g}" for value in (*size.widths, *size.heights)))
        for name, size in report.box_sizes.items()
    ]
    pixels = [f"{side} {which}" for side in ("width", "height") for which in ("min", "mid", "max")]
    dropped = [problem for problem in report.problems if problem.dropped]
    lines = [
        f"{report.root}: {report.image_files} images, {report.annotation_files} annotations",
        "",
        *_table([("split", "images", "objects", *names), *counts]),
        "",
        *_table([("pixels", *pixels), *sizes]),
        "",
        f"left out: {len(dropped) or 'nothing'}",
        *(f"  {problem}" for problem in dropped),
        f"errors: {len(report.errors) or 'none'}",
        *(f"  {problem}" for problem in report.errors),
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (f"{cell!s:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([f"{first!s:<{widths[0]}}", *cells])
