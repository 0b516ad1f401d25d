"""The columns of `evaluate_coco` as other evaluators take them, and what they give as arrays.

What is translated is the form alone: columns become pycocotools' dictionaries, `CocoParams` the
attributes of its `Params`. No object or detection is sorted, filled in or looked at on the way. A
library that has no list of images and classes to judge gets the rows of these alone, images by id:
what it would do with the others, or with images in another order, is not asked.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refdet.conformance.target import NotOfferedError
from refdet.core.coco_eval import CocoParams

F64 = NDArray[np.float64]
Column: TypeAlias = NDArray[np.generic]
Row: TypeAlias = dict[str, object]
Table: TypeAlias = dict[str, list[Row]]

NOT_GIVEN: F64 = np.ma.masked_array(0.0, True)
"""Stands where a library gives no array: what is masked is compared with nothing."""

_OUR_NAMES = ("image_ids", "labels", "boxes_xywh", "area", "crowd", "scores")
_THEIR_NAMES = ("image_id", "category_id", "bbox", "area", "iscrowd", "score")


@dataclass(frozen=True, eq=False)
class CocoParts:
    """What of a `CocoResult` a library gives; the rest is masked.

    Attributes:
        stats: (12,), of which some may be masked.
        precision: (T, R, K, A, M).
        recall: (T, K, A, M).
        scores: (T, R, K, A, M).
    """

    stats: F64
    precision: F64 = field(default_factory=lambda: NOT_GIVEN)
    recall: F64 = field(default_factory=lambda: NOT_GIVEN)
    scores: F64 = field(default_factory=lambda: NOT_GIVEN)

    def __repr__(self) -> str:
        """Short enough for a line below a counterexample."""
        arrays = (self.precision, self.recall, self.scores)
        shapes = ", ".join(str(one.shape) for one in arrays if one is not NOT_GIVEN)
        behind = f", arrays {shapes}" if shapes else ""
        return f"stats {np.ma.asarray(self.stats).tolist()}{behind}"


class _Params(Protocol):
    imgIds: list[int]  # noqa: N815 - pycocotools' names
    catIds: list[int]  # noqa: N815
    iouThrs: F64  # noqa: N815
    recThrs: F64  # noqa: N815
    areaRng: list[list[float]]  # noqa: N815
    areaRngLbl: list[str]  # noqa: N815
    maxDets: list[int]  # noqa: N815
    useCats: int  # noqa: N815


class COCOevalLike(Protocol):
    """What pycocotools' evaluator and its followers have in common."""

    params: _Params
    eval: Mapping[str, ArrayLike]
    stats: ArrayLike

    def evaluate(self) -> object:
        """Match."""

    def accumulate(self) -> object:
        """Fill `eval`."""

    def summarize(self) -> object:
        """Fill `stats`."""


def ground_truth(columns: Mapping[str, Column], first_id: int = 1) -> Table:
    """Images, classes and objects; every image and class that any row or list mentions is there."""
    images, labels = mentioned(columns, "image_ids"), mentioned(columns, "labels")
    return {
        "images": [{"id": i, "width": 100, "height": 100, "file_name": str(i)} for i in images],
        "categories": [{"id": label, "name": str(label)} for label in labels],
        "annotations": rows(columns, "gt", first_id),
    }


def mentioned(columns: Mapping[str, Column], name: str) -> list[int]:
    """All image ids, or all labels, of both sides and of what is to be judged, ascending."""
    listed = columns["image_ids" if name == "image_ids" else "category_ids"]
    of_all = (listed, columns[f"gt_{name}"], columns[f"dt_{name}"])
    return sorted({one for column in of_all for one in np.ravel(column).tolist()})


def rows(columns: Mapping[str, Column], side: str, first_id: int = 1) -> list[Row]:
    """The rows of a side as pycocotools has them, numbered from `first_id`.

    A list of dictionaries has no lengths that could differ: columns of which do are refused here.
    """
    names = [
        (theirs, columns[f"{side}_{ours}"].tolist())
        for theirs, ours in zip(_THEIR_NAMES, _OUR_NAMES, strict=True)
        if f"{side}_{ours}" in columns
    ]
    values = zip(*(column for _, column in names), strict=True)
    return [
        {"id": number, **{name: value for (name, _), value in zip(names, row, strict=True)}}
        for number, row in enumerate(values, first_id)
    ]


def asked_for(columns: Mapping[str, Column]) -> Mapping[str, Column]:
    """The rows that are to be judged, for a library that judges all that it is given."""
    kept = dict(columns)
    for side in ("gt", "dt"):
        judged_rows = np.isin(columns[f"{side}_image_ids"], columns["image_ids"])
        judged_rows &= np.isin(columns[f"{side}_labels"], columns["category_ids"])
        for name, column in columns.items():
            if name.startswith(side) and len(column) == len(judged_rows):
                kept[name] = column[judged_rows]
    return kept


def by_image(columns: Mapping[str, Column], side: str) -> list[dict[str, Column]]:
    """The columns of a side, cut into those of each image; names are without the side.

    In the order of their ids, which breaks ties between images: a library that is handed images
    one by one has no ids, and would break them in whatever order it is handed them.
    """
    own = {name[3:]: column for name, column in columns.items() if name.startswith(side)}
    images = np.unique(columns["image_ids"])
    return [
        {name: column[own["image_ids"] == image] for name, column in own.items()}
        for image in images
    ]


def refuse_other_params(params: CocoParams, *but: str) -> None:
    """For a library that has COCO's own parameters alone, `but` some that it takes."""
    own = CocoParams()
    named = [name for name in vars(params) if name not in but]
    other = [name for name in named if getattr(params, name) != getattr(own, name)]
    if other:
        raise NotOfferedError(f"has COCO's own {other[0].replace('_', ' ')} alone")


def refuse_ignored(columns: Mapping[str, Column]) -> None:
    """For a library that knows no ignored objects but crowds."""
    ignore = columns.get("gt_ignore")
    if ignore is not None and ignore.dtype == np.bool_ and ignore.any():
        raise NotOfferedError("no object can be ignored, unless as a crowd")


def ask(evaluation: COCOevalLike, columns: Mapping[str, Column], params: CocoParams) -> None:
    """Set the evaluator's parameters."""
    theirs = evaluation.params
    theirs.imgIds = columns["image_ids"].tolist()
    theirs.catIds = columns["category_ids"].tolist()
    theirs.iouThrs = np.array(params.iou_thresholds)
    theirs.recThrs = np.array(params.recall_levels)
    theirs.areaRng = [[one[1], one[2]] for one in params.area_ranges]
    theirs.areaRngLbl = [one[0] for one in params.area_ranges]
    theirs.maxDets = list(params.max_detections)
    theirs.useCats = int(not params.class_agnostic)


def judged(
    evaluation: COCOevalLike, columns: Mapping[str, Column], params: CocoParams
) -> CocoParts:
    """The arrays, and the twelve numbers: NaN where `summarize` raises."""
    refuse_ignored(columns)
    with quietly():
        ask(evaluation, columns, params)
        evaluation.evaluate()
        evaluation.accumulate()
        try:
            evaluation.summarize()
            stats = np.asarray(evaluation.stats, np.float64)[:12]  # some have more of their own
        except Exception:  # whatever it is, the arrays are there to be looked at
            stats = np.full(12, np.nan)
    found = (np.asarray(evaluation.eval[name]) for name in ("precision", "recall", "scores"))
    return CocoParts(stats, *found)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what a library prints, and what it warns of, to itself."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
