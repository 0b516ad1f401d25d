"""Image files, opened without trusting them: one rule for all that reads them.

An error is a ValueError that says what is wrong as a sentence without its subject; who catches it
names the file. Pillow is loaded by the first image: `refdet evaluate` may have none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
"""The endings of files that are taken for images, in lower case."""

_MODES_OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def read_image_size(file: Path, *, decode: bool = False) -> tuple[int, int]:
    """Width and height as the file's header has them.

    Args:
        file: the image.
        decode: True to decode all pixels, which finds files that are cut short.

    Raises:
        ValueError: the file is missing, damaged or too large, or its pixels have not 8 bits.
    """
    return _open(file, decode).size


def read_rgb(file: Path) -> NDArray[np.uint8]:
    """The pixels, (H, W, 3), as they are stored: rotation tags are not followed.

    Raises:
        ValueError: as `read_image_size`.
    """
    return np.array(_open(file, decode=True).convert("RGB"))


def _open(file: Path, decode: bool) -> Image.Image:
    from PIL import Image  # noqa: PLC0415 - see above

    try:
        with Image.open(file) as image:
            if decode:
                image.load()
    # Pillow's decoders raise all of these on a damaged file.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot be read as an image: {error}") from error
    if image.mode not in _MODES_OF_8_BITS:
        # Pillow would clip them to white.
        raise ValueError(f"has pixels of mode {image.mode!r}; only 8-bit images can be read")
    return image
