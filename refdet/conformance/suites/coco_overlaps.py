"""`mask.iou` of pycocotools and its followers, which also takes boxes.

Boxes are x, y, w, h, rows are detections, and a flag for each object says whether it is a crowd:
without it the overlap is an IoU, with it the share of the detection.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refdet.conformance.adapter import Adapter
from refdet.conformance.contract import BoxFormat
from refdet.conformance.target import Target

Boxes = NDArray[np.generic]
Overlap = Callable[[Boxes, Boxes], object]

# What a far corner loses on its way through a width and back.
XYWH = Adapter(box_format=BoxFormat.XYWH, tolerance=1e-12)


def reshaped(overlaps: ArrayLike, a_xywh: Boxes, b_xywh: Boxes) -> NDArray[np.generic]:
    """The matrix also where there is no pair, for which most give an empty list."""
    return np.reshape(overlaps, (len(a_xywh), len(b_xywh)))


def list_targets(iou: Overlap, iou_reshaped: Overlap, ioa_reshaped: Overlap) -> tuple[Target, ...]:
    """Of a library that gives an empty list: as it is, and reshaped, so that the rest is seen."""
    return (
        Target("mask.iou", "iou_matrix", iou, XYWH),
        Target("mask.iou, reshaped", "iou_matrix", iou_reshaped, XYWH),
        Target("mask.iou of crowds, reshaped", "ioa_matrix", ioa_reshaped, XYWH),
    )
