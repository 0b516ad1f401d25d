"""The confusion matrix as CSV, with names that cannot be mistaken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refdet.files import write_text_atomic
from refdet.records import ConfusionMatrix
from refdet.report.csv_text import csv_text

CORNER = "detected as"
"""The name of the rows; the columns are what was there."""


def names_with_background(class_names: Sequence[str]) -> list[str]:
    """The classes, and the background last: in parentheses if a class has that name."""
    background = "background"
    while background in class_names:
        background = f"({background})"
    return [*class_names, background]


def write_confusion_csv(path: Path, confusion: ConfusionMatrix) -> None:
    """Write a row for each class that was detected, a column for each that was there.

    The last row is objects that nothing found, the last column detections that found nothing.

    Args:
        path: the CSV file, replaced at once.
        confusion: the matrix.
    """
    names = names_with_background(confusion.class_names)
    rows = zip(names, confusion.counts.tolist(), strict=True)
    table = [[CORNER, *names], *([name, *counts] for name, counts in rows)]
    write_text_atomic(path, csv_text(table))
