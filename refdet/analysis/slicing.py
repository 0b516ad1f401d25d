"""Parts of a data set judged by themselves: in which is the detector worse than in the rest?"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from refdet.analysis.average_precisions import AveragePrecisions, Progress, mean
from refdet.analysis.differences import LEVEL, corrected_p_values, least_p_value, stretch
from refdet.analysis.grouping import Grouping
from refdet.analysis_records import Estimate, Slice
from refdet.core.bootstrap import bootstrap_interval, bootstrap_p_value, bootstrap_weights
from refdet.core.coco_eval import CocoState
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, Mask

AP50 = 0.5


def slices_of(
    judged: JudgedDataSet,
    groupings: Sequence[Grouping],
    *,
    n_samples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Slice, ...]:
    """Each slice's numbers, and how far they are from those of all other images.

    A slice and the rest are resampled by themselves, image by image, so that the slice has as many
    images in every sample. They are compared over the classes that have objects in both, since
    another mix of classes is no other quality. As in `refdet compare`, samples are spread for
    small numbers of images; and p-values are corrected over all slices of all columns with the
    samples' own distribution of the largest difference (`corrected_p_values`).

    A slice of which too few images have objects to tell anything, fewer than six, has no interval
    and no p-value, nor has one that leaves so few to the rest.

    Args:
        judged: the data set.
        groupings: the slices, by column.
        n_samples: bootstrap samples, S >= 1.
        seed: of their random numbers. Those of a slice do not depend on other columns.
        progress: is told 1 after each sample; `n_evaluations` says how many there are.

    Returns:
        Slices by how much they are below the rest, the worst first; those without an interval
        come last.

    Raises:
        ValueError: a grouping is not of the data set's images.
    """
    measured: list[_Measured] = []
    for grouping in groupings:
        if len(grouping.values) != len(judged.objects.images):
            raise ValueError(
                f"grouping {grouping.column!r} is of {len(grouping.values)} images, the data set "
                f"has {len(judged.objects.images)}"
            )
        measured += _measured(judged, grouping, n_samples, seed, progress)
    return _judged_together(measured)


def n_evaluations(groupings: Sequence[Grouping], n_samples: int) -> int:
    """How many samples `slices_of` takes: of each slice and of its rest, which may be a slice."""
    n_slices = [len(set(grouping.values)) for grouping in groupings]
    return sum(n if n == 2 else 2 * n for n in n_slices) * (n_samples + 1)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some images: their numbers, and in the other rows those of their bootstrap samples.

    Attributes:
        mean_ap: (1 + S,) over the thresholds that the part is judged at.
        mean_ap50: (1 + S,) COCO's second number.
        class_ap50: (1 + S, C).
        with_objects: in how many images there is something to find.
    """

    mean_ap: F64
    mean_ap50: F64
    class_ap50: F64
    n_images: int
    n_objects: int
    with_objects: int

    @staticmethod
    def of(
        judged: JudgedDataSet,
        images: Mask,
        iou_thresholds: Sequence[float],
        n_samples: int,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> _Part:
        ids, state = judged.objects.images.ids[images], judged.matches.state
        part = part_of(state, np.isin(state.image_ids, ids))
        once = np.ones((1, len(ids)), np.int64)
        weights = np.concatenate([once, bootstrap_weights(len(ids), n_samples, rng)])
        aps = AveragePrecisions(part, iou_thresholds).of(weights, progress)
        ap50 = aps[:, iou_thresholds.index(AP50)]
        image_of_object = judged.objects.image_ids[judged.counts]
        image_of_object = image_of_object[np.isin(image_of_object, ids)]
        with_objects = len(np.unique(image_of_object))
        spread = float(stretch(np.array(with_objects)))

        def spread_out(samples: F64) -> F64:
            return samples[:1] + (samples - samples[:1]) * spread

        return _Part(
            spread_out(mean(aps.reshape(len(aps), -1))),
            spread_out(mean(ap50)),
            spread_out(ap50),
            len(ids),
            len(image_of_object),
            with_objects,
        )


@dataclass(frozen=True, eq=False)
class _Measured:
    column: str
    value: str
    inside: _Part
    rest: _Part

    @property
    def differences(self) -> F64:
        """(1 + S,) over the classes that have objects in both parts of a sample."""
        by_class = self.inside.class_ap50 - self.rest.class_ap50
        defined = np.count_nonzero(~np.isnan(by_class), axis=1)
        total = np.nansum(by_class, axis=1)
        return np.where(defined > 0, total / np.maximum(defined, 1), np.nan)

    @property
    def least(self) -> float:
        """No p-value is below the chance that of all images just these are the worst or best."""
        inside, rest = self.inside.with_objects, self.rest.with_objects
        fewer = np.array(min(inside, rest))
        if float(least_p_value(fewer)) > 1 - LEVEL:
            return 1.0
        return min(1.0, 2 / math.comb(inside + rest, inside))


def _measured(
    judged: JudgedDataSet,
    grouping: Grouping,
    n_samples: int,
    seed: int,
    progress: Progress | None,
) -> Iterator[_Measured]:
    of_image, names = np.array(grouping.values), sorted(set(grouping.values))

    def part(name: str, *, rest: bool) -> _Part:
        if rest and len(names) == 2:
            return inside[names[1 - names.index(name)]]
        # The same for the same names on every machine.
        key = [seed, zlib.crc32(grouping.column.encode()), zlib.crc32(name.encode()), int(rest)]
        images = (of_image == name) != rest
        # Nothing else is shown of a rest.
        thresholds = [AP50] if rest else judged.matches.state.params.iou_thresholds
        rng = np.random.default_rng(key)
        return _Part.of(judged, images, thresholds, n_samples, rng, progress)

    inside = {name: part(name, rest=False) for name in names}
    for name in names:
        yield _Measured(grouping.column, name, inside[name], part(name, rest=True))


def _judged_together(measured: Sequence[_Measured]) -> tuple[Slice, ...]:
    if not measured:
        return ()
    differences = np.stack([one.differences for one in measured], axis=1)  # (1 + S, N)
    least = np.array([one.least for one in measured])
    differences[0, least == 1] = np.nan  # too few images: not looked at
    value, samples = differences[0], differences[1:]
    n_looked_at = np.count_nonzero(~np.isnan(value))
    p_values = np.maximum(bootstrap_p_value(samples), least)
    adjusted = np.maximum(corrected_p_values(samples, value), np.minimum(1, least * n_looked_at))
    slices = [
        Slice(
            column=one.column,
            value=one.value,
            n_images=one.inside.n_images,
            n_objects=one.inside.n_objects,
            mean_ap=_estimate(one.inside.mean_ap, defined, bounded=True),
            mean_ap50=_estimate(one.inside.mean_ap50, defined, bounded=True),
            difference=_estimate(one.differences, defined),
            p_value=p_value if defined else float("nan"),
            adjusted_p_value=corrected if defined else float("nan"),
        )
        for one, p_value, corrected, defined in zip(
            measured, p_values.tolist(), adjusted.tolist(), ~np.isnan(value), strict=True
        )
    ]
    return tuple(sorted(slices, key=_worst_first))


def _estimate(values: F64, defined: bool, *, bounded: bool = False) -> Estimate:
    """Of (1 + S,) the first with an interval from the others; an AP is in [0, 1]."""
    value = float(values[0])
    if not defined:
        return Estimate(value, float("nan"), float("nan"))
    ends = (float(end) for end in bootstrap_interval(values[1:], value, LEVEL))
    low, high = (min(max(end, 0.0), 1.0) if bounded else end for end in ends)
    return Estimate(value, low, high)


def _worst_first(one: Slice) -> tuple[bool, float, float]:
    difference = one.difference.value
    return math.isnan(one.p_value), difference if difference < 2 else 2, one.mean_ap50.value


def part_of(state: CocoState, images: Mask) -> CocoState:
    """Some of the images (I,) by themselves: what becomes of theirs does not depend on others."""
    place = np.cumsum(images, dtype=np.int32) - 1
    objects, rows = images[state.object_image], images[state.image]
    return replace(
        state,
        image_ids=state.image_ids[images],
        object_image=place[state.object_image[objects]],
        object_label=state.object_label[objects],
        object_counts=state.object_counts[objects],
        image=place[state.image[rows]],
        label=state.label[rows],
        rank=state.rank[rows],
        scores=state.scores[rows],
        hit=state.hit[rows],
        ignored=state.ignored[rows],
    )
