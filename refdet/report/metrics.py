"""An evaluation's numbers as a JSON file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from refdet.files import write_json_atomic
from refdet.records import Evaluation


def write_metrics_json(path: Path, evaluation: Evaluation) -> None:
    """Write the means and every class's metrics; what is undefined is null.

    The curves are left out, and the false positives and missed objects are only counted: they
    have their own report.

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
            "mean_ap": evaluation.mean_ap,
            "mean_ap50": evaluation.mean_ap50,
            "mean_ap75": evaluation.mean_ap75,
            "classes_without_ground_truth": evaluation.classes_without_ground_truth,
            "n_false_positives": len(evaluation.false_positives),
            "n_missed": len(evaluation.missed),
            "classes": [asdict(metrics) for metrics in evaluation.classes],
        },
    )
