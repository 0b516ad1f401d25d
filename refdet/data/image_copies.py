"""Image files copied into another data set, as files of a kind that its format is read with."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from refdet.columns import ObjectColumns
from refdet.data.image_names import stem_of
from refdet.data.images import read_image_size, read_rgb
from refdet.data.npy_image import NPY_SUFFIX, open_npy, read_npy
from refdet.records import PixelRange


@dataclass(frozen=True)
class ImageCopies:
    """Where the image files of a ground truth lie.

    Attributes:
        files: by the image's name; images without one are not copied.
        pixel_range: what the numbers in `.npy` files mean.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    pixel_range: PixelRange = PixelRange.UINT8

    def sizes(self, objects: ObjectColumns) -> list[tuple[int, int]]:
        """Width and height of every image: as its file has it, or as the table does.

        Raises:
            ValueError: a file is no readable image, or of another size than the table says.
        """
        table = objects.images
        sizes = [(int(width), int(height)) for width, height in table.sizes]
        for row, name in enumerate(table.names):
            if name in self.files:
                actual = _size(self.files[name])
                if sizes[row] not in (actual, (0, 0)):
                    raise ValueError(
                        f"{self.files[name]} is {actual[0]} x {actual[1]}, but the ground truth "
                        f"says {sizes[row][0]} x {sizes[row][1]}"
                    )
                sizes[row] = actual
        return sizes

    def copy_to(self, folder: Path, objects: ObjectColumns) -> None:
        """Write the images of `objects` that have a file into a folder, which is made.

        Args:
            folder: to write to.
            objects: with images called as their copies are to be; an image is found by its name
                without suffix.
        """
        folder.mkdir(parents=True)
        by_stem = {stem_of(name): file for name, file in self.files.items()}
        for name in objects.images.names:
            file = by_stem.get(stem_of(name))
            if file is not None:
                self._copy(file, folder / name)

    def _copy(self, file: Path, target: Path) -> None:
        if file.suffix.lower() == target.suffix.lower():
            shutil.copyfile(file, target)
        elif target.suffix == NPY_SUFFIX:
            np.save(target, read_rgb(file))
        elif file.suffix.lower() == NPY_SUFFIX:
            pixels = read_npy(file, self.pixel_range)
            if pixels.dtype != np.uint8:
                pixels = np.rint(pixels * 255).astype(np.uint8)
            Image.fromarray(pixels).save(target)
        else:
            Image.fromarray(read_rgb(file)).save(target)


def _size(file: Path) -> tuple[int, int]:
    try:
        if file.suffix.lower() == NPY_SUFFIX:
            height, width = open_npy(file).shape[:2]
            return width, height
        return read_image_size(file)
    except ValueError as error:
        raise ValueError(f"{file} {error}") from error
