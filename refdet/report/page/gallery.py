"""What the page's gallery shows: every false positive and missed object, many with a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from refdet.analysis_records import Analysis
from refdet.records import Problem
from refdet.report.page.crops import Album, Crop, LoadScene, Place, make_album
from refdet.report.page.error_list import KINDS, ErrorList, errors_of, short

ROW_BYTES = 10_000_000
"""Of the lists of errors in a page, all runs together: some 200,000 errors."""
PICTURE_BYTES = 8_000_000
BOTH_BYTES = 15_500_000
"""Of lists and pictures, so that with everything else the page stays below 20 MB."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """The gallery of one run or two.

    Attributes:
        data: what `gallery.js` reads, for `PageExtras`.
        problems: images that could not be opened.
        n_errors: in all runs.
        n_listed: as many of them are in the list.
        n_pictured: and as many have a picture.
    """

    data: dict[str, object]
    problems: tuple[Problem, ...]
    n_errors: int
    n_listed: int
    n_pictured: int


def make_gallery(
    analyses: Sequence[Analysis],
    load: LoadScene | None,
    *,
    row_bytes: int = ROW_BYTES,
    picture_bytes: int = PICTURE_BYTES,
    progress: bool = False,
) -> Gallery:
    """The errors of the runs as columns, and pictures of those that fit.

    What does not fit is chosen fairly: of each kind of error and class in turn the highest score,
    of missed objects the largest one. All errors are listed as long as they take less than
    `row_bytes`; a picture that two errors share is there once.

    Args:
        analyses: the runs, one or two, of the same data set.
        load: opens an image; None where there are no image files.
        row_bytes: of the lists in the page, about.
        picture_bytes: of the pictures in the page, in base64.
        progress: show a progress bar, on a terminal.
    """
    found = [errors_of(analysis.evaluation) for analysis in analyses]
    listed = [_fitting(errors, row_bytes // len(found)) for errors in found]
    n_bytes = sum(int(errors.row_bytes().sum()) for errors in listed)
    album, pictures = Album(), [[-1] * len(errors) for errors in listed]
    if load is not None:
        limit = min(picture_bytes, BOTH_BYTES - n_bytes)
        album, pictures = _illustrated(listed, load, limit, progress=progress)
    images = sorted({image for errors in listed for image in errors.images})
    rows_of_images = {image: row for row, image in enumerate(images)}
    runs = [
        {
            "name": analysis.name,
            "n_errors": len(errors),
            "columns": kept.columns(rows_of_images, shown),
        }
        for analysis, errors, kept, shown in zip(analyses, found, listed, pictures, strict=True)
    ]
    data = {
        "classes": [metrics.name for metrics in analyses[0].evaluation.classes],
        "kinds": [kind.value for kind in KINDS],
        "images": images,
        "crops": [_crop(crop) for crop in album.crops],
        "has_images": load is not None,
        "runs": runs,
    }
    return Gallery(
        data=data,
        problems=tuple(album.problems),
        n_errors=sum(map(len, found)),
        n_listed=sum(map(len, listed)),
        n_pictured=sum(crop >= 0 for shown in pictures for crop in shown),
    )


def _fitting(errors: ErrorList, max_bytes: int) -> ErrorList:
    """As many as fit, fairly chosen, in the same order."""
    if errors.row_bytes().sum() <= max_bytes:
        return errors
    order = errors.fair_order()
    ends = np.cumsum(errors.take(order).row_bytes())
    n_kept = int(np.searchsorted(ends, max_bytes, "right"))
    return errors.take(np.sort(order[:n_kept]))


def _illustrated(
    listed: Sequence[ErrorList], load: LoadScene, max_bytes: int, *, progress: bool
) -> tuple[Album, list[list[int]]]:
    """The runs take turns; for each run the row of the crop of each of its errors."""
    turns = [[(run, row) for row in one.fair_order().tolist()] for run, one in enumerate(listed)]
    order = [item for turn in zip_longest(*turns) for item in turn if item is not None]
    boxes = [one.boxes_xyxy.tolist() for one in listed]
    places = [Place(listed[run].images[row], _box(boxes[run][row])) for run, row in order]
    album = make_album(places, load, max_bytes, progress=progress)
    pictures = [[-1] * len(one) for one in listed]
    for (run, row), crop in zip(order, album.shown, strict=True):
        pictures[run][row] = crop
    return album, pictures


def _crop(crop: Crop) -> dict[str, object]:
    objects = zip(crop.labels.tolist(), crop.boxes_xyxy.tolist(), strict=True)
    return {
        "region": crop.region,
        "objects": [
            [label, *(float(value) for value in short(np.array(box), ".6g"))]
            for label, box in objects
        ],
        "webp": crop.webp,
    }


def _box(box: Iterable[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    return x1, y1, x2, y2
