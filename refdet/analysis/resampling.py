"""All numbers of a data set whose images are repeated or left out: any weights, one matching.

What becomes of a detection does not depend on other images. So a sample of the images needs no new
matching: each detection and object counts as often as its image. The detections stay in the order
of the evaluation, the copies of one behind each other. (Evaluating a data set with copied images
gives the same numbers but where detections of a class have equal scores within an image: there the
copies of an image, not those of a detection, would stand together.)

A class that a sample leaves without an object is undefined there, NaN, and left out of that
sample's means, as in an evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refdet.analysis.average_precisions import (
    AveragePrecisions,
    Curves,
    IntArray,
    Progress,
    in_portions,
    mean,
    ratio,
    samples_together,
)
from refdet.analysis.weighted import ClassSums, Levels, Ranking, Size, needed_by_voc07
from refdet.core.coco_eval import CocoState
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

RANGES = ("all", "small", "medium", "large")
FRACTIONS = ("ap", "ap50", "ap75", "ap50_voc", "ap50_voc07")
COUNTS = ("n_ground_truth", "n_detections", "true_positives", "false_positives")


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of an `Evaluation` in each of S samples of the images; NaN where undefined.

    Attributes:
        coco_stats: (S, 12) COCO's twelve numbers.
        totals: (S,) by the names of the fields of `Totals`.
        classes: (S, C) by the names of the fields of `ClassMetrics` that are counts or fractions,
            in label order.
        envelopes: (S, C, R) the best precision at each recall level or beyond, at the
            evaluation's IoU threshold; 0 where the level is not reached, NaN without an object.
    """

    coco_stats: F64
    totals: dict[str, F64]
    classes: dict[str, F64]
    envelopes: F64


class Resampler:
    """The numbers of a judged data set under any weights of its images.

    Args:
        judged: the data set.

    Attributes:
        n_images: I, how many weights there are.
        levels: (R,) of recall.
    """

    def __init__(self, judged: JudgedDataSet) -> None:
        state = judged.matches.state
        self._params, self.levels = state.params, np.array(state.params.recall_levels)
        self._size = size = Size(len(state.image_ids), len(state.category_ids))
        self.n_images = size.n_images
        self._in_label_order = np.searchsorted(state.category_ids, judged.objects.categories.ids)
        thresholds = state.params.iou_thresholds
        self._together = together = samples_together(state)
        self._areas = [AveragePrecisions(state, thresholds, area, together) for area in RANGES]
        voc, row = judged.voc_matching(), judged.matches.row
        of_voc = voc.true_positive[None, row], voc.ignored[None, row]
        self._voc = Ranking(state.image, state.label, *of_voc, size.n_classes)
        self._limited = [_right_within(state, n, size) for n in state.params.max_detections[:2]]
        self._counts = [ClassSums(*rows, size) for rows in _counted(judged)]
        own, self._curve_place, self._curves = judged.settings.iou_threshold, 0, None
        if own in thresholds:
            self._curve_place = thresholds.index(own)
        else:
            self._curves = AveragePrecisions(judged.at_threshold.state, [own], together=together)

    def numbers(self, weights: IntArray, progress: Progress | None = None) -> Numbers:
        """Those of each sample.

        Args:
            weights: (S, I) how often each image counts, in the order of
                `judged.matches.state.image_ids`: ascending ids.
            progress: is told how many samples more are done.

        Returns:
            `Numbers` of S samples, the same whatever the number of threads.

        Raises:
            TypeError: weights that are not integers.
            ValueError: of another shape, or a weight that is negative; names sample and image.
        """
        self._check(weights)
        shape = len(weights), self._size.n_classes
        stats = np.empty((len(weights), 12))
        envelopes = np.empty((*shape, len(self.levels)))
        fractions = np.empty((len(FRACTIONS), *shape))
        counts = np.empty((len(COUNTS), *shape))

        def judge(part: slice, own: I64) -> None:
            there = slice(part.stop - part.start)
            of_coco, aps, curves = self._coco(own)
            stats[part], envelopes[part] = of_coco[there], curves[there]
            fractions[:3, part], fractions[3:, part] = aps[:, there], self._voc_aps(own)[:, there]
            counts[:, part] = [one.of(own)[there] for one in self._counts]

        in_portions(judge, weights, self._together, progress)
        order = self._in_label_order
        classes = dict(zip(COUNTS, counts[:, :, order], strict=True))
        classes |= _fractions(classes)
        classes |= dict(zip(FRACTIONS, fractions[:, :, order], strict=True))
        return Numbers(stats, _totals(classes, stats), classes, envelopes[:, order])

    def _check(self, weights: IntArray) -> None:
        if weights.dtype.kind not in "iu":
            raise TypeError(f"weights must be integers, got {weights.dtype}")
        if weights.ndim != 2 or weights.shape[1] != self._size.n_images:
            raise ValueError(
                f"weights must have shape (S, {self._size.n_images}), got {weights.shape}"
            )
        if weights.min(initial=0) < 0:
            sample, image = np.argwhere(weights < 0)[0].tolist()
            raise ValueError(f"weights[{sample}, {image}] = {weights[sample, image]} is negative")

    def _coco(self, weights: I64) -> tuple[F64, F64, F64]:
        """(B, 12) numbers, (3, B, K) AP, AP50 and AP75, and (B, K, R) envelopes."""
        thresholds = np.array(self._params.iou_thresholds)
        whole, n_thresholds = self._areas[0].curves(weights), len(thresholds)
        aps, recalls = [whole.ap], [whole.recall]
        for one in self._areas[1:]:
            part = one.curves(weights)
            aps.append(part.ap)
            recalls.append(part.recall)
        limited = [ratio(one.of(weights), whole.counts * n_thresholds) for one in self._limited]
        of_50, of_75 = (aps[0][:, thresholds == one] for one in (0.5, 0.75))
        averages = [aps[0], of_50, of_75, *aps[1:]]
        stats = [mean(one.reshape(len(weights), -1)) for one in averages]
        stats += [mean(one) for one in (limited[0], limited[-1], *recalls)]
        classes = np.array([one.mean(axis=1) for one in averages[:3]])
        return np.stack(stats, axis=1), classes, self._envelopes(weights, whole)

    def _envelopes(self, weights: I64, curves: Curves) -> F64:
        if self._curves is not None:
            curves = self._curves.curves(weights)
        counts, hits, reached = curves.counts, curves.hits, curves.reached
        first, n_classes = self._curve_place * counts.shape[1], counts.shape[1]
        own = slice(*hits.bounds[[first, first + n_classes]])
        n_reached = hits.sums(reached)[:, first : first + n_classes]
        envelopes = np.zeros((*counts.shape, len(self.levels)))
        # Class by class, from the first level on, each as often as a true positive reaches one.
        reaches = np.arange(len(self.levels)) < n_reached[..., None]
        envelopes[reaches] = np.repeat(hits.best[:, own], reached[:, own].ravel())
        envelopes[counts == 0] = np.nan
        return envelopes

    def _voc_aps(self, weights: I64) -> F64:
        """(2, B, K) area under the envelope, and VOC 2007's mean of 11."""
        counts = self._counts[0].of(weights)
        hits, flat = self._voc.hits(weights), counts.ravel()
        reached = hits.levels_reached(Levels.of(needed_by_voc07(flat), flat))
        area, levels = (hits.sums(hits.best * times) for times in (hits.gained, reached))
        return np.stack([ratio(area, counts), ratio(levels, 11 * (counts > 0))])


def _right_within(state: CocoState, limit: int, size: Size) -> ClassSums:
    """At how many thresholds the detections are right, of a class in an image only so many."""
    verdicts = [state.verdicts(threshold)[0] for threshold in state.params.iou_thresholds]
    n_right = np.sum(verdicts, axis=0)
    kept = np.flatnonzero((n_right > 0) & (state.rank < limit))
    return ClassSums(state.image[kept], state.label[kept], n_right[kept], size)


def _counted(judged: JudgedDataSet) -> list[tuple[I64, I64, I64]]:
    """Image, class and 1 of each that is counted, in the order of `COUNTS`."""
    state = judged.matches.state
    tables = state.image_ids, state.category_ids

    def rows(image_ids: I64, category_ids: I64, chosen: Mask) -> tuple[I64, I64, I64]:
        image, label = (
            np.searchsorted(table, ids[chosen])
            for table, ids in zip(tables, (image_ids, category_ids), strict=True)
        )
        return image, label, np.ones(len(image), np.int64)

    objects, found = judged.objects, judged.detections
    judged_rows = judged.true | judged.false | judged.ignored
    return [
        rows(objects.image_ids, objects.category_ids, judged.counts),
        *(
            rows(found.image_ids, found.category_ids, chosen)
            for chosen in (
                judged_rows,
                judged.true & judged.counted,
                judged.false & judged.counted,
            )
        ),
    ]


def _fractions(counts: dict[str, F64]) -> dict[str, F64]:
    """What the counts give; F1 is 0 where nothing is detected, and undefined without an object."""
    right, wrong = counts["true_positives"], counts["false_positives"]
    objects = counts["n_ground_truth"]
    missed = objects - right
    f1 = ratio(2 * right, 2 * right + wrong + missed)
    return {
        "false_negatives": missed,
        "precision": ratio(right, right + wrong),
        "recall": ratio(right, objects),
        "f1": np.where(objects > 0, f1, np.nan),
    }


def _totals(classes: dict[str, F64], stats: F64) -> dict[str, F64]:
    counts = {name: classes[name].sum(axis=1) for name in COUNTS}
    micro = _fractions(counts)
    return {
        **counts,
        "false_negatives": micro["false_negatives"],
        **{f"micro_{name}": micro[name] for name in ("precision", "recall", "f1")},
        **{f"macro_{name}": mean(classes[name]) for name in ("precision", "recall", "f1")},
        **dict(zip(("mean_ap", "mean_ap50", "mean_ap75"), stats[:, :3].T, strict=True)),
        **{f"mean_{name}": mean(classes[name]) for name in ("ap50_voc", "ap50_voc07")},
    }
