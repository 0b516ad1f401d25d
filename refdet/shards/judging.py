"""A data set judged by whoever is there to do it."""

from __future__ import annotations

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.coco_eval import COCO, CocoParams, CocoState
from refdet.evaluate import coco_data
from refdet.shards.pool import ALONE, Pool, opened_pool
from refdet.shards.splitting import match_shards, split_by_image

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
        return coco_data(objects, detections).match(params).state
    n_rows = len(objects) + len(detections)
    shards = split_by_image(objects, detections, max(pool.size, -(-n_rows // ROWS_PER_SHARD)))
    return CocoState.merge(match_shards(shards, params, pool))
