"""Detections in several files, each read by a process of its own, and judged together.

Reading takes most of the time: a file of JSON several times as long as judging what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.coco_eval import COCO, CocoParams, CocoState
from refdet.data.formats import read_detections
from refdet.data.options import DetectionFormat
from refdet.shards.joining import join_files
from refdet.shards.judging import match_in_shards
from refdet.shards.pool import ALONE, Pool, opened_pool

Read: TypeAlias = tuple[DetectionColumns, tuple[str, ...]]
Stamp: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False)
class DetectionReader:
    """How files of detections are read; all but the first as in `read_detections`.

    Attributes:
        objects: the ground truth, which gives images and classes their ids.
        declared: the format of all files.
        split: VOC only.
        one_based: VOC only.
        ignore_unknown: whether to leave out and count what is of no known image or class.
    """

    objects: ObjectColumns
    declared: DetectionFormat = DetectionFormat.AUTO
    split: str | None = None
    one_based: bool = True
    ignore_unknown: bool = False

    def __call__(self, path: Path) -> Read:
        """The detections in one file or folder, and sentences about them."""
        return read_detections(
            [path],
            self.objects,
            declared=self.declared,
            split=self.split,
            one_based=self.one_based,
            ignore_unknown=self.ignore_unknown,
        )

    def without_rows(self) -> DetectionReader:
        """The same with the tables of images and classes only: reading needs no more."""
        objects, none = self.objects, slice(0)
        tables = replace(
            objects,
            image_ids=objects.image_ids[none],
            category_ids=objects.category_ids[none],
            boxes_xywh=objects.boxes_xywh[none],
            area=objects.area[none],
            crowd=objects.crowd[none],
            ignore=objects.ignore[none],
        )
        return replace(self, objects=tables)


def evaluate_files(
    paths: Sequence[Path],
    reader: DetectionReader,
    params: CocoParams = COCO,
    *,
    dask: str | None = None,
    workers: int = 1,
    progress: bool = False,
) -> tuple[CocoState, tuple[str, ...]]:
    """What is judged of the detections in `paths`, and sentences about them.

    Args:
        paths: as in `read_files`.
        reader: how the files are read; its objects are the ground truth.
        params: what is asked for.
        dask: as in `opened_pool`.
        workers: likewise.
        progress: likewise.

    Raises:
        ValueError: as in `read_files` and `opened_pool`.
        OSError: likewise.
    """
    with opened_pool(dask, workers, progress=progress) as pool:
        detections, sentences = read_files(paths, reader, pool)
        return match_in_shards(reader.objects, detections, params, pool), sentences


def read_files(paths: Sequence[Path], reader: DetectionReader, pool: Pool = ALONE) -> Read:
    """The detections in all of `paths`, one file after the other, and sentences about them.

    Files may share images; see `join_files`.

    A process reads a file that it sees: one of the same path, size and time of change. What a
    process on another machine does not see is read here.

    Args:
        paths: files or folders; at least one.
        reader: how they are read.
        pool: who reads them.

    Raises:
        ValueError: names the file and the place in it; or two files, and where they differ.
        OSError: a file cannot be read; or, as ChildProcessError, a process died at its work.
    """
    if not paths:
        raise ValueError("no path of detections was given")
    files = [path.absolute() for path in paths]
    read = partial(_read_if_seen, reader.without_rows())
    found = pool.map(read, [(file, _stamp(file)) for file in files], "reading")
    parts = [
        reader(file) if part is None else part for file, part in zip(files, found, strict=True)
    ]
    joined, repeated = join_files([part for part, _ in parts], paths, reader.objects)
    told = [
        sentence if len(paths) == 1 else f"{path}: {sentence}"
        for path, (_, sentences) in zip(paths, parts, strict=True)
        for sentence in sentences
    ]
    return joined, (*told, *repeated)


def _read_if_seen(reader: DetectionReader, task: tuple[Path, Stamp | None]) -> Read | None:
    file, stamp = task
    return reader(file) if _stamp(file) == stamp else None


def _stamp(path: Path) -> Stamp | None:
    """What tells a file from another of that path on another machine."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
