"""Detections as the VOC devkit takes them: `comp3_det_<split>_<class>.txt`, a file per class.

A line is `image score xmin ymin xmax ymax`, the image without suffix, corners counted from 1.
What is written with up to six decimals comes back bit for bit (`refdet.data.corners`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refdet.columns import F64, DetectionColumns, ObjectColumns
from refdet.data.corners import corners_of, xywh_of
from refdet.data.csv_detections import row_of_ids, rows_of_names
from refdet.data.image_names import require_distinct_stems, require_file_names, stem_of
from refdet.data.known import Known, keep_known
from refdet.data.text_numbers import floats_of, read_text, refuse_first
from refdet.files import atomic_folder

_FILE = re.compile(r"comp[0-9]+_det_(.+)\.txt", re.DOTALL)
_NUMBERS = 5


def result_files(folder: Path) -> list[Path]:
    """The files in a folder that are named as the devkit names results, sorted."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file for file in files if _FILE.fullmatch(file.name)]


def read_voc_results(
    folder: Path,
    objects: ObjectColumns,
    *,
    split: str | None = None,
    one_based: bool = True,
    ignore_unknown: bool = False,
) -> Known:
    """The detections in a folder of VOC results, class by class in the files' order.

    Args:
        folder: holds `comp3_det_<split>_<class>.txt`, or comp4.
        objects: the ground truth, which knows images (see `ImageNames`) and classes by name.
        split: read the files of this split alone; None takes the only one there is.
        one_based: True if corners count from 1.
        ignore_unknown: True to count what is in no image or of no class of the ground truth.

    Raises:
        ValueError: names the file and the line; or there are files of several splits, or of
            several competitions.
    """
    lines = _read_lines(_classes_of(result_files(folder), objects, split, folder))
    corners = lines.numbers[:, 1:] - one_based
    refuse_first(
        np.any(corners[:, 2:] < corners[:, :2], axis=1),
        lines.place,
        lambda row: f"box {lines.numbers[row, 1:].tolist()} has xmax < xmin or ymax < ymin",
    )
    image_rows, category_rows = rows_of_names(lines.images, lines.classes, objects)
    known, unknown = keep_known(
        image_rows,
        category_rows,
        lambda row: f"image {lines.images[row]!r}",
        lambda row: f"class {lines.classes[row]!r}",
        lines.place,
        ignore_unknown=ignore_unknown,
    )
    found = DetectionColumns(
        image_ids=objects.images.ids[image_rows[known]],
        category_ids=objects.categories.ids[category_rows[known]],
        boxes_xywh=xywh_of(corners[known], computed=one_based),
        scores=lines.numbers[known, 0],
    )
    return Known(found, unknown)


def write_voc_results(
    folder: Path,
    detections: DetectionColumns,
    objects: ObjectColumns,
    *,
    split: str = "test",
    overwrite: bool = False,
) -> None:
    """Write `comp3_det_<split>_<class>.txt` for every class, empty where nothing was found.

    Args:
        folder: to be made.
        detections: of images and classes that `objects` has.
        objects: the ground truth, for the names.
        split: in the names of the files.
        overwrite: True to replace a folder of the same files.

    Raises:
        ValueError: a name cannot be that of a file, or two images differ by their suffix alone.
    """
    classes, stems = objects.categories.names, [stem_of(name) for name in objects.images.names]
    require_file_names(objects.images.names, "image")
    require_file_names((*classes, split), "class")
    require_distinct_stems(objects.images.names)
    category_rows = row_of_ids(detections.category_ids, objects.categories.ids)
    image_rows = row_of_ids(detections.image_ids, objects.images.ids)
    corners = corners_of(detections.boxes_xywh) + 1.0
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        for label, name in enumerate(classes):
            rows = np.flatnonzero(category_rows == label)
            lines = zip(
                (stems[row] for row in image_rows[rows].tolist()),
                detections.scores[rows].tolist(),
                *corners[rows].T.tolist(),
                strict=True,
            )
            text = "".join(f"{' '.join(map(str, line))}\n" for line in lines)
            file = temporary / f"comp3_det_{split}_{name}.txt"
            file.write_text(text, encoding="utf-8", newline="")


@dataclass(eq=False)
class _Lines:
    """All lines of all files: image, class, where they stand, and (L, 5) their numbers."""

    images: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    places: list[tuple[Path, int]] = field(default_factory=list)
    numbers: F64 = field(default_factory=lambda: np.zeros((0, _NUMBERS)))

    def place(self, row: int) -> str:
        """What to call a line in an error."""
        file, number = self.places[row]
        return f"{file}, line {number}"


def _read_lines(classes: Mapping[Path, str]) -> _Lines:
    lines = _Lines()
    texts: list[str] = []
    for file, name in classes.items():
        for number, line in enumerate(read_text(file).split("\n"), start=1):
            # From the right: an image's name may hold spaces.
            fields = line.rstrip().rsplit(maxsplit=_NUMBERS)
            if len(fields) == 1 + _NUMBERS:
                lines.images.append(fields[0])
                lines.classes.append(name)
                lines.places.append((file, number))
                texts += fields[1:]
            elif fields:
                what = f"{len(fields)} fields, not image score xmin ymin xmax ymax"
                raise ValueError(f"{file}, line {number}: {what}")
    numbers = floats_of(texts, lambda index: lines.place(index // _NUMBERS))
    lines.numbers = numbers.reshape(-1, _NUMBERS)
    return lines


def _classes_of(
    files: Sequence[Path], objects: ObjectColumns, split: str | None, folder: Path
) -> dict[Path, str]:
    """The class of each file of the split."""
    if not files:
        is_what = "holds no VOC results" if folder.is_dir() else "is no folder with"
        raise ValueError(f"{folder} {is_what} comp3_det_<split>_<class>.txt")
    named = {file: file.stem.split("_det_", 1)[1] for file in files}
    if split is None:
        split = _only_split(list(named.values()), objects.categories.names, folder)
    prefix = f"{split}_"
    classes = {
        file: name.removeprefix(prefix) for file, name in named.items() if name.startswith(prefix)
    }
    if not classes:
        raise ValueError(f"{folder} holds no VOC results comp3_det_{prefix}<class>.txt")
    for file, name in classes.items():
        first = next(other for other in classes if classes[other] == name)
        if first != file:
            raise ValueError(f"{file}: {first.name} holds the same split and class")
    return classes


def _only_split(names: Sequence[str], class_names: Sequence[str], folder: Path) -> str:
    """The one split with which every file of a known class ends with a known class."""
    possible: set[str] | None = None
    seen: set[str] = set()
    for name in names:
        # `test_red_cell` is of split `test`, or of `test_red` if `cell` is a class as well.
        splits = {
            name.removesuffix(f"_{known}") for known in class_names if name.endswith(f"_{known}")
        }
        if splits:
            possible = splits if possible is None else possible & splits
            seen |= splits
    if possible is None:
        possible = {name.rpartition("_")[0] for name in names}
    if len(possible) != 1:
        which = ", ".join(sorted(possible or seen))
        raise ValueError(f"{folder}: results of which split? Declare it; it could be: {which}")
    return possible.pop()
