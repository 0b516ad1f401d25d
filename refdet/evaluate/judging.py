"""One data set, matched once, and all that is read from the matching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.average_precision import (
    average_precision_voc,
    average_precision_voc07,
    precision_recall_curve,
)
from refdet.core.coco_eval import CocoData, CocoMatches, CocoParams
from refdet.core.false_positives import false_positive_kind
from refdet.core.iou import iou_paired
from refdet.core.matching import Matching, match_voc_pairs
from refdet.evaluate.settings import EvaluationSettings
from refdet.evaluate.totals import class_aps, f1_of, ratio_of, totals_of
from refdet.records import (
    F64,
    I64,
    ClassMetrics,
    ConfusionMatrix,
    Evaluation,
    FalsePositiveKind,
    FalsePositiveRecord,
    Mask,
    MissedObject,
    PrecisionRecall,
)

ANY_OVERLAP = 1e-12
"""The IoU from which two boxes overlap at all."""


def coco_data(objects: ObjectColumns, detections: DetectionColumns) -> CocoData:
    """The columns as the evaluator takes them."""
    return CocoData(
        gt_image_ids=objects.image_ids,
        gt_labels=objects.category_ids,
        gt_boxes_xywh=objects.boxes_xywh,
        gt_area=objects.area,
        gt_crowd=objects.crowd,
        gt_ignore=objects.ignore,
        dt_image_ids=detections.image_ids,
        dt_labels=detections.category_ids,
        dt_boxes_xywh=detections.boxes_xywh,
        dt_scores=detections.scores,
        image_ids=objects.images.ids,
        category_ids=objects.categories.ids,
    )


class JudgedDataSet:
    """One data set, matched once; its methods read the parts of an `Evaluation` from that.

    Attributes:
        labels: (D,) of each detection, and `object_labels` (G,) of each object: rows of the table.
        true: (D,) true positives at the settings' IoU threshold, and `false` and `ignored`.
        counted: (D,) whose score reaches its threshold.
        counts: (G,) objects that are to be found.
        matches: at COCO's thresholds; `at_threshold` at the settings' own.
    """

    def __init__(
        self,
        objects: ObjectColumns,
        detections: DetectionColumns,
        gt_xyxy: F64,
        dt_xyxy: F64,
        settings: EvaluationSettings,
        matches: CocoMatches | None = None,
    ) -> None:
        self.objects, self.detections, self.settings = objects, detections, settings
        self.gt_xyxy, self.dt_xyxy = gt_xyxy, dt_xyxy
        self.n_classes = len(objects.categories)
        self.thresholds = settings.score_thresholds(self.n_classes)
        self.data = coco_data(objects, detections)
        self.matches = matches or self.data.match(settings.coco_params)
        self.result = self.matches.state.accumulate()
        self.at_threshold = self._matches_at(settings.iou_threshold)
        self.object_labels = _rows_of(objects.category_ids, objects.categories.ids)
        self.labels = _rows_of(detections.category_ids, objects.categories.ids)
        self.counts = ~(objects.crowd | objects.ignore)
        self.counted = detections.scores >= self.thresholds[self.labels]
        outcomes = self.at_threshold.outcomes(settings.iou_threshold)
        self.object_row = outcomes.object_row
        self.true, self.false = outcomes.true_positive, outcomes.false_positive
        self.ignored = outcomes.ignored

    def evaluation(self, split: str) -> Evaluation:
        """All there is to say."""
        classes = tuple(self._classes())
        return Evaluation(
            split=split,
            n_images=len(self.objects.images),
            iou_threshold=self.settings.iou_threshold,
            max_detections=self.settings.max_detections,
            classes=classes,
            totals=totals_of(classes, self.result),
            coco_stats=tuple(self.result.stats.tolist()),
            curves=self._curves(),
            confusion=self._confusion(),
            classes_without_ground_truth=tuple(
                one.name for one in classes if not one.n_ground_truth
            ),
            false_positives=tuple(self._false_positives()),
            missed=tuple(self._missed()),
        )

    def _matches_at(self, iou_threshold: float) -> CocoMatches:
        params = self.matches.state.params
        if iou_threshold in params.iou_thresholds:
            return self.matches
        return self.data.match(replace(params, iou_thresholds=(iou_threshold,)))

    def _per_class(self, labels: I64) -> list[int]:
        counts: list[int] = np.bincount(labels, minlength=self.n_classes).tolist()
        return counts

    def _classes(self) -> Iterator[ClassMetrics]:
        n_objects = self._per_class(self.object_labels[self.counts])
        n_detections = self._per_class(self.labels[self.true | self.false | self.ignored])
        right = self._per_class(self.labels[self.true & self.counted])
        wrong = self._per_class(self.labels[self.false & self.counted])
        aps: list[list[float]] = class_aps(self.result, self.objects.categories.ids).tolist()
        voc = self.voc_matching()
        rows_of_voc = self._ranked(self.matches.row, voc.true_positive | voc.false_positive)
        for label, name in enumerate(self.objects.categories.names):
            rows = rows_of_voc[label]
            of_voc = self.detections.scores[rows], voc.true_positive[rows], n_objects[label]
            precision = ratio_of(right[label], right[label] + wrong[label])
            recall = ratio_of(right[label], n_objects[label])
            yield ClassMetrics(
                label=label,
                name=name,
                score_threshold=float(self.thresholds[label]),
                n_ground_truth=n_objects[label],
                n_detections=n_detections[label],
                true_positives=right[label],
                false_positives=wrong[label],
                false_negatives=n_objects[label] - right[label],
                precision=precision,
                recall=recall,
                f1=f1_of(right[label], wrong[label], n_objects[label] - right[label]),
                ap=aps[label][0],
                ap50=aps[label][1],
                ap75=aps[label][2],
                ap50_voc=average_precision_voc(*of_voc),
                ap50_voc07=average_precision_voc07(*of_voc),
            )

    def voc_matching(self) -> Matching:
        """VOC's matching at IoU 0.5, of the detections that COCO's rule judges."""
        judged = np.zeros(len(self.detections), np.bool_)
        judged[self.matches.row] = True
        detection, matched = self.matches.detection, self.matches.object
        iou = np.minimum(self.matches.iou, 1)  # COCO's operations may round to a little more
        # VOC knows no crowd: it is a difficult object with an IoU like any other's.
        crowd = np.flatnonzero(self.objects.crowd[matched])
        iou[crowd] = iou_paired(self.dt_xyxy[detection[crowd]], self.gt_xyxy[matched[crowd]])
        scores = self.detections.scores
        voc = match_voc_pairs(detection, matched, iou, scores, 0.5, ~self.counts)
        return replace(voc, ignored=voc.ignored | ~judged)

    def _curves(self) -> dict[int, PrecisionRecall]:
        rows = self._ranked(self.at_threshold.row, self.true | self.false)
        curves = {}
        for label, n_objects in enumerate(self._per_class(self.object_labels[self.counts])):
            if n_objects:
                own = rows[label]
                scores, right = self.detections.scores[own], self.true[own]
                curve = precision_recall_curve(scores, right, n_objects)
                curves[label] = PrecisionRecall(curve.precision, curve.recall, curve.scores)
        return curves

    def _ranked(self, row: I64, wanted: Mask) -> list[I64]:
        """For each class those of `row`, in COCO's order of equal scores, that are wanted."""
        row = row[wanted[row]]
        row = row[np.argsort(self.labels[row], kind="stable")]
        ends = np.cumsum(np.bincount(self.labels[row], minlength=self.n_classes))
        return np.split(row, ends[:-1])

    def _found_objects(self) -> Mask:
        found = np.zeros(len(self.objects), np.bool_)
        found[self.object_row[self.true & self.counted]] = True
        return found

    def _confusion(self) -> ConfusionMatrix:
        n_classes, background = self.n_classes, self.n_classes
        judged = self.true | self.false | self.ignored
        found = np.flatnonzero(self.true & self.counted)
        wrong = np.flatnonzero(self.false & self.counted)
        lost = np.flatnonzero(self.counts & ~self._found_objects())
        pairs = [(self.labels[found], self.labels[found])]
        taken = self._match_whatever_class(wrong, lost)
        paired = taken >= 0
        there = np.where(paired, self.object_labels[lost[taken]], background) if len(lost) else None
        pairs.append(
            (self.labels[wrong], np.full(len(wrong), background) if there is None else there)
        )
        left = np.delete(lost, taken[paired])
        pairs.append((np.full(len(left), background), self.object_labels[left]))
        detected, actual = (np.concatenate(column) for column in zip(*pairs, strict=True))
        cells = np.bincount(detected * (n_classes + 1) + actual, minlength=(n_classes + 1) ** 2)
        return ConfusionMatrix(
            class_names=self.objects.categories.names,
            counts=cells.reshape(n_classes + 1, n_classes + 1),
            ignored_detections=int(np.count_nonzero(self.ignored & self.counted)),
            ignored_objects=int(np.count_nonzero(~self.counts)),
            unjudged_detections=int(np.count_nonzero(self.counted & ~judged)),
        )

    def _match_whatever_class(self, detections: I64, objects: I64) -> I64:
        """For each of these rows of detections its place in these rows of objects, or -1."""
        threshold = self.settings.iou_threshold
        params = CocoParams(iou_thresholds=(threshold,), max_detections=(max(1, len(detections)),))
        return self._part(detections, objects).match(params).outcomes(threshold).object_row

    def _part(self, detections: I64, objects: I64) -> CocoData:
        """Some rows only, all of them of one class; all objects count."""
        data = self.data
        return replace(
            data,
            gt_image_ids=data.gt_image_ids[objects],
            gt_labels=np.zeros(len(objects), np.int64),
            gt_boxes_xywh=data.gt_boxes_xywh[objects],
            gt_area=data.gt_area[objects],
            gt_crowd=np.zeros(len(objects), np.bool_),
            gt_ignore=None,
            dt_image_ids=data.dt_image_ids[detections],
            dt_labels=np.zeros(len(detections), np.int64),
            dt_boxes_xywh=data.dt_boxes_xywh[detections],
            dt_scores=data.dt_scores[detections],
            category_ids=np.zeros(1, np.int64),
        )

    def _false_positives(self) -> Iterator[FalsePositiveRecord]:
        wrong = np.flatnonzero(self.false & self.counted)
        own, other, other_object = self._best_overlaps(wrong)
        images = _rows_of(self.detections.image_ids, self.objects.images.ids)
        index = _index_in_image(images, self.detections.scores)
        order = np.lexsort((index[wrong], images[wrong]))
        settings = self.settings
        for place in order.tolist():
            row = int(wrong[place])
            own_iou, other_iou = float(own[place]), float(other[place])
            kind = FalsePositiveKind(
                false_positive_kind(
                    own_iou, other_iou, settings.iou_threshold, settings.background_threshold
                ).value
            )
            confused = kind is FalsePositiveKind.CONFUSION
            yield FalsePositiveRecord(
                image=self.objects.images.names[images[row]],
                index=int(index[row]),
                label=int(self.labels[row]),
                score=float(self.detections.scores[row]),
                best_iou=own_iou,
                box_xyxy=_box(self.dt_xyxy[row]),
                kind=kind,
                confused_with=int(self.object_labels[other_object[place]]) if confused else None,
            )

    def _best_overlaps(self, detections: I64) -> tuple[F64, F64, I64]:
        """For each of these rows, the highest IoU with an object of its class, and of another.

        Also that other object's row (ties: the first).
        """
        everything = np.arange(len(self.objects))
        params = CocoParams(
            iou_thresholds=(ANY_OVERLAP,), max_detections=(max(1, len(detections)),)
        )
        pairs = self._part(detections, everything).match(params)
        iou = np.minimum(pairs.iou, 1)
        same = self.labels[detections[pairs.detection]] == self.object_labels[pairs.object]
        own, other = np.zeros((2, len(detections)))
        np.maximum.at(own, pairs.detection[same], iou[same])
        order = np.flatnonzero(~same)
        order = order[np.lexsort((-pairs.object[order], iou[order]))]
        other_object = np.full(len(detections), -1)
        other[pairs.detection[order]] = iou[order]  # of several, the last one stays
        other_object[pairs.detection[order]] = pairs.object[order]
        return own, other, other_object

    def _missed(self) -> Iterator[MissedObject]:
        images = _rows_of(self.objects.image_ids, self.objects.images.ids)
        index = _index_in_image(images)
        missed = np.flatnonzero(self.counts & ~self._found_objects())
        for row in missed[np.lexsort((index[missed], images[missed]))].tolist():
            yield MissedObject(
                self.objects.images.names[images[row]],
                int(index[row]),
                int(self.object_labels[row]),
                _box(self.gt_xyxy[row]),
            )


def _rows_of(ids: I64, table: I64) -> I64:
    """The row of each id in a table in any order that has them all."""
    order = np.argsort(table)
    return order[np.searchsorted(table, ids, sorter=order)] if len(ids) else ids


def _index_in_image(images: I64, scores: F64 | None = None) -> I64:
    """The place of each row among those of its image, by score descending, then as given."""
    keys = (images,) if scores is None else (-scores, images)
    order = np.lexsort(keys)
    start = np.flatnonzero(np.diff(images[order], prepend=-1))
    index = np.empty(len(images), np.int64)
    sizes = np.diff(start, append=len(images))
    index[order] = np.arange(len(images)) - np.repeat(start, sizes)
    return index


def _box(corners: F64) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners.tolist()
    return x1, y1, x2, y2
