"""Which detections are wrong: a JSON report, a CSV, and the list of images they are in.

All are made from the evaluation alone, so they exist whether or not pictures are drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from refdet.files import write_json_atomic, write_text_atomic
from refdet.records import Evaluation, FalsePositiveKind, FalsePositiveRecord
from refdet.report.csv_text import csv_text

CSV_COLUMNS = (
    *("kind", "class", "score", "image", "index"),
    *("best_iou", "confused_with", "x1", "y1", "x2", "y2"),
)
"""Those of a CSV of detections are among them: `refdet convert` and `refdet evaluate` read it."""


def write_false_positive_report(path: Path, evaluation: Evaluation) -> None:
    """Write the thresholds, each class's counts by kind, every false positive and missed object.

    Args:
        path: the JSON file, replaced at once.
        evaluation: the judged data set.
    """
    names = {metrics.label: metrics.name for metrics in evaluation.classes}
    records = [
        {
            **asdict(record),
            "class": names[record.label],
            "confused_with": None if record.confused_with is None else names[record.confused_with],
        }
        for record in evaluation.false_positives
    ]
    missed = [{**asdict(record), "class": names[record.label]} for record in evaluation.missed]
    write_json_atomic(
        path,
        {
            "split": evaluation.split,
            "n_images": evaluation.n_images,
            "iou_threshold": evaluation.iou_threshold,
            "score_thresholds": {
                metrics.name: metrics.score_threshold for metrics in evaluation.classes
            },
            "classes": _counts_by_class(evaluation),
            "images": false_positive_images(evaluation),
            "false_positives": records,
            "missed": missed,
        },
    )


def write_false_positive_csv(path: Path, evaluation: Evaluation) -> None:
    """Write a row per false positive: by kind, then by class, then the highest score first.

    Args:
        path: the CSV file, replaced at once; the header alone if there is no false positive.
        evaluation: the judged data set.
    """
    names = {metrics.label: metrics.name for metrics in evaluation.classes}
    kinds = list(FalsePositiveKind)

    def row(record: FalsePositiveRecord) -> tuple[object, ...]:
        confused = "" if record.confused_with is None else names[record.confused_with]
        what = (record.kind.value, names[record.label], record.score, record.image, record.index)
        return (*what, record.best_iou, confused, *record.box_xyxy)

    ordered = sorted(
        evaluation.false_positives,
        key=lambda record: (kinds.index(record.kind), record.label, -record.score),
    )
    write_text_atomic(path, csv_text([CSV_COLUMNS, *map(row, ordered)]))


def write_false_positive_list(path: Path, evaluation: Evaluation) -> None:
    """Write the names of the images that have false positives, sorted, one a line.

    Args:
        path: the text file, replaced at once; empty if there is no false positive.
        evaluation: the judged data set.

    Raises:
        ValueError: an image's name holds a line break, so that a line would not be a name.
    """
    images = false_positive_images(evaluation)
    for image in images:
        if image.splitlines() != [image]:
            raise ValueError(f"image {image!r} cannot stand on a line of {path}")
    write_text_atomic(path, "".join(f"{image}\n" for image in images))


def false_positive_images(evaluation: Evaluation) -> list[str]:
    """The names of the images that have false positives, each once, sorted."""
    return sorted({record.image for record in evaluation.false_positives})


def _counts_by_class(evaluation: Evaluation) -> list[dict[str, object]]:
    counts = Counter((record.label, record.kind) for record in evaluation.false_positives)
    missed = Counter(record.label for record in evaluation.missed)
    return [
        {
            "label": metrics.label,
            "class": metrics.name,
            "false_positives": sum(counts[metrics.label, kind] for kind in FalsePositiveKind),
            **{kind.value: counts[metrics.label, kind] for kind in FalsePositiveKind},
            "missed": missed[metrics.label],
        }
        for metrics in evaluation.classes
    ]
