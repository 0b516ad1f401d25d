"""What each of two processes does in test_gathering.py: judges what a sampler deals out to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, DistributedSampler

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.core.coco_eval import CocoData, CocoState, CocoStream
from refdet.evaluate import coco_data
from refdet.training.gathering import gather_states
from refdet.training.processes import World, joined_world
from tests.shards.data_sets import random_detections, random_objects, rows_of

N_IMAGES = 5
OBJECTS = random_objects(8, n_images=N_IMAGES)
DETECTIONS = random_detections(OBJECTS, 8)


def shifted(rank: int) -> DetectionColumns:
    """What a process of this rank finds, if they find different things."""
    found = DETECTIONS
    return DetectionColumns(
        found.image_ids, found.category_ids, found.boxes_xywh, found.scores + rank / 64
    )


def of_images(objects: ObjectColumns, detections: DetectionColumns, ids: list[int]) -> CocoData:
    """The objects and detections of some images."""
    rows = np.flatnonzero(np.isin(objects.image_ids, ids))
    data = coco_data(objects, rows_of(detections, np.isin(detections.image_ids, ids)))
    return CocoData(
        **{
            name: value[rows] if name.startswith("gt_") else value
            for name, value in vars(data).items()
            if name != "image_ids"
        },
        image_ids=np.array(ids),
    )


def batches_of(world: World) -> list[list[int]]:
    """Image ids in batches of two; the sampler fills up the last round."""
    ids = OBJECTS.images.ids.tolist()
    sampler: DistributedSampler[int] = DistributedSampler(
        ids, num_replicas=world.size, rank=world.rank, shuffle=True, seed=1
    )
    loader: DataLoader[torch.Tensor] = DataLoader(ids, batch_size=2, sampler=sampler)
    return [batch.tolist() for batch in loader]


def judged(batches: list[list[int]], detections: DetectionColumns) -> CocoState:
    stream = CocoStream()
    for ids in batches:
        stream.update(of_images(OBJECTS, detections, ids))
    return stream.state()


def main(folder: Path) -> None:
    """Write what the processes gather, and which images this one has seen."""
    with joined_world(torch.device("cpu")) as world:
        mine = batches_of(world)
        state = judged(mine, DETECTIONS)
        gathered = {
            "padded": gather_states(state, world),
            "default-group": gather_states(state),
            "idle": gather_states(judged(batches_of(World()), DETECTIONS) if world.leads else None),
            "different": gather_states(judged(mine, shifted(world.rank)), world),
        }
        for name, one in gathered.items():
            one.save(folder / f"{name}.{world.rank}")
        try:
            gather_states(None)
        except ValueError as error:
            message = str(error)
        told = {"seen": [image for batch in mine for image in batch], "nobody": message}
        (folder / f"{world.rank}.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
