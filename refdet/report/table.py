"""The numbers of an evaluation as data frames."""

from __future__ import annotations

from dataclasses import asdict, fields

import pandas as pd

from refdet.records import ClassMetrics, Evaluation
from refdet.report.confusion import CORNER, names_with_background


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


def totals_table(evaluation: Evaluation) -> pd.DataFrame:
    """All classes: rows `micro`, where every object counts the same, and `macro`, every class.

    Args:
        evaluation: the judged data set.

    Returns:
        Columns of `class_table`. What a row does not have is NaN: counts of means, APs of sums.
    """
    totals = evaluation.totals
    counts = {
        name: getattr(totals, name)
        for name in (
            *("n_ground_truth", "n_detections"),
            *("true_positives", "false_positives", "false_negatives"),
        )
    }
    rates = ("precision", "recall", "f1")
    aps = ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")
    micro = {name: getattr(totals, f"micro_{name}") for name in rates}
    macro = {name: getattr(totals, f"macro_{name}") for name in rates}
    means = {name: getattr(totals, f"mean_{name}") for name in aps}
    rows = [{**counts, **micro}, {**macro, **means}]
    return pd.DataFrame(rows, columns=[*counts, *rates, *aps], index=["micro", "macro"])


def confusion_table(evaluation: Evaluation) -> pd.DataFrame:
    """How often each class (row) was detected where another (column) was; background last.

    Args:
        evaluation: the judged data set.

    Returns:
        (C + 1, C + 1) int64, rows and columns named after the classes.
    """
    confusion = evaluation.confusion
    names = names_with_background(confusion.class_names)
    index = pd.Index(names, name=CORNER)
    return pd.DataFrame(confusion.counts, index=index, columns=pd.Index(names, name="actual"))
