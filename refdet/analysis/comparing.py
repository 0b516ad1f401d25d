"""Whether one run is better than another on the same images, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refdet.analysis.changes import changes_between
from refdet.analysis.differences import LEVEL, compared_numbers, standard_error
from refdet.analysis.resampling import Numbers, Resampler
from refdet.analysis.verdicts import verdict_of
from refdet.analysis_records import Comparison
from refdet.columns import ObjectColumns
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

_AREAS = ("small", "medium", "large")
_TOTALS = {
    "VOC": "mean_ap50_voc",
    "VOC07": "mean_ap50_voc07",
    "micro P": "micro_precision",
    "micro R": "micro_recall",
    "micro F1": "micro_f1",
    "macro P": "macro_precision",
    "macro R": "macro_recall",
    "macro F1": "macro_f1",
}


def compare(
    a: JudgedDataSet,
    b: JudgedDataSet,
    names: tuple[str, str],
    *,
    n_samples: int = 1000,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Comparison:
    """Two runs on the same images: differences b - a with intervals, what changed, a verdict.

    The images are resampled, the same ones for both runs, so that what makes an image hard for both
    does not blur their difference. Where so few images have something to find that all of them
    would favour one run by chance more often than 1 - level, an interval is undefined.

    Args:
        a: the first run.
        b: the second.
        names: of the runs, a and b.
        n_samples: bootstrap samples of the images.
        seed: of their random numbers.
        progress: called with 1 after each sample of each run, from any thread.

    Returns:
        A `Comparison`; p-values of classes are corrected for how many there are.

    Raises:
        ValueError: the runs were judged on other images, classes or objects, or at another IoU
            threshold or limit of detections.
    """
    _require_same(a, b)
    weights = bootstrap_weights(len(a.objects.images), n_samples, np.random.default_rng(seed))
    every = np.concatenate([np.ones((1, weights.shape[1]), np.int64), weights])
    first, second = (_Columns.of(Resampler(judged).numbers(every, progress)) for judged in (a, b))
    images = _images_to_find_in(a)
    everywhere = np.full(len(_TOTALS), images.total)
    stat_names = _stat_names(a.settings.max_detections)
    overall = (
        *compared_numbers(stat_names, first.stats, second.stats, images.of_stats),
        *compared_numbers(tuple(_TOTALS), first.totals, second.totals, everywhere),
    )
    aps = first.class_aps, second.class_aps
    class_names = a.objects.categories.names
    by_class = compared_numbers(class_names, *aps, images.of_classes, corrected=True)
    changed, changes = changes_between(a, b)
    error = standard_error((second.stats - first.stats)[1:, 0])
    return Comparison(
        names=names,
        level=LEVEL,
        n_samples=n_samples,
        overall=overall,
        classes=by_class,
        images=changed,
        verdict=verdict_of(names, LEVEL, overall[0], by_class, images.total, error),
        n_images=weights.shape[1],
        changes=changes,
    )


class _Columns(NamedTuple):
    """(1 + S, 12) COCO's numbers, (1 + S, N) the totals, (1 + S, C) the AP of each class."""

    stats: F64
    totals: F64
    class_aps: F64

    @classmethod
    def of(cls, numbers: Numbers) -> _Columns:
        totals = np.stack([numbers.totals[name] for name in _TOTALS.values()], axis=1)
        return cls(numbers.coco_stats, totals, numbers.classes["ap"])


def _stat_names(limit: int) -> tuple[str, ...]:
    """COCO's twelve numbers, in few letters."""
    return (
        *("AP", "AP50", "AP75"),
        *(f"AP {area}" for area in _AREAS),
        *(f"AR {min(n, limit)}" for n in (1, 10)),
        f"AR {limit}",
        *(f"AR {area}" for area in _AREAS),
    )


@dataclass(frozen=True, eq=False)
class _Images:
    """In how many images there is an object to find: any, (12,) for COCO's numbers, (C,)."""

    total: int
    of_stats: I64
    of_classes: I64


def _images_to_find_in(judged: JudgedDataSet) -> _Images:
    objects, n_classes = judged.objects, len(judged.objects.categories)

    def count(rows: Mask) -> int:
        return len(np.unique(objects.image_ids[rows & judged.counts]))

    everything = count(np.ones(len(objects), np.bool_))
    areas = {
        name: count((objects.area >= low) & (objects.area <= high))
        for name, low, high in judged.matches.state.params.area_ranges
    }
    sizes = [areas[name] for name in _AREAS]
    of_stats = [everything] * 3 + sizes + [everything] * 3 + sizes
    of_classes = [count(judged.object_labels == label) for label in range(n_classes)]
    return _Images(everything, np.array(of_stats), np.array(of_classes, np.int64))


def _require_same(a: JudgedDataSet, b: JudgedDataSet) -> None:
    for name in ("iou_threshold", "max_detections"):
        of_a, of_b = (getattr(judged.settings, name) for judged in (a, b))
        if of_a != of_b:
            raise ValueError(f"the runs were judged with {name} = {of_a} and {of_b}")
    require_same_objects(a.objects, b.objects)


def require_same_objects(a: ObjectColumns, b: ObjectColumns) -> None:
    """ValueError, naming what differs, unless the two hold the same images, classes and objects."""
    for what in ("images", "categories"):
        tables = getattr(a, what), getattr(b, what)
        entries = [dict(zip(t.ids.tolist(), t.names, strict=True)) for t in tables]
        if entries[0] != entries[1]:
            other = set(entries[0].items()) ^ set(entries[1].items())
            of_which = "first" if min(other) in entries[0].items() else "second"
            raise ValueError(
                f"the runs were judged on different {what}, {len(tables[0])} and {len(tables[1])}: "
                f"{min(other)[1]!r}, id {min(other)[0]}, is only among those of the {of_which}"
            )
    columns = ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore")
    if not all(np.array_equal(getattr(a, name), getattr(b, name)) for name in columns):
        raise ValueError(
            f"the runs were judged on different objects, {len(a)} and {len(b)}: compare them on "
            "the same ground truth"
        )
