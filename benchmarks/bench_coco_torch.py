"""A whole data set judged by COCO's rules: `torch_ops` on the device beside `core`.

pycocotools is the oracle, and a peer, where it takes less than a second. The larger ones are held
to `core`, which its own tests hold to pycocotools. `make bench-eval` has the other evaluators.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from numpy.random import Generator
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks.evaluation.inputs import Entry, ground_truth
from benchmarks.evaluation.workloads import SIZES, Workload, crowded, synthetic
from benchmarks.speed.task import (
    Arrays,
    Case,
    Implementation,
    Inputs,
    Task,
    Trial,
    as_arrays,
    trials,
)
from refdet.columns import CategoryTable, ImageTable, ObjectColumns
from refdet.core import coco_eval as core
from refdet.records import F64
from refdet.torch_ops import coco_eval as torch_ops

PYCOCOTOOLS_DETECTIONS = 1000
NAMES = (
    *("gt_image_ids", "gt_labels", "gt_boxes_xywh", "gt_area", "gt_crowd"),
    *("dt_image_ids", "dt_labels", "dt_boxes_xywh", "dt_scores", "image_ids", "category_ids"),
)


def columns(workload: Workload) -> Inputs:
    """The arguments of `evaluate_coco`, in the order of `NAMES`."""
    objects, detections = workload.objects, workload.detections
    return (
        *(objects.image_ids, objects.category_ids, objects.boxes_xywh, objects.area, objects.crowd),
        *(detections.image_ids, detections.category_ids, detections.boxes_xywh, detections.scores),
        *(objects.images.ids, objects.categories.ids),
    )


def like(name: str, size: str) -> Case:
    """One of the workloads of `make bench-eval`."""

    def make(rng: Generator) -> Inputs:
        return columns(synthetic(replace(SIZES[size], seed=int(rng.integers(2**31)))))

    return Case(name, SIZES[size].detections, make)


def one_class_crowded(rng: Generator) -> Inputs:
    """All over each other: refusals follow each other, in many rounds."""
    return columns(crowded(5, 50, 50, seed=int(rng.integers(2**31))))


def by_name(function: Callable[..., object]) -> Callable[..., object]:
    """`evaluate_coco` of columns in the order of `NAMES`."""
    return lambda *columns: function(**dict(zip(NAMES, columns, strict=True)))


def arrays(result: object) -> Arrays:
    assert isinstance(result, core.CocoResult | torch_ops.CocoResult)
    return as_arrays((result.precision, result.recall, result.scores, result.stats))


def for_pycocotools(*columns: object) -> Inputs:
    """A COCO file's content, and what `loadRes` takes: (D, 7) image id, box, score, category id."""
    given = {name: np.asarray(value) for name, value in zip(NAMES, columns, strict=True)}
    image_ids, category_ids = given["image_ids"], given["category_ids"]
    nothing = np.zeros((len(image_ids), 2), np.int64)
    objects = ObjectColumns(
        ImageTable(image_ids, tuple(map(str, image_ids)), nothing),
        CategoryTable(category_ids, tuple(map(str, category_ids))),
        given["gt_image_ids"],
        given["gt_labels"],
        given["gt_boxes_xywh"],
        given["gt_area"],
        given["gt_crowd"],
        np.zeros_like(given["gt_crowd"]),
    )
    parts = [given[f"dt_{name}"] for name in ("image_ids", "boxes_xywh", "scores", "labels")]
    return ground_truth(objects), np.column_stack(parts).astype(np.float64)


def by_pycocotools(content: dict[str, list[Entry]], detections: F64) -> COCOeval:
    """As its demo does it; what it prints of its progress is thrown away."""
    with redirect_stdout(StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(detections), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def arrays_of_pycocotools(judge: object) -> Arrays:
    assert isinstance(judge, COCOeval)
    return as_arrays(
        [*(judge.eval[name] for name in ("precision", "recall", "scores")), judge.stats]
    )


def right(*columns: object) -> Arrays:
    """The oracle."""
    detections = np.asarray(columns[NAMES.index("dt_scores")])
    if len(detections) > PYCOCOTOOLS_DETECTIONS:
        return arrays(by_name(core.evaluate_coco)(*columns))
    content, matrix = for_pycocotools(*columns)
    assert isinstance(content, dict)
    assert isinstance(matrix, np.ndarray)
    return arrays_of_pycocotools(by_pycocotools(content, matrix))


EVALUATE_COCO = Task(
    family="coco_torch",
    name="evaluate_coco",
    unit="detections",
    cases=(
        Case("one-class-crowded", 250, one_class_crowded),
        like("cells-364-images", "cells"),
        like("coco-val2017", "coco"),
    ),
    implementations=(
        Implementation(
            "refdet.core", by_name(core.evaluate_coco), takes_arrays=True, answer=arrays
        ),
        Implementation("refdet.torch_ops", by_name(torch_ops.evaluate_coco), answer=arrays),
        Implementation(
            "pycocotools",
            by_pycocotools,
            takes_arrays=True,
            prepare=for_pycocotools,
            answer=arrays_of_pycocotools,
            largest=PYCOCOTOOLS_DETECTIONS,
        ),
    ),
    oracle=right,
)


@pytest.mark.parametrize("trial", trials(EVALUATE_COCO))
def test_coco_torch(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
