"""A folder of `.npy` images and CSV labels: which files there are, and what their headers say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from refdet.data.npy_csv_labels import CsvLabels, read_label_csv
from refdet.data.npy_image import NPY_SUFFIX, open_npy
from refdet.data.problems import DataError
from refdet.data.reading import split_order
from refdet.records import Problem

CSV_SUFFIX = ".csv"


@dataclass(frozen=True)
class ImageFacts:
    """One image and its labels as they are, before anything is converted.

    Attributes:
        path: the image.
        place: what to call the image in a problem.
        size: (width, height), or None if the image cannot be read.
        eight_bit: True for uint8, False for floats.
        labels: of its CSV.
        problems: of both files.
    """

    path: Path
    place: str
    size: tuple[int, int] | None
    eight_bit: bool
    labels: CsvLabels
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class SplitFacts:
    """The images of a split by name, and what is wrong beyond single images.

    Attributes:
        images: sorted by name.
        n_labels: how many CSV files there are.
        problems: files without their partner, of one name, of another kind.
    """

    images: tuple[ImageFacts, ...]
    n_labels: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class NpyCsvFolder:
    """A data set's folder; a split is a folder in it that holds images and labels.

    Attributes:
        root: the folder.
        image_folder: name of the folder of images in a split's folder.
        label_folder: likewise of labels.
    """

    root: Path
    image_folder: str = "images"
    label_folder: str = "labels"

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The folders that hold a folder of images or of labels."""
        if not self.root.is_dir():
            return ()
        found = [
            folder.name
            for folder in self.root.iterdir()
            if (folder / self.image_folder).is_dir() or (folder / self.label_folder).is_dir()
        ]
        return tuple(sorted(found, key=split_order))

    def read_split(self, split: str) -> SplitFacts:
        """The headers of a split's images, and its labels.

        Raises:
            DataError: there is no such split.
        """
        if split not in self.splits:
            there = ", ".join(self.splits) or "none"
            what = f"is missing; the splits that exist: {there}"
            raise DataError([Problem(f"{split}/{self.image_folder}", what)])
        images, problems = self._files(f"{split}/{self.image_folder}", NPY_SUFFIX)
        labels, others = self._files(f"{split}/{self.label_folder}", CSV_SUFFIX)
        problems += others
        place = f"{split}/{self.label_folder}"
        for stem in sorted(labels.keys() - images.keys()):
            where = f"{place}/{labels[stem].name}"
            problems.append(Problem(where, f"has no image {split}/{self.image_folder}/{stem}.npy"))
        if not images:
            problems.append(Problem(f"{split}/{self.image_folder}", "holds no image (*.npy)"))
        facts = [
            self._facts(split, file, labels.get(stem, self.root / place / f"{stem}.csv"))
            for stem, file in images.items()
        ]
        return SplitFacts(tuple(facts), len(labels), tuple(problems))

    def _files(self, place: str, suffix: str) -> tuple[dict[str, Path], list[Problem]]:
        """Files of `suffix` by stem, sorted, and a problem for whatever else is there."""
        folder = self.root / place
        if not folder.is_dir():
            return {}, [Problem(place, "is missing")]
        found: dict[str, Path] = {}
        problems: list[Problem] = []
        for file in sorted(folder.iterdir()):
            where = f"{place}/{file.name}"
            if file.suffix.lower() != suffix or file.is_dir():
                problems.append(Problem(where, f"is no {suffix} file", dropped=True))
            elif file.stem in found:
                problems.append(Problem(where, f"is ambiguous: {found[file.stem].name} is there"))
            else:
                found[file.stem] = file
        return found, problems

    def _facts(self, split: str, image: Path, labels: Path) -> ImageFacts:
        place = f"{split}/{self.image_folder}/{image.name}"
        read = read_label_csv(labels, f"{split}/{self.label_folder}/{labels.name}")
        try:
            pixels = open_npy(image)
        except ValueError as error:
            wrong = Problem(place, str(error))
            return ImageFacts(image, place, None, False, read, (wrong, *read.problems))
        size = pixels.shape[1], pixels.shape[0]
        return ImageFacts(image, place, size, pixels.dtype == "uint8", read, read.problems)
