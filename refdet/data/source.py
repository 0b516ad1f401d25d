"""One way to read a data set, however its files lie."""

from __future__ import annotations

from typing import Protocol

from refdet.data.check import check_voc
from refdet.data.check_report import DataReport
from refdet.data.npy_csv import NpyCsvSource
from refdet.data.npy_csv_folder import NpyCsvFolder
from refdet.data.options import BoxCoordinates, Layout, PixelRangeOption, SourceOptions
from refdet.data.problems import DataError
from refdet.data.reading import Split
from refdet.data.voc import discover_classes, read_voc_split
from refdet.data.voc_folder import HOW_TO_GET_ONE, VOC_FOLDERS, VocFolder, require_voc_folder
from refdet.records import Problem

__all__ = [
    "BoxCoordinates",
    "DataSource",
    "Layout",
    "PixelRangeOption",
    "SourceOptions",
    "VocSource",
    "open_source",
]


class DataSource(Protocol):
    """A data set that can be read split by split, and checked as a whole."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, train first."""

    @property
    def settled(self) -> tuple[str, ...]:
        """Sentences that say what was not declared: what was chosen, and why."""

    def read_split(self, name: str) -> Split:
        """One split, with its objects; raises DataError if something is wrong."""

    def check(self) -> DataReport:
        """Everything wrong in all splits, and what they hold."""


def open_source(options: SourceOptions) -> DataSource:
    """The data set in `options.root`.

    Raises:
        DataError: it is of neither layout, or of both; or lacks a part of its own.
    """
    layout, reasons = _layout_of(options)
    if layout is Layout.VOC:
        return VocSource(options, reasons)
    return NpyCsvSource(options, reasons)


class VocSource:
    """A data set in Pascal VOC layout.

    Args:
        options: where it is and what is declared about it.
        reasons: what was settled before.

    Raises:
        DataError: it is no VOC folder.
    """

    def __init__(self, options: SourceOptions, reasons: tuple[str, ...] = ()) -> None:
        require_voc_folder(options.root)
        self._options = options
        self.class_names = options.class_names or discover_classes(options.root)
        self.settled = reasons
        if not options.class_names:
            names = ", ".join(self.class_names)
            self.settled += (f"classes: {names} (auto: the names in the annotations)",)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the split files."""
        return self._folder.splits

    def read_split(self, name: str) -> Split:
        """As `read_voc_split`."""
        one_based = self._options.one_based
        return read_voc_split(self._options.root, name, self.class_names, one_based=one_based)

    def check(self) -> DataReport:
        """As `check_voc`."""
        one_based = self._options.one_based
        return check_voc(
            self._options.root, self.class_names, one_based=one_based, settled=self.settled
        )

    @property
    def _folder(self) -> VocFolder:
        return VocFolder(self._options.root, self.class_names, self._options.one_based)


def _layout_of(options: SourceOptions) -> tuple[Layout, tuple[str, ...]]:
    root = options.root
    if options.layout is not Layout.AUTO:
        return options.layout, ()
    voc = [part for part in VOC_FOLDERS if (root / part).is_dir()]
    splits = NpyCsvFolder(root, options.image_folder, options.label_folder).splits
    if voc and splits:
        what = f"is both voc ({voc[0]}) and npy-csv ({splits[0]}); declare the layout"
        raise DataError([Problem(str(root), what)])
    if voc:
        return Layout.VOC, (f"layout: voc (auto: {voc[0]} is there)",)
    if splits:
        folders = ", ".join(f"{split}/{options.image_folder}" for split in splits)
        return Layout.NPY_CSV, (f"layout: npy-csv (auto: {folders})",)
    what = (
        f"is no data set: neither Pascal VOC ({', '.join(VOC_FOLDERS)}) nor "
        f"<split>/{options.image_folder}/*.npy with <split>/{options.label_folder}/*.csv. "
        f"{HOW_TO_GET_ONE}"
    )
    raise DataError([Problem(str(root), what if root.is_dir() else f"is no folder; {what}")])
