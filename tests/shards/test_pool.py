"""Two processes of this machine judge as one does, and say what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from refdet.core.coco_eval import CocoParams
from refdet.evaluate import coco_data
from refdet.shards import (
    Pool,
    evaluate_in_shards,
    match_in_shards,
    match_shards,
    match_whole,
    opened_pool,
    split_by_image,
)
from tests.shards.data_sets import (
    assert_same_bits,
    of_one_run,
    random_detections,
    random_objects,
)
from tests.shards.dying import dying_once, refused

OBJECTS = random_objects(3)
DETECTIONS = random_detections(OBJECTS, 3)


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Pool]:
    with opened_pool(workers=2) as pool:
        yield pool


def test_match_in_shards_by_two_processes_equals_one_run(two_processes: Pool) -> None:
    assert two_processes.size == 2
    assert two_processes.executor is not None
    state = match_in_shards(OBJECTS, DETECTIONS, pool=two_processes)
    assert_same_bits(state, of_one_run(OBJECTS, DETECTIONS))


def test_match_in_shards_passes_its_parameters_on(two_processes: Pool) -> None:
    params = CocoParams(iou_thresholds=(0.3, 0.9), max_detections=(2,), class_agnostic=True)
    state = match_in_shards(OBJECTS, DETECTIONS, params, two_processes)
    assert_same_bits(state, coco_data(OBJECTS, DETECTIONS).match(params).state)


@pytest.mark.parametrize("area_range", ["all", "small"])
def test_match_whole_by_two_processes_has_every_outcome_of_one_run(
    two_processes: Pool, area_range: str
) -> None:
    got = match_whole(OBJECTS, DETECTIONS, pool=two_processes)
    want = coco_data(OBJECTS, DETECTIONS).match()
    assert_same_bits(got.state, want.state)
    assert len(got.iou) == len(want.iou) > 0
    for threshold in want.state.params.iou_thresholds:
        ours, theirs = (one.outcomes(threshold, area_range) for one in (got, want))
        for name in vars(theirs):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_match_in_shards_without_an_image(two_processes: Pool) -> None:
    objects = random_objects(0, n_images=0, n_objects=0)
    state = match_in_shards(objects, DETECTIONS, pool=two_processes)
    assert_same_bits(state, of_one_run(objects, DETECTIONS))


def test_match_shards_raises_the_error_of_the_first_shard_that_fails(two_processes: Pool) -> None:
    whole, *others = split_by_image(OBJECTS, DETECTIONS, 3)
    first = int(others[0].image_ids[0])
    with pytest.raises(ValueError, match=rf"^image {first} is refused at 3$"):
        match_shards([whole, *map(refused, others)], pool=two_processes)


def test_a_process_that_dies_is_told() -> None:
    shards = [dying_once(shard, None) for shard in split_by_image(OBJECTS, DETECTIONS, 2)]
    with (
        pytest.raises(ChildProcessError, match=r"a worker process died .* fewer --workers"),
        opened_pool(workers=2) as pool,
    ):
        match_shards(shards, pool=pool)


def test_evaluate_in_shards_alone_equals_one_run() -> None:
    assert_same_bits(evaluate_in_shards(OBJECTS, DETECTIONS), of_one_run(OBJECTS, DETECTIONS))


@pytest.mark.parametrize("workers", [0, -1])
def test_evaluate_in_shards_refuses_no_worker(workers: int) -> None:
    with pytest.raises(ValueError, match=f"--workers must be at least 1, got {workers}"):
        evaluate_in_shards(OBJECTS, DETECTIONS, workers=workers)
