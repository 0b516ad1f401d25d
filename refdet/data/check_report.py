"""What a check of a whole data set finds: counts, box sizes, problems, and all that as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refdet.data.problems import errors_in
from refdet.data.reading import ImageReading
from refdet.records import Problem


@dataclass(frozen=True)
class SplitCounts:
    """What one split holds.

    Attributes:
        images: that belong to it.
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
        image_files: how many there are, in splits or not.
        annotation_files: likewise.
        splits: by name.
        box_sizes: by class, over every image of every split once; classes without a box are not
            in it.
        problems: everything wrong, errors and objects and files left out, each once.
        settled: what was not declared: what was chosen, and why.
    """

    root: Path
    class_names: tuple[str, ...]
    image_files: int
    annotation_files: int
    splits: Mapping[str, SplitCounts]
    box_sizes: Mapping[str, BoxSizes]
    problems: tuple[Problem, ...]
    settled: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What training would stop at; a command that checks exits non-zero if there is any."""
        return tuple(errors_in(self.problems))


def data_report(
    root: Path,
    class_names: tuple[str, ...],
    image_files: int,
    annotation_files: int,
    splits: Mapping[str, Sequence[ImageReading]],
    problems: Iterable[Problem],
    settled: tuple[str, ...] = (),
) -> DataReport:
    """Count what was read; the arguments are the attributes of the report.

    An image in two splits is one reading in both.
    """
    once = {id(reading): reading for readings in splits.values() for reading in readings}
    return DataReport(
        root=root,
        class_names=class_names,
        image_files=image_files,
        annotation_files=annotation_files,
        splits={split: _count(readings, class_names) for split, readings in splits.items()},
        box_sizes=_box_sizes(once.values(), class_names),
        problems=tuple(problems),
        settled=settled,
    )


def shared_images(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The images of `other` that are in `one` too, each with its name there.

    Args:
        one: what identifies an image, by its name.
        other: likewise.
    """
    names_in_one = {identity: name for name, identity in one.items()}
    for name, identity in other.items():
        if identity in names_in_one:
            yield name, names_in_one[identity]


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


def format_data_report(report: DataReport) -> str:
    """The report as lines of text, problems last."""
    dropped = [problem for problem in report.problems if problem.dropped]
    lines = [
        f"{report.root}: {report.image_files} images, {report.annotation_files} annotations",
        *report.settled,
        "",
        *_table(_count_rows(report)),
        "",
    ]
    if report.box_sizes:
        lines += [*_table(_size_rows(report.box_sizes)), ""]
    lines += _listed(dropped, "left out, and training goes on without", "left out: nothing")
    lines += _listed(report.errors, "errors, to be mended before training", "errors: none")
    return "\n".join(lines)


def _count_rows(report: DataReport) -> list[Sequence[object]]:
    """Objects as they are written; how many of them are kept only where that is another number."""
    names, parts = report.class_names, report.splits.values()
    header = ["split", "images", "objects", *names]
    rows: list[list[object]] = [
        [split, part.images, sum(part.objects.values()), *(part.objects[name] for name in names)]
        for split, part in report.splits.items()
    ]
    if any(part.kept != part.objects for part in parts):
        header.append("usable")
        for row, part in zip(rows, parts, strict=True):
            row.append(sum(part.kept.values()))
    return [header, *rows]


def _size_rows(box_sizes: Mapping[str, BoxSizes]) -> list[Sequence[object]]:
    header = ("boxes in pixels", "width: min", "median", "max", "height: min", "median", "max")
    rows = (
        (name, *(f"{value:.1f}" for value in (*sizes.widths, *sizes.heights)))
        for name, sizes in box_sizes.items()
    )
    return [header, *rows]


def _listed(problems: Sequence[Problem], heading: str, none: str) -> list[str]:
    if not problems:
        return [none]
    return [f"{heading}: {len(problems)}", *(f"  {problem}" for problem in problems)]


def _table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (f"{cell!s:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([f"{first!s:<{widths[0]}}", *cells])
