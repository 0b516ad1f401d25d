"""The reader of `<split>/images/*.npy` with `<split>/labels/*.csv`.

A label is `class,x_center,y_center,width,height`. A box less than a pixel wide or high is left
out of the records and reported. One that is inverted or leaves the image, a class that is unknown,
an image without labels or labels without an image say that somebody is mistaken: errors. A box that
leaves the image by no more than rounding does, a ten-thousandth of its side, is clipped. Classes
are numbered from 0 in records, whatever number the files begin with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from itertools import combinations

import numpy as np

from refdet.data.check_report import DataReport, data_report, shared_images
from refdet.data.npy_csv_auto import (
    Settled,
    clipped_corners,
    is_inside,
    settle_class_names,
    settle_coordinates,
    settle_pixel_range,
)
from refdet.data.npy_csv_folder import ImageFacts, NpyCsvFolder, SplitFacts
from refdet.data.npy_csv_labels import CsvObject
from refdet.data.npy_image import check_type, open_npy, read_npy
from refdet.data.options import BoxCoordinates, PixelRangeOption, SourceOptions
from refdet.data.problems import DataError, refuse_errors
from refdet.data.reading import FileObjects, ImageReading, SmallObject, Split, is_small, split_of
from refdet.records import AnnotatedImage, PixelRange, Problem


class NpyCsvSource:
    """A data set of `.npy` images and CSV labels.

    Args:
        options: where it is and what is declared about it.
        reasons: what was settled before.

    Raises:
        DataError: there is no split in the folder.
    """

    def __init__(self, options: SourceOptions, reasons: tuple[str, ...] = ()) -> None:
        self._options = options
        self._reasons = reasons
        self._folder = NpyCsvFolder(options.root, options.image_folder, options.label_folder)
        self._facts: dict[str, SplitFacts] = {}
        if not self._folder.splits:
            what = (
                f"holds no split: no folder <split>/{options.image_folder} with *.npy and "
                f"<split>/{options.label_folder} with *.csv"
            )
            raise DataError([Problem(str(options.root), what)])

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self._folder.splits

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label; as declared, or `class_07` after the numbers in the labels.

        Raises:
            DataError: there is no object to take classes from.
        """
        refuse_errors(self._classes.problems)
        return self._classes.choice or ()

    @property
    def settled(self) -> tuple[str, ...]:
        """What was not declared: what was chosen, and why."""
        parts = (self._classes, self._pixel_range, self._coordinates)
        return (*self._reasons, *(reason for part in parts for reason in part.reasons))

    def read_split(self, name: str) -> Split:
        """One split; only the headers of its images are read.

        Raises:
            DataError: something is wrong; names the file, the line and the value.
        """
        facts = self._split_facts(name)
        readings = [self._read_image(image, decode=False) for image in facts.images]
        problems = [*self._settling_problems, *facts.problems]
        problems += [problem for reading in readings for problem in reading.problems]
        refuse_errors(problems)
        return split_of(name, readings, problems)

    def check(self) -> DataReport:
        """Read every split and decode every image, and list all that is wrong."""
        readings: dict[str, list[ImageReading]] = {}
        problems = [*self._settling_problems]
        for split in self.splits:
            facts = self._split_facts(split)
            problems += facts.problems
            readings[split] = [self._read_image(image, decode=True) for image in facts.images]
            problems += [problem for reading in readings[split] for problem in reading.problems]
        problems += self._leaks()
        every = [self._split_facts(split) for split in self.splits]
        return data_report(
            self._options.root,
            self._classes.choice or (),
            sum(len(facts.images) for facts in every),
            sum(facts.n_labels for facts in every),
            readings,
            problems,
            self.settled,
        )

    def _split_facts(self, name: str) -> SplitFacts:
        if name not in self._facts:
            self._facts[name] = self._folder.read_split(name)
        return self._facts[name]

    @property
    def _every_image(self) -> list[ImageFacts]:
        return [image for split in self.splits for image in self._split_facts(split).images]

    @cached_property
    def _classes(self) -> Settled[tuple[str, ...]]:
        if self._options.class_names:
            return Settled(self._options.class_names)
        return settle_class_names(self._every_image, self._options.first_class)

    @cached_property
    def _pixel_range(self) -> Settled[PixelRange]:
        declared = self._options.pixel_range
        if declared is not PixelRangeOption.AUTO:
            return Settled(PixelRange(declared.value))
        return settle_pixel_range(self._every_image)

    @cached_property
    def _coordinates(self) -> Settled[BoxCoordinates]:
        declared = self._options.box_coordinates
        if declared is not BoxCoordinates.AUTO:
            return Settled(declared)
        return settle_coordinates(self._every_image)

    @property
    def _settling_problems(self) -> tuple[Problem, ...]:
        parts = (self._classes, self._pixel_range, self._coordinates)
        return tuple(problem for part in parts for problem in part.problems)

    def _read_image(self, facts: ImageFacts, *, decode: bool) -> ImageReading:
        problems = list(facts.problems)
        problems += self._pixel_problems(facts, decode)
        names = self._classes.choice or ()
        first = self._options.first_class
        boxes: list[list[float]] = []
        labels: list[int] = []
        written: list[str] = []
        for item in facts.labels.objects:
            label = item.class_id - first
            known = 0 <= label < len(names)
            wrong = self._box_problem(item, facts.size)
            if known:
                written.append(names[label])
            elif names:
                last = first + len(names) - 1
                wrong = Problem(item.place, f"{item} is of no class in {first}..{last}")
            if wrong:
                problems.append(wrong)
            if wrong and not isinstance(wrong, SmallObject):
                continue
            if facts.size and self._coordinates.choice and known:
                boxes.append(clipped_corners(item.box, self._coordinates.choice, facts.size))
                labels.append(label)
        objects = FileObjects(
            boxes_xyxy=np.array(boxes, np.float64).reshape(-1, 4),
            labels=np.array(labels, np.int64),
            difficult=np.zeros(len(labels), np.bool_),
        )
        whole = facts.size and all(problem.dropped for problem in problems)
        image = None
        if whole and facts.size and self._pixel_range.choice and self._coordinates.choice:
            truth = objects.ground_truth(facts.path.name, facts.size)
            image = AnnotatedImage(facts.path, truth, self._pixel_range.choice)
        return ImageReading(image, objects, tuple(written), tuple(problems))

    def _pixel_problems(self, facts: ImageFacts, decode: bool) -> Iterator[Problem]:
        if facts.size and self._pixel_range.choice:
            try:
                if decode:
                    read_npy(facts.path, self._pixel_range.choice)
                else:
                    check_type(open_npy(facts.path), self._pixel_range.choice)
            except ValueError as error:
                yield Problem(facts.place, str(error))

    def _box_problem(self, item: CsvObject, size: tuple[int, int] | None) -> Problem | None:
        """What is wrong with a box, as far as its image and the coordinates are known."""
        coordinates = self._coordinates.choice
        if size is None or coordinates is None:
            return None
        normalized = coordinates is BoxCoordinates.NORMALIZED
        if not is_inside(item.box, (1, 1) if normalized else size):
            what = f"leaves the image of {size[0]} x {size[1]}; coordinates are {coordinates}"
            return Problem(item.place, f"{item} {what}")
        x1, y1, x2, y2 = clipped_corners(item.box, coordinates, size)
        if not is_small((x1, y1, x2, y2)):
            return None
        # Fractions, perhaps a little over 1; a real box of this size would have to be in a corner.
        if not normalized and min(item.box[2:]) > 0 and max(item.box) <= 1.5:
            return Problem(item.place, f"{item} looks normalized; coordinates are pixels")
        what = f"is {x2 - x1:.3g} x {y2 - y1:.3g} pixels; at least 1 x 1 can be learnt from"
        return SmallObject(item.place, f"{item} {what}", dropped=True)

    def _leaks(self) -> Iterator[Problem]:
        """Images of one content in two splits, which make a test result worthless."""
        hashes = {
            split: {
                image.place: hashlib.sha256(image.path.read_bytes()).hexdigest()
                for image in self._split_facts(split).images
                if image.size
            }
            for split in self.splits
        }
        for one, other in combinations(hashes, 2):
            for place, twin in shared_images(hashes[one], hashes[other]):
                yield Problem(place, f"is the same image as {twin}")
