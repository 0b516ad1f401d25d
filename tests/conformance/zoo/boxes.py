"""Formats, clipping and flipping as people got them wrong, each beside the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refdet.core.boxes import BoxDefect, SanitizedBoxes
from tests.conformance.zoo.iou import area
from tests.conformance.zoo.refusing import refusing
from tests.conformance.zoo.specimen import Right, Wrong

Boxes = NDArray[np.number]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


def halves(boxes: Boxes) -> tuple[Boxes, Boxes]:
    """The first two and the last two columns, in the boxes' own dtype."""
    return boxes[:, :2], boxes[:, 2:]


def wide(boxes: Boxes) -> tuple[F64, F64]:
    """The same in float64."""
    return boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)


# --- Formats ---


@refusing
def xywh_to_xyxy(boxes_xywh: Boxes) -> Boxes:
    low, size = wide(boxes_xywh)
    return np.hstack([low, low + size])


@refusing
def xywh_in_its_own_dtype(boxes_xywh: Boxes) -> Boxes:
    low, size = halves(boxes_xywh)
    return np.hstack([low, low + size])


@refusing
def xywh_less_a_pixel(boxes_xywh: Boxes) -> Boxes:
    low, size = wide(boxes_xywh)
    return np.hstack([low, low + size - 1])


@refusing
def xyxy_to_xywh(boxes_xyxy: Boxes) -> Boxes:
    low, high = wide(boxes_xyxy)
    return np.hstack([low, high - low])


@refusing
def xyxy_to_xywh_with_a_pixel_more(boxes_xyxy: Boxes) -> Boxes:
    low, high = wide(boxes_xyxy)
    return np.hstack([low, high - low + 1])


@refusing
def cxcywh_to_xyxy(boxes_cxcywh: Boxes) -> Boxes:
    centre, size = wide(boxes_cxcywh)
    return np.hstack([centre - size / 2, centre + size / 2])


@refusing
def cxcywh_into_a_copy(boxes_cxcywh: Boxes) -> Boxes:
    centre, size = wide(boxes_cxcywh)
    corners = boxes_cxcywh.copy()
    corners[:, :2], corners[:, 2:] = centre - size / 2, centre + size / 2
    return corners


@refusing
def xyxy_to_cxcywh(boxes_xyxy: Boxes) -> Boxes:
    low, high = wide(boxes_xyxy)
    return np.hstack([(low + high) / 2, high - low])


@refusing
def xyxy_to_cxcywh_in_its_own_dtype(boxes_xyxy: Boxes) -> Boxes:
    low, high = halves(boxes_xyxy)
    return np.hstack([(low + high) / 2, high - low])


@refusing
def box_area(boxes_xyxy: Boxes) -> F64:
    return area(boxes_xyxy.astype(np.float64))


@refusing
def box_area_in_its_own_dtype(boxes_xyxy: Boxes) -> F64:
    return area(boxes_xyxy)


# --- Clipping and flipping ---


@refusing
def clip_boxes(boxes_xyxy: F64, width: float, height: float) -> F64:
    return np.clip(boxes_xyxy, 0.0, [width, height, width, height])


@refusing
def clip_to_a_square(boxes_xyxy: F64, width: float, height: float) -> F64:
    return np.clip(boxes_xyxy, 0.0, width)


@refusing
def clip_to_the_last_pixel(boxes_xyxy: F64, width: float, height: float) -> F64:
    return np.clip(boxes_xyxy, 0.0, [width - 1, height - 1, width - 1, height - 1])


@refusing
def clip_each_corner_on_its_side(boxes_xyxy: F64, width: float, height: float) -> F64:
    low, high = wide(boxes_xyxy)
    return np.hstack([np.maximum(low, 0.0), np.minimum(high, [width, height])])


@refusing
def flip_boxes_horizontally(boxes_xyxy: F64, width: float) -> F64:
    x1, y1, x2, y2 = boxes_xyxy.T
    return np.stack([width - x2, y1, width - x1, y2], axis=1)


@refusing
def flip_less_a_pixel(boxes_xyxy: F64, width: float) -> F64:
    x1, y1, x2, y2 = boxes_xyxy.T
    return np.stack([width - x2 - 1, y1, width - x1 - 1, y2], axis=1)


@refusing
def flip_boxes_vertically(boxes_xyxy: F64, height: float) -> F64:
    x1, y1, x2, y2 = boxes_xyxy.T
    return np.stack([x1, height - y2, x2, height - y1], axis=1)


@refusing
def flip_without_swapping(boxes_xyxy: F64, height: float) -> F64:
    x1, y1, x2, y2 = boxes_xyxy.T
    return np.stack([x1, height - y1, x2, height - y2], axis=1)


# --- Sanitising ---


def sanitised(
    boxes: F64, labels: I64, width: float, height: float, too_small: Mask
) -> SanitizedBoxes:
    """Boxes sorted by their first defect, of which being too small is the last."""
    low, high = wide(boxes)
    outside = (high <= 0).any(axis=1) | (low >= [width, height]).any(axis=1)
    bad = [~np.isfinite(boxes).all(axis=1), (high < low).any(axis=1), outside, too_small]
    first = np.argmax([*bad, np.ones(len(boxes))], axis=0)  # 4 where there is none
    rejected = {defect: np.flatnonzero(first == k) for k, defect in enumerate(BoxDefect)}
    rows = np.flatnonzero(first == len(BoxDefect))
    return SanitizedBoxes(clip_boxes(boxes[rows], width, height), labels[rows], rows, rejected)


def clipped_sides(boxes: F64, width: float, height: float) -> F64:
    """(N, 2), of whatever numbers."""
    low, high = wide(np.clip(boxes, 0.0, [width, height, width, height]))
    return high - low


def check_sanitising(boxes: F64, labels: I64, min_size: float) -> None:
    """Refuse what the contract has refused."""
    if len(labels) != len(boxes) or not 0 <= min_size < np.inf:
        raise ValueError(f"{len(labels)} labels of {len(boxes)} boxes, min_size = {min_size}")


def sanitize_boxes(
    boxes_xyxy: F64, labels: I64, width: float, height: float, min_size: float
) -> SanitizedBoxes:
    check_sanitising(boxes_xyxy, labels, min_size)
    sides = clipped_sides(boxes_xyxy, width, height)
    too_small = (sides < min_size) | (sides <= 0)
    return sanitised(boxes_xyxy, labels, width, height, np.any(too_small, axis=1))


def sanitize_keeps_lines(
    boxes_xyxy: F64, labels: I64, width: float, height: float, min_size: float
) -> SanitizedBoxes:
    check_sanitising(boxes_xyxy, labels, min_size)
    too_small = clipped_sides(boxes_xyxy, width, height) < min_size
    return sanitised(boxes_xyxy, labels, width, height, np.any(too_small, axis=1))


def sanitize_before_clipping(
    boxes_xyxy: F64, labels: I64, width: float, height: float, min_size: float
) -> SanitizedBoxes:
    check_sanitising(boxes_xyxy, labels, min_size)
    low, high = wide(boxes_xyxy)
    with np.errstate(invalid="ignore"):
        sides = high - low
    too_small = (sides < min_size) | (sides <= 0)
    return sanitised(boxes_xyxy, labels, width, height, np.any(too_small, axis=1))


RIGHT = (
    Right("xywh_to_xyxy", xywh_to_xyxy),
    Right("xyxy_to_xywh", xyxy_to_xywh),
    Right("cxcywh_to_xyxy", cxcywh_to_xyxy),
    Right("xyxy_to_cxcywh", xyxy_to_cxcywh),
    Right("box_area", box_area),
    Right("clip_boxes", clip_boxes),
    Right("flip_boxes_horizontally", flip_boxes_horizontally),
    Right("flip_boxes_vertically", flip_boxes_vertically),
    Right("sanitize_boxes", sanitize_boxes),
)

ZOO = (
    Wrong(
        "xywh_to_xyxy",
        "wraps-around",
        xywh_in_its_own_dtype,
        "torchvision 0.29.2, ops.box_convert of uint8",
    ),
    Wrong("xywh_to_xyxy", "a-pixel-less", xywh_less_a_pixel, "open-mmlab/mmdetection#450"),
    Wrong(
        "xyxy_to_xywh",
        "a-pixel-more",
        xyxy_to_xywh_with_a_pixel_more,
        "serengil/deepface#1114",
    ),
    Wrong(
        "cxcywh_to_xyxy",
        "halves-cut-off",
        cxcywh_into_a_copy,
        "roboflow/supervision#2515, pytorch/vision#9322",
    ),
    Wrong(
        "xyxy_to_cxcywh",
        "sum-of-corners-wraps-around",
        xyxy_to_cxcywh_in_its_own_dtype,
        "pytorch/vision#9594, roboflow/supervision#2540",
    ),
    Wrong("box_area", "area-overflow", box_area_in_its_own_dtype, "roboflow/supervision#2514"),
    Wrong("clip_boxes", "one-side-for-both", clip_to_a_square, "google/automl#449"),
    Wrong("clip_boxes", "to-the-last-pixel", clip_to_the_last_pixel, "google/automl#449"),
    Wrong(
        "clip_boxes",
        "outside-comes-out-inverted",
        clip_each_corner_on_its_side,
        "Paperspace/DataAugmentationForObjectDetection#9",
    ),
    Wrong(
        "flip_boxes_horizontally",
        "a-pixel-less",
        flip_less_a_pixel,
        "sgrvinod/a-PyTorch-Tutorial-to-Object-Detection#32",
    ),
    Wrong(
        "flip_boxes_vertically",
        "corners-not-swapped",
        flip_without_swapping,
        "Nota-NetsPresso/netspresso-trainer#196, fredzzhang/pocket#23",
    ),
    Wrong("sanitize_boxes", "lines-are-kept", sanitize_keeps_lines, "CondadosAI/modern-yolonas#56"),
    Wrong(
        "sanitize_boxes",
        "size-before-clipping",
        sanitize_before_clipping,
        "lightly-ai/lightly-train#869",
    ),
)
