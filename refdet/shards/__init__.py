"""A data set judged in parts by several processes, with the numbers of a single one.

The parts are split by image, since a detection is judged beside those of its image alone. What is
judged of each part is a `CocoState`; states add up to that of the whole data set, bit for bit.
"""

from refdet.shards.files import DetectionReader, evaluate_files, read_files
from refdet.shards.judging import evaluate_in_shards, match_in_shards, match_whole
from refdet.shards.pool import ALONE, Pool, opened_pool
from refdet.shards.splitting import match_shards, split_by_image

__all__ = [
    "ALONE",
    "DetectionReader",
    "Pool",
    "evaluate_files",
    "evaluate_in_shards",
    "match_in_shards",
    "match_shards",
    "match_whole",
    "opened_pool",
    "read_files",
    "split_by_image",
]
