"""A folder of images without annotations, to run a detector on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refdet.data.images import IMAGE_SUFFIXES, read_image_size
from refdet.data.npy_image import NPY_SUFFIX, open_npy
from refdet.data.options import PixelRangeOption
from refdet.records import AnnotatedImage, GroundTruth, PixelRange


def read_image_folder(
    folder: Path, pixel_range: PixelRangeOption = PixelRangeOption.AUTO
) -> tuple[AnnotatedImage, ...]:
    """The images in `folder`, sorted by name, each without objects.

    Args:
        folder: holds image files, `.npy` among them or alone; other files are passed over.
        pixel_range: of floats in `.npy`, which without a whole data set have to be declared.

    Raises:
        ValueError: no such folder, no image in it, or a file that is no readable image.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {folder} for --images")
    suffixes = (*IMAGE_SUFFIXES, NPY_SUFFIX)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    if not files:
        raise ValueError(f"no image in {folder}; looked for {', '.join(suffixes)}")
    return tuple(_unannotated(file, pixel_range) for file in files)


def _unannotated(file: Path, declared: PixelRangeOption) -> AnnotatedImage:
    pixel_range = PixelRange.UINT8
    try:
        if file.suffix.lower() == NPY_SUFFIX:
            array = open_npy(file)
            height, width = array.shape[:2]
            pixel_range = _range_of(array.dtype.kind == "f", declared)
        else:
            width, height = read_image_size(file)
    except ValueError as error:
        raise ValueError(f"{file} is no readable image: it {error}") from error
    nothing = GroundTruth(
        file.name, width, height, np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    )
    return AnnotatedImage(file, nothing, pixel_range)


def _range_of(floats: bool, declared: PixelRangeOption) -> PixelRange:
    if not floats:
        return PixelRange.UINT8
    if declared is PixelRangeOption.AUTO:
        raise ValueError("holds floats; declare them by --pixel-range unit or symmetric")
    return PixelRange(declared.value)
