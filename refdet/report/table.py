"""The per-class table that is printed after an evaluation, as text and as a data frame."""

from __future__ import annotations

import math
from dataclasses import asdict, fields

import pandas as pd

from refdet.records import ClassMetrics, Evaluation


def format_class_table(evaluation: Evaluation) -> str:
    """A line per class in aligned columns, the means, and what the numbers stand on.

    A class without objects and without detections that count is left out of the lines. What is
    undefined is shown as `-`. When the classes have different score thresholds, each
    line ends with its own.

    Args:
        evaluation: the judged data set.

    Returns:
        Lines joined by newlines, without a last one.
    """
    thresholds = {metrics.score_threshold for metrics in evaluation.classes}
    shown = [m for m in evaluation.classes if m.n_ground_truth or m.false_positives]
    rows = [_cells(metrics, with_threshold=len(thresholds) > 1) for metrics in shown]
    means = [f"AP50={_share(evaluation.mean_ap50)}", f"AP={_share(evaluation.mean_ap)}"]
    lines = _aligned([*rows, ["mean", *[""] * 5, *means]])
    if evaluation.classes_without_ground_truth:
        names = ", ".join(evaluation.classes_without_ground_truth)
        lines.append(f"Without ground truth, left out of the mean: {names}.")
    at_score = f"score >= {thresholds.pop():g}" if len(thresholds) == 1 else "score as listed"
    lines.append(
        f"Split {evaluation.split}, {evaluation.n_images} images. AP50, AP: every detection. "
        f"P, R, TP, FP, FN: IoU >= {evaluation.iou_threshold:g}, {at_score}."
    )
    return "\n".join(lines)


def class_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row per class, indexed by its name, with a column for every other metric.

    Args:
        evaluation: the judged data set.

    Returns:
        The columns are the fields of `ClassMetrics`; what is undefined is NaN.
    """
    columns = [field.name for field in fields(ClassMetrics)]
    rows = [asdict(metrics) for metrics in evaluation.classes]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def _cells(metrics: ClassMetrics, *, with_threshold: bool) -> list[str]:
    cells = [
        metrics.name,
        f"P={_share(metrics.precision)}",
        f"R={_share(metrics.recall)}",
        f"TP={metrics.true_positives}",
        f"FP={metrics.false_positives}",
        f"FN={metrics.false_negatives}",
        f"AP50={_share(metrics.ap50)}",
        f"AP={_share(metrics.ap)}",
    ]
    return [*cells, f"score>={metrics.score_threshold:g}"] if with_threshold else cells


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _aligned(rows: list[list[str]]) -> list[str]:
    n_columns = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(n_columns)]
    widths[0] += 1  # names may hold spaces, so a second one ends them
    padded = ([cell.ljust(widths[i]) for i, cell in enumerate(row)] for row in rows)
    return [" ".join(row).rstrip() for row in padded]
