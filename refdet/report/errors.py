"""What a detector does wrong, as a table to read and as files."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from refdet.analysis_records import ErrorAnalysis, ErrorKind, ErrorsOfKind, Lrp
from refdet.files import write_json_atomic, write_text_atomic
from refdet.report.aligned import aligned, clamped
from refdet.report.cells import one_line, share
from refdet.report.csv_text import csv_text
from refdet.report.text_table import WIDTH

_SHOWN = 0.0005
"""The least that is shown as more than 0."""

_MEANINGS = {
    ErrorKind.CONFUSION: "covers an object of another class",
    ErrorKind.LOCALIZATION: "near an object of its class, but not well enough placed",
    ErrorKind.BOTH: "near an object of another class",
    ErrorKind.DUPLICATE: "covers an object that another detection has found",
    ErrorKind.BACKGROUND: "near nothing",
    ErrorKind.MISSED: "an object that no detection finds, nor would if it were corrected",
}


def format_error_table(errors: ErrorAnalysis, class_names: Sequence[str]) -> str:
    """Each kind of error: how often, the AP it costs, the class that it costs most; then LRP.

    LRP has a line for each class that has objects. What is undefined is shown as `-`.

    Args:
        errors: of the data set.
        class_names: C names.

    Returns:
        Lines joined by newlines, without a last one; of 100 columns, unless class names are long.
    """
    rows = [[one.kind, f"{one.counts.sum()}", share(one.ap_gain)] for one in errors.kinds]
    wrong = sum(int(one.counts.sum()) for one in errors.kinds if one.kind is not ErrorKind.MISSED)
    rows.append(["all false positives", str(wrong), share(errors.false_positive_gain)])
    rows.append(["all not found", "", share(errors.false_negative_gain)])
    lines = aligned(["error", "count", "AP back"], rows).splitlines()
    worst = [_worst(errors, one, class_names) for one in errors.kinds]
    remarks = ["most AP back, in class", *worst, "", ""]
    kinds = [f"{line}   {one}".rstrip() for line, one in zip(lines, remarks, strict=True)]
    notes = [line for note in _notes(errors) for line in textwrap.wrap(note, WIDTH)]
    return "\n".join([*kinds, "", *_lrp_lines(errors, class_names), *notes])


def tie_note(errors: ErrorAnalysis) -> str:
    """That gains are too low because scores are equal; empty if it does not show."""
    if not errors.tie_cost >= _SHOWN:
        return ""
    return (
        "Equal scores: with the wrong ones first, AP would be lower by "
        f"{share(errors.tie_cost)}. Corrected lists have them first, so that each gain may be too "
        "low by up to as much. Scores that are not rounded help."
    )


def write_errors_json(path: Path, errors: ErrorAnalysis, class_names: Sequence[str]) -> None:
    """Write everything; what is undefined is null.

    Args:
        path: the JSON file, replaced at once.
        errors: of the data set.
        class_names: C names.
    """
    write_json_atomic(
        path,
        {
            "iou_threshold": errors.iou_threshold,
            "background_threshold": errors.background_threshold,
            "ap": errors.ap,
            "false_positive_ap_gain": errors.false_positive_gain,
            "false_negative_ap_gain": errors.false_negative_gain,
            "tie_ap_cost": errors.tie_cost,
            "mean_lrp": errors.mean_lrp,
            "mean_optimal_lrp": errors.mean_optimal_lrp,
            "kinds": [
                {"kind": one.kind.value, "count": int(one.counts.sum()), "ap_gain": one.ap_gain}
                for one in errors.kinds
            ],
            "classes": [
                {
                    "name": name,
                    "ap": float(errors.class_aps[label]),
                    "kinds": [
                        {
                            "kind": one.kind.value,
                            "count": int(one.counts[label]),
                            "ap_gain": float(one.class_ap_gains[label]),
                        }
                        for one in errors.kinds
                    ],
                    "lrp": asdict(errors.lrp[label]),
                    "optimal_lrp": asdict(errors.optimal_lrp[label]),
                }
                for label, name in enumerate(class_names)
            ],
        },
    )


def write_errors_csv(path: Path, errors: ErrorAnalysis, class_names: Sequence[str]) -> None:
    """Write a row per class, the name first; what is undefined is empty.

    Args:
        path: the CSV file, replaced at once.
        errors: of the data set.
        class_names: C names.
    """
    header = ["name", "ap"]
    for one in errors.kinds:
        header += [one.kind.value, f"{one.kind.value}_ap_gain"]
    for prefix in ("lrp", "optimal_lrp"):
        header += [f"{prefix}_{part}" for part in asdict(Lrp(*[math.nan] * 5))]
    rows: list[list[object]] = []
    for label, name in enumerate(class_names):
        row: list[object] = [name, float(errors.class_aps[label])]
        for one in errors.kinds:
            row += [int(one.counts[label]), float(one.class_ap_gains[label])]
        for lrp in (errors.lrp[label], errors.optimal_lrp[label]):
            row += asdict(lrp).values()
        rows.append(row)
    write_text_atomic(path, csv_text([header, *rows]))


def _worst(errors: ErrorAnalysis, one: ErrorsOfKind, class_names: Sequence[str]) -> str:
    """The class that has most to gain, with its gain and count; empty without an error."""

    def rank(label: int) -> tuple[float, int]:
        gain, has_objects = one.class_ap_gains[label], not math.isnan(errors.class_aps[label])
        if math.isnan(gain):
            # A class none of whose objects would be left has missed them all: none is worse.
            gain = math.inf if has_objects else -1.0
        return float(gain), int(one.counts[label])

    made = [label for label in range(len(class_names)) if one.counts[label]]
    if not made:
        return ""
    label = max(made, key=rank)
    gain = share(float(one.class_ap_gains[label]))
    return f"{clamped(one_line(class_names[label]))}: {gain} by {one.counts[label]}"


def _lrp_lines(errors: ErrorAnalysis, class_names: Sequence[str]) -> list[str]:
    header = ["class", "score>=", "LRP", "1-IoU", "FP", "FN"]
    header += ["best at", "LRP", "1-IoU", "FP", "FN"]
    rows = [
        [name, *_lrp_cells(errors.lrp[label]), *_lrp_cells(errors.optimal_lrp[label])]
        for label, name in enumerate(class_names)
        if not math.isnan(errors.class_aps[label])
    ]
    mean, best = share(errors.mean_lrp), share(errors.mean_optimal_lrp)
    rows.append(["mean", "", mean, "", "", "", "", best, "", "", ""])
    return aligned(header, rows).splitlines()


def _lrp_cells(lrp: Lrp) -> list[str]:
    parts = (lrp.error, lrp.localization, lrp.false_positive, lrp.false_negative)
    return [share(lrp.score_threshold), *map(share, parts)]


def _notes(errors: ErrorAnalysis) -> list[str]:
    meanings = "; ".join(f"{kind.value}: {meaning}" for kind, meaning in _MEANINGS.items())
    notes = [
        f"AP back: what the AP at IoU {errors.iou_threshold:g}, {share(errors.ap)} by TIDE's "
        "rules, would gain if all errors of the kind were corrected, at any score, one kind at a "
        f"time; the gains do not add up. {meanings}. Near: IoU >= {errors.background_threshold:g}.",
        "LRP, lower is better: misplacement, false positives and objects not found in one number "
        "from 0 to 1, with its parts: mean 1 - IoU of the true positives, 1 - precision, 1 - "
        "recall; at the score threshold, and at the score where it is best.",
    ]
    return [note for note in (*notes, tie_note(errors)) if note]
