"""Whether one run is better than another on the same images, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refdet.analysis.changes import changes_between
from refdet.analysis.differences import LEVEL, compared_numbers
from refdet.analysis.object_images import CLASS_FIELDS, ObjectImages, mixed_mean
from refdet.analysis.resampling import Numbers, Resampler
from refdet.analysis.verdicts import verdict_of
from refdet.analysis_records import Comparison
from refdet.columns import ObjectColumns
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import JudgedDataSet
from refdet.records import F64

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
    would favour one run by chance more often than 1 - level, or where more than 5 % of the samples
    lack a class of a mean over classes, an interval is undefined.

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
    first, second = (Resampler(judged).numbers(every, progress) for judged in (a, b))
    images = ObjectImages.of(a)
    of_stats = np.where(images.mixed_stats(weights), 0, images.of_stats)
    mixed = [any(_is_mixed(one, name) for one in (first, second)) for name in _TOTALS.values()]
    of_totals = np.where(mixed, 0, images.total)
    overall = (
        *compared_numbers(
            _stat_names(a.settings.max_detections), first.coco_stats, second.coco_stats, of_stats
        ),
        *compared_numbers(tuple(_TOTALS), _totals(first), _totals(second), of_totals),
    )
    aps = first.classes["ap"], second.classes["ap"]
    class_names = a.objects.categories.names
    by_class = compared_numbers(class_names, *aps, images.of_classes, corrected=True)
    changed, changes = changes_between(a, b)
    return Comparison(
        names=names,
        level=LEVEL,
        n_samples=n_samples,
        overall=overall,
        classes=by_class,
        images=changed,
        verdict=verdict_of(
            *(names, LEVEL, overall[0], by_class, images.total),
            at_thresholds={
                what: one
                for one in overall
                for name, what in (("micro P", "precision"), ("micro R", "recall"))
                if one.name == name
            },
        ),
        n_images=weights.shape[1],
        changes=changes,
    )


def _totals(numbers: Numbers) -> F64:
    """(1 + S, N)."""
    return np.stack([numbers.totals[name] for name in _TOTALS.values()], axis=1)


def _is_mixed(every: Numbers, name: str) -> bool:
    """Whether a total is a mean over other classes in too many samples; the first is no sample."""
    if name not in CLASS_FIELDS:
        return False
    of_classes = every.classes[CLASS_FIELDS[name]]
    return mixed_mean(of_classes[1:], of_classes[0])


def _stat_names(limit: int) -> tuple[str, ...]:
    """COCO's twelve numbers, in few letters."""
    return (
        *("AP", "AP50", "AP75"),
        *(f"AP {area}" for area in _AREAS),
        *(f"AR {min(n, limit)}" for n in (1, 10)),
        f"AR {limit}",
        *(f"AR {area}" for area in _AREAS),
    )


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
