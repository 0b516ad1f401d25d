"""Bootstrap samples of a whole data set: from one matching, beside judging copied images anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.evaluation.workloads import Workload, workload
from refdet.analysis.resampling import Resampler
from refdet.columns import DetectionColumns, ImageTable, ObjectColumns
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64, I64

N_SAMPLES = 50
SETTINGS = EvaluationSettings()


@pytest.fixture(scope="module", params=["cells", "coco"])
def data(request: pytest.FixtureRequest) -> Workload:
    """364 images with 26,000 detections, and 5,000 with 252,000."""
    return workload(str(request.param))


def weights_of(data: Workload, n_samples: int) -> I64:
    return bootstrap_weights(len(data.objects.images), n_samples, np.random.default_rng(0))


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


@pytest.mark.benchmark(group="50 bootstrap samples")
def test_bootstrap_by_refdet(benchmark: BenchmarkFixture, data: Workload) -> None:
    """All numbers and curves; building the resampler is part of it."""
    judged = judged_columns(data.objects, data.detections, SETTINGS)
    weights = weights_of(data, N_SAMPLES)

    def run() -> F64:
        return Resampler(judged).numbers(weights).coco_stats

    got = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    want = judged_anew(data, weights[:1])[0]
    np.testing.assert_allclose(got[0], want, rtol=0, atol=1e-9)


@pytest.mark.benchmark(group="1 bootstrap sample, judged anew")
def test_bootstrap_by_judging_anew(benchmark: BenchmarkFixture, data: Workload) -> None:
    """COCO's twelve numbers alone."""
    weights = weights_of(data, 1)
    benchmark.pedantic(judged_anew, args=(data, weights), rounds=3, warmup_rounds=1)
