"""Parts of a data set judged by themselves: in which is the detector worse than in the rest?"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from refdet.analysis.average_precisions import AveragePrecisions, Progress, mean
from refdet.analysis.grouping import Grouping
from refdet.analysis.shuffling import AP50, n_shuffles, shuffled_differences, shuffled_p_values
from refdet.analysis_records import Estimate, Slice
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.core.coco_eval import CocoState
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, Mask

LEVEL = 0.95
FEWEST_IMAGES = 6
"""With objects; fewer have no interval of this level."""


def slices_of(
    judged: JudgedDataSet,
    groupings: Sequence[Grouping],
    *,
    n_samples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Slice, ...]:
    """Each slice's numbers, and how far they are from those of all other images.

    They are compared over the classes that have objects in both, since another mix of classes is
    no other quality. For the intervals, a slice and the rest are resampled by themselves. P-values
    are of a permutation test, corrected over all slices of all columns (`shuffled_p_values` says
    what they assume): bootstrap samples of few images in which nearly all is found hardly differ,
    and a test that took their spread for the truth would find slices by chance.

    A slice with objects in fewer than six images has neither, nor one that leaves so few to others.

    Args:
        judged: the data set.
        groupings: the slices, by column.
        n_samples: bootstrap samples, S >= 1. The images are shuffled as often, but less often in
            large data sets (`slice_shuffles`).
        seed: of their random numbers. Those of a slice do not depend on other columns.
        progress: is told 1 after each sample; `n_evaluations` says how many there are at most.

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
    n_shuffled = slice_shuffles(judged, groupings, n_samples)
    p_values = _p_values(judged, measured, n_shuffled, seed, progress)
    return tuple(sorted(_slices(measured, p_values), key=_worst_first))


def slice_shuffles(judged: JudgedDataSet, groupings: Sequence[Grouping], n_samples: int) -> int:
    """How often `slices_of` shuffles the images."""
    return n_shuffles(len(judged.matches.state.image), _n_parts(groupings), n_samples)


def n_evaluations(judged: JudgedDataSet, groupings: Sequence[Grouping], n_samples: int) -> int:
    """How many samples `slices_of` takes: of each slice and of its rest, which may be a slice."""
    return _n_parts(groupings) * (n_samples + slice_shuffles(judged, groupings, n_samples) + 2)


def _n_parts(groupings: Sequence[Grouping]) -> int:
    n_slices = [len(set(grouping.values)) for grouping in groupings]
    return sum(n if n == 2 else 2 * n for n in n_slices)


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
        return _Part(
            mean_ap=mean(aps.reshape(len(aps), -1)),
            mean_ap50=mean(ap50),
            class_ap50=ap50,
            n_images=len(ids),
            n_objects=len(image_of_object),
            with_objects=len(np.unique(image_of_object)),
        )


@dataclass(frozen=True, eq=False)
class _Measured:
    column: str
    value: str
    images: Mask
    inside: _Part
    rest: _Part

    @property
    def differences(self) -> F64:
        """(1 + S,) over the classes that have objects in both parts of a sample."""
        return mean(self.inside.class_ap50 - self.rest.class_ap50)

    @property
    def fewer(self) -> int:
        """Images with objects, in the slice or the rest."""
        return min(self.inside.with_objects, self.rest.with_objects)

    @property
    def is_tested(self) -> bool:
        """Whether it is compared with the rest."""
        return self.fewer >= FEWEST_IMAGES and not math.isnan(self.differences[0])


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
        rest = part(name, rest=True)
        yield _Measured(grouping.column, name, of_image == name, inside[name], rest)


def _p_values(
    judged: JudgedDataSet,
    measured: Sequence[_Measured],
    shuffles: int,
    seed: int,
    progress: Progress | None,
) -> dict[_Measured, tuple[float, float]]:
    """The p-value of each that is tested, and the corrected one."""
    if not (tested := [one for one in measured if one.is_tested]):
        return {}
    ids, state = judged.objects.images.ids, judged.matches.state
    members = [np.isin(state.image_ids, ids[one.images]) for one in tested]
    rng = np.random.default_rng(seed)
    differences = shuffled_differences(state, members, shuffles, rng, progress)
    p_values, corrected = shuffled_p_values(differences)
    return dict(zip(tested, zip(p_values.tolist(), corrected.tolist(), strict=True), strict=True))


def _slices(
    measured: Sequence[_Measured], p_values: Mapping[_Measured, tuple[float, float]]
) -> Iterator[Slice]:
    for one in measured:
        p_value, adjusted_p_value = p_values.get(one, (math.nan, math.nan))
        yield Slice(
            column=one.column,
            value=one.value,
            n_images=one.inside.n_images,
            n_objects=one.inside.n_objects,
            mean_ap=_estimate(one.inside.mean_ap, one, 0),
            mean_ap50=_estimate(one.inside.mean_ap50, one, 0),
            difference=_estimate(one.differences, one, -1),
            p_value=p_value,
            adjusted_p_value=adjusted_p_value,
        )


def _estimate(values: F64, of: _Measured, least: float) -> Estimate:
    """Of (1 + S,) the first with an interval from the others, in [least, 1]."""
    value = float(values[0])
    if not of.is_tested:
        return Estimate(value, math.nan, math.nan)
    own = of.fewer if least else of.inside.with_objects
    ends = bootstrap_interval(values[1:], value, LEVEL, own)
    low, high = (min(max(float(end), least), 1.0) for end in ends)
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
