"""Tiny folders of `.npy` images and CSV labels for tests, clean unless a test makes one dirty."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from refdet.data.npy_csv import NpyCsvSource
from refdet.data.options import BoxCoordinates, PixelRangeOption, SourceOptions

WIDTH, HEIGHT = 40, 30
HEADER = "class,x_center,y_center,width,height"


def add_image(
    root: Path, split: str, name: str, *rows: str, array: NDArray[np.generic] | None = None
) -> None:
    """An image with its labels. Every name has its own pixels: equal files would be a leak."""
    for part in ("images", "labels"):
        (root / split / part).mkdir(parents=True, exist_ok=True)
    if array is None:
        array = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
        own = f"{split}/{name}".encode()
        array[0, : len(own), 0] = list(own)
    np.save(root / split / "images" / f"{name}.npy", array)
    text = "".join(f"{line}\n" for line in (HEADER, *rows))
    (root / split / "labels" / f"{name}.csv").write_bytes(text.encode())


def clean_folder(root: Path) -> Path:
    """Two splits in pixels: `a` (two objects) and `b` (none) in train, `c` (one) in val."""
    add_image(root, "train", "a", "0,10,15,12,20", "2,30.5,10,5,4.5")
    add_image(root, "train", "b")
    add_image(root, "val", "c", "1,20,15,40,30")
    return root


class Declared(TypedDict, total=False):
    """Options that a test gives."""

    class_names: tuple[str, ...]
    image_folder: str
    label_folder: str
    pixel_range: PixelRangeOption
    box_coordinates: BoxCoordinates
    first_class: int


def source(root: Path, **declared: Unpack[Declared]) -> NpyCsvSource:
    """The data set in `root`."""
    return NpyCsvSource(SourceOptions(root, **declared))
