"""Matching and average precision of one class: `core` beside pycocotools and plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from pycocotools.cocoeval import COCOeval

from benchmarks.speed.inputs import random_boxes
from benchmarks.speed.task import Arrays, Case, Implementation, Inputs, Task, Trial, trials
from refdet.conformance import average_precision as naive_ap
from refdet.conformance import matching as naive
from refdet.core import average_precision as core_ap
from refdet.core import matching as core
from refdet.core.iou import iou_matrix
from refdet.records import F64, I64, Mask

THRESHOLDS = np.linspace(0.5, 0.95, 10)
EVERYTHING = [0.0, 1e10]


def image(n_detections: int, n_objects: int) -> Case:
    """Detections about the objects of an image, some of them twice."""

    def make(rng: Generator) -> Inputs:
        objects = random_boxes(rng, n_objects)
        found = objects[rng.integers(0, n_objects, n_detections)]
        found = found + rng.normal(0, 0.01, found.shape)
        iou = iou_matrix(np.sort(found.reshape(-1, 2, 2), axis=1).reshape(-1, 4), objects)
        return iou, rng.permutation(n_detections) / n_detections

    return Case(f"detections-x-gt-{n_detections}", n_detections * n_objects, make)


def as_case(iou: F64, scores: F64) -> naive.Case:
    nothing = np.zeros(iou.shape[1], np.bool_)
    return naive.Case(iou, scores, nothing, nothing)


def rows(found: list[int | None]) -> list[int]:
    return [-1 if column is None else column for column in found]


def voc_by_a_loop(iou: F64, scores: F64) -> I64:
    return np.array(rows(naive.naive_voc(as_case(iou, scores), 0.5)))


def coco_by_a_loop(iou: F64, scores: F64) -> I64:
    case = as_case(iou, scores)
    return np.array([rows(naive.naive_coco(case, level)) for level in THRESHOLDS.tolist()])


def found_objects(matching: object) -> Arrays:
    assert isinstance(matching, core.Matching)
    return (np.where(matching.matched, matching.object_index, -1),)


def for_pycocotools(iou: F64, scores: F64) -> Inputs:
    """An evaluator that has the overlaps already, rows by score; ids from 1."""
    judge = COCOeval(iouType="bbox")
    common = {"area": 1.0, "iscrowd": 0, "ignore": 0}
    judge._gts = {(1, 1): [{"id": n + 1, **common} for n in range(iou.shape[1])]}
    judge._dts = {(1, 1): [{"id": n + 1, "area": 1.0, "score": s} for n, s in enumerate(scores)]}
    order = np.argsort(-scores, kind="stable")
    judge.ious = {(1, 1): iou[order]}
    return judge, order


def by_pycocotools(judge: COCOeval, order: I64) -> tuple[object, I64]:
    return judge.evaluateImg(1, 1, EVERYTHING, len(order))["dtMatches"], order


def in_input_order(result: object) -> Arrays:
    assert isinstance(result, tuple)
    matches, order = (np.asarray(part, np.int64) for part in result)
    found = np.empty_like(matches)
    found[:, order] = matches - 1
    return (found,)


IMAGES = (image(100, 20), image(300, 60))
VOC = Task(
    family="matching",
    name="match_voc",
    unit="pairs",
    cases=IMAGES,
    implementations=(
        Implementation(
            "refdet.core",
            lambda iou, scores: core.match_voc(iou, scores, 0.5),
            takes_arrays=True,
            answer=found_objects,
        ),
        Implementation("loop", voc_by_a_loop, takes_arrays=True),
    ),
    oracle=voc_by_a_loop,
)
COCO = Task(
    family="matching",
    name="match_coco",
    unit="pairs",
    cases=IMAGES,
    implementations=(
        Implementation(
            "refdet.core",
            lambda iou, scores: core.match_coco(iou, scores, THRESHOLDS),
            takes_arrays=True,
            answer=found_objects,
        ),
        Implementation(
            "pycocotools",
            by_pycocotools,
            takes_arrays=True,
            prepare=for_pycocotools,
            answer=in_input_order,
        ),
        Implementation("loop", coco_by_a_loop, takes_arrays=True, largest=2000),
    ),
    oracle=coco_by_a_loop,
)


def ranking(count: int) -> Case:
    """A class's detections, three of five right, the better ones sooner."""

    def make(rng: Generator) -> Inputs:
        scores = rng.permutation(count) / count
        return scores, rng.random(count) < 0.2 + 0.8 * scores, count

    return Case(f"detections-{count}", count, make)


def coco_ap_by_levels(scores: F64, found: Mask, n_objects: int) -> float:
    """A mask of the curve for each of the 101 levels, as it is often written."""
    ranked = found[np.argsort(-scores, kind="stable")]
    true = np.cumsum(ranked)
    recall, precision = true / n_objects, true / np.arange(1, len(ranked) + 1)
    levels = np.linspace(0, 1, 101)
    return float(np.mean([precision[recall >= x].max(initial=0) for x in levels]))


def coco_ap_by_fractions(scores: F64, found: Mask, n_objects: int) -> float:
    return naive_ap.naive_coco(naive_ap.Judged(scores, found, n_objects))


AP = Task(
    family="matching",
    name="average_precision_coco",
    unit="detections",
    cases=(ranking(100), ranking(1000), ranking(10_000)),
    implementations=(
        Implementation("refdet.core", core_ap.average_precision_coco, takes_arrays=True),
        Implementation("notebook", coco_ap_by_levels, takes_arrays=True),
    ),
    oracle=coco_ap_by_fractions,
)


@pytest.mark.parametrize("trial", trials(VOC, COCO, AP))
def test_matching(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
