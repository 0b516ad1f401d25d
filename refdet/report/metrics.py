"""An evaluation's numbers as JSON and CSV files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, fields
from pathlib import Path

from refdet.analysis_records import Estimate, EvaluationIntervals
from refdet.files import write_json_atomic, write_text_atomic
from refdet.records import ClassMetrics, Evaluation, Totals
from refdet.report.csv_text import csv_text
from refdet.report.interval_cells import ends


def write_metrics_json(
    path: Path, evaluation: Evaluation, intervals: EvaluationIntervals | None = None
) -> None:
    """Write the means, the totals, COCO's numbers, every class; what is undefined is null.

    Curves and confusion matrix are left out, and the false positives and missed objects are only
    counted: they have their own files.

    Args:
        path: the JSON file, replaced at once.
        evaluation: the judged data set.
        intervals: of its numbers, under `intervals` as pairs of lower and upper end.
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
            **({} if intervals is None else {"intervals": _pairs_of(evaluation, intervals)}),
        },
    )


def _pairs_of(evaluation: Evaluation, intervals: EvaluationIntervals) -> dict[str, object]:
    classes = zip(evaluation.classes, intervals.classes, strict=True)
    return {
        "level": intervals.level,
        "n_samples": intervals.n_samples,
        "seed": intervals.seed,
        "totals": _pairs(intervals.totals),
        "coco_stats": [_pair(estimate) for estimate in intervals.coco_stats],
        "classes": [{"name": metrics.name, **_pairs(of_class)} for metrics, of_class in classes],
    }


def _pairs(estimates: Mapping[str, Estimate]) -> dict[str, list[float]]:
    return {name: _pair(estimate) for name, estimate in estimates.items()}


def _pair(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


def write_metrics_csv(
    path: Path, evaluation: Evaluation, intervals: EvaluationIntervals | None = None
) -> None:
    """Write a row per class, the name first; what is undefined is empty.

    Args:
        path: the CSV file, replaced at once.
        evaluation: the judged data set.
        intervals: of its numbers, in columns `precision_low`, `precision_high` and so on.
    """
    columns = [field.name for field in fields(ClassMetrics) if field.name != "name"]
    no_intervals: tuple[Mapping[str, Estimate], ...] = ({},) * len(evaluation.classes)
    added = [ends(one) for one in (no_intervals if intervals is None else intervals.classes)]
    rows = [
        [metrics.name, *(getattr(metrics, column) for column in columns), *of_class.values()]
        for metrics, of_class in zip(evaluation.classes, added, strict=True)
    ]
    header = ["name", *columns, *(added[0] if added else ())]
    write_text_atomic(path, csv_text([header, *rows]))


def write_totals_csv(
    path: Path, evaluation: Evaluation, intervals: EvaluationIntervals | None = None
) -> None:
    """Write a row of all classes together; what is undefined is empty. Arguments as above."""
    columns = [field.name for field in fields(Totals)]
    added = {} if intervals is None else ends(intervals.totals)
    row = [*astuple(evaluation.totals), *added.values()]
    write_text_atomic(path, csv_text([[*columns, *added], row]))
