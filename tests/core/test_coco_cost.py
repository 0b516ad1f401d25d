"""What an evaluation costs, in counts that are the same on every machine: no test measures time."""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType

import pytest

from benchmarks.evaluation.workloads import Size, synthetic
from refdet.core.coco_eval import CocoData
from refdet.evaluate import coco_data


def data_of(size: Size) -> CocoData:
    workload = synthetic(size)
    return coco_data(workload.objects, workload.detections)


def python_calls(data: CocoData) -> int:
    """How many functions Python calls to evaluate `data`."""
    n_calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal n_calls
        n_calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        data.match().state.accumulate()
    finally:
        sys.setprofile(None)
    return n_calls


def test_evaluation_does_not_loop_over_images_detections_or_classes() -> None:
    small = python_calls(data_of(Size(images=100, objects=700, detections=5_000, categories=10)))
    images = python_calls(
        data_of(Size(images=800, objects=5_600, detections=40_000, categories=10))
    )
    classes = python_calls(data_of(Size(images=100, objects=700, detections=5_000, categories=80)))
    # Eight times as many of them. What remains is a loop over blocks of 12,000 detections, and one
    # over the most objects of a class in an image.
    assert images < 1.5 * small
    assert classes < 1.5 * small


@pytest.mark.parametrize(
    "size",
    [
        Size(images=364, objects=4_888, detections=26_000, categories=3),
        Size(images=2_000, objects=14_000, detections=100_000, categories=80),
        Size(images=500, objects=8_000, detections=40_000, categories=365),
    ],
)
def test_evaluation_takes_at_most_350_bytes_a_detection_above_inputs_and_results(
    size: Size,
) -> None:
    data = data_of(size)
    tracemalloc.start()
    try:
        result = data.state().accumulate()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # So large for any number of detections; with 365 classes, 71 MB.
    returned = result.precision.nbytes + result.scores.nbytes + result.recall.nbytes
    assert peak - returned < 350 * size.detections
