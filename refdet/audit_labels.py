"""Entry point of `refdet audit-labels`: what several runs see and nobody has annotated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refdet.analysis.auditing import label_candidates
from refdet.analysis_records import LabelCandidate
from refdet.columns import DetectionColumns, ObjectColumns
from refdet.config_analysis import AuditLabels
from refdet.data.coco_json import write_coco_ground_truth
from refdet.data.columns_as_records import records_of
from refdet.data.pixels import display_pixels
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.reading import Truth, are_probabilities, detections_of, read_runs, read_truth
from refdet.report.candidate_pictures import write_candidate_pictures
from refdet.report.candidates import (
    format_candidates,
    write_candidates_csv,
    write_candidates_json,
)
from refdet.report.cells import counted
from refdet.terminal import say

_SHOWN = 20
"""Candidates on the terminal."""


def audit_labels(config: AuditLabels) -> int:
    """`refdet audit-labels`: rank candidates for missing labels; returns the exit code."""
    if config.output.exists() and not config.output.is_dir():
        raise ValueError(f"--output {config.output} is a file; a folder is written")
    _refuse_one_twice(config.runs)
    truth = read_truth(config, config.runs)
    judged = [_judged(config, truth, run) for run in config.runs]
    _refuse_the_same(config.runs, judged)
    candidates = label_candidates(judged)
    names = truth.objects.categories.names
    say(format_candidates(candidates[:_SHOWN], names, len(judged)))
    say(_summary(candidates, len(judged)))
    config.output.mkdir(parents=True, exist_ok=True)
    write_candidates_csv(config.output / "candidates.csv", candidates, names)
    runs = [str(run) for run in config.runs]
    write_candidates_json(config.output / "candidates.json", candidates, names, runs)
    write_coco_ground_truth(
        config.output / "candidates_coco.json", _as_annotations(candidates, truth)
    )
    _draw(candidates[: config.max_pictures], truth, config.output)
    return 0


def _refuse_one_twice(runs: Sequence[Path]) -> None:
    """A run agrees with itself on everything, which says nothing."""
    first: dict[Path, Path] = {}
    for run in runs:
        earlier = first.setdefault(detections_of(run).resolve(), run)
        if earlier is not run:
            raise ValueError(f"{earlier} and {run} are one run: name each of them once")


def _refuse_the_same(runs: Sequence[Path], judged: Sequence[JudgedDataSet]) -> None:
    """Nor does it say anything that its copy agrees; what finds nothing agrees on nothing."""
    first: dict[bytes, Path] = {}
    for run, one in zip(runs, judged, strict=True):
        found = one.detections
        if len(found):
            columns = (found.image_ids, found.category_ids, found.boxes_xywh, found.scores)
            rows = np.column_stack([column.astype(np.float64) for column in columns])
            content = rows[np.lexsort(rows.T)].tobytes()
            earlier = first.setdefault(content, run)
            if earlier is not run:
                raise ValueError(
                    f"{earlier} and {run} hold the same detections: runs of other models or "
                    "epochs are needed, since a copy agrees on everything"
                )


def _judged(config: AuditLabels, truth: Truth, run: Path) -> JudgedDataSet:
    detections = read_runs(config, truth, [run])
    if not are_probabilities(detections):
        raise ValueError(
            f"{run}: the scores are not all in [0, 1]; those of several runs cannot be averaged"
        )
    settings = EvaluationSettings(
        score_threshold=config.score_threshold, max_detections=config.max_detections
    )
    return judged_columns(truth.objects, detections, settings)


def _summary(candidates: Sequence[LabelCandidate], n_runs: int) -> str:
    n_images = len({candidate.image for candidate in candidates})
    total = f"{counted(len(candidates), 'candidate')} in {counted(n_images, 'image')}"
    if n_runs == 1:
        return (
            f"{total}, by the score of one run: nothing tells its own errors from missing labels. "
            "Name runs of other models or epochs too; what they agree on comes first"
        )
    everyone = sum(candidate.n_runs == n_runs for candidate in candidates)
    return f"{total}; all {n_runs} runs agree on {everyone}"


def _as_annotations(candidates: Sequence[LabelCandidate], truth: Truth) -> ObjectColumns:
    """The candidates alone as objects of their images, by the names of the image files."""
    row = {name: row for row, name in enumerate(truth.objects.images.names)}
    images, categories = truth.read.objects.images, truth.read.objects.categories
    rows = np.array([row[one.image] for one in candidates], np.int64)
    labels = np.array([one.label for one in candidates], np.int64)
    boxes_xyxy = np.array([one.box_xyxy for one in candidates], np.float64).reshape(-1, 4)
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    no_flag = np.zeros(len(candidates), np.bool_)
    return ObjectColumns(
        images,
        categories,
        image_ids=images.ids[rows],
        category_ids=categories.ids[labels],
        boxes_xywh=np.concatenate([boxes_xyxy[:, :2], sides], axis=1),
        area=sides.prod(axis=1),
        crowd=no_flag,
        ignore=no_flag,
    )


def _draw(candidates: Sequence[LabelCandidate], truth: Truth, output: Path) -> None:
    wanted = {candidate.image for candidate in candidates}
    images, all_files = truth.objects.images, truth.image_files
    files = {
        image_id: all_files[image_id]
        for image_id, name in zip(images.ids.tolist(), images.names, strict=True)
        if name in wanted and image_id in all_files
    }
    no_id = np.zeros(0, np.int64)
    no_detection = DetectionColumns(no_id, no_id, np.zeros((0, 4)), np.zeros(0))
    annotated, _, problems = records_of(truth.objects, no_detection, files, truth.read.pixel_range)
    written, undrawn = write_candidate_pictures(
        output / "pictures", candidates, annotated, truth.objects.categories.names, display_pixels
    )
    for problem in (*problems, *undrawn):
        say(f"not drawn: {problem}")
    n_sheets = sum(file.name.startswith("sheet_") for file in written)
    drawn = f"{len(written) - n_sheets} of {counted(len(candidates), 'candidate')}"
    say(
        f"candidates: {output}   pictures: {output / 'pictures'} "
        f"({drawn}, {counted(n_sheets, 'sheet')})"
    )
