"""A data set judged by whoever is there to do it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from refdet.columns import I64, DetectionColumns, ObjectColumns
from refdet.core.coco_eval import COCO, CocoData, CocoMatches, CocoParams, CocoState
from refdet.evaluate import coco_data
from refdet.shards.pool import ALONE, Pool, opened_pool
from refdet.shards.splitting import Shard, match_shards, shards_of

ROWS_PER_SHARD = 100_000
"""About 6 MB: soon done again if a worker dies, and below what Dask calls a large task."""


def evaluate_in_shards(
    objects: ObjectColumns,
    detections: DetectionColumns,
    params: CocoParams = COCO,
    *,
    dask: str | None = None,
    workers: int = 1,
    progress: bool = False,
) -> CocoState:
    """What is judged of a data set by the processes that are asked for: always the same bits.

    Args:
        objects: the ground truth.
        detections: what was found; those of unknown image or class are left out.
        params: what is asked for.
        dask: as in `opened_pool`.
        workers: likewise.
        progress: likewise.

    Raises:
        ValueError: as in `opened_pool`.
        OSError: likewise.
    """
    with opened_pool(dask, workers, progress=progress) as pool:
        return match_in_shards(objects, detections, params, pool)


def match_in_shards(
    objects: ObjectColumns,
    detections: DetectionColumns,
    params: CocoParams = COCO,
    pool: Pool = ALONE,
) -> CocoState:
    """What is judged of a data set by the processes of `pool`; they get a part each at a time."""
    if pool.executor is None:
        return coco_data(objects, detections).state(params)
    shards = [shard.data for shard in _shards_for(pool, objects, detections)]
    return CocoState.merge(match_shards(shards, params, pool))


def match_whole(
    objects: ObjectColumns,
    detections: DetectionColumns,
    params: CocoParams = COCO,
    pool: Pool = ALONE,
) -> CocoMatches:
    """As `match_in_shards`, but with the object that each detection has found.

    The state and every detection's outcome are those of one run; its pairs are in another order.
    """
    if pool.executor is None:
        return coco_data(objects, detections).match(params)
    shards = _shards_for(pool, objects, detections)
    parts = pool.map(partial(_matches_of, params=params), [one.data for one in shards], "matching")
    joined = [
        (
            shard.dt_rows[part.row],
            shard.dt_rows[part.detection],
            shard.gt_rows[part.object],
            part.iou,
            part.won,
        )
        for shard, part in zip(shards, parts, strict=True)
    ]
    row, detection, obj, iou, won = (np.concatenate(column) for column in zip(*joined, strict=True))
    order = _order_of_merged([part.state for part in parts])
    return CocoMatches(
        state=CocoState.merge([part.state for part in parts]),
        n_detections=len(detections),
        row=row[order],
        detection=detection,
        object=obj,
        iou=iou,
        won=won,
    )


def _matches_of(shard: CocoData, params: CocoParams) -> CocoMatches:
    return shard.match(params)


def _shards_for(pool: Pool, objects: ObjectColumns, detections: DetectionColumns) -> list[Shard]:
    n_rows = len(objects) + len(detections)
    return shards_of(objects, detections, max(pool.size, -(-n_rows // ROWS_PER_SHARD)))


def _order_of_merged(states: Sequence[CocoState]) -> I64:
    """The order in which `CocoState.merge` has the detections of states without common images."""
    keys = [(one.rank, one.image_ids[one.image], -one.scores, one.label) for one in states]
    return np.lexsort([np.concatenate(column) for column in zip(*keys, strict=True)])
