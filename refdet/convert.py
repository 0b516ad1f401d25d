"""Entry point of `refdet convert`: ground truth or detections from one format to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.config import Convert
from refdet.data.coco_extras import coco_extra_keys
from refdet.data.coco_json import write_coco_ground_truth, write_coco_results
from refdet.data.counted_ids import of_counted_ids
from refdet.data.csv_detections import write_csv_detections
from refdet.data.fitting import fit_detections, fit_objects
from refdet.data.folder_writers import (
    write_npy_csv,
    write_voc,
    write_yolo,
    write_yolo_detections,
)
from refdet.data.formats import GroundTruthRead, read_ground_truth
from refdet.data.image_copies import ImageCopies
from refdet.data.options import DetectionFormat, GroundTruthFormat, TargetFormat
from refdet.data.recognise import detection_formats
from refdet.data.unused import refuse_unused
from refdet.data.voc_extras import voc_extra_elements
from refdet.data.voc_results import write_voc_results
from refdet.shards import DetectionReader, read_files
from refdet.terminal import say


def convert(config: Convert) -> int:
    """Write what `config` names in another format, and print what is lost; returns the exit code.

    Raises:
        ValueError: something cannot be read, or cannot be held by the format at all.
        FileExistsError: there is something at the output.
    """
    _refuse_output(config)
    options = config.source(config.gt)
    read = read_ground_truth(
        config.gt,
        declared=config.declared_format,
        split=config.split,
        images=config.images,
        options=options,
    )
    formats = detection_formats(config.dt, config.dt_format)
    refuse_unused(
        options, None if _names_split(config) else config.split, read.file_format, formats
    )
    copies = ImageCopies(read.image_files, read.pixel_range)
    sizes = np.array(copies.sizes(read.objects), np.int64).reshape(-1, 2)
    objects = replace(read.objects, images=replace(read.objects.images, sizes=sizes))
    for sentence in read.sentences:
        say(sentence)
    if config.dt:
        for sentence in of_counted_ids(objects, read.file_format, formats):
            say(sentence)
        _convert_detections(config, objects, formats)
    else:
        _convert_objects(config, read, objects, copies)
    return 0


def _convert_objects(
    config: Convert, read: GroundTruthRead, objects: ObjectColumns, copies: ImageCopies
) -> None:
    if config.to is TargetFormat.CSV:
        raise ValueError("csv holds detections (--dt), not ground truth; npy-csv does")
    if config.to.value == read.file_format.value:
        raise ValueError(
            f"{config.gt} is {config.to} already: copy the files, which keeps all that they hold"
        )
    _tell_extras_of_objects(config, read)
    fitted, notes = fit_objects(objects, config.to)
    for note in notes:
        say(f"changed: {note}")
    missing = len(objects.images) - len(copies.files)
    if missing and config.to is not TargetFormat.COCO:
        say(f"{missing} images have no file to copy (--images): add them before it is read")
    split, output, overwrite = config.split or read.split, config.output, config.overwrite
    if config.to is TargetFormat.COCO:
        write_coco_ground_truth(output, fitted)
    elif config.to is TargetFormat.YOLO:
        write_yolo(output, fitted, split=split, images=copies, overwrite=overwrite)
    else:
        write = write_voc if config.to is TargetFormat.VOC else write_npy_csv
        write(output, fitted, split=split or "train", images=copies, overwrite=overwrite)
    say(f"{len(fitted)} objects in {len(fitted.images)} images: {output}")


def _convert_detections(
    config: Convert, objects: ObjectColumns, formats: Sequence[DetectionFormat]
) -> None:
    reader = DetectionReader(
        objects,
        declared=config.dt_format,
        split=config.split,
        one_based=config.one_based,
        ignore_unknown=config.ignore_unknown,
    )
    found, sentences = read_files(config.dt, reader)
    for sentence in sentences:
        say(sentence)
    for path, file_format in zip(config.dt, formats, strict=True):
        if file_format is DetectionFormat.COCO:
            _say_not_kept(coco_extra_keys(path))
    if config.to is TargetFormat.YOLO:
        found, notes = fit_detections(found, objects)
        for note in notes:
            say(f"changed: {note}")
    _write_detections(config, found, objects)
    say(f"{len(found)} detections in {len(objects.images)} images: {config.output}")


def _write_detections(config: Convert, found: DetectionColumns, objects: ObjectColumns) -> None:
    output, overwrite = config.output, config.overwrite
    if config.to is TargetFormat.COCO:
        write_coco_results(output, found)
    elif config.to is TargetFormat.CSV:
        write_csv_detections(output, found, objects)
    elif config.to is TargetFormat.VOC:
        write_voc_results(output, found, objects, split=config.split or "test", overwrite=overwrite)
    elif config.to is TargetFormat.YOLO:
        write_yolo_detections(output, found, objects, overwrite=overwrite)
    else:
        raise ValueError(f"{config.to} holds ground truth, not detections; csv does")


def _names_split(config: Convert) -> bool:
    """Whether what is written says what split it is."""
    if config.to is TargetFormat.VOC:
        return True
    return not config.dt and config.to in (TargetFormat.YOLO, TargetFormat.NPY_CSV)


def _refuse_output(config: Convert) -> None:
    """What is there is replaced only when asked, and what is read never."""
    output = config.output.resolve()
    for path in (config.gt, *config.dt, *([config.images] if config.images else [])):
        if path.resolve().is_relative_to(output):
            raise ValueError(f"--output {config.output} would replace {path}, which is read")
    if config.output.exists():
        if not config.overwrite:
            raise FileExistsError(f"{config.output} exists already; --overwrite replaces it")
        if config.output.is_dir() and config.to in (TargetFormat.COCO, TargetFormat.CSV):
            raise FileExistsError(f"{config.output} is a folder; {config.to} is a file")


def _tell_extras_of_objects(config: Convert, read: GroundTruthRead) -> None:
    if read.file_format is GroundTruthFormat.COCO:
        _say_not_kept(coco_extra_keys(config.gt))
    elif read.file_format is GroundTruthFormat.VOC:
        stems = (file.stem for file in read.image_files.values())
        folder = config.gt / "Annotations"
        _say_not_kept(voc_extra_elements(folder / f"{stem}.xml" for stem in stems))


def _say_not_kept(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        say(f"not kept: {sentence}")
