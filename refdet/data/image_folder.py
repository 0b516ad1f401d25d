"""A folder of images without annotations, to run a detector on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from refdet.data.images import IMAGE_SUFFIXES, read_image_size
from refdet.data.npy_image import NPY_SUFFIX, open_npy
from refdet.data.options import PixelRangeOption
from refdet.progress import images_counted
from refdet.records import AnnotatedImage, GroundTruth, PixelRange

NAMED = 5
"""Files that the error about unreadable ones names."""


def read_image_folder(
    folder: Path,
    pixel_range: PixelRangeOption = PixelRangeOption.AUTO,
    *,
    leave_out: Callable[[str], None] | None = None,
    progress: bool = False,
) -> tuple[AnnotatedImage, ...]:
    """The images in `folder`, sorted by name, each without objects; their headers are read.

    Args:
        folder: holds image files, `.npy` among them or alone; other files are passed over.
        pixel_range: of floats in `.npy`, which without a whole data set have to be declared.
        leave_out: called with a sentence about each file that is no readable image, which is
            passed over. Without it that is an error.
        progress: True to show how far it is.

    Raises:
        ValueError: no such folder, no image in it, files that are no readable images (all are
            counted, the first are named), or undeclared floats.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {folder} for --images")
    suffixes = (*IMAGE_SUFFIXES, NPY_SUFFIX)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    if not files:
        raise ValueError(f"no image in {folder}; looked for {', '.join(suffixes)}")
    images, unreadable = [], []
    with images_counted("reading headers", len(files), shown=progress) as count:
        for file in files:
            try:
                images.append(_unannotated(file, pixel_range))
            except _UnreadableError as error:
                unreadable.append(str(error))
            count(1)
    if unreadable and (leave_out is None or not images):
        raise ValueError(_refusal(folder, unreadable, len(files)))
    for sentence in unreadable:
        if leave_out:
            leave_out(sentence)
    return tuple(images)


class _UnreadableError(ValueError):
    """A file is no readable image."""


def _refusal(folder: Path, unreadable: list[str], n_files: int) -> str:
    more = len(unreadable) - NAMED
    listed = "; ".join(unreadable[:NAMED]) + (f"; and {more} more" if more > 0 else "")
    if len(unreadable) == n_files:
        return f"none of the {n_files} images in {folder} can be read: {listed}"
    return (
        f"{len(unreadable)} of {n_files} images in {folder} cannot be read: {listed}. "
        "--ignore-unreadable leaves them out"
    )


def _unannotated(file: Path, declared: PixelRangeOption) -> AnnotatedImage:
    pixel_range = PixelRange.UINT8
    try:
        if file.suffix.lower() == NPY_SUFFIX:
            array = open_npy(file)
            height, width = array.shape[:2]
            floats = array.dtype.kind == "f"
        else:
            width, height = read_image_size(file)
            floats = False
    except ValueError as error:
        raise _UnreadableError(f"{file} is no readable image: it {error}") from error
    if floats:
        pixel_range = _declared_range(file, declared)
    nothing = GroundTruth(
        file.name, width, height, np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    )
    return AnnotatedImage(file, nothing, pixel_range)


def _declared_range(file: Path, declared: PixelRangeOption) -> PixelRange:
    if declared is PixelRangeOption.AUTO:
        raise ValueError(f"{file} holds floats; declare them by --pixel-range unit or symmetric")
    return PixelRange(declared.value)
