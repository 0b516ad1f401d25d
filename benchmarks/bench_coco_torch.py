"""A whole data set judged by COCO's rules: `torch_ops` on the device beside `core`.

`make bench-eval` has other evaluators beside `core`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from numpy.random import Generator

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
from refdet.core import coco_eval as core
from refdet.torch_ops import coco_eval as torch_ops

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


def judged_by_core(*columns: object) -> Arrays:
    """What its own tests hold to pycocotools, bit for bit; here it is the oracle of its twin."""
    return arrays(by_name(core.evaluate_coco)(*columns))


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
    ),
    oracle=judged_by_core,
)


@pytest.mark.parametrize("trial", trials(EVALUATE_COCO))
def test_coco_torch(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
