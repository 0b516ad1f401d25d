"""Bootstrap samples of a whole data set: from one matching, beside judging copied images anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from benchmarks.evaluation.workloads import Workload, workload
from benchmarks.speed.task import Case, Implementation, Inputs, Task, Trial, trials
from refdet.analysis.resampling import Resampler
from refdet.columns import DetectionColumns, ImageTable, ObjectColumns
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.records import F64, I64

N_SAMPLES = 5
SETTINGS = EvaluationSettings()


def samples(rng: Generator) -> Inputs:
    """364 images with 26,000 detections, and how often each image is drawn."""
    data = workload("cells")
    return data, bootstrap_weights(len(data.objects.images), N_SAMPLES, rng)


def judged_once(data: Workload, weights: I64) -> Inputs:
    return judged_columns(data.objects, data.detections, SETTINGS), weights


def resampled(judged: JudgedDataSet, weights: I64) -> F64:
    """All numbers and curves of each sample; building the resampler is part of it."""
    return Resampler(judged).numbers(weights).coco_stats


def judged_anew(data: Workload, weights: I64) -> F64:
    """(S, 12) COCO's numbers of copied rows of objects and detections."""
    return np.array([_numbers(*_copied(data, weight)) for weight in weights])


def _numbers(objects: ObjectColumns, detections: DetectionColumns) -> F64:
    return judged_columns(objects, detections, SETTINGS).result.stats


def _copied(data: Workload, weight: I64) -> tuple[ObjectColumns, DetectionColumns]:
    """Each image as often as its weight, with ids of their own in the same order."""
    ids = data.objects.images.ids  # ascending in these workloads
    first = np.cumsum(weight) - weight
    n_images = int(weight.sum())
    table = ImageTable(
        np.arange(n_images), tuple(map(str, range(n_images))), np.zeros((n_images, 2), np.int64)
    )

    def rows(image_ids: I64) -> tuple[I64, I64]:
        place = np.searchsorted(ids, image_ids)
        times = weight[place]
        row = np.repeat(np.arange(len(place)), times)
        copy = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
        return row, first[place[row]] + copy

    chosen, image_ids = rows(data.objects.image_ids)
    found, found_image_ids = rows(data.detections.image_ids)
    columns = ("category_ids", "boxes_xywh", "area", "crowd", "ignore")
    objects = dataclasses.replace(
        data.objects,
        images=table,
        image_ids=image_ids,
        **{name: getattr(data.objects, name)[chosen] for name in columns},
    )
    detections = DetectionColumns(
        found_image_ids,
        *(
            getattr(data.detections, name)[found]
            for name in ("category_ids", "boxes_xywh", "scores")
        ),
    )
    return objects, detections


BOOTSTRAP = Task(
    family="bootstrap",
    name="bootstrap samples of COCO's numbers",
    unit="samples",
    cases=(Case("cells-364-images", N_SAMPLES, samples),),
    implementations=(
        Implementation("refdet.analysis", resampled, takes_arrays=True, prepare=judged_once),
        Implementation("judged anew", judged_anew, takes_arrays=True),
    ),
    oracle=judged_anew,
)


@pytest.mark.parametrize("trial", trials(BOOTSTRAP))
def test_bootstrap(measure: Callable[[Trial], None], trial: Trial) -> None:
    measure(trial)
