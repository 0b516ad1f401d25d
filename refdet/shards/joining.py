"""Detections of several files put together, where an image may be in more than one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from refdet.columns import F64, I64, DetectionColumns, Mask, ObjectColumns


def join_files(
    parts: Sequence[DetectionColumns], paths: Sequence[Path], objects: ObjectColumns
) -> tuple[DetectionColumns, tuple[str, ...]]:
    """The detections of all files, one file after the other, and what was left out.

    Detections of an image in several files are judged together if they are of different classes:
    detectors for different classes have written them. The very same detections of a class in an
    image, in the same order, count once: a sampler that deals images out to processes repeats some,
    so that all get equally many. Other detections of that class in another file are refused, since
    nobody can tell the parts of one answer, which add up, from two answers, which do not.

    Args:
        parts: of each file, at least one.
        paths: the files, for the error.
        objects: the ground truth, which has the names of images and classes.

    Raises:
        ValueError: two files hold different detections of a class in an image; names all four.
    """
    if len(parts) == 1:
        return parts[0], ()
    joined = DetectionColumns.concatenate(parts)
    images = np.concatenate([np.unique(part.image_ids) for part in parts])
    images, n_files = np.unique(images, return_counts=True)
    row = np.flatnonzero(np.isin(joined.image_ids, images[n_files > 1]))
    if not len(row):
        return joined, ()
    file = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[row]
    repeats = row[_repeats(joined.take(row), file, paths, objects)]
    if not len(repeats):
        return joined, ()
    n_images = len(np.unique(joined.image_ids[repeats]))
    kept = np.ones(len(joined), np.bool_)
    kept[repeats] = False
    sentence = f"left out: {len(repeats)} detections repeated in a later file (images: {n_images})"
    return joined.take(np.flatnonzero(kept)), (sentence,)


def _repeats(
    found: DetectionColumns, file: I64, paths: Sequence[Path], objects: ObjectColumns
) -> I64:
    """The rows that repeat those of an earlier file; else there is nothing of a class in two."""
    image, label = found.image_ids, found.category_ids
    order = np.lexsort((file, label, image))
    piece = _starts(image[order], label[order], file[order])
    number = np.empty_like(order)  # of a detection among those of its class, image and file
    number[order] = np.arange(len(order)) - np.repeat(piece, np.diff(piece, append=len(order)))
    # Side by side: the n-th detections of a class in an image, of each file that has some.
    order = np.lexsort((file, number, label, image))
    start = _starts(image[order], label[order], number[order])
    n_copies = np.diff(start, append=len(order))
    first = np.repeat(order[start], n_copies)
    differs: Mask = found.scores[order] != found.scores[first]
    differs |= np.any(found.boxes_xywh[order] != found.boxes_xywh[first], axis=1)
    # Each file has as many.
    group = _starts(image[order[start]], label[order[start]])
    n_files = np.repeat(n_copies[group], np.diff(group, append=len(start)))
    differs |= np.repeat(n_copies != n_files, n_copies)
    if differs.any():
        at = order[differs.argmax()]
        _refuse(
            found, np.flatnonzero((image == image[at]) & (label == label[at])), file, paths, objects
        )
    return np.delete(order, start)


def _refuse(
    found: DetectionColumns, rows: I64, file: I64, paths: Sequence[Path], objects: ObjectColumns
) -> NoReturn:
    """Name two files that differ in `rows`, which are of one class in one image."""

    def of(one: np.int64) -> F64:
        own = rows[file[rows] == one]
        return np.column_stack([found.boxes_xywh[own], found.scores[own]])

    first, *others = np.unique(file[rows])
    other = next(other for other in others if not np.array_equal(of(first), of(other)))
    image = objects.images.ids == found.image_ids[rows[0]]
    label = objects.categories.ids == found.category_ids[rows[0]]
    raise ValueError(
        f"{paths[first]} and {paths[other]} hold different detections of class "
        f"{objects.categories.names[label.argmax()]!r} in image "
        f"{objects.images.names[image.argmax()]!r}; if these are parts of one answer, "
        "write them into one file; if they are two answers, take them one at a time"
    )


def _starts(*columns: NDArray[np.generic]) -> I64:
    """Where each run of rows begins that are equal in all columns."""
    new = np.ones(len(columns[0]), np.bool_)
    new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(new)
