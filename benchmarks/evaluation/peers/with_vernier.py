"""vernier: Rust, as many threads as it is told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vernier.instance import CocoDataset, evaluate_bbox_grid

from benchmarks.evaluation.answer import Answer
from benchmarks.evaluation.inputs import Arrays, Entry, Lists

MAX_DETECTIONS = [1, 10, 100]


def from_arrays(arrays: Arrays) -> Answer:
    """Columns for the ground truth, pycocotools' (D, 7) array for the detections."""
    objects = arrays.objects
    width, height = np.ascontiguousarray(objects.images.sizes.T)
    return _judged(
        CocoDataset.from_arrays(
            {"id": objects.images.ids, "width": width, "height": height},
            {
                "id": np.arange(1, len(objects) + 1),
                "image_id": objects.image_ids,
                "category_id": objects.category_ids,
                "bbox": objects.boxes_xywh,
                "area": objects.area,
                "iscrowd": objects.crowd,
            },
            arrays.ground_truth["categories"],
        ),
        arrays.matrix,
    )


def from_lists(lists: Lists) -> Answer:
    """A list of results as it is; ground truth only as columns or as a JSON text."""
    images, annotations = lists.ground_truth["images"], lists.ground_truth["annotations"]
    integers, floats = np.dtype(np.int64), np.dtype(np.float64)
    truth = CocoDataset.from_arrays(
        {name: np.array([i[name] for i in images], integers) for name in ("id", "width", "height")},
        {
            "bbox": np.array([a["bbox"] for a in annotations], floats).reshape(-1, 4),
            "area": np.array([a["area"] for a in annotations], floats),
            **{
                name: np.array([a[name] for a in annotations], integers)
                for name in ("id", "image_id", "category_id", "iscrowd")
            },
        },
        lists.ground_truth["categories"],
    )
    return _judged(truth, lists.results)


def _judged(truth: CocoDataset, found: NDArray[np.float64] | list[Entry]) -> Answer:
    """In pycocotools' own rules; both cores, since its default is one."""
    grid = evaluate_bbox_grid(
        truth,
        found,
        parity_mode="strict",
        max_dets_per_image=MAX_DETECTIONS[-1],
        use_cats=True,
        num_threads=2,
    )
    curves = grid.accumulate(MAX_DETECTIONS)
    stats = np.array(curves.summarize(MAX_DETECTIONS).stats, dtype=np.float64)
    return Answer(stats, curves.precision, curves.recall, curves.scores)
