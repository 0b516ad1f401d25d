"""Entry point of `refdet evaluate`: detections in files against ground truth in files.

Plots need matplotlib, which takes a second to load: it is imported when there is a folder to write
to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.config import Evaluate, Infer
from refdet.core.coco_eval import CocoMatches
from refdet.core.thresholds import parse_class_thresholds, resolve_class_thresholds
from refdet.data.columns_as_records import records_of
from refdet.data.counted_ids import of_counted_ids
from refdet.data.formats import GroundTruthRead, read_ground_truth
from refdet.data.options import GroundTruthFormat
from refdet.data.recognise import detection_formats
from refdet.data.unused import refuse_unused
from refdet.evaluate import EvaluationSettings, evaluate_columns
from refdet.records import AnnotatedImage, Detections
from refdet.report.coco_lines import coco_lines
from refdet.report.text_table import format_class_table
from refdet.shards import DetectionReader, match_whole, opened_pool, read_files
from refdet.terminal import say

_MOST_TOLD = 10
"""Images of a large data set of which it is said why they are not drawn."""


def evaluate_files(config: Evaluate) -> int:
    """`refdet evaluate`: judge files of detections; returns the exit code."""
    if config.output is not None and config.output.exists() and not config.output.is_dir():
        raise ValueError(f"--output {config.output} is a file; a folder is written")
    options = config.source(config.gt)
    read = read_ground_truth(
        config.gt,
        declared=config.declared_format,
        split=config.split,
        images=config.images,
        options=options,
    )
    settings = evaluation_settings(config, read.objects.categories.names)
    formats = detection_formats(config.dt, config.dt_format)
    refuse_unused(options, config.split, read.file_format, formats)
    of_ids = of_counted_ids(read.objects, read.file_format, formats)
    for sentence in (*read.sentences, *_of_ignored(read.objects), *of_ids):
        say(sentence)
    detections, matches = _matched(config, read.objects, settings)
    objects = _named_as_infer_does(read)
    name = config.split or read.split or config.gt.stem
    evaluation = evaluate_columns(
        objects, detections, split=name, settings=settings, matches=matches
    )
    say(format_class_table(evaluation))
    if config.coco:
        say("\n".join(coco_lines(evaluation.coco_stats, evaluation.max_detections)))
    if config.output is not None:
        from refdet.judge import write_reports  # noqa: PLC0415 - loads matplotlib

        images, found = _to_draw(read, objects, detections)
        write_reports(images, found, evaluation, config.output, config)
    return 0


def _matched(
    config: Evaluate, objects: ObjectColumns, settings: EvaluationSettings
) -> tuple[DetectionColumns, CocoMatches]:
    """The detections, and what they match, by whoever is there to do it."""
    reader = DetectionReader(
        objects,
        declared=config.dt_format,
        split=config.split,
        one_based=config.one_based,
        ignore_unknown=config.ignore_unknown,
    )
    with opened_pool(config.dask, config.workers, progress=True) as pool:
        detections, sentences = read_files(config.dt, reader, pool)
        for sentence in (*sentences, *_of_scores(detections, config)):
            say(sentence)
        return detections, match_whole(objects, detections, settings.coco_params, pool)


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


def _of_ignored(objects: ObjectColumns) -> Iterator[str]:
    if count := int(np.count_nonzero(objects.ignore & ~objects.crowd)):
        are = "object is" if count == 1 else "objects are"
        yield f"{count} {are} marked ignore: not counted (pycocotools counts them)"


def _of_scores(detections: DetectionColumns, config: Evaluate) -> Iterator[str]:
    if not _are_probabilities(detections):
        low, high = detections.scores.min(), detections.scores.max()
        yield (
            f"scores go from {low:g} to {high:g}: AP needs their order alone; counted is what "
            f"reaches --score-threshold {config.score_threshold:g} as it stands; no pictures are "
            "drawn, which need scores in [0, 1]"
        )


def _are_probabilities(detections: DetectionColumns) -> bool:
    return bool(((detections.scores >= 0) & (detections.scores <= 1)).all())


def _named_as_infer_does(read: GroundTruthRead) -> ObjectColumns:
    """The objects; VOC's and YOLO's images without the suffix of their files, if that is distinct.

    Lists of images with false positives are then the same whichever command has written them.
    """
    images = read.objects.images
    stems = tuple(Path(name).stem for name in images.names)
    by_stem = read.file_format in (GroundTruthFormat.VOC, GroundTruthFormat.YOLO)
    if not by_stem or len(set(stems)) < len(stems):
        return read.objects
    return replace(read.objects, images=replace(images, names=stems))


def _to_draw(
    read: GroundTruthRead, objects: ObjectColumns, detections: DetectionColumns
) -> tuple[list[AnnotatedImage], list[Detections]]:
    """The images that have files, and what was found in them; says which cannot be drawn."""
    if not _are_probabilities(detections):
        return [], []
    images, found, problems = records_of(objects, detections, _files_by_id(read), read.pixel_range)
    for problem in problems[:_MOST_TOLD]:
        say(f"not drawn: {problem}")
    if len(problems) > _MOST_TOLD:
        say(f"not drawn: {len(problems) - _MOST_TOLD} more")
    return images, found


def _files_by_id(read: GroundTruthRead) -> dict[int, Path]:
    images = read.objects.images
    return {
        image_id: read.image_files[name]
        for image_id, name in zip(images.ids.tolist(), images.names, strict=True)
        if name in read.image_files
    }
