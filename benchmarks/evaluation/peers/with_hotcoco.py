"""hotcoco: Rust, threads by Rayon."""

from __future__ import annotations

import numpy as np
from hotcoco import COCO, COCOeval

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Lists


def from_arrays(arrays: Arrays) -> Answer:
    """Ground truth from columns, results from pycocotools' (D, 7) array: no dictionaries."""
    objects = arrays.objects
    truth = COCO.from_arrays(
        arrays.ground_truth["images"],
        arrays.ground_truth["categories"],
        objects.image_ids,
        objects.category_ids,
        objects.boxes_xywh,
        area=objects.area,
        iscrowd=objects.crowd,
    )
    return _judged(truth, truth.load_res(arrays.matrix))


def from_lists(lists: Lists) -> Answer:
    """As its README does it."""
    truth = COCO(lists.ground_truth)
    return _judged(truth, truth.load_res(lists.results))


def _judged(truth: COCO, found: COCO) -> Answer:
    judge = COCOeval(truth, found, "bbox")
    judge.run()
    curves = judge.eval
    stats = np.asarray(judge.stats, dtype=np.float64)
    return Answer(stats, curves["precision"], curves["recall"], curves["scores"])
