"""What a user declares about a data set; what is not declared is settled once for the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Layout(StrEnum):
    """How the files of a data set lie."""

    AUTO = "auto"
    """By the folders that are there."""
    VOC = "voc"
    """`Annotations/*.xml`, `ImageSets/Main/<split>.txt`, `JPEGImages/*`."""
    NPY_CSV = "npy-csv"
    """`<split>/images/*.npy`, `<split>/labels/*.csv`."""


class PixelRangeOption(StrEnum):
    """What the numbers in `.npy` images mean."""

    AUTO = "auto"
    """By the types and values of all images."""
    UINT8 = "uint8"
    """8-bit integers."""
    UNIT = "unit"
    """Floats in [0, 1]."""
    SYMMETRIC = "symmetric"
    """Floats in [-1, 1]."""


class BoxCoordinates(StrEnum):
    """The unit of boxes in CSV labels."""

    AUTO = "auto"
    """By all boxes."""
    PIXELS = "pixels"
    """Pixels, continuous: the image goes from 0 to its width."""
    NORMALIZED = "normalized"
    """Fractions of the image's width and height."""


class GroundTruthFormat(StrEnum):
    """What annotated objects are written in."""

    AUTO = "auto"
    """By what lies at the path."""
    COCO = "coco"
    """A JSON file with images, categories and annotations."""
    VOC = "voc"
    """A folder with `Annotations`, `ImageSets/Main` and `JPEGImages`."""
    YOLO = "yolo"
    """A folder with images and a `.txt` for each."""
    NPY_CSV = "npy-csv"
    """A folder with `<split>/images/*.npy` and `<split>/labels/*.csv`."""


class DetectionFormat(StrEnum):
    """What a detector's output is written in."""

    AUTO = "auto"
    """By what lies at the path."""
    COCO = "coco"
    """A JSON file with a list of results."""
    CSV = "csv"
    """A CSV file with image, class, score, x1, y1, x2, y2."""
    VOC = "voc"
    """A folder with `comp3_det_<split>_<class>.txt`."""
    YOLO = "yolo"
    """A folder with a `.txt` for each image, six numbers a line."""


class TargetFormat(StrEnum):
    """What ground truth or detections are converted to."""

    COCO = "coco"
    """One JSON file."""
    VOC = "voc"
    """A folder."""
    YOLO = "yolo"
    """A folder."""
    NPY_CSV = "npy-csv"
    """A folder; of ground truth only."""
    CSV = "csv"
    """One CSV file; of detections only."""


@dataclass(frozen=True)
class SourceOptions:
    """Where a data set is and what is known about it.

    Attributes:
        root: its folder.
        layout: how its files lie.
        class_names: in label order; without any they are taken from the annotations.
        one_based: VOC only: True if corners count from 1.
        image_folder: npy-CSV only: name of the folder of images in a split's folder.
        label_folder: npy-CSV only: likewise of labels.
        pixel_range: npy-CSV only: what the numbers in images mean.
        box_coordinates: npy-CSV only: the unit of boxes.
        first_class: npy-CSV only: the number of the first class in labels, at least 0.
    """

    root: Path
    layout: Layout = Layout.AUTO
    class_names: tuple[str, ...] = ()
    one_based: bool = True
    image_folder: str = "images"
    label_folder: str = "labels"
    pixel_range: PixelRangeOption = PixelRangeOption.AUTO
    box_coordinates: BoxCoordinates = BoxCoordinates.AUTO
    first_class: int = 0

    def __post_init__(self) -> None:
        given: object = self.class_names
        if isinstance(given, str):
            raise TypeError(f"class_names must be a sequence of names, got {self.class_names!r}")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError(f"class_names must be distinct names, got {self.class_names!r}")
        if self.first_class < 0:
            raise ValueError(f"first_class must be at least 0, got {self.first_class}")
        for name, folder in (("image", self.image_folder), ("label", self.label_folder)):
            if not folder or Path(folder).name != folder:
                raise ValueError(f"{name}_folder must be the name of a folder, got {folder!r}")
        if self.image_folder == self.label_folder:
            raise ValueError(f"image_folder and label_folder are both {self.image_folder!r}")
