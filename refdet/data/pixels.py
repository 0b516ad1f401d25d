"""One annotated image as an array, whatever its file's format."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from refdet.data.images import read_rgb
from refdet.data.npy_image import NPY_SUFFIX, read_npy
from refdet.data.problems import DataError
from refdet.records import AnnotatedImage, Problem

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]


def read_pixels(annotated: AnnotatedImage) -> Pixels:
    """The pixels as they are stored: rotation tags are not followed.

    Returns:
        (H, W, 3), uint8 from files of 8 bits, float32 in [0, 1] from floats, of which nothing is
        quantised. Grey is three equal channels; alpha is left out.

    Raises:
        DataError: names the file: it is missing, damaged or too large, its pixels are not of its
            range, or its size is not what the record says.
    """
    truth = annotated.ground_truth
    pixels: Pixels
    try:
        if annotated.path.suffix.lower() == NPY_SUFFIX:
            pixels = read_npy(annotated.path, annotated.pixel_range)
        else:
            pixels = read_rgb(annotated.path)
    except ValueError as error:
        raise DataError([Problem(str(annotated.path), str(error))]) from error
    if pixels.shape[:2] != (truth.height, truth.width):
        found = f"is {pixels.shape[1]} x {pixels.shape[0]}"
        what = f"{found}, but its record says {truth.width} x {truth.height}"
        raise DataError([Problem(str(annotated.path), what)])
    return pixels


def display_pixels(annotated: AnnotatedImage) -> NDArray[np.uint8]:
    """The pixels for a picture, (H, W, 3) uint8: floats are rounded to 255ths.

    Raises:
        DataError: as `read_pixels`.
    """
    pixels = read_pixels(annotated)
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return (pixels * 255).round().astype(np.uint8)
