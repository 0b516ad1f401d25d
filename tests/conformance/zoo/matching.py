"""Matching of detections to objects: a right matcher of each rule, and what people changed in it.

The matchers are classes so that a wrong one can show the one step in which it differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matched:
    """The object that each detection finds."""

    object_index: I64
    matched: Mask
    ignored: Mask


def matched(found: list[int], ignored: Mask) -> Matched:
    """From the object of each detection, -1 for none."""
    objects = np.array(found, np.int64)
    finds = objects >= 0
    return Matched(objects, finds, np.array([o >= 0 and ignored[o] for o in found], np.bool_))


class Voc:
    """Each asks for what it overlaps most, and gets it if nobody was there before."""

    def __call__(self, iou: F64, scores: F64, iou_threshold: float, ignore: Mask) -> Matched:
        if np.isnan(scores).any():
            raise ValueError("a score is NaN")
        found, taken = [-1] * len(scores), set[int]()
        for row in self.order(scores) if len(ignore) else []:
            best = int(iou[row].argmax())
            if self.reaches(float(iou[row, best]), iou_threshold):
                if self.gets(best, taken, ignore):
                    found[row] = best
                taken.add(best)
        return matched(found, self.ignored(ignore))

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        return order

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou >= threshold

    def gets(self, best: int, taken: set[int], ignore: Mask) -> bool:
        return bool(ignore[best]) or best not in taken

    def ignored(self, ignore: Mask) -> Mask:
        return ignore


class VocBackwards(Voc):
    """Reversed, an ascending order puts the last of equals first."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(scores, kind="stable")[::-1].tolist()
        return order


class VocUnstable(Voc):
    """An unstable sort: equal scores in any order, once there are more than 16 of them."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores).tolist()
        return order


class VocAsItComes(Voc):
    """The detections are taken to be sorted already."""

    def order(self, scores: F64) -> list[int]:
        return list(range(len(scores)))


class VocAbove(Voc):
    """`>` for `>=`."""

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou > threshold


class VocAgainAndAgain(Voc):
    """Whoever overlaps an object enough has found it."""

    def gets(self, best: int, taken: set[int], ignore: Mask) -> bool:
        return True


class VocDifficultCounts(Voc):
    """Difficult objects are objects like any other."""

    def gets(self, best: int, taken: set[int], ignore: Mask) -> bool:
        return best not in taken

    def ignored(self, ignore: Mask) -> Mask:
        return np.zeros_like(ignore)


class Coco:
    """Each takes the best of what is free: rather what counts, of equals the last."""

    def __call__(
        self, iou: F64, scores: F64, iou_thresholds: F64, ignore: Mask, crowd: Mask
    ) -> Matched:
        if (np.asarray(iou_thresholds) <= 0).any():
            raise ValueError("a threshold is not above 0")
        levels = [self.at(iou, scores, t, ignore, crowd) for t in np.asarray(iou_thresholds)]
        shape = (len(levels), len(scores))
        return Matched(
            np.array([level.object_index for level in levels], np.int64).reshape(shape),
            np.array([level.matched for level in levels], np.bool_).reshape(shape),
            np.array([level.ignored for level in levels], np.bool_).reshape(shape),
        )

    def at(self, iou: F64, scores: F64, threshold: float, ignore: Mask, crowd: Mask) -> Matched:
        found, taken = [-1] * len(scores), set[int]()
        for row in self.order(scores):
            free = [o for o in range(len(ignore)) if o not in taken]
            best = self.choice(iou[row], free, threshold, ignore | crowd)
            if best is not None:
                found[row] = best
                if self.takes(row, best, crowd):
                    taken.add(best)
        return self.told(found, ignore | crowd)

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        return order

    def choice(self, overlaps: F64, free: list[int], threshold: float, ignored: Mask) -> int | None:
        enough = [o for o in free if self.reaches(float(overlaps[o]), threshold)]
        return max(
            enough, key=lambda o: self.worth(float(overlaps[o]), bool(ignored[o]), o), default=None
        )

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou >= min(threshold, 1 - 1e-10)

    def worth(self, iou: float, ignored: bool, place: int) -> tuple[float, ...]:
        return (not ignored, iou, place)

    def takes(self, row: int, best: int, crowd: Mask) -> bool:
        return not crowd[best]

    def told(self, found: list[int], ignored: Mask) -> Matched:
        return matched(found, ignored)


class CocoUnstable(Coco):
    """An unstable sort of the scores."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores).tolist()
        return order


class CocoAsMuch(Coco):
    """A threshold of 1 is 1, which the rounding of an IoU misses."""

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou >= threshold


class CocoAbove(Coco):
    """`>` for `>=`."""

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou > min(threshold, 1 - 1e-10)


class CocoInSinglePrecision(Coco):
    """0.6 in float32 is above 0.6."""

    def reaches(self, iou: float, threshold: float) -> bool:
        return iou >= min(float(np.float32(threshold)), 1 - 1e-10)


class CocoFirstOfEquals(Coco):
    """`argmax` gives the first of equals."""

    def worth(self, iou: float, ignored: bool, place: int) -> tuple[float, ...]:
        return (not ignored, iou, -place)


class CocoThresholdAfterTheChoice(Coco):
    """What counts is chosen before it is asked for its overlap, and hides what is ignored."""

    def choice(self, overlaps: F64, free: list[int], threshold: float, ignored: Mask) -> int | None:
        best = super().choice(overlaps, free, 0.0, ignored)
        return best if best is not None and self.reaches(overlaps[best], threshold) else None


class CocoIgnoredIsNeverFound(Coco):
    """What is ignored is left out, so that whoever found it is a false positive."""

    def choice(self, overlaps: F64, free: list[int], threshold: float, ignored: Mask) -> int | None:
        return super().choice(overlaps, [o for o in free if not ignored[o]], threshold, ignored)


class CocoCrowdOnce(Coco):
    """A crowd is used up by the first that finds it."""

    def takes(self, row: int, best: int, crowd: Mask) -> bool:
        return True


class CocoDetectionZeroTakesNothing(Coco):
    """An object keeps the id of its detection, and 0 is what stands where there is none."""

    def takes(self, row: int, best: int, crowd: Mask) -> bool:
        return row > 0 and not crowd[best]


class CocoObjectZeroIsNobody(Coco):
    """The same for a detection that keeps the id of its object."""

    def told(self, found: list[int], ignored: Mask) -> Matched:
        return matched([o if o > 0 else -1 for o in found], ignored)


class CocoArgmaxOfATakenObject(Coco):
    """VOC's rule in COCO's place: whose best object is taken goes without."""

    def at(self, iou: F64, scores: F64, threshold: float, ignore: Mask, crowd: Mask) -> Matched:
        found = Voc()(iou, scores, min(threshold, 1 - 1e-10), crowd).object_index.tolist()
        return matched(found, ignore | crowd)


class CocoByOverlap(Coco):
    """The pairs by IoU, whatever the scores: a weak detection takes a strong one's object."""

    def at(self, iou: F64, scores: F64, threshold: float, ignore: Mask, crowd: Mask) -> Matched:
        return super().at(iou, iou.max(axis=1, initial=0), threshold, ignore, crowd)


TORCHMETRICS = "torchmetrics 1.9.0, detection/_mean_ap.py, _find_best_gt_match"

RIGHT = (Right("match_voc", Voc()), Right("match_coco", Coco()))

ZOO = (
    Wrong(
        "match_voc",
        "above-the-threshold",
        VocAbove(),
        "rbgirshick/py-faster-rcnn#484 quotes `ovmax > ovthresh`; VOCevaldet.m has >=",
    ),
    Wrong(
        "match_voc",
        "equals-backwards",
        VocBackwards(),
        "bes-dev/mean_average_precision, utils.py: argsort(...)[::-1]; Noble-Lab/casanovo#689",
    ),
    Wrong(
        "match_voc",
        "unstable-sort",
        VocUnstable(),
        "rbgirshick/py-faster-rcnn, lib/datasets/voc_eval.py: np.argsort(-confidence)",
    ),
    Wrong("match_voc", "not-sorted", VocAsItComes(), "deepcam-cn/yolov5-face#287"),
    Wrong("match_voc", "duplicates-are-right", VocAgainAndAgain(), "ultralytics/yolov3#197"),
    Wrong(
        "match_voc",
        "difficult-counts",
        VocDifficultCounts(),
        "rafaelpadilla/Object-Detection-Metrics#71",
    ),
    Wrong(
        "match_coco",
        "unstable-sort",
        CocoUnstable(),
        "Lightning-AI/torchmetrics#632: torch.sort in place of NumPy's mergesort",
    ),
    Wrong("match_coco", "threshold-of-one-as-it-is", CocoAsMuch(), TORCHMETRICS),
    Wrong("match_coco", "above-the-threshold", CocoAbove(), TORCHMETRICS),
    Wrong("match_coco", "first-of-equals", CocoFirstOfEquals(), TORCHMETRICS),
    Wrong("match_coco", "ignored-is-never-found", CocoIgnoredIsNeverFound(), TORCHMETRICS),
    Wrong(
        "match_coco",
        "float32-thresholds",
        CocoInSinglePrecision(),
        "torchmetrics 1.9.0, detection/mean_ap.py: torch.linspace(0.5, 0.95, 10)",
    ),
    Wrong(
        "match_coco",
        "threshold-after-the-choice",
        CocoThresholdAfterTheChoice(),
        "globox 2.9.0, evaluation.py",
    ),
    Wrong("match_coco", "crowd-is-used-up", CocoCrowdOnce(), "globox 2.9.0, evaluation.py"),
    Wrong(
        "match_coco",
        "detection-0-takes-nothing",
        CocoDetectionZeroTakesNothing(),
        "cocodataset/cocoapi#591: a recall of 2",
    ),
    Wrong(
        "match_coco",
        "object-0-is-nobody",
        CocoObjectZeroIsNobody(),
        "pytorch/vision#1530, cvat-ai/cvat#748, cocodataset/cocoapi#664",
    ),
    Wrong(
        "match_coco",
        "argmax-of-a-taken-object",
        CocoArgmaxOfATakenObject(),
        "fizyr/keras-retinanet, utils/eval.py, quoted in fizyr/keras-retinanet#1418",
    ),
    Wrong(
        "match_coco",
        "by-overlap-not-score",
        CocoByOverlap(),
        "supervision 0.31.2, ConfusionMatrix._drop_extra_matches; roboflow/supervision#2380",
    ),
)
