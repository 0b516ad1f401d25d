"""YOLO's text files: a line is `class cx cy width height`, in detections with a sixth, the score.

Classes are numbered from 0. Boxes are fractions of the image's sides, as its file has them:
rotation tags are not followed. A label's box may leave its image by a ten-thousandth of the side,
which rounding to 4 decimals does, and is then cut at the side; one that is farther outside is an
error. A detection's box may leave its image, as detectors' boxes do, as long as no number of it
is farther outside 0..1. An image without a label file has no objects.

Pixels come back within 2**-49 of the image's side, since fractions of them are rounded; those with
up to six decimals come back exactly (`refdet.data.corners`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refdet.columns import F64, I64, CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.corners import tidied
from refdet.data.image_names import ImageNames
from refdet.data.images import IMAGE_SUFFIXES, read_image_size
from refdet.data.known import Known, keep_known
from refdet.data.text_numbers import floats_of, read_text, refuse_first
from refdet.data.yolo_folder import LABELS, YoloFolder, label_files_in, open_yolo
from refdet.data.yolo_names import find_class_names

TOLERANCE = 1e-4
"""How far outside 0..1 a fraction may be: what rounding to 4 decimals does."""

MOST_CLASSES = 1000
"""A class number as high is not believed unless a file names the classes."""

_ROUNDING = 2.0**-50
"""What fractions with all their digits lose of a pixel, relative to the image's side."""

_LABEL, _DETECTION = 5, 6


def read_yolo_ground_truth(
    root: Path, *, split: str | None = None, images: Path | None = None
) -> ObjectColumns:
    """The objects of a YOLO folder; an image's id counts from 1, a category's from 0, as its lines.

    Args:
        root: the folder, as `open_yolo` finds its parts.
        split: of a folder with splits.
        images: the folder of images, where it is not found beside the labels.

    Returns:
        The columns. Classes are those of `data.yaml`, `classes.txt` or `obj.names`; without such a
        file they are called by their numbers, up to the highest.

    Raises:
        ValueError: names the file and the line.
    """
    return yolo_objects(open_yolo(root, split, images))


def yolo_objects(folder: YoloFolder) -> ObjectColumns:
    """As `read_yolo_ground_truth`, of files that were found already."""
    if not folder.image_files:
        raise ValueError(f"no images for {folder.labels}; looked for {', '.join(IMAGE_SUFFIXES)}")
    rows = {Path(name).stem: row for row, name in enumerate(folder.image_files)}
    for stem, file in folder.label_files.items():
        if stem not in rows:
            raise ValueError(f"{file}: there is no image {stem} ({', '.join(IMAGE_SUFFIXES)})")
    lines = _read_lines(list(folder.label_files.values()), _LABEL)
    image_rows = np.array([rows[stem] for stem in folder.label_files], np.int64)[lines.file_rows]
    labels = _labels(lines, folder.class_names)
    sizes = np.array([_image_size(file) for file in folder.image_files.values()], np.int64)
    boxes = _inside(lines, sizes[image_rows])
    names = folder.class_names
    if names is None:
        names = tuple(map(str, range(int(labels.max()) + 1 if len(labels) else 0)))
    return ObjectColumns(
        ImageTable(np.arange(1, len(sizes) + 1), tuple(folder.image_files), sizes),
        CategoryTable(np.arange(len(names)), names),
        image_ids=image_rows + 1,
        category_ids=labels,
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(boxes), np.bool_),
        ignore=np.zeros(len(boxes), np.bool_),
    )


def read_yolo_detections(
    root: Path, objects: ObjectColumns, *, ignore_unknown: bool = False
) -> Known:
    """The detections in a folder of text files named after the images.

    Args:
        root: the folder, or the one around its `labels`.
        objects: the ground truth, with the images' sizes. The class numbers are rows of its
            categories, unless a file beside the detections names the classes.
        ignore_unknown: True to count what is in no image or of no class of the ground truth.

    Raises:
        ValueError: names the file and the line.
    """
    folder = root / LABELS if (root / LABELS).is_dir() else root
    if not folder.is_dir():
        raise ValueError(f"{root} is no folder of detections")
    files = label_files_in(folder)
    names = ImageNames(objects.images.names)
    found = [names.row(stem) for stem in files]
    lines = _read_lines(list(files.values()), _DETECTION)
    image_rows = np.array([-1 if row is None else row for row in found], np.int64)[lines.file_rows]
    named = find_class_names(list(dict.fromkeys((root, folder))))
    labels = _labels(lines, named[0] if named else None, bounded=False)
    category_rows, class_names = _category_rows(labels, named and named[0], objects)
    stems = list(files)
    rows, unknown = keep_known(
        image_rows,
        category_rows,
        lambda row: f"image {stems[lines.file_rows[row]]!r}",
        lambda row: f"class {class_names(int(labels[row]))!r}",
        lines.place,
        ignore_unknown=ignore_unknown,
    )
    image_rows = image_rows[rows]
    sizes = objects.images.sizes[image_rows]
    refuse_first(
        np.any(sizes <= 0, axis=1),
        lambda row: lines.place(int(rows[row])),
        lambda _: "the ground truth does not say how large the image is",
    )
    boxes = _fractions(lines)[rows]
    return Known(
        DetectionColumns(
            image_ids=objects.images.ids[image_rows],
            category_ids=objects.categories.ids[category_rows[rows]],
            boxes_xywh=_pixels(boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:], sizes),
            scores=lines.numbers[rows, 5],
        ),
        unknown,
    )


@dataclass(frozen=True, eq=False)
class _Lines:
    """All lines of all files: (L,) which file, (L,) which line of it, (L, columns) its numbers."""

    files: Sequence[Path]
    file_rows: I64
    line_numbers: I64
    numbers: F64

    def place(self, row: int) -> str:
        """What to call a line in an error."""
        return f"{self.files[self.file_rows[row]]}, line {self.line_numbers[row]}"


def _read_lines(files: Sequence[Path], columns: int) -> _Lines:
    file_rows: list[int] = []
    line_numbers: list[int] = []
    texts: list[str] = []
    for file_row, file in enumerate(files):
        for number, line in enumerate(read_text(file).split("\n"), start=1):
            fields = line.split()
            if len(fields) == columns:
                texts += fields
                file_rows.append(file_row)
                line_numbers.append(number)
            elif fields:
                raise ValueError(f"{file}, line {number}: {_wrong_count(len(fields), columns)}")
    places = _Lines(files, _integers(file_rows), _integers(line_numbers), np.zeros((0, columns)))
    numbers = floats_of(texts, lambda index: places.place(index // columns))
    return _Lines(files, places.file_rows, places.line_numbers, numbers.reshape(-1, columns))


def _wrong_count(count: int, columns: int) -> str:
    if count > _DETECTION and count % 2:
        return (
            f"{count} numbers are a class and a polygon of {count // 2} points (segmentation); "
            "refdet reads boxes: class, cx, cy, width, height"
        )
    if columns == _DETECTION and count == _LABEL:
        return "5 numbers, without a score; detections have it as the sixth (save_conf=True)"
    if columns == _LABEL and count == _DETECTION:
        return "6 numbers, as a detection with its score has; a label has 5"
    return f"{count} numbers, not {columns}"


def _labels(lines: _Lines, class_names: Sequence[str] | None, *, bounded: bool = True) -> I64:
    """The class numbers, after checking them and the boxes' signs."""
    numbers = lines.numbers
    label = numbers[:, 0]

    def named(row: int) -> str:
        return f"class {label[row]:.17g}"

    refuse_first(
        (label % 1 != 0) | (label < 0),
        lines.place,
        lambda row: f"{named(row)} is no whole number from 0",
    )
    n_classes = MOST_CLASSES if class_names is None else len(class_names)
    told = "and no file names the classes" if class_names is None else "of the names that are there"
    refuse_first(
        (label >= n_classes) & (bounded or class_names is not None),
        lines.place,
        lambda row: f"{named(row)}, {told} (at most {n_classes - 1})",
    )
    refuse_first(
        np.any(numbers[:, 3:5] < 0, axis=1),
        lines.place,
        lambda row: f"{_text(numbers[row, 1:5])} has a negative width or height",
    )
    return np.minimum(label, 2.0**62).astype(np.int64)


def _inside(lines: _Lines, sizes: I64) -> F64:
    """The boxes of labels in pixels, cut at the image's sides; those outside are refused."""
    centres, shares = lines.numbers[:, 1:3], lines.numbers[:, 3:5]
    low, high = centres - shares / 2, centres + shares / 2
    refuse_first(
        np.any((low < -TOLERANCE) | (high > 1 + TOLERANCE), axis=1),
        lines.place,
        lambda row: f"{_text(lines.numbers[row, 1:5])} leaves the image; boxes are fractions",
    )
    leaves = (low < 0) | (high > 1)
    cut_low, cut_high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return _pixels(cut_low, np.where(leaves, cut_high - cut_low, shares), sizes)


def _fractions(lines: _Lines) -> F64:
    """The boxes of detections, which may leave their images, but not by whole images."""
    boxes = lines.numbers[:, 1:5]
    refuse_first(
        np.any(np.abs(boxes - 0.5) > 0.5 + TOLERANCE, axis=1),
        lines.place,
        lambda row: f"{_text(boxes[row])} is not in 0..1; boxes are fractions",
    )
    return boxes


def _pixels(low: F64, shares: F64, sizes: I64) -> F64:
    slack = sizes.astype(np.float64) * _ROUNDING
    return np.concatenate([tidied(low * sizes, slack), tidied(shares * sizes, slack)], axis=1)


def _category_rows(
    labels: I64, named: Sequence[str] | None, objects: ObjectColumns
) -> tuple[I64, Callable[[int], str]]:
    """Rows of the objects' categories, -1 where there is none; and the name of a class number."""
    n_classes = len(objects.categories)
    if named is None:
        return np.where(labels < n_classes, labels, -1), str
    rows = {name: row for row, name in enumerate(objects.categories.names)}
    by_label = np.array([rows.get(name, -1) for name in named], np.int64)
    return by_label[labels], lambda label: named[label]


def _image_size(file: Path) -> tuple[int, int]:
    try:
        return read_image_size(file)
    except ValueError as error:
        raise ValueError(f"{file} {error}") from error


def _integers(values: Sequence[int]) -> I64:
    return np.array(values, np.int64)


def _text(numbers: F64) -> str:
    return ", ".join(f"{value:.10g}" for value in numbers.tolist())
