"""Where several runs see an object that nobody has annotated.

A background false positive is an error of the detector or of the annotation. Several models, or
several epochs of one, rarely agree on an error of their own: what they agree on comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from refdet.analysis_records import LabelCandidate
from refdet.core.iou import ioa_matrix, iou_matrix
from refdet.evaluate import JudgedDataSet
from refdet.records import F64, I64

AGREEMENT_IOU = 0.5
"""Two runs see the same where their boxes of one class overlap this much."""


def label_candidates(
    runs: Sequence[JudgedDataSet], agreement_iou: float = AGREEMENT_IOU
) -> tuple[LabelCandidate, ...]:
    """The places that the annotation may lack, the likeliest first.

    All runs' false positives at their score thresholds are grouped, image by image and class by
    class: the highest score that is left (ties: the earlier run, then the earlier row) takes every
    one that overlaps it by at least `agreement_iou`, of whatever run. Of each run the best in the
    group speaks: the candidate's box is the mean of theirs, its score their mean with 0 for a run
    that is not in the group. It is a candidate if the mean box lies on background: its overlap
    with every annotated object, of any class and ignored ones too, is below the background
    threshold. Of an overlap with a crowd counts the share of the box, as in COCO's matching.

    Args:
        runs: at least one, judged against the same objects by the same settings.
        agreement_iou: in (0, 1].

    Returns:
        Candidates by score, then by how many runs see them, then in the order of the images, the
        classes and the scores of their groups' first.

    Raises:
        ValueError: there is no run, they are of different objects, or the IoU is not in (0, 1].
    """
    if not runs:
        raise ValueError("runs is empty: there is nothing to agree")
    if any(run.objects is not runs[0].objects for run in runs):
        raise ValueError("the runs are judged against different objects")
    if not 0 < agreement_iou <= 1:
        raise ValueError(f"agreement_iou = {agreement_iou} is not in (0, 1]")
    objects = runs[0].objects
    images = objects.images
    wrong = [
        _rows_by_image(
            np.flatnonzero(run.false & run.counted), run.detections.image_ids, images.ids
        )
        for run in runs
    ]
    annotated = _rows_by_image(np.arange(len(objects)), objects.image_ids, images.ids)
    found: list[LabelCandidate] = []
    for place, name in enumerate(images.names):
        pool = _Pool.of(runs, [of_run[place] for of_run in wrong])
        found += _candidates(name, pool, agreement_iou, runs[0], annotated[place], len(runs))
    return tuple(sorted(found, key=lambda candidate: (-candidate.score, -candidate.n_runs)))


@dataclass(frozen=True, eq=False)
class _Pool:
    """The false positives of all runs in an image, by class, then by precedence."""

    run: I64
    labels: I64
    scores: F64
    boxes_xyxy: F64

    @staticmethod
    def of(runs: Sequence[JudgedDataSet], rows_of_run: Sequence[I64]) -> _Pool:
        both = list(zip(runs, rows_of_run, strict=True))
        run = np.concatenate([np.full(len(rows), n) for n, rows in enumerate(rows_of_run)])
        labels = np.concatenate([judged.labels[rows] for judged, rows in both])
        scores = np.concatenate([judged.detections.scores[rows] for judged, rows in both])
        boxes = np.concatenate([judged.dt_xyxy[rows] for judged, rows in both])
        # Of several keys, `lexsort` sorts by the last one first; what is equal stays in order.
        order = np.lexsort((run, -scores, labels))
        return _Pool(run[order], labels[order], scores[order], boxes[order])


def _candidates(
    image: str,
    pool: _Pool,
    agreement_iou: float,
    judged: JudgedDataSet,
    annotated: I64,
    n_runs: int,
) -> Iterator[LabelCandidate]:
    groups = _groups(pool, agreement_iou)
    boxes = np.array([pool.boxes_xyxy[rows].mean(axis=0) for rows in groups]).reshape(-1, 4)
    overlaps = _overlap_with_objects(boxes, judged, annotated).tolist()
    for rows, box, overlap in zip(groups, boxes.tolist(), overlaps, strict=True):
        if overlap < judged.settings.background_threshold:
            scores = np.zeros(n_runs)
            scores[pool.run[rows]] = pool.scores[rows]
            yield LabelCandidate(
                image=image,
                label=int(pool.labels[rows[0]]),
                box_xyxy=tuple(box),
                score=math.fsum(scores) / n_runs,  # the same for the same scores in any order
                n_runs=len(rows),
                best_iou=overlap,
                run_scores=tuple(scores.tolist()),
            )


def _groups(pool: _Pool, agreement_iou: float) -> list[I64]:
    """The rows that speak for each group, one of each run that is in it."""
    near = iou_matrix(pool.boxes_xyxy, pool.boxes_xyxy) >= agreement_iou  # (N, N)
    near &= pool.labels[:, None] == pool.labels
    np.fill_diagonal(near, True)  # a box without area does not even overlap itself
    free = np.ones(len(near), np.bool_)
    groups = []
    for row in range(len(near)):
        if free[row]:
            members = np.flatnonzero(near[row] & free)
            free[members] = False
            _, first = np.unique(pool.run[members], return_index=True)
            groups.append(members[first])
    return groups


def _overlap_with_objects(boxes_xyxy: F64, judged: JudgedDataSet, annotated: I64) -> F64:
    """(K,) the highest overlap of each box with one of these objects."""
    crowd = judged.objects.crowd[annotated]
    overlap = iou_matrix(boxes_xyxy, judged.gt_xyxy[annotated])  # (K, G)
    overlap[:, crowd] = ioa_matrix(boxes_xyxy, judged.gt_xyxy[annotated[crowd]])
    best: F64 = overlap.max(axis=1, initial=0.0)
    return best


def _rows_by_image(rows: I64, image_ids: I64, images: I64) -> list[I64]:
    """For each of `images` those of `rows` that are in it, in their order."""
    rows = rows[np.argsort(image_ids[rows], kind="stable")]
    starts, ends = (np.searchsorted(image_ids[rows], images, side) for side in ("left", "right"))
    return [rows[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
