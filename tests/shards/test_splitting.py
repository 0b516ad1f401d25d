"""An image is never split, no row gets lost, and the parts are about equally heavy."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.columns import F64, I64, DetectionColumns, ObjectColumns
from refdet.core.coco_eval import CocoData, CocoState
from refdet.evaluate import coco_data
from refdet.shards import match_shards, split_by_image
from tests.shards.data_sets import (
    assert_same_bits,
    of_one_run,
    random_detections,
    random_objects,
)

SEEDS = st.integers(0, 2**32 - 1)


def rows_by_image(data: CocoData) -> dict[int, list[tuple[object, ...]]]:
    """All that is in an image, in order."""
    found: dict[int, list[tuple[object, ...]]] = {image: [] for image in data.image_ids.tolist()}
    assert data.gt_ignore is not None
    objects = (data.gt_labels, data.gt_boxes_xywh, data.gt_area, data.gt_crowd, data.gt_ignore)
    detections = (data.dt_labels, data.dt_boxes_xywh, data.dt_scores)
    for ids, columns in ((data.gt_image_ids, objects), (data.dt_image_ids, detections)):
        lists = [column.tolist() for column in columns]
        for image, *row in zip(ids.tolist(), *lists, strict=True):
            if image in found:  # not so, of detections in unknown images
                found[image].append(tuple(map(str, row)))
    return found


@given(seed=SEEDS, n_shards=st.integers(1, 12))
@example(seed=0, n_shards=1)
@example(seed=0, n_shards=10**6)
def test_split_by_image_keeps_every_image_whole(seed: int, n_shards: int) -> None:
    objects = random_objects(seed)
    detections = random_detections(objects, seed)
    shards = split_by_image(objects, detections, n_shards)
    assert 1 <= len(shards) <= n_shards
    assert all(len(shard.image_ids) for shard in shards)
    if len(shards) > 1:
        assert all(np.isin(shard.dt_image_ids, shard.image_ids).all() for shard in shards)
        assert all(np.isin(shard.gt_image_ids, shard.image_ids).all() for shard in shards)
    parts = [rows_by_image(shard) for shard in shards]
    assert Counter(image for part in parts for image in part) == Counter(
        objects.images.ids.tolist()
    )
    together = {image: rows for part in parts for image, rows in part.items()}
    assert together == rows_by_image(coco_data(objects, detections))


COUNTS = st.tuples(st.sampled_from([0, 1, 2, 90]), st.sampled_from([0, 0, 1, 2, 7, 90]))
"""Objects and detections in an image."""


@given(counts=st.lists(COUNTS, min_size=1), n_shards=st.integers(1, 9))
@example(counts=[(0, 500)], n_shards=4)
@example(counts=[(0, 0)] * 4, n_shards=2)
@example(counts=[(0, 1), (0, 1), (0, 500), (0, 1)], n_shards=3)
@example(counts=[(9, 0)] * 6, n_shards=3)
def test_split_by_image_gives_no_part_more_than_its_share_and_an_image(
    counts: list[tuple[int, int]], n_shards: int
) -> None:
    images = random_objects(0, n_images=len(counts), n_objects=0)
    in_order = np.sort(images.images.ids)
    n_objects, n_found = (list(column) for column in zip(*counts, strict=True))
    rows = DetectionColumns(*unit_boxes(np.repeat(in_order, n_objects)))
    objects = ObjectColumns(
        images.images,
        images.categories,
        image_ids=rows.image_ids,
        category_ids=rows.category_ids,
        boxes_xywh=rows.boxes_xywh,
        area=rows.scores,
        crowd=rows.scores < 0,
        ignore=rows.scores < 0,
    )
    detections = DetectionColumns(*unit_boxes(np.repeat(in_order, n_found)))
    shards = split_by_image(objects, detections, n_shards)
    work = [len(one.gt_area) + len(one.dt_scores) + len(one.image_ids) for one in shards]
    of_images = [1 + sum(pair) for pair in counts]
    assert sum(work) == sum(of_images)
    assert max(work) < sum(of_images) / n_shards + max(of_images)


def unit_boxes(image_ids: I64) -> tuple[I64, I64, F64, F64]:
    """Ids, labels, boxes and ones."""
    n_rows = len(image_ids)
    return image_ids, np.full(n_rows, 7), np.ones((n_rows, 4)), np.ones(n_rows)


def test_split_by_image_uses_all_parts_where_images_are_alike() -> None:
    objects = random_objects(0, n_images=8, n_objects=0)
    nothing = DetectionColumns(
        np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0)
    )
    shards = split_by_image(objects, nothing, 4)
    assert [len(shard.image_ids) for shard in shards] == [2, 2, 2, 2]
    in_order = [image for shard in shards for image in shard.image_ids.tolist()]
    assert all(low < high for low, high in pairwise(in_order))


@pytest.mark.parametrize("n_shards", [1, 3])
def test_split_by_image_without_an_image_is_one_part(n_shards: int) -> None:
    objects = random_objects(0, n_images=0, n_objects=0)
    stray = DetectionColumns(np.array([3]), np.array([7]), np.ones((1, 4)), np.ones(1))
    (shard,) = split_by_image(objects, stray, n_shards)
    assert not len(shard.match().state.scores)


@given(seed=SEEDS, n_shards=st.integers(1, 12), data=st.data())
def test_match_shards_in_any_order_and_grouping_equals_one_run(
    seed: int, n_shards: int, data: st.DataObject
) -> None:
    objects = random_objects(seed)
    detections = random_detections(objects, seed)
    states = match_shards(split_by_image(objects, detections, n_shards))
    states = data.draw(st.permutations(states))
    while len(states) > 1:
        at = data.draw(st.integers(0, len(states) - 2))
        size = data.draw(st.integers(2, len(states) - at))
        states[at : at + size] = [CocoState.merge(states[at : at + size])]
    assert_same_bits(states[0], of_one_run(objects, detections))


def test_the_random_data_sets_hold_what_they_should() -> None:
    objects = random_objects(1)
    detections = random_detections(objects, 1)
    assert unmatched(objects, detections) > 0
    state = of_one_run(objects, detections)
    assert 0 < np.count_nonzero(state.hit) < len(state.scores)
    assert state.rank.max() > 9
    assert len(np.unique(state.scores)) < len(state.scores) / 10
    assert objects.crowd.any()
    assert objects.ignore.any()


def unmatched(objects: ObjectColumns, detections: DetectionColumns) -> int:
    return int(np.count_nonzero(~np.isin(detections.image_ids, objects.images.ids)))
