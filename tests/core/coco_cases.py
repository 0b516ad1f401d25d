"""Random data sets in which everything that can be tied is tied, for the tests of `coco_eval`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from refdet.core.coco_eval import (
    COCO,
    AreaRange,
    CocoData,
    CocoParams,
    CocoResult,
    CocoState,
    evaluate_coco,
)

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Columns = dict[str, NDArray[np.generic]]

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"

THRESHOLDS: tuple[Sequence[float], ...] = (
    (0.5,),
    (1.0,),
    (0.3, 0.5, 0.75, 1.0),
    (1e-9, 0.5, 1 - 1e-10),
    tuple(np.linspace(0.05, 1, 20)),  # more than fit 16 bits
    tuple(np.linspace(0.025, 1, 40)),  # more than fit 32
    tuple(np.linspace(1 / 64, 1, 64)),
)
LEVELS: tuple[Sequence[float], ...] = (
    (0.3, 0.5, 0.9),
    (1.0,),
    (0.0, 1e-12, 1 / 3, 2 / 3, 1.0),
    tuple(np.linspace(0, 1, 11)),
)
ALL = AreaRange("all", 0, 1e10)
AREAS: tuple[Sequence[tuple[str, float, float]], ...] = (
    (ALL,),
    (ALL, AreaRange("small", 4, 16), AreaRange("large", 16, 400)),
    (ALL, *(AreaRange(f"from {k}", k, 8 * k) for k in (1, 4, 9, 64, 256))),
)


def random_params(rng: np.random.Generator, *, limits: int = 3) -> CocoParams:
    """Half of them COCO's own but for the number of classes; `limits` of detections."""
    agnostic = bool(rng.random() < 0.2)
    if rng.random() < 0.5 and limits == 3:
        return CocoParams(class_agnostic=agnostic)
    default = CocoParams()
    thresholds = (default.iou_thresholds, *THRESHOLDS)[rng.integers(len(THRESHOLDS) + 1)]
    levels = (default.recall_levels, *LEVELS)[rng.integers(len(LEVELS) + 1)]
    areas = (default.area_ranges, *AREAS)[rng.integers(len(AREAS) + 1)]
    most = rng.choice([1, 2, 3, 5, 10, 20, 100], limits, replace=False).tolist()
    return CocoParams(thresholds, levels, areas, most, agnostic)


def as_pycocotools(params: CocoParams) -> dict[str, object]:
    """The same as attributes of COCOeval's `params`."""
    return {
        "iouThrs": np.array(params.iou_thresholds),
        "recThrs": np.array(params.recall_levels),
        "areaRng": [[low, high] for _, low, high in params.area_ranges],
        "areaRngLbl": [name for name, _, _ in params.area_ranges],
        "maxDets": list(params.max_detections),
        "useCats": 0 if params.class_agnostic else 1,
    }


def random_columns(rng: np.random.Generator, *, exact: bool = False) -> Columns:
    """Up to 5 images and 3 classes, or one image with many objects and more detections.

    Args:
        rng: makes it.
        exact: only coordinates whose sums and products need no rounding.
    """
    busy = rng.random() < 0.3
    n_objects, n_detections = int(rng.integers(0, 13)), int(rng.integers(0, 31))
    if busy:
        n_objects, n_detections = int(rng.integers(6, 13)), int(rng.integers(10, 21))
    image_ids, category_ids = (_ids(rng, 1 if busy else int(rng.integers(1, n))) for n in (6, 4))
    unit = float(rng.choice([1, 8, 30] if exact else [1, 8, 30.3, 1 / 3]))
    objects = _boxes(rng, n_objects)
    detections = _near(rng, objects, n_detections)
    area = objects[:, 2] * objects[:, 3] * unit**2 * rng.choice([1, 0.5, 1], n_objects)
    area[rng.random(n_objects) < 0.1] = rng.choice([1024, 9216, 16])
    origin = 0.0
    if not exact and rng.random() < 0.1:
        # So far from 0 for their size that their corners are rounded.
        origin, unit = 1e6, 0.7 * float(np.spacing(1e6))
    offset = np.array([origin, origin, 0, 0])
    return {
        "gt_image_ids": _some(rng, image_ids, n_objects),
        "gt_labels": _some(rng, category_ids, n_objects),
        "gt_boxes_xywh": objects * unit + offset,
        "gt_area": area,
        "gt_crowd": rng.random(n_objects) < rng.choice([0, 0.3, 0.7]),
        "dt_image_ids": _some(rng, image_ids, n_detections),
        "dt_labels": _some(rng, category_ids, n_detections),
        "dt_boxes_xywh": detections * unit + offset,
        "dt_scores": random_scores(rng, n_detections),
        "image_ids": image_ids,
        "category_ids": category_ids,
    }


def random_scores(rng: np.random.Generator, n: int) -> F64:
    """Of a few kinds: tied, distinct, in the last bits only, of either sign, infinite."""
    kinds: list[F64] = [
        rng.integers(0, 4, n) / 4,
        rng.integers(0, 2, n) / 2,
        rng.random(n),
        rng.normal(size=n),
        1 - rng.integers(0, 5, n).astype(np.float64) * 2.0**-53,
        rng.choice([0.0, -0.0, 5e-324, -5e-324, np.inf, -np.inf, 1e308], n),
    ]
    return kinds[rng.integers(len(kinds))]


def _ids(rng: np.random.Generator, n: int) -> I64:
    low, high = [(0, 20), (0, 20), (0, 3 * 10**9), (-9, 9), (-(2**63), 2**63 - 1)][rng.integers(5)]
    ids = rng.integers(low, high, 3 * n, endpoint=True)
    if low < -9:
        ids[:2] = low, high
    return rng.permutation(np.unique(ids)[:n])


def _some(rng: np.random.Generator, ids: I64, n: int) -> I64:
    """`n` of `ids`; in some cases in order, in some with an id that is not among them."""
    chosen = rng.choice(ids, n)
    if rng.random() < 0.2:
        chosen[rng.random(n) < 0.2] = 12345
    return np.sort(chosen) if rng.random() < 0.3 else chosen


def _boxes(rng: np.random.Generator, n: int) -> F64:
    # Either many apart, some without area, or all on top of each other.
    low, high, corners = ((0, 6, 5), (4, 9, 3))[rng.integers(2)]
    sizes = rng.integers(low, high, (n, 2))
    return np.hstack([rng.integers(0, corners, (n, 2)), sizes]).astype(np.float64)


def _near(rng: np.random.Generator, objects: F64, n: int) -> F64:
    """Most of them an object, or moved by a half or a whole step, so that overlaps tie."""
    boxes = _boxes(rng, n)
    if len(objects) and rng.random() < 0.8:
        copies = objects[rng.integers(0, len(objects), n)]
        moves = rng.integers(-1, 2, (n, 4)) * rng.choice([0, 0.5, 1], (n, 1))
        boxes = np.where(rng.random((n, 1)) < 0.8, np.abs(copies + moves), boxes)
    return boxes


def data_of(columns: Columns, image_ids: I64 | None = None) -> CocoData:
    """The whole set, or of `image_ids` alone."""
    some = columns if image_ids is None else {**columns, "image_ids": image_ids}
    # The columns of a case are of whichever dtype is being tried, right or wrong.
    return CocoData(**some)  # type: ignore[arg-type]


def evaluate(columns: Columns, params: CocoParams = COCO) -> CocoResult:
    """`evaluate_coco` of columns by name."""
    return evaluate_coco(**columns, params=params)  # type: ignore[arg-type]  # as above


def state_of(
    columns: Columns, params: CocoParams = COCO, image_ids: I64 | None = None
) -> CocoState:
    """What became of the detections of the whole set, or of `image_ids` alone."""
    return data_of(columns, image_ids).match(params).state
