"""Judge a detector on a split: records in, an `Evaluation` out.

AP sees every detection, whatever its score: a score threshold before AP changes it. The score
thresholds decide what counts as a detection for true and false positives, precision, recall, F1
and the lists of false positives and of missed objects.

A difficult object is ignored: not to be found, and what finds it is neither right nor wrong. By
VOC's rule that holds for any number of detections, by COCO's for one; a second is a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from refdet.core.average_precision import (
    average_precision_coco,
    average_precision_voc,
    average_precision_voc07,
    precision_recall_curve,
)
from refdet.core.false_positives import identify_false_positives
from refdet.core.iou import iou_matrix
from refdet.core.matching import match_coco, match_voc
from refdet.core.thresholds import score_threshold_mask
from refdet.records import (
    F64,
    I64,
    ClassMetrics,
    Detections,
    Evaluation,
    FalsePositiveKind,
    FalsePositiveRecord,
    GroundTruth,
    Mask,
    MissedObject,
    PrecisionRecall,
)

COCO_IOU_THRESHOLDS: F64 = np.linspace(0.5, 0.95, 10)
COCO_IOU_THRESHOLDS.setflags(write=False)
AT_50, AT_75 = 0, 5  # their places among COCO's thresholds


@dataclass(frozen=True)
class EvaluationSettings:
    """How a split is judged.

    Attributes:
        iou_threshold: at or above it a detection can be a true positive; AP has its own.
        score_threshold: a score counts as a detection at or above it; AP sees every score.
        class_thresholds: score thresholds of single classes, by label.
        max_detections: how many detections of a class in an image are judged, the best first.
        background_threshold: IoU below which a false positive lies on background.
    """

    iou_threshold: float = 0.5
    score_threshold: float = 0.5
    class_thresholds: Mapping[int, float] = field(default_factory=dict)
    max_detections: int = 100
    background_threshold: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.iou_threshold <= 1:
            raise ValueError(f"iou_threshold = {self.iou_threshold} is not in (0, 1]")
        if not 0 < self.background_threshold <= self.iou_threshold:
            raise ValueError(
                f"background_threshold = {self.background_threshold} is not in "
                f"(0, {self.iou_threshold}], up to the IoU threshold"
            )
        if self.max_detections < 1:
            raise ValueError(f"max_detections = {self.max_detections} is not positive")
        for label, threshold in [(None, self.score_threshold), *self.class_thresholds.items()]:
            name = "score_threshold" if label is None else f"class_thresholds[{label}]"
            if not 0 <= threshold <= 1:
                raise ValueError(f"{name} = {threshold} is not in [0, 1]")

    def score_threshold_of(self, label: int) -> float:
        """What a score of this class must reach to be counted."""
        return self.class_thresholds.get(label, self.score_threshold)


def evaluate_split(
    ground_truth: Sequence[GroundTruth],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    *,
    split: str,
    settings: EvaluationSettings,
) -> Evaluation:
    """Judge all detections of a split against its objects.

    Of equal scores, those in an earlier image of `ground_truth` come first.

    Args:
        ground_truth: one record for each image of the split.
        detections: at most one record for each of these images; none means that none was found.
        class_names: by label.
        split: its name, for the reports.
        settings: thresholds and limits.

    Returns:
        An `Evaluation`. `mean_ap`, `mean_ap50` and `mean_ap75` are COCO's first three numbers.

    Raises:
        ValueError: two records for one image, detections in an image without a record of ground
            truth, a label that no class has; names the image, and the row.
    """
    found = _by_image(ground_truth, detections, split)
    _check_labels(ground_truth, found, class_names, settings)
    judged = [_judged_image(truth, found.get(truth.image), settings) for truth in ground_truth]
    by_class = [
        _judged_class([image.classes[label] for image in judged if label in image.classes])
        for label in range(len(class_names))
    ]
    classes = tuple(
        _class_metrics(label, name, by_class[label], settings)
        for label, name in enumerate(class_names)
    )
    return Evaluation(
        split=split,
        n_images=len(ground_truth),
        iou_threshold=settings.iou_threshold,
        classes=classes,
        curves={label: _curve(one) for label, one in enumerate(by_class) if one.n_objects},
        mean_ap=_mean([one.ap for one in classes]),
        mean_ap50=_mean([one.ap50 for one in classes]),
        mean_ap75=_mean([one.ap75 for one in classes]),
        classes_without_ground_truth=tuple(one.name for one in classes if not one.n_ground_truth),
        false_positives=tuple(wrong for image in judged for wrong in image.false_positives),
        missed=tuple(missed for image in judged for missed in image.missed),
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """The detections of a class, in one image or in all, by score descending in each image."""

    scores: F64  # (D,)
    counted: Mask  # (D,): the score reaches its threshold
    right: Mask  # (11, D): true positives at the settings' IoU threshold, then at COCO's ten
    wrong: Mask  # (11, D): false positives; what is neither is ignored
    right_voc: Mask  # (D,)
    wrong_voc: Mask  # (D,)
    n_objects: int
    n_missed: int


@dataclass(frozen=True, eq=False)
class _JudgedImage:
    classes: Mapping[int, _Judged]
    false_positives: Sequence[FalsePositiveRecord]
    missed: Sequence[MissedObject]


def _judged_image(
    truth: GroundTruth, found: Detections | None, settings: EvaluationSettings
) -> _JudgedImage:
    if found is None:
        found = Detections(truth.image, np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    counted = score_threshold_mask(
        found.scores, found.labels, settings.score_threshold, settings.class_thresholds
    )
    iou = iou_matrix(found.boxes_xyxy, truth.boxes_xyxy)
    classes: dict[int, _Judged] = {}
    kept: list[I64] = []
    missed: list[int] = []
    for label in sorted({*found.labels.tolist(), *truth.labels.tolist()}):
        rows = np.flatnonzero(found.labels == label)[: settings.max_detections]
        columns = np.flatnonzero(truth.labels == label)
        classes[label], missed_here = _judged_one(
            iou[np.ix_(rows, columns)],
            found.scores[rows],
            counted[rows],
            truth.difficult[columns],
            settings.iou_threshold,
        )
        kept.append(rows[counted[rows]])
        missed.extend(columns[missed_here].tolist())
    rows = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    return _JudgedImage(
        classes,
        list(_false_positives(truth, found, rows, settings)),
        [
            MissedObject(truth.image, row, int(truth.labels[row]), _box(truth.boxes_xyxy[row]))
            for row in sorted(missed)
        ],
    )


def _judged_one(
    iou: F64, scores: F64, counted: Mask, difficult: Mask, iou_threshold: float
) -> tuple[_Judged, Mask]:
    """One class in one image, and which of its objects no counted detection found."""
    coco = match_coco(iou, scores, [iou_threshold, *COCO_IOU_THRESHOLDS], difficult)
    voc = match_voc(iou, scores, 0.5, difficult)
    missed = ~difficult
    # Counted detections come first by score, so that the others take nothing from them.
    missed[coco.object_index[0, coco.matched[0] & counted]] = False
    judged = _Judged(
        scores=scores,
        counted=counted,
        right=coco.true_positive,
        wrong=coco.false_positive,
        right_voc=voc.true_positive,
        wrong_voc=voc.false_positive,
        n_objects=int(np.count_nonzero(~difficult)),
        n_missed=int(np.count_nonzero(missed)),
    )
    return judged, missed


def _false_positives(
    truth: GroundTruth, found: Detections, rows: I64, settings: EvaluationSettings
) -> Iterator[FalsePositiveRecord]:
    """The false positives among `rows`, the detections that are counted."""
    for wrong in identify_false_positives(
        found.boxes_xyxy[rows],
        found.scores[rows],
        found.labels[rows],
        truth.boxes_xyxy,
        truth.labels,
        settings.iou_threshold,
        settings.background_threshold,
        truth.difficult,
    ):
        yield FalsePositiveRecord(
            image=truth.image,
            index=int(rows[wrong.index]),
            label=wrong.label,
            score=wrong.score,
            best_iou=wrong.best_iou,
            box_xyxy=wrong.box,
            kind=FalsePositiveKind(wrong.kind.value),
            confused_with=wrong.confused_with,
        )


def _judged_class(images: Sequence[_Judged]) -> _Judged:
    """A class in all images, in their order."""
    nothing = np.zeros(0, np.bool_)
    nothing_at_any = np.zeros((1 + len(COCO_IOU_THRESHOLDS), 0), np.bool_)
    return _Judged(
        scores=np.concatenate([np.zeros(0), *(one.scores for one in images)]),
        counted=np.concatenate([nothing, *(one.counted for one in images)]),
        right=np.concatenate([nothing_at_any, *(one.right for one in images)], axis=1),
        wrong=np.concatenate([nothing_at_any, *(one.wrong for one in images)], axis=1),
        right_voc=np.concatenate([nothing, *(one.right_voc for one in images)]),
        wrong_voc=np.concatenate([nothing, *(one.wrong_voc for one in images)]),
        n_objects=sum(one.n_objects for one in images),
        n_missed=sum(one.n_missed for one in images),
    )


def _class_metrics(
    label: int, name: str, judged: _Judged, settings: EvaluationSettings
) -> ClassMetrics:
    aps = [
        average_precision_coco(judged.scores[right | wrong], right[right | wrong], judged.n_objects)
        for right, wrong in zip(judged.right[1:], judged.wrong[1:], strict=True)
    ]
    voc = judged.right_voc | judged.wrong_voc
    of_voc = (judged.scores[voc], judged.right_voc[voc], judged.n_objects)
    tp = int(np.count_nonzero(judged.right[0] & judged.counted))
    fp = int(np.count_nonzero(judged.wrong[0] & judged.counted))
    precision, recall = _ratio(tp, tp + fp), _ratio(tp, judged.n_objects)
    return ClassMetrics(
        label=label,
        name=name,
        score_threshold=settings.score_threshold_of(label),
        n_ground_truth=judged.n_objects,
        n_detections=len(judged.scores),
        true_positives=tp,
        false_positives=fp,
        false_negatives=judged.n_missed,
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        ap=float(np.mean(aps)),
        ap50=aps[AT_50],
        ap75=aps[AT_75],
        ap50_voc=average_precision_voc(*of_voc),
        ap50_voc07=average_precision_voc07(*of_voc),
    )


def _curve(judged: _Judged) -> PrecisionRecall:
    right, not_ignored = judged.right[0], judged.right[0] | judged.wrong[0]
    curve = precision_recall_curve(judged.scores[not_ignored], right[not_ignored], judged.n_objects)
    return PrecisionRecall(curve.precision, curve.recall, curve.scores)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _f1(precision: float, recall: float) -> float:
    """The harmonic mean; 0 if both are 0, NaN if one is undefined."""
    return 2 * precision * recall / (precision + recall) if precision + recall != 0 else 0.0


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _box(corners: F64) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners.tolist()
    return x1, y1, x2, y2


def _by_image(
    ground_truth: Sequence[GroundTruth], detections: Sequence[Detections], split: str
) -> dict[str, Detections]:
    """The detections by their image's name."""
    images: set[str] = set()
    for truth in ground_truth:
        if truth.image in images:
            raise ValueError(f"the ground truth of {split!r} has image {truth.image!r} twice")
        images.add(truth.image)
    found: dict[str, Detections] = {}
    for record in detections:
        if record.image not in images:
            raise ValueError(
                f"detections in image {record.image!r}, which has no ground truth in {split!r}"
            )
        if record.image in found:
            raise ValueError(f"two records of detections in image {record.image!r}")
        found[record.image] = record
    return found


def _check_labels(
    ground_truth: Sequence[GroundTruth],
    found: Mapping[str, Detections],
    class_names: Sequence[str],
    settings: EvaluationSettings,
) -> None:
    """Refuse a label that no class has."""
    n_classes = len(class_names)
    named = [(f"ground truth of image {truth.image!r}", truth.labels) for truth in ground_truth]
    named += [(f"detections in image {image!r}", found[image].labels) for image in found]
    for where, labels in named:
        for row in np.flatnonzero(labels >= n_classes):
            raise ValueError(f"{where}: labels[{row}] = {labels[row]}, of {n_classes} classes")
    for label in settings.class_thresholds:
        if not 0 <= label < n_classes:
            raise ValueError(f"class_thresholds names label {label}, of {n_classes} classes")
