"""An evaluation's numbers as JSON and CSV files."""

from __future__ import annotations

from dataclasses import asdict, astuple, fields
from pathlib import Path

from refdet.files import write_json_atomic, write_text_atomic
from refdet.records import ClassMetrics, Evaluation, Totals
from refdet.report.csv_text import csv_text


def write_metrics_json(path: Path, evaluation: Evaluation) -> None:
    """Write the means, the totals, COCO's numbers, every class; what is undefined is null.

    Curves and confusion matrix are left out, and the false positives and missed objects are only
    counted: they have their own files.

    Args:
        path: the JSON file, replaced at once.
        evaluation: the judged data set.
    """
    write_json_atomic(
        path,
        {
            "split": evaluation.split,
            "n_images": evaluation.n_images,
            "iou_threshold": evaluation.iou_threshold,
            "max_detections": evaluation.max_detections,
            "mean_ap": evaluation.mean_ap,
            "mean_ap50": evaluation.mean_ap50,
            "mean_ap75": evaluation.mean_ap75,
            "totals": asdict(evaluation.totals),
            "coco_stats": [None if value == -1 else value for value in evaluation.coco_stats],
            "classes_without_ground_truth": evaluation.classes_without_ground_truth,
            "n_false_positives": len(evaluation.false_positives),
            "n_missed": len(evaluation.missed),
            "n_ignored_detections": evaluation.confusion.ignored_detections,
            "n_ignored_objects": evaluation.confusion.ignored_objects,
            "n_unjudged_detections": evaluation.confusion.unjudged_detections,
            "classes": [asdict(metrics) for metrics in evaluation.classes],
        },
    )


def write_metrics_csv(path: Path, evaluation: Evaluation) -> None:
    """Write a row per class, the name first; what is undefined is empty.

    Args:
        path: the CSV file, replaced at once.
        evaluation: the judged data set.
    """
    columns = [field.name for field in fields(ClassMetrics) if field.name != "name"]
    rows = [
        [metrics.name, *(getattr(metrics, column) for column in columns)]
        for metrics in evaluation.classes
    ]
    write_text_atomic(path, csv_text([["name", *columns], *rows]))


def write_totals_csv(path: Path, evaluation: Evaluation) -> None:
    """Write a row of all classes together; what is undefined is empty. Arguments as above."""
    columns = [field.name for field in fields(Totals)]
    write_text_atomic(path, csv_text([columns, astuple(evaluation.totals)]))
