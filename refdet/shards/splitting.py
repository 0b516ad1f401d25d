"""A data set split by image into parts of about the same work, and what is judged of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from refdet.columns import I64, DetectionColumns, ObjectColumns
from refdet.core.coco_eval import COCO, CocoData, CocoParams, CocoState
from refdet.evaluate import coco_data
from refdet.shards.pool import ALONE, Pool


class Shard(NamedTuple):
    """A part of a data set, with the rows of the whole that it holds."""

    data: CocoData
    gt_rows: I64
    dt_rows: I64


def split_by_image(
    objects: ObjectColumns, detections: DetectionColumns, n_shards: int
) -> list[CocoData]:
    """The data set in parts, each with all objects and detections of its images.

    A part is an interval of image ids. It has its share of all rows and images and at most those
    of one image more, however unevenly they are spread. Rows keep their order, which decides ties.

    Args:
        objects: the ground truth.
        detections: what was found; of several parts, none has those in no image.
        n_shards: how many parts there are at most.

    Returns:
        At least one part; none without an image, unless there is no image at all.
    """
    return [shard.data for shard in shards_of(objects, detections, n_shards)]


def shards_of(objects: ObjectColumns, detections: DetectionColumns, n_shards: int) -> list[Shard]:
    """As `split_by_image`, with the rows."""
    whole = coco_data(objects, detections)
    images: I64 = np.sort(objects.images.ids)
    if n_shards == 1 or not len(images):
        return [Shard(whole, np.arange(len(objects)), np.arange(len(detections)))]
    gt_image, dt_image = _places(objects.image_ids, images), _places(detections.image_ids, images)
    shard = _shard_of_image(gt_image, dt_image, len(images), n_shards)
    n_shards = int(shard[-1])
    parts = zip(
        _rows_by_shard(shard[:-1], n_shards),
        _rows_by_shard(shard[gt_image], n_shards),
        _rows_by_shard(shard[dt_image], n_shards),
        strict=True,
    )
    return [
        Shard(_part(whole, images[own], gt_rows, dt_rows), gt_rows, dt_rows)
        for own, gt_rows, dt_rows in parts
    ]


def match_shards(
    shards: Sequence[CocoData], params: CocoParams = COCO, pool: Pool = ALONE
) -> list[CocoState]:
    """What is judged of each part; `CocoState.merge` makes one of them, in any order.

    Raises:
        ChildProcessError: a process died at its work.
    """
    return pool.map(partial(_state_of, params=params), shards, "matching")


def _state_of(shard: CocoData, params: CocoParams) -> CocoState:
    return shard.state(params)


def _places(ids: I64, images: I64) -> I64:
    """The place of each id among `images`, which ascend; behind the last if it is not there."""
    place = np.searchsorted(images, ids)
    place[images[np.minimum(place, len(images) - 1)] != ids] = len(images)
    return place


def _shard_of_image(gt_image: I64, dt_image: I64, n_images: int, n_shards: int) -> I64:
    """(I + 1,) the part of each image, ascending without gaps, and the number of parts."""
    work = np.ones(n_images, np.int64)  # an image without a row is some work as well
    for image in (gt_image, dt_image):
        work += np.bincount(image, minlength=n_images + 1)[:n_images]
    end = np.cumsum(work)
    shard = (end - work) * n_shards // end[-1]  # where the image's work begins
    shard = np.cumsum(np.diff(shard, prepend=shard[:1]) > 0)
    return np.append(shard, shard[-1] + 1)


def _rows_by_shard(shard: I64, n_shards: int) -> list[I64]:
    """The rows of each part in their order, without those of a part beyond the last."""
    # Narrow integers are sorted by radix.
    order = np.argsort(shard.astype(np.min_scalar_type(n_shards)), kind="stable")
    ends = np.cumsum(np.bincount(shard, minlength=n_shards + 1))
    return np.split(order, ends[:-1])[:n_shards]


def _part(whole: CocoData, image_ids: I64, gt_rows: I64, dt_rows: I64) -> CocoData:
    ignore = whole.gt_ignore
    return replace(
        whole,
        image_ids=image_ids,
        gt_image_ids=whole.gt_image_ids[gt_rows],
        gt_labels=whole.gt_labels[gt_rows],
        gt_boxes_xywh=whole.gt_boxes_xywh[gt_rows],
        gt_area=whole.gt_area[gt_rows],
        gt_crowd=whole.gt_crowd[gt_rows],
        gt_ignore=None if ignore is None else ignore[gt_rows],
        dt_image_ids=whole.dt_image_ids[dt_rows],
        dt_labels=whole.dt_labels[dt_rows],
        dt_boxes_xywh=whole.dt_boxes_xywh[dt_rows],
        dt_scores=whole.dt_scores[dt_rows],
    )
