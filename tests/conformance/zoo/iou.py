"""Overlaps as people got them wrong, each beside the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.conformance.zoo.refusing import refusing
from tests.conformance.zoo.specimen import Right, Wrong

Boxes = NDArray[np.number]
F64 = NDArray[np.float64]

FAR_PIXEL = np.array([0, 0, 1, 1])

# --- The parts of every overlap, of boxes (..., 4) that broadcast ---


def crossed(a: Boxes, b: Boxes) -> tuple[F64, F64]:
    """(A, 1, 4) and (B, 4), in float64."""
    return a.astype(np.float64)[:, None], b.astype(np.float64)


def area(boxes: Boxes) -> F64:
    """In the boxes' own dtype."""
    x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
    product: F64 = (x2 - x1) * (y2 - y1)
    return product


def common_sides(a: F64, b: F64) -> F64:
    """(..., 2) width and height of the intersection, negative where boxes are apart."""
    sides: F64 = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return sides


def meeting(a: F64, b: F64) -> F64:
    """The area of the intersection."""
    shared: F64 = np.maximum(common_sides(a, b), 0.0).prod(axis=-1)
    return shared


def hull(a: F64, b: F64) -> F64:
    """The smallest box around both."""
    low, high = np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:])
    return np.concatenate([low, high], axis=-1)


def ratio(part: F64, whole: F64) -> F64:
    """0 where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


# --- IoU ---


@refusing
def iou_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a, b)
    return ratio(shared, area(a) + area(b) - shared)


@refusing
def iou_with_a_pixel_more(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    return iou_matrix(a_xyxy + FAR_PIXEL, b_xyxy + FAR_PIXEL)


@refusing
def iou_with_a_pixel_more_in_areas(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a, b)
    return ratio(shared, area(a + FAR_PIXEL) + area(b + FAR_PIXEL) - shared)


@refusing
def iou_without_clamp(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = common_sides(a, b).prod(axis=-1)
    return ratio(shared, area(a) + area(b) - shared)


@refusing
def iou_with_integer_areas(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a, b)
    return ratio(shared, area(a_xyxy)[:, None] + area(b_xyxy) - shared)


@refusing
def iou_over_the_hull(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    return ratio(meeting(a, b), area(hull(a, b)))


@refusing
def iou_with_epsilon(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a, b)
    return ratio(shared, area(a) + area(b) - shared + 1e-7)


@refusing
def iou_of_nothing_is_nan(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a, b)
    with np.errstate(invalid="ignore"):
        return shared / (area(a) + area(b) - shared)


# --- With VOC's pixels ---


@refusing
def iou_matrix_inclusive(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    return iou_matrix(a_xyxy.astype(np.float64) + FAR_PIXEL, b_xyxy.astype(np.float64) + FAR_PIXEL)


@refusing
def inclusive_in_the_intersection_alone(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared = meeting(a + FAR_PIXEL, b + FAR_PIXEL)
    return ratio(shared, area(a) + area(b) - shared)


# --- Over the area of one ---


@refusing
def ioa_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    return ratio(meeting(a, b), area(a))


# --- Generalised, distance and complete IoU ---


@refusing
def giou_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared, whole = meeting(a, b), area(hull(a, b))
    empty = np.maximum(whole - (area(a) + area(b) - shared), 0.0)
    return iou_matrix(a_xyxy, b_xyxy) - ratio(empty, whole)


@refusing
def giou_less_the_intersection(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    shared, whole = meeting(a, b), area(hull(a, b))
    return iou_matrix(a_xyxy, b_xyxy) - ratio(whole - shared, whole)


def diagonal(a: F64, b: F64) -> F64:
    """Squared, of the smallest box around both."""
    around = hull(a, b)
    squared: F64 = ((around[..., 2:] - around[..., :2]) ** 2).sum(axis=-1)
    return squared


@refusing
def diou_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    apart = (a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2
    return iou_matrix(a_xyxy, b_xyxy) - ratio((apart**2).sum(axis=-1), diagonal(a, b))


@refusing
def diou_with_x_and_y_mixed(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    apart = (a[..., ::2] + a[..., 1::2]) / 2 - (b[..., ::2] + b[..., 1::2]) / 2
    return iou_matrix(a_xyxy, b_xyxy) - ratio((apart**2).sum(axis=-1), diagonal(a, b))


@refusing
def diou_of_all_pairs_at_once(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    a, b = crossed(a_xyxy, b_xyxy)
    apart = (a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2
    return iou_matrix(a_xyxy, b_xyxy) - ratio((apart**2).sum(), diagonal(a, b).sum())


def aspect(a: F64, b: F64) -> F64:
    """CIoU's v."""
    angles = [np.arctan2(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]) for box in (a, b)]
    v: F64 = (2 / np.pi * (angles[0] - angles[1])) ** 2
    return v


@refusing
def ciou_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    v = aspect(*crossed(a_xyxy, b_xyxy))
    alpha = ratio(v, 1 - iou_matrix(a_xyxy, b_xyxy) + v)
    return diou_matrix(a_xyxy, b_xyxy) - alpha * v


@refusing
def ciou_with_the_other_sign(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    v = aspect(*crossed(a_xyxy, b_xyxy))
    alpha = ratio(v, 1 - iou_matrix(a_xyxy, b_xyxy) + v)
    return diou_matrix(a_xyxy, b_xyxy) + alpha * v


@refusing
def ciou_of_equal_boxes_is_nan(a_xyxy: Boxes, b_xyxy: Boxes) -> F64:
    v = aspect(*crossed(a_xyxy, b_xyxy))
    with np.errstate(invalid="ignore"):
        alpha = v / (1 - iou_matrix(a_xyxy, b_xyxy) + v)
    return diou_matrix(a_xyxy, b_xyxy) - alpha * v


RIGHT = (
    Right("iou_matrix", iou_matrix),
    Right("iou_matrix_inclusive", iou_matrix_inclusive),
    Right("ioa_matrix", ioa_matrix),
    Right("giou_matrix", giou_matrix),
    Right("diou_matrix", diou_matrix),
    Right("ciou_matrix", ciou_matrix),
)

ZOO = (
    Wrong(
        "iou_matrix",
        "a-pixel-more",
        iou_with_a_pixel_more,
        "eriklindernoren/PyTorch-YOLOv3#90, fizyr/keras-retinanet#1317",
    ),
    Wrong(
        "iou_matrix",
        "a-pixel-more-in-areas-alone",
        iou_with_a_pixel_more_in_areas,
        "xg-chu/CrowdDet#47",
    ),
    Wrong(
        "iou_matrix",
        "missing-clamp",
        iou_without_clamp,
        "Wasim37/deeplearning-assignment#10, deepjavalibrary/djl#2674",
    ),
    Wrong("iou_matrix", "area-overflow", iou_with_integer_areas, "roboflow/supervision#2485"),
    Wrong("iou_matrix", "hull-for-union", iou_over_the_hull, "davisking/dlib#2735"),
    Wrong("iou_matrix", "epsilon-in-the-union", iou_with_epsilon, "ultralytics/yolov5#7709"),
    Wrong(
        "iou_matrix",
        "nothing-over-nothing",
        iou_of_nothing_is_nan,
        "torchvision 0.29.2, ops.box_iou of two empty boxes",
    ),
    Wrong("iou_matrix_inclusive", "no-pixel-more", iou_matrix, "NVIDIA/caffe#343"),
    Wrong(
        "iou_matrix_inclusive",
        "a-pixel-more-in-the-intersection-alone",
        inclusive_in_the_intersection_alone,
        "AlexeyAB/darknet#2294, in the code of the question",
    ),
    Wrong("ioa_matrix", "union-for-area", iou_matrix, "tensorpack/tensorpack#984"),
    Wrong(
        "giou_matrix",
        "intersection-for-union",
        giou_less_the_intersection,
        "noahcao/OC_SORT#64, Megvii-BaseDetection/YOLOX#712",
    ),
    Wrong("diou_matrix", "x-and-y-mixed", diou_with_x_and_y_mixed, "pytorch/vision#5786"),
    Wrong(
        "diou_matrix",
        "all-pairs-at-once",
        diou_of_all_pairs_at_once,
        "Ximilar-com/xcenternet#6",
    ),
    Wrong("ciou_matrix", "the-other-sign", ciou_with_the_other_sign, "Zzh-tju/CIoU#2"),
    Wrong(
        "ciou_matrix",
        "equal-boxes-are-nan",
        ciou_of_equal_boxes_is_nan,
        "ultralytics/yolov5#541, ultralytics/yolov5#2376",
    ),
)
