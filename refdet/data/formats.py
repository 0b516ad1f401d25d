"""Ground truth and detections in whatever format they lie: recognised, or as declared.

What was settled is told in sentences; a path that is of no format, or of two, is an error that
says what was looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.data.options import DetectionFormat, GroundTruthFormat, Layout, SourceOptions
from refdet.data.records_as_columns import columns_of
from refdet.data.source import open_source
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
    """

    objects: ObjectColumns
    file_format: GroundTruthFormat
    sentences: tuple[str, ...]
    image_files: Mapping[str, Path]
    pixel_range: PixelRange = PixelRange.UINT8


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
        ValueError: names the file and the place in it; or the format cannot be recognised.
    """
    file_format = declared
    return _read_source(path, file_format, split, options)


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
    raise ValueError("detections cannot be read yet")


def _read_source(
    path: Path, file_format: GroundTruthFormat, split: str | None, options: SourceOptions | None
) -> GroundTruthRead:
    layout = Layout(file_format.value)
    source = open_source(replace(options or SourceOptions(path), root=path, layout=layout))
    chosen, sentences = split or source.splits[0], source.settled
    read = source.read_split(chosen)
    sentences += tuple(f"left out: {problem}" for problem in read.dropped)
    ranges = [image.pixel_range for image in read.images]
    return GroundTruthRead(
        columns_of(read.images, source.class_names),
        file_format,
        sentences,
        {image.path.name: image.path for image in read.images},
        *ranges[:1],
    )
