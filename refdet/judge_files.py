"""Entry point of `refdet evaluate`: detections in files against ground truth in files.

Plots need matplotlib, which takes a second to load: it is imported when there is a folder to write
to.
"""

from __future__ import annotations

from pathlib import Path

from refdet.analysis.errors import analyse_errors
from refdet.analysis.intervals import intervals_of
from refdet.analysis_records import EvaluationIntervals
from refdet.columns import DetectionColumns
from refdet.config import Evaluate
from refdet.data.columns_as_records import records_of
from refdet.evaluate import JudgedDataSet, judged_columns
from refdet.reading import (
    Truth,
    are_probabilities,
    evaluation_settings,
    read_runs,
    read_truth,
    refuse_unknown_classes,
)
from refdet.records import AnnotatedImage, Detections, Evaluation
from refdet.report.coco_lines import coco_interval_lines, coco_lines
from refdet.report.errors import format_error_table, write_errors_csv, write_errors_json
from refdet.report.text_table import format_class_table
from refdet.shards import match_whole, opened_pool
from refdet.terminal import say

_MOST_TOLD = 10
"""Images of a large data set of which it is said why they are not drawn."""


def evaluate_files(config: Evaluate) -> int:
    """`refdet evaluate`: judge files of detections; returns the exit code."""
    if config.output is not None and config.output.exists() and not config.output.is_dir():
        raise ValueError(f"--output {config.output} is a file; a folder is written")
    truth = read_truth(config, config.dt)
    class_names = truth.objects.categories.names
    refuse_unknown_classes(config, class_names)
    settings = evaluation_settings(config, class_names)
    with opened_pool(config.dask, config.workers, progress=True) as pool:
        detections = read_runs(config, truth, config.dt, pool)
        matches = match_whole(truth.objects, detections, settings.coco_params, pool)
    judged = judged_columns(truth.objects, detections, settings, matches)
    evaluation = judged.evaluation(truth.name)
    intervals = intervals_asked_for(judged, evaluation, config)
    say(format_class_table(evaluation, intervals))
    if config.coco:
        say("\n".join(coco_lines(evaluation.coco_stats, evaluation.max_detections)))
    if config.coco and intervals is not None:
        say("Their intervals:")
        say("\n".join(coco_interval_lines(intervals.coco_stats, evaluation.max_detections)))
    if config.errors:
        tell_errors(judged, config.output)
    if config.output is not None:
        from refdet.judge import write_reports  # noqa: PLC0415 - loads matplotlib

        images, found = to_draw(truth, detections)
        write_reports(images, found, evaluation, config.output, config, intervals)
    return 0


def intervals_asked_for(
    judged: JudgedDataSet, evaluation: Evaluation, config: Evaluate
) -> EvaluationIntervals | None:
    """Those of `--bootstrap`, with a progress bar on a terminal."""
    if not config.bootstrap:
        return None
    from tqdm import tqdm  # noqa: PLC0415 - who asks for no intervals does not wait for it

    with tqdm(total=config.bootstrap, desc="resampling", unit="sample", disable=None) as bar:
        return intervals_of(judged, evaluation, config.bootstrap, config.seed, bar.update)


def tell_errors(judged: JudgedDataSet, output: Path | None) -> None:
    """Print what goes wrong; write it, too, if there is a folder to write to."""
    errors, names = analyse_errors(judged), judged.objects.categories.names
    say("\n" + format_error_table(errors, names))
    if output is not None:
        write_errors_json(output / "errors.json", errors, names)
        write_errors_csv(output / "errors.csv", errors, names)


def to_draw(
    truth: Truth, detections: DetectionColumns
) -> tuple[list[AnnotatedImage], list[Detections]]:
    """The images that have files, and what was found in them; says which cannot be drawn."""
    if not are_probabilities(detections):
        return [], []
    images, found, problems = records_of(
        truth.objects, detections, truth.image_files, truth.read.pixel_range
    )
    for problem in problems[:_MOST_TOLD]:
        say(f"not drawn: {problem}")
    if len(problems) > _MOST_TOLD:
        say(f"not drawn: {len(problems) - _MOST_TOLD} more")
    return images, found
