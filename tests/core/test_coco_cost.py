"""What an evaluation costs, in counts that are the same on every machine: no test measures time."""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType

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


def test_evaluation_takes_at_most_350_bytes_a_detection_above_its_inputs() -> None:
    n_detections = 100_000
    data = data_of(Size(images=2_000, objects=14_000, detections=n_detections, categories=80))
    tracemalloc.start()
    try:
        data.match().state.accumulate()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 350 * n_detections
