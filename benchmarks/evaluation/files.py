"""A real detector's output as a workload."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.evaluation.workloads import Workload
from refdet.columns import ImageTable
from refdet.data.coco_json import read_coco_ground_truth, read_coco_results


def from_coco_files(ground_truth: Path, results: Path, repeat: int = 1) -> Workload:
    """COCO's two files, the images `repeat` times over with fresh ids."""
    return repeated(
        Workload(read_coco_ground_truth(ground_truth), read_coco_results(results)), repeat
    )


def repeated(workload: Workload, times: int) -> Workload:
    """The same images `times` over, each copy with ids of its own."""
    objects, found = workload.objects, workload.detections
    images, step = objects.images, int(objects.images.ids.max(initial=0)) + 1
    shifts = [step * copy for copy in range(times)]
    names = tuple(f"{name}#{copy}" for copy in range(times) for name in images.names)
    table = ImageTable(
        np.concatenate([images.ids + shift for shift in shifts]),
        names,
        np.tile(images.sizes, (times, 1)),
    )
    return Workload(
        replace(
            objects,
            images=table,
            image_ids=np.concatenate([objects.image_ids + shift for shift in shifts]),
            category_ids=np.tile(objects.category_ids, times),
            boxes_xywh=np.tile(objects.boxes_xywh, (times, 1)),
            area=np.tile(objects.area, times),
            crowd=np.tile(objects.crowd, times),
            ignore=np.tile(objects.ignore, times),
        ),
        replace(
            found,
            image_ids=np.concatenate([found.image_ids + shift for shift in shifts]),
            category_ids=np.tile(found.category_ids, times),
            boxes_xywh=np.tile(found.boxes_xywh, (times, 1)),
            scores=np.tile(found.scores, times),
        ),
    )
