"""Ground truth and detections in whatever format they lie: recognised, or as declared.

What was settled is told in sentences; a path that is of no format, or of two, is an error that
says what was looked for. The readers of folders are loaded when there is a folder, so that judging
two files of JSON does not wait for what parses XML and opens images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from refdet.columns import I64, DetectionColumns, ObjectColumns, unknown_rows
from refdet.data.coco_json import read_coco_ground_truth, read_coco_results
from refdet.data.csv_detections import read_csv_detections
from refdet.data.known import Known, Unknown, keep_known
from refdet.data.options import DetectionFormat, GroundTruthFormat, Layout, SourceOptions
from refdet.data.recognise import recognise_detections, recognise_ground_truth
from refdet.records import PixelRange


@dataclass(frozen=True, eq=False)
class GroundTruthRead:
    """Ground truth with what came to light when it was read.

    Attributes:
        objects: the columns.
        file_format: what it was read as.
        sentences: what was settled and why, and what was left out.
        image_files: the image files by their names in `objects.images`; COCO's format does not say
            where they lie, so there they are those in the folder of images that was given.
        pixel_range: what the numbers in `.npy` images mean.
        split: the one that was read, of a folder with splits.
    """

    objects: ObjectColumns
    file_format: GroundTruthFormat
    sentences: tuple[str, ...]
    image_files: Mapping[str, Path]
    pixel_range: PixelRange = PixelRange.UINT8
    split: str | None = None


def read_ground_truth(
    path: Path,
    *,
    declared: GroundTruthFormat = GroundTruthFormat.AUTO,
    split: str | None = None,
    images: Path | None = None,
    options: SourceOptions | None = None,
) -> GroundTruthRead:
    """The annotated objects at `path`.

    Args:
        path: a file of COCO's format, or the folder of a data set.
        declared: its format; `AUTO` recognises it.
        split: of a folder with splits; None takes the only one there is.
        images: COCO and YOLO only: the folder of images, where they do not lie with the labels.
        options: what is declared about VOC and npy-CSV; its `root` and `layout` are not looked at.

    Raises:
        ValueError: names the file and the place in it; or the format cannot be recognised, or
            has no use for a folder of images or names of classes that are given.
    """
    file_format = declared
    sentences: tuple[str, ...] = ()
    if declared is GroundTruthFormat.AUTO:
        known = options or SourceOptions(path)
        file_format, sentence = recognise_ground_truth(path, known.image_folder, known.label_folder)
        sentences = (sentence,)
    _refuse_unused(file_format, images, options)
    if file_format is GroundTruthFormat.COCO:
        read = _read_coco(path, images)
    elif file_format is GroundTruthFormat.YOLO:
        read = _read_yolo(path, split, images)
    else:
        read = _read_source(path, file_format, split, options)
    return replace(read, sentences=(*sentences, *read.sentences))


def read_detections(
    paths: Sequence[Path],
    objects: ObjectColumns,
    *,
    declared: DetectionFormat = DetectionFormat.AUTO,
    split: str | None = None,
    one_based: bool = True,
    ignore_unknown: bool = False,
) -> tuple[DetectionColumns, tuple[str, ...]]:
    """The detections at all of `paths`, one after the other, and sentences about them.

    Args:
        paths: files or folders, such as the shards that several processes wrote; at least one.
        objects: the ground truth, which gives images and classes their ids.
        declared: the format of all of them; `AUTO` recognises each.
        split: VOC only: of results of several splits in one folder.
        one_based: VOC only: corners count from 1.
        ignore_unknown: True to leave out and count what is in no image or of no class of the
            ground truth; else it is an error.

    Raises:
        ValueError: names the file and the place in it; or the format cannot be recognised.
    """
    if not paths:
        raise ValueError("no path of detections was given")
    shards: list[Known] = []
    sentences: list[str] = []
    for path in paths:
        file_format = declared
        if declared is DetectionFormat.AUTO:
            file_format, sentence = recognise_detections(path)
            sentences.append(sentence)
        if file_format is DetectionFormat.COCO:
            shards.append(_known_coco(path, objects, ignore_unknown))
        elif file_format is DetectionFormat.CSV:
            shards.append(read_csv_detections(path, objects, ignore_unknown=ignore_unknown))
        elif file_format is DetectionFormat.YOLO:
            from refdet.data.yolo import read_yolo_detections  # noqa: PLC0415 - see above

            shards.append(read_yolo_detections(path, objects, ignore_unknown=ignore_unknown))
        else:
            from refdet.data.voc_results import read_voc_results  # noqa: PLC0415 - see above

            shards.append(
                read_voc_results(
                    path,
                    objects,
                    split=split,
                    one_based=one_based,
                    ignore_unknown=ignore_unknown,
                )
            )
    unknown = sum((shard.unknown for shard in shards), Unknown())
    found = DetectionColumns.concatenate([shard.detections for shard in shards])
    return found, (*sentences, *_told(unknown))


def _refuse_unused(
    file_format: GroundTruthFormat, images: Path | None, options: SourceOptions | None
) -> None:
    """What somebody declares and nobody looks at would be believed to have been used."""
    has_own_images = file_format in (GroundTruthFormat.VOC, GroundTruthFormat.NPY_CSV)
    if images is not None and has_own_images:
        raise ValueError(f"--images {images}: the images of {file_format} lie in its own folders")
    if images is not None and not images.is_dir():
        raise ValueError(f"--images {images} is no folder")
    if options is not None and options.class_names and not has_own_images:
        raise ValueError(f"--classes: the classes of {file_format} are those of its own files")


def _read_coco(path: Path, images: Path | None) -> GroundTruthRead:
    objects = read_coco_ground_truth(path)
    files = {} if images is None else {name: images / name for name in objects.images.names}
    there = {name: file for name, file in files.items() if file.is_file()}
    sentences: tuple[str, ...] = ()
    if len(there) < len(files):
        first = next(name for name in files if name not in there)
        missing = len(files) - len(there)
        sentences = (f"{images} lacks {missing} of {len(files)} images (first: {first})",)
    return GroundTruthRead(objects, GroundTruthFormat.COCO, sentences, there)


def _read_yolo(path: Path, split: str | None, images: Path | None) -> GroundTruthRead:
    from refdet.data.yolo import yolo_objects  # noqa: PLC0415 - see above
    from refdet.data.yolo_folder import open_yolo  # noqa: PLC0415 - see above

    folder = open_yolo(path, split, images)
    objects = yolo_objects(folder)
    sentences: tuple[str, ...] = ()
    if folder.class_names is None:
        sentences = (f"classes: {len(objects.categories)}, by number (no file names them)",)
    return GroundTruthRead(
        objects, GroundTruthFormat.YOLO, sentences, folder.image_files, split=folder.split
    )


def _read_source(
    path: Path, file_format: GroundTruthFormat, split: str | None, options: SourceOptions | None
) -> GroundTruthRead:
    from refdet.data.reading import SmallObject  # noqa: PLC0415 - see above
    from refdet.data.records_as_columns import columns_of  # noqa: PLC0415 - see above
    from refdet.data.source import open_source  # noqa: PLC0415 - see above

    layout = Layout(file_format.value)
    source = open_source(replace(options or SourceOptions(path), root=path, layout=layout))
    if split is None and len(source.splits) != 1:
        raise ValueError(f"{path}: name one of the splits: {', '.join(source.splits) or 'none'}")
    read = source.read_split(split or source.splits[0])
    left_out = [problem for problem in read.dropped if not isinstance(problem, SmallObject)]
    sentences = (*source.settled, *(f"left out: {problem}" for problem in left_out))
    ranges = [image.pixel_range for image in read.images]
    return GroundTruthRead(
        columns_of(read.images, read.objects, source.class_names),
        file_format,
        sentences,
        {image.path.name: image.path for image in read.images},
        pixel_range=ranges[0] if ranges else PixelRange.UINT8,
        split=read.name,
    )


def _known_coco(path: Path, objects: ObjectColumns, ignore_unknown: bool) -> Known:
    found = read_coco_results(path)
    no_image, no_class = unknown_rows(found, objects)
    known, unknown = keep_known(
        -no_image.astype(np.int64),
        -no_class.astype(np.int64),
        lambda row: f"image of id {found.image_ids[row]} ({_range_of(objects.images.ids)})",
        lambda row: f"class of id {found.category_ids[row]} ({_range_of(objects.categories.ids)})",
        lambda row: f"{path}, entry {row}",
        ignore_unknown=ignore_unknown,
    )
    if len(known) < len(found):
        found = found.take(known)
    return Known(found, unknown)


def _range_of(ids: I64) -> str:
    """Who takes ids of another data set sees it here; a folder's are counted from 1."""
    return f"its ids go from {ids.min()} to {ids.max()}" if len(ids) else "it has none"


def _told(unknown: Unknown) -> Iterator[str]:
    if unknown.of_image:
        yield f"left out: {unknown.of_image} detections in images without ground truth"
    if unknown.of_class:
        yield f"left out: {unknown.of_class} detections of classes without ground truth"
