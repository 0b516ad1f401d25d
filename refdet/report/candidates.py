"""Candidates for missing labels as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from refdet.analysis_records import LabelCandidate
from refdet.files import write_json_atomic, write_text_atomic
from refdet.report.aligned import aligned
from refdet.report.cells import share
from refdet.report.csv_text import csv_text

CSV_COLUMNS = (
    *("rank", "image", "class", "score", "runs", "best_iou"),
    *("x1", "y1", "x2", "y2"),
)
"""Those of a CSV of detections are among them: any `--dt` takes the rows as detections."""


def format_candidates(
    candidates: Sequence[LabelCandidate], class_names: Sequence[str], n_runs: int
) -> str:
    """A line for each candidate: rank, image, class, score and how many runs see it."""
    rows = [
        [
            *(str(rank), one.image, class_names[one.label]),
            *(share(one.score), f"{one.n_runs}/{n_runs}", share(one.best_iou)),
        ]
        for rank, one in enumerate(candidates, start=1)
    ]
    return aligned(["rank", "image", "class", "score", "runs", "IoU"], rows, n_text=3)


def write_candidates_csv(
    path: Path, candidates: Sequence[LabelCandidate], class_names: Sequence[str]
) -> None:
    """Write a row per candidate, the first rank first; the file is replaced at once."""
    rows = [
        (*(rank, one.image, class_names[one.label]), one.score, one.n_runs, one.best_iou)
        for rank, one in enumerate(candidates, start=1)
    ]
    boxes = [one.box_xyxy for one in candidates]
    both = [(*row, *box) for row, box in zip(rows, boxes, strict=True)]
    write_text_atomic(path, csv_text([CSV_COLUMNS, *both]))


def write_candidates_json(
    path: Path,
    candidates: Sequence[LabelCandidate],
    class_names: Sequence[str],
    run_names: Sequence[str],
) -> None:
    """Write the runs and the candidates with each run's score; the file is replaced at once."""
    records = [
        {"rank": rank, **asdict(one), "class": class_names[one.label]}
        for rank, one in enumerate(candidates, start=1)
    ]
    write_json_atomic(path, {"runs": list(run_names), "candidates": records})
