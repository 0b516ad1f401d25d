"""Entry point of `refdet evaluate`: detections in files against ground truth in files.

Plots need matplotlib, which takes a second to load: it is imported when there is a folder to write
to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.columns import ObjectColumns
from refdet.config import Evaluate, Infer
from refdet.core.thresholds import parse_class_thresholds, resolve_class_thresholds
from refdet.data.columns_as_records import records_of
from refdet.data.formats import GroundTruthRead, read_ground_truth
from refdet.data.options import GroundTruthFormat
from refdet.evaluate import EvaluationSettings, evaluate_columns
from refdet.report.coco_lines import coco_lines
from refdet.report.text_table import format_class_table
from refdet.shards import DetectionReader, match_whole, opened_pool, read_files
from refdet.terminal import say


def evaluate_files(config: Evaluate) -> int:
    """`refdet evaluate`: judge files of detections; returns the exit code."""
    read = read_ground_truth(
        config.gt,
        declared=config.declared_format,
        split=config.split,
        images=config.images,
        options=config.source(config.gt),
    )
    objects = _named_as_users_do(read)
    settings = evaluation_settings(config, objects.categories.names)
    for sentence in read.sentences:
        say(sentence)
    reader = DetectionReader(
        objects,
        declared=config.dt_format,
        split=config.split,
        one_based=config.one_based,
        ignore_unknown=config.ignore_unknown,
    )
    with opened_pool(config.dask, config.workers, progress=True) as pool:
        detections, sentences = read_files(config.dt, reader, pool)
        for sentence in sentences:
            say(sentence)
        matches = match_whole(objects, detections, settings.coco_params, pool)
    name = config.split or read.split or config.gt.stem
    evaluation = evaluate_columns(
        objects, detections, split=name, settings=settings, matches=matches
    )
    say(format_class_table(evaluation))
    if config.coco:
        say("\n".join(coco_lines(evaluation.coco_stats, evaluation.max_detections)))
    if config.output is not None:
        from refdet.judge import write_reports  # noqa: PLC0415 - loads matplotlib

        files = _files_by_id(read)
        images, found, problems = records_of(objects, detections, files, read.pixel_range)
        for problem in problems:
            say(f"not drawn: {problem}")
        write_reports(images, found, evaluation, config.output, config)
    return 0


def evaluation_settings(config: Evaluate | Infer, class_names: Sequence[str]) -> EvaluationSettings:
    """What the options of a command say about counting; ValueError names what is wrong."""
    if unknown := [name for name in config.false_positive_classes if name not in class_names]:
        raise ValueError(
            f"--false-positive-classes {' '.join(unknown)}: there is {', '.join(class_names)}"
        )
    per_class = resolve_class_thresholds(
        parse_class_thresholds(config.class_thresholds), class_names
    )
    settings = EvaluationSettings(
        iou_threshold=config.iou_threshold,
        score_threshold=config.score_threshold,
        class_thresholds=per_class,
    )
    if isinstance(config, Evaluate):
        return replace(settings, max_detections=config.max_detections)
    return settings


def _named_as_users_do(read: GroundTruthRead) -> ObjectColumns:
    """The objects; images of a folder without the suffix of their files, if that is distinct."""
    images = read.objects.images
    stems = tuple(Path(name).stem for name in images.names)
    if read.file_format is GroundTruthFormat.COCO or len(set(stems)) < len(stems):
        return read.objects
    return replace(read.objects, images=replace(images, names=stems))


def _files_by_id(read: GroundTruthRead) -> dict[int, Path]:
    images = read.objects.images
    return {
        image_id: read.image_files[name]
        for image_id, name in zip(images.ids.tolist(), images.names, strict=True)
        if name in read.image_files
    }
