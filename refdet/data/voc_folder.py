"""A folder of Pascal VOC: what is in it, and what is wrong with it, image by image.

What is wrong with an object decides what becomes of it. A box less than a pixel wide or high
cannot be learnt from; it is left out of the records and reported. A box that is inverted, that
leaves the image, or whose class is unknown says that somebody is mistaken; it is an error, never
repaired in silence. Objects are counted from 0 within their file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from refdet.data.images import IMAGE_SUFFIXES, read_image_size
from refdet.data.problems import DataError
from refdet.data.reading import FileObjects, ImageReading, SmallObject, is_small, split_order
from refdet.data.voc_xml import XmlObject, read_voc_xml
from refdet.records import AnnotatedImage, Problem

VOC_FOLDERS = ("Annotations", "ImageSets/Main", "JPEGImages")
"""What is in every Pascal VOC data set."""

HOW_TO_GET_ONE = (
    "The blood-cell set is the folder BCCD of what this fetches: "
    "git clone https://github.com/Shenggan/BCCD_Dataset"
)


def require_voc_folder(root: Path) -> None:
    """Raise DataError, saying what was expected and how to get it, unless `root` is there."""
    missing = [part for part in VOC_FOLDERS if not (root / part).is_dir()]
    if missing:
        what = (
            f"is no Pascal VOC data set: there is no {' and no '.join(missing)} in it. Expected "
            "are Annotations/*.xml, ImageSets/Main/<split>.txt and JPEGImages/*.jpg. "
            f"{HOW_TO_GET_ONE}"
        )
        raise DataError([Problem(str(root), what)])


@dataclass(frozen=True)
class VocFolder:
    """A VOC folder with what has to be known to read it; arguments as `read_voc_split`."""

    root: Path
    class_names: tuple[str, ...]
    one_based: bool = True

    def __post_init__(self) -> None:
        if not self.class_names or len(set(self.class_names)) < len(self.class_names):
            raise ValueError(f"class_names must be distinct names, got {self.class_names!r}")
        require_voc_folder(self.root)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names of the split files; VOC's lists per class, `<class>_<split>`, are none."""
        stems = {file.stem for file in (self.root / "ImageSets" / "Main").glob("*.txt")}
        per_class = {f"{name}_{stem}" for name in self.class_names for stem in stems}
        return tuple(sorted(stems - per_class, key=split_order))

    @cached_property
    def image_files(self) -> dict[str, list[Path]]:
        """The image files by name without suffix; more than one is ambiguous."""
        found: dict[str, list[Path]] = {}
        for file in sorted((self.root / "JPEGImages").iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                found.setdefault(file.stem, []).append(file)
        return found

    def read_split_file(self, split: str) -> tuple[list[str], list[Problem]]:
        """The image names of a split without repetition, and what is wrong with its file."""
        place = f"ImageSets/Main/{split}.txt"
        try:
            text = (self.root / place).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            there = ", ".join(self.splits) or "none"
            return [], [Problem(place, f"is missing; the splits that exist: {there}")]
        except (OSError, ValueError) as error:
            return [], [Problem(place, f"cannot be read: {error}")]
        names: dict[str, int] = {}
        problems: list[Problem] = []
        for number, line in enumerate(text.splitlines(), start=1):
            name, where = line.strip(), f"{place}, line {number}"
            if not name:
                problems.append(Problem(where, "is blank", dropped=True))
            elif not name.isprintable() or "/" in name or "\\" in name:
                problems.append(Problem(where, f"{name!r} is no name of an image"))
            elif name in names:
                problems.append(Problem(where, f"repeats {name!r} of line {names[name]}"))
            names.setdefault(name, number)
        names.pop("", None)
        if not names:
            problems.append(Problem(place, "names no image"))
        return list(names), problems

    def read_image(self, name: str, *, decode: bool = False) -> ImageReading:
        """One image's annotation and the facts of its file.

        Args:
            name: without folder and suffix.
            decode: True to decode all pixels, which finds files that are cut short.
        """
        place = f"Annotations/{name}.xml"
        annotation = read_voc_xml(self.root / place, place)
        problems = list(annotation.problems)
        kept: list[XmlObject] = []
        for item in annotation.objects:
            wrong = self._object_problem(item, annotation.size, f"{place}, object {item.index}")
            if wrong is None or isinstance(wrong, SmallObject):
                kept.append(item)
            if wrong is not None:
                problems.append(wrong)
        file, file_problems = self._find_image(name, annotation.size, decode)
        problems += file_problems
        objects = self._objects(kept)
        image = None
        if annotation.size and file and all(problem.dropped for problem in problems):
            image = AnnotatedImage(file, objects.ground_truth(name, annotation.size))
        return ImageReading(image, objects, annotation.class_names, tuple(problems))

    def _corners(self, item: XmlObject) -> list[float]:
        return [corner - 1.0 if self.one_based else corner for corner in item.corners]

    def _objects(self, objects: Sequence[XmlObject]) -> FileObjects:
        boxes = [self._corners(item) for item in objects]
        return FileObjects(
            boxes_xyxy=np.array(boxes, np.float64).reshape(-1, 4),
            labels=np.array([self.class_names.index(o.class_name) for o in objects], np.int64),
            difficult=np.array([item.difficult for item in objects], np.bool_),
        )

    def _object_problem(
        self, item: XmlObject, size: tuple[int, int] | None, place: str
    ) -> Problem | None:
        box = f"{item.class_name} ({', '.join(f'{corner:g}' for corner in item.corners)})"
        x1, y1, x2, y2 = self._corners(item)
        if item.class_name not in self.class_names:
            known = ", ".join(self.class_names)
            return Problem(place, f"class {item.class_name!r} is none of {known}")
        if x2 < x1 or y2 < y1:
            return Problem(place, f"{box} is inverted: xmax < xmin or ymax < ymin")
        if x1 < 0 or y1 < 0 or (size and (x2 > size[0] or y2 > size[1])):
            of_size = f" of {size[0]} x {size[1]}" if size else ""
            first = "1; if they count from 0, say one_based=False" if self.one_based else "0"
            what = f"{box} leaves the image{of_size}; coordinates were taken to start at {first}"
            return Problem(place, what)
        if is_small((x1, y1, x2, y2)):
            what = f"{box} is {x2 - x1:g} x {y2 - y1:g} pixels; at least 1 x 1 can be learnt from"
            return SmallObject(place, what, dropped=True)
        return None

    def _find_image(
        self, name: str, size: tuple[int, int] | None, decode: bool
    ) -> tuple[Path | None, list[Problem]]:
        files = self.image_files.get(name, [])
        place = f"JPEGImages/{files[0].name if files else name}"
        if not files:
            return None, [Problem(place, f"is missing; looked for {', '.join(IMAGE_SUFFIXES)}")]
        if len(files) > 1:
            return None, [Problem(place, f"is ambiguous: {', '.join(f.name for f in files)}")]
        wrong = _image_problem(files[0], size, decode)
        return files[0], [Problem(place, wrong)] if wrong else []


def _image_problem(file: Path, size: tuple[int, int] | None, decode: bool) -> str | None:
    try:
        actual = read_image_size(file, decode=decode)
    except ValueError as error:
        return str(error)
    if size and actual != size:
        return f"is {actual[0]} x {actual[1]}, but its annotation says {size[0]} x {size[1]}"
    return None
