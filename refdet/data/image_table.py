"""A CSV table with a row for each image: where it was taken, with what, when, and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refdet.columns import ImageTable
from refdet.data.csv_rows import read_csv_rows
from refdet.data.image_names import ImageNames

IMAGE = "image"
"""The column that names the images; every other one can be sliced by."""


@dataclass(frozen=True)
class ImageCells:
    """What a table says of the images of a data set.

    Attributes:
        cells: by column, in the order of the file: texts in the order of the images, empty for one
            that has no row.
        n_unknown: rows of images that the data set does not have.
        n_absent: images of the data set that have no row.
    """

    cells: dict[str, tuple[str, ...]]
    n_unknown: int
    n_absent: int


def read_image_table(path: Path, images: ImageTable, *, ignore_unknown: bool = False) -> ImageCells:
    """The cells of each image of a data set.

    Args:
        path: CSV in UTF-8 with a header, in which `image` names the images (see `ImageNames`).
        images: of the data set.
        ignore_unknown: True to count rows of unknown images, and images without a row.

    Raises:
        ValueError: names the file and the line: there is no column `image`, a column is there
            twice, a row is ragged, an image has two rows or is unknown; or an image has none.
    """
    header, rows, line_numbers = read_csv_rows(path, (IMAGE,))
    for column in header:
        if header.count(column) > 1:
            raise ValueError(f"{path}: header {header} has {column!r} twice")
    at_name = header.index(IMAGE)
    row_of_image, n_unknown = _rows_of_images(
        [
            (f"{path}, line {line}", fields[at_name])
            for line, fields in zip(line_numbers, rows, strict=True)
        ],
        images,
        ignore_unknown=ignore_unknown,
    )
    absent = [image for image in range(len(images)) if image not in row_of_image]
    if absent and not ignore_unknown:
        raise ValueError(
            f"{path}: no row for {len(absent)} of the {len(images)} images, the first "
            f"{images.names[absent[0]]!r}; --ignore-unknown takes their cells as empty"
        )
    cells = {}
    for place, column in enumerate(header):
        if column != IMAGE:
            of_image = (row_of_image.get(image) for image in range(len(images)))
            cells[column] = tuple("" if row is None else rows[row][place] for row in of_image)
    return ImageCells(cells, n_unknown, len(absent))


def _rows_of_images(
    named: Sequence[tuple[str, str]], images: ImageTable, *, ignore_unknown: bool
) -> tuple[dict[int, int], int]:
    """The row of each image, and how many are of none; `named` has each row's place and name."""
    known = ImageNames(images.names)
    row_of_image: dict[int, int] = {}
    n_unknown = 0
    for row, (place, name) in enumerate(named):
        image = known.row(name)
        if image is None:
            if not ignore_unknown:
                raise ValueError(
                    f"{place}: the data set has no image {name!r}; --ignore-unknown leaves out "
                    "and counts such rows"
                )
            n_unknown += 1
        elif image in row_of_image:
            first, _ = named[row_of_image[image]]
            raise ValueError(f"{place}: image {name!r} has a row already: {first}")
        else:
            row_of_image[image] = row
    return row_of_image, n_unknown
