"""What two runs on the same images do differently, object by object, at their score thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refdet.analysis_records import Change, ChangedImage, ChangeKind
from refdet.core.coco_eval import CocoParams
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64, Mask

_ORDER = tuple(ChangeKind)


def changes_between(
    a: JudgedDataSet, b: JudgedDataSet
) -> tuple[tuple[ChangedImage, ...], tuple[Change, ...]]:
    """The images that two runs differ on, the most changed first, and what changed in them.

    A false positive that both runs have is none of the changes: theirs overlap by at least the IoU
    threshold, in the same class. Each goes with one at most, those that overlap most first.

    Args:
        a: the first run.
        b: the second, on the same images, at the same IoU threshold.

    Returns:
        Images by how much changed in them, then as in the data set; changes by these images, then
        by kind, then by score descending.
    """
    changes = [*_objects(a, b), *_false_positives(a, b)]
    images = a.objects.images.names
    counts = Counter((change.image, change.kind) for change in changes)
    in_image = Counter(change.image for change in changes)
    places = {name: place for place, name in enumerate(images)}
    changed = sorted(in_image, key=lambda name: (-in_image[name], places[name]))
    rank = {name: place for place, name in enumerate(changed)}
    changes.sort(key=lambda one: (rank[one.image], _ORDER.index(one.kind), -one.score))
    rows = (ChangedImage(name, *(counts[name, kind] for kind in _ORDER)) for name in changed)
    return tuple(rows), tuple(changes)


def _objects(a: JudgedDataSet, b: JudgedDataSet) -> Iterator[Change]:
    scores = [_scores_of_objects(judged) for judged in (a, b)]
    found = [~np.isnan(of_run) for of_run in scores]
    for kind, run in ((ChangeKind.FOUND, 1), (ChangeKind.LOST, 0)):
        rows = np.flatnonzero(found[run] & ~found[1 - run])
        where = a.objects.image_ids[rows], a.object_labels[rows], a.gt_xyxy[rows]
        yield from _changes(a, kind, *where, scores[run][rows])


def _scores_of_objects(judged: JudgedDataSet) -> F64:
    """(G,) the score of the detection that found each object; NaN for one that was missed."""
    scores = np.full(len(judged.objects), np.nan)
    right = judged.true & judged.counted
    scores[judged.object_row[right]] = judged.detections.scores[right]
    return scores


def _false_positives(a: JudgedDataSet, b: JudgedDataSet) -> Iterator[Change]:
    rows = [_wrong_rows(judged) for judged in (a, b)]
    shared = _shared(a, b, *rows)
    for judged, kind, own, known in (
        (b, ChangeKind.ADDED_FALSE_POSITIVE, rows[1], shared[1]),
        (a, ChangeKind.REMOVED_FALSE_POSITIVE, rows[0], shared[0]),
    ):
        new = own[~known]
        where = judged.detections.image_ids[new], judged.labels[new], judged.dt_xyxy[new]
        yield from _changes(judged, kind, *where, judged.detections.scores[new])


def _wrong_rows(judged: JudgedDataSet) -> I64:
    """The false positives, by score descending."""
    rows = np.flatnonzero(judged.false & judged.counted)
    ordered: I64 = rows[np.argsort(-judged.detections.scores[rows], kind="stable")]
    return ordered


def _shared(a: JudgedDataSet, b: JudgedDataSet, in_a: I64, in_b: I64) -> tuple[Mask, Mask]:
    """Which of these rows of either run are the same false positive in both."""
    known = np.zeros(len(in_a), np.bool_), np.zeros(len(in_b), np.bool_)
    data = replace(
        a.data,
        gt_image_ids=a.detections.image_ids[in_a],
        gt_labels=a.detections.category_ids[in_a],
        gt_boxes_xywh=a.detections.boxes_xywh[in_a],
        gt_area=np.zeros(len(in_a)),
        gt_crowd=np.zeros(len(in_a), np.bool_),
        gt_ignore=None,
        dt_image_ids=b.detections.image_ids[in_b],
        dt_labels=b.detections.category_ids[in_b],
        dt_boxes_xywh=b.detections.boxes_xywh[in_b],
        dt_scores=b.detections.scores[in_b],
    )
    threshold = a.settings.iou_threshold
    params = CocoParams(iou_thresholds=(threshold,), max_detections=(max(1, len(in_b)),))
    pairs = data.match(params)
    # Of equal overlaps the better scored pair goes first. Two that share a false positive are never
    # equal in both, so that it is the same whichever run is called the first.
    order = np.lexsort((pairs.object + pairs.detection, -pairs.iou))
    for of_a, of_b in zip(
        pairs.object[order].tolist(), pairs.detection[order].tolist(), strict=True
    ):
        if not (known[0][of_a] or known[1][of_b]):
            known[0][of_a] = known[1][of_b] = True
    return known


def _changes(
    judged: JudgedDataSet, kind: ChangeKind, image_ids: I64, labels: I64, boxes: F64, scores: F64
) -> Iterator[Change]:
    images = judged.objects.images
    names = dict(zip(images.ids.tolist(), images.names, strict=True))
    columns = (image_ids.tolist(), labels.tolist(), boxes.tolist(), scores.tolist())
    for image_id, label, (x1, y1, x2, y2), score in zip(*columns, strict=True):
        yield Change(names[image_id], kind, label, (x1, y1, x2, y2), score)
