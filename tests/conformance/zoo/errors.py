"""What people got wrong about errors: lists and kinds of false positives, and LRP."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.scores import refuse
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
HIGHEST = 1 - 1e-10

# --- Kinds ---


def kind(own: float, other: float, threshold: float, background: float) -> str:
    refuse(not (0 <= own <= 1 and 0 <= other <= 1), not 0 < background <= threshold <= 1)
    return kind_within(own, other, min(threshold, HIGHEST), background)


def kind_within(own: float, other: float, threshold: float, background: float) -> str:
    if own >= background:
        return "duplicate" if own >= threshold else "localization"
    if other >= background:
        return "confusion" if other >= threshold else "both"
    return "background"


def kind_confusion_first(own: float, other: float, threshold: float, background: float) -> str:
    """The wrong class takes precedence over everything."""
    if other >= min(threshold, HIGHEST):
        return "confusion"
    return kind(own, other, threshold, background)


# --- The list of an image ---


class Lister:
    """What COCO's matching leaves over, by score."""

    def __call__(
        self,
        boxes: F64,
        scores: F64,
        labels: I64,
        gt_boxes: F64,
        gt_labels: I64,
        iou_threshold: float = 0.5,
        background_threshold: float = 0.1,
        ignore: Mask | None = None,
    ) -> list[SimpleNamespace]:
        refuse(labels < 0, gt_labels < 0)
        ignored = np.zeros(len(gt_boxes), np.bool_) if ignore is None else ignore
        iou = np.array([[overlap(a, b) for b in gt_boxes] for a in boxes])
        iou = iou.reshape(len(boxes), len(gt_boxes))
        same = labels[:, None] == gt_labels
        order = self.order(scores)
        found = self.found(iou, same, order, ignored, min(iou_threshold, HIGHEST))
        listed = []
        for row in order if self.is_judged(gt_boxes) else []:
            own = float(iou[row][same[row]].max(initial=0.0))
            other = np.where(same[row], -1.0, iou[row])
            of_kind = kind(
                own, max(0.0, other.max(initial=0.0)), iou_threshold, background_threshold
            )
            if row in found or not self.is_listed(of_kind):
                continue
            listed.append(
                SimpleNamespace(
                    index=row,
                    label=int(labels[row]),
                    score=float(scores[row]),
                    best_iou=own,
                    box=tuple(boxes[row].tolist()),
                    kind=of_kind,
                    confused_with=int(gt_labels[other.argmax()])
                    if of_kind == "confusion"
                    else None,
                )
            )
        return listed

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        return order

    def is_judged(self, gt_boxes: F64) -> bool:
        return True

    def is_listed(self, of_kind: str) -> bool:
        return True

    def found(
        self, iou: F64, same: Mask, order: list[int], ignored: Mask, threshold: float
    ) -> set[int]:
        found, free = set[int](), list(range(len(ignored)))
        for row in order:
            enough = [o for o in free if self.may_be(same[row, o]) and iou[row, o] >= threshold]
            if enough:
                free.remove(max(enough, key=lambda o: (not ignored[o], iou[row, o], o)))
                found.add(row)
        return found

    def may_be(self, is_same: np.bool_) -> bool:
        return bool(is_same)


class UnstableList(Lister):
    """Equal scores in any order, once there are more than 16 of them."""

    def order(self, scores: F64) -> list[int]:
        order: list[int] = np.argsort(-scores).tolist()
        return order


class BackgroundIsNotListed(Lister):
    """Images without an object are skipped."""

    def is_judged(self, gt_boxes: F64) -> bool:
        return bool(len(gt_boxes))


class DuplicatesAreNotListed(Lister):
    """A second detection of an object is neither right nor wrong."""

    def is_listed(self, of_kind: str) -> bool:
        return of_kind != "duplicate"


class MatchedAcrossClasses(Lister):
    """Boxes are matched first, and classes compared afterwards."""

    def may_be(self, is_same: np.bool_) -> bool:
        return True


def overlap(a: F64, b: F64) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inside = float(np.prod(np.maximum(high - low, 0)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - inside
    return inside / union if union else 0.0


# --- LRP ---


def lrp(
    scores: F64, right: Mask, iou: F64, n: int, score_threshold: float, iou_threshold: float
) -> SimpleNamespace:
    refuse(np.isnan(scores), right.sum() > n)
    return parts(
        right[kept := scores >= score_threshold], iou[kept], n, score_threshold, iou_threshold
    )


def parts(right: Mask, iou: F64, n: int, score: float, iou_threshold: float) -> SimpleNamespace:
    hits, wrong, loss = int(right.sum()), int((~right).sum()), float((1 - iou[right]).sum())
    placed = loss / (1 - iou_threshold) if iou_threshold < 1 else 0.0
    return SimpleNamespace(
        score_threshold=score,
        lrp=share(placed + wrong + n - hits, wrong + n),
        localization=share(loss, hits),
        false_positive=share(wrong, hits + wrong),
        false_negative=share(n - hits, n),
    )


def share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def optimal_lrp(
    scores: F64, right: Mask, iou: F64, n: int, iou_threshold: float
) -> SimpleNamespace:
    refuse(np.isnan(scores), right.sum() > n)
    return least(scores, right, iou, n, iou_threshold, sorted(set(scores.tolist()), reverse=True))


def least(
    scores: F64, right: Mask, iou: F64, n: int, iou_threshold: float, thresholds: list[float]
) -> SimpleNamespace:
    nothing = parts(right[:0], iou[:0], n, math.nan, iou_threshold)
    if not n:
        return SimpleNamespace(**dict.fromkeys(vars(nothing), math.nan))
    if not right.any() or not thresholds:
        return nothing
    tried = [lrp(scores, right, iou, n, t, iou_threshold) for t in thresholds]
    return min(tried, key=lambda one: one.lrp)


def optimal_lrp_by_detections(
    scores: F64, right: Mask, iou: F64, n: int, iou_threshold: float
) -> SimpleNamespace:
    """Cumulative sums over the detections: a threshold that keeps half of its equals."""
    refuse(np.isnan(scores), right.sum() > n)
    order = np.argsort(-scores, kind="stable")
    apart = np.empty(len(scores))
    apart[order] = -np.arange(len(scores))  # as if no two were equal
    best = optimal_lrp(apart, right, iou, n, iou_threshold)
    if not math.isnan(best.score_threshold):
        best.score_threshold = float(scores[order][int(-best.score_threshold)])
    return best


def optimal_lrp_on_a_grid(
    scores: F64, right: Mask, iou: F64, n: int, iou_threshold: float
) -> SimpleNamespace:
    """Hundredths are tried instead of the scores."""
    refuse(np.isnan(scores), right.sum() > n)
    return least(scores, right, iou, n, iou_threshold, np.arange(0.0, 1.0, 0.01).tolist())


RIGHT = (
    Right("false_positive_kind", kind),
    Right("identify_false_positives", Lister()),
    Right("lrp_error", lrp),
    Right("optimal_lrp", optimal_lrp),
)

ZOO = (
    Wrong(
        "false_positive_kind",
        "confusion-first",
        kind_confusion_first,
        "microsoft/visionmetrics#56: the wrong class is given precedence",
    ),
    Wrong(
        "identify_false_positives",
        "unstable-sort",
        UnstableList(),
        "supervision 0.31.2, metrics/_confusion_matrix_metric.py: np.argsort(-...)",
    ),
    Wrong(
        "identify_false_positives",
        "background-is-not-listed",
        BackgroundIsNotListed(),
        "roboflow/supervision#1836, Lightning-AI/torchmetrics#1184",
    ),
    Wrong(
        "identify_false_positives",
        "duplicates-are-not-listed",
        DuplicatesAreNotListed(),
        "rafaelpadilla/Object-Detection-Metrics#20, fizyr/keras-retinanet#1418",
    ),
    Wrong(
        "identify_false_positives",
        "matched-across-classes",
        MatchedAcrossClasses(),
        "roboflow/supervision#1853, kaanakan/object_detection_confusion_matrix#21",
    ),
    Wrong(
        "optimal_lrp",
        "equals-taken-apart",
        optimal_lrp_by_detections,
        "kemaloksuz/LRP-Error, pycocotools/cocoeval.py: np.cumsum over the detections",
    ),
    Wrong(
        "optimal_lrp",
        "on-a-grid",
        optimal_lrp_on_a_grid,
        "cancam/LRP, pycocotools/cocoevalLRP.py: Threshold = ind * 0.01",
    ),
)
