"""Images in `.npy` files: (H, W, C) with 1, 3 or 4 channels, 8-bit or floats of a declared range.

Nothing is guessed from the values of one image, and nothing is repaired: channels first, no
channel axis, deep integers, values outside the range are errors that say what to do. An error is
a ValueError, a sentence without its subject; who catches it names the file.
"""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from refdet.records import PixelRange

NPY_SUFFIX = ".npy"
"""The ending of such files, in lower case."""

CHANNELS = (1, 3, 4)
"""Grey; red, green, blue; and alpha, which is left out."""

_Dtype = TypeVar("_Dtype", np.uint8, np.float32)
F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Value: TypeAlias = np.uint8 | np.float16 | np.float32 | np.float64
Pixels: TypeAlias = NDArray[Value]

_MAGIC = b"\x93NUMPY"
_LIMITS = {PixelRange.UNIT: (0.0, 1.0), PixelRange.SYMMETRIC: (-1.0, 1.0)}


def open_npy(file: Path) -> Pixels:
    """The pixels as they are stored, mapped from the file rather than read.

    Returns:
        (H, W, 1 or 3); alpha is left out.

    Raises:
        ValueError: the file is missing, damaged or longer than its header says, or its array is
            no image: of another shape, empty, neither uint8 nor floats.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
        if start != _MAGIC:
            raise ValueError("it does not begin as .npy files do" if start else "it is empty")
        array: np.memmap[tuple[int, ...], np.dtype[Value]] = np.load(
            file, mmap_mode="r", allow_pickle=False
        )
        surplus = file.stat().st_size - array.offset - array.nbytes
    # NumPy's parser of headers raises the last three on a damaged one.
    except (OSError, ValueError, EOFError, TokenError, SyntaxError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"cannot be read as .npy: {reason}") from error
    if surplus:
        raise ValueError(f"cannot be read as .npy: {surplus} bytes more than its header says")
    _check_form(array)
    return array[..., :3]


def read_npy(file: Path, pixel_range: PixelRange) -> U8 | F32:
    """The pixels, (H, W, 3): uint8 as they are stored, or float32 in [0, 1].

    Args:
        file: the image.
        pixel_range: what its numbers mean; `SYMMETRIC` -1 becomes 0.

    Raises:
        ValueError: as `open_npy`; and if a value is NaN or outside the range, or its type is not
            the range's.
    """
    colours = open_npy(file)
    check_type(colours, pixel_range)
    if pixel_range is PixelRange.UINT8:
        return _three_channels(colours.astype(np.uint8))
    _check_values(colours, pixel_range)
    pixels: F32 = colours.astype(np.float32)
    if pixel_range is PixelRange.SYMMETRIC:
        pixels = (pixels + np.float32(1)) / np.float32(2)
    return _three_channels(pixels)


def check_type(pixels: Pixels, pixel_range: PixelRange) -> None:
    """Raise ValueError unless `pixels` are integers or floats as the range wants."""
    if (pixels.dtype == np.uint8) != (pixel_range is PixelRange.UINT8):
        raise ValueError(f"holds {pixels.dtype} pixels, but the data set's range is {pixel_range}")


def extreme_values(pixels: Pixels) -> tuple[Value, Value]:
    """The lowest and the highest value of an image of floats.

    Raises:
        ValueError: a value is NaN.
    """
    low, high = pixels.min(), pixels.max()
    if np.isnan(low):
        row, column, _ = np.argwhere(np.isnan(pixels))[0].tolist()
        raise ValueError(f"holds NaN, first in row {row}, column {column}")
    return low, high


def _check_form(array: Pixels) -> None:
    shape = array.shape
    if array.size == 0:
        raise ValueError(f"has shape {shape}: it is empty")
    if array.ndim == 2:
        raise ValueError(
            f"has shape {shape}, without channels; save it as (H, W, 1): image[..., None]"
        )
    if array.ndim == 3 and shape[2] not in CHANNELS and shape[0] in CHANNELS:
        raise ValueError(
            f"has shape {shape}, channels first; save it as (H, W, C): np.moveaxis(image, 0, -1)"
        )
    if array.ndim != 3 or shape[2] not in CHANNELS:
        raise ValueError(f"has shape {shape}; an image is (H, W, C) with 1, 3 or 4 channels")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ValueError(
            f"holds {array.dtype} pixels; scale them to uint8 or to floats in [0, 1] or [-1, 1]"
        )


def _check_values(colours: Pixels, pixel_range: PixelRange) -> None:
    least, most = _LIMITS[pixel_range]
    low, high = extreme_values(colours)
    outside = low if low < least else high
    if not least <= outside <= most:
        raise ValueError(
            f"holds {outside!s}, outside [{least:g}, {most:g}] of the data set's range "
            f"{pixel_range}"
        )


def _three_channels(pixels: NDArray[_Dtype]) -> NDArray[_Dtype]:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
