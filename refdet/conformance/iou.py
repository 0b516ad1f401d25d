"""Contracts of the overlap family: IoU, its generalised forms, and intersection over area."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import (
    EMPTY_BOX,
    NO_BOX,
    UNIT_BOX,
    boxes_xyxy,
    fractional_boxes_xyxy,
)

F64 = NDArray[np.float64]
Box: TypeAlias = list[float]
Overlap: TypeAlias = Callable[[NDArray[np.generic], NDArray[np.generic]], F64]

CONTINUOUS_XYXY = "x1, y1, x2, y2 with x1 <= x2, y1 <= y2; continuous: a width is x2 - x1, no + 1"
"""How the contracts say what a box is; printed, so in words."""

FLAT_BOX = np.array([[0.0, 2.0, 5.0, 2.0]])
HUGE_INT_BOX = np.array([[0, 0, 60_000, 60_000]], dtype=np.int32)

# --- Oracles: plain Python, one pair at a time ---


def unit_cells(box: Iterable[float]) -> set[tuple[int, int]]:
    """The unit squares that a box with integer corners covers, by their lower corner."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def pixels(box: Iterable[float]) -> set[tuple[int, int]]:
    """The pixels of a box whose far corner belongs to it."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2 + 1) for y in range(y1, y2 + 1)}


def _share(part: set[tuple[int, int]], whole: set[tuple[int, int]]) -> float:
    return len(part) / len(whole) if whole else 0.0


def counted_iou(a: Iterable[float], b: Iterable[float]) -> float:
    """On integer corners, IoU is a ratio of two counts."""
    cells_a, cells_b = unit_cells(a), unit_cells(b)
    return _share(cells_a & cells_b, cells_a | cells_b)


def _counted_inclusive_iou(a: Box, b: Box) -> float:
    return _share(pixels(a) & pixels(b), pixels(a) | pixels(b))


def _counted_ioa(a: Box, b: Box) -> float:
    return _share(unit_cells(a) & unit_cells(b), unit_cells(a))


def _enclosing(a: Box, b: Box) -> Box:
    return [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]


def _counted_giou(a: Box, b: Box) -> float:
    hull = unit_cells(_enclosing(a, b))
    return counted_iou(a, b) - _share(hull - unit_cells(a) - unit_cells(b), hull)


def _naive_diou(a: Box, b: Box) -> float:
    x1, y1, x2, y2 = _enclosing(a, b)
    diagonal = (x2 - x1) ** 2 + (y2 - y1) ** 2
    dx, dy = ((a[axis] + a[axis + 2]) / 2 - (b[axis] + b[axis + 2]) / 2 for axis in (0, 1))
    return counted_iou(a, b) - ((dx**2 + dy**2) / diagonal if diagonal else 0.0)


def _naive_ciou(a: Box, b: Box) -> float:
    # A box's angle, arctan(width / height), is that of the complex number height + i width.
    angles = [cmath.phase(complex(box[3] - box[1], box[2] - box[0])) for box in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    return _naive_diou(a, b) - (v * v / (1 - counted_iou(a, b) + v) if v else 0.0)


def _every_pair(rule: Callable[[Box, Box], float], a: F64, b: F64) -> F64:
    rows = [[rule(one, other) for other in b.tolist()] for one in a.tolist()]
    return np.array(rows, dtype=np.float64).reshape(len(a), len(b))


# --- Properties ---


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=NO_BOX, b=UNIT_BOX)
def iou_equals_counting_unit_cells(iou_matrix: Overlap, a: F64, b: F64) -> None:
    """On integer corners, IoU is a ratio of two counts."""
    assert_close(iou_matrix(a, b), _every_pair(counted_iou, a, b), "IoU")


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=UNIT_BOX)
def inclusive_iou_equals_counting_pixels(iou_matrix: Overlap, a: F64, b: F64) -> None:
    """With inclusive corners a box is the set of pixels from corner to corner."""
    assert_close(iou_matrix(a, b), _every_pair(_counted_inclusive_iou, a, b), "IoU")


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=UNIT_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def ioa_equals_counting_unit_cells(ioa_matrix: Overlap, a: F64, b: F64) -> None:
    """The share of the row box's cells that the column box covers."""
    assert_close(ioa_matrix(a, b), _every_pair(_counted_ioa, a, b), "IoA")


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=FLAT_BOX)
def giou_equals_counting_unit_cells(giou_matrix: Overlap, a: F64, b: F64) -> None:
    """IoU less the share of the enclosing box's cells that neither box covers."""
    assert_close(giou_matrix(a, b), _every_pair(_counted_giou, a, b), "GIoU", atol=1e-15)


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def diou_equals_the_formula(diou_matrix: Overlap, a: F64, b: F64) -> None:
    """IoU, by counting, less the squared distance of centres over the squared diagonal."""
    assert_close(diou_matrix(a, b), _every_pair(_naive_diou, a, b), "DIoU", atol=1e-14)


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def ciou_equals_the_formula(ciou_matrix: Overlap, a: F64, b: F64) -> None:
    """Distance IoU less the aspect-ratio penalty, with angles from complex numbers."""
    assert_close(ciou_matrix(a, b), _every_pair(_naive_ciou, a, b), "CIoU", atol=1e-14)


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
def is_symmetric(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """Swapping the arguments transposes the matrix."""
    assert_close(overlap_matrix(a, b), overlap_matrix(b, a).T, "overlap", atol=1e-14)


def _assert_between(got: F64, low: float, high: float) -> None:
    found = np.asarray(got)
    inside = np.asarray((found >= low) & (found <= high))  # NaN is nowhere
    for at in np.argwhere(~inside).tolist():
        place = at if found.ndim else ""
        raise AssertionError(f"overlap{place}: {found[tuple(at)]} is not from {low:g} to {high:g}")


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=HUGE_INT_BOX, b=HUGE_INT_BOX)
def stays_between_0_and_1(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """Without tolerance: rounding must not carry a ratio past 1."""
    _assert_between(overlap_matrix(a, b), 0.0, 1.0 + slack())


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=EMPTY_BOX)
def stays_between_minus_2_and_1(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """The generalised forms fall below 0, never above 1, and are never NaN."""
    _assert_between(overlap_matrix(a, b), -2.0 - slack(), 1.0 + slack())


@given(a=fractional_boxes_xyxy(min_size=0.125))
@example(a=HUGE_INT_BOX)
@example(a=np.array([[250, 250, 255, 255]], dtype=np.uint8))
@example(a=np.array([[0, 0, 400, 400]], dtype=np.float16))
def is_exactly_1_for_equal_boxes(overlap_matrix: Overlap, a: F64) -> None:
    """For every dtype: an area that overflows shows here."""
    assert_close(overlap_matrix(a, a).diagonal(), np.ones(len(a)), "overlap with itself")


@given(a=boxes_xyxy(), b=boxes_xyxy(), shift=st.integers(-1000, 1000))
def survives_translation(overlap_matrix: Overlap, a: F64, b: F64, shift: int) -> None:
    """Integer corners move without rounding, so nothing may change."""
    assert_close(overlap_matrix(a + shift, b + shift), overlap_matrix(a, b), "overlap")


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy(), power=st.integers(-20, 20))
@example(a=UNIT_BOX, b=UNIT_BOX * [1, 1, 1, 2], power=-20)
def survives_scaling_by_powers_of_two(overlap_matrix: Overlap, a: F64, b: F64, power: int) -> None:
    """Powers of two scale without rounding, so nothing may change."""
    scale = 2.0**power
    assert_close(overlap_matrix(a * scale, b * scale), overlap_matrix(a, b), "overlap")


@given(pairs=st.integers(0, 4).flatmap(lambda n: st.tuples(boxes_xyxy(n), boxes_xyxy(n))))
@example(pairs=(NO_BOX, NO_BOX))
@example(pairs=(EMPTY_BOX, EMPTY_BOX))
def paired_iou_equals_counting_unit_cells(iou_paired: Overlap, pairs: tuple[F64, F64]) -> None:
    """One value a row."""
    a, b = pairs
    want = [counted_iou(one, other) for one, other in zip(a.tolist(), b.tolist(), strict=True)]
    assert_close(iou_paired(a, b), np.array(want, dtype=np.float64), "IoU")


_GEOMETRY = (is_exactly_1_for_equal_boxes, survives_translation, survives_scaling_by_powers_of_two)
_PAIRS_OF_BOXES = ("a_xyxy", "b_xyxy")

IOU_MATRIX = Contract[Overlap](
    "iou_matrix",
    _PAIRS_OF_BOXES,
    Conventions(
        rule="Intersection over union of every box of a (rows) with every box of b (columns).",
        boxes=CONTINUOUS_XYXY,
        undefined="Two boxes whose union has no area score 0, never NaN.",
    ),
    (iou_equals_counting_unit_cells, is_symmetric, stays_between_0_and_1, *_GEOMETRY),
)
IOU_PAIRED = Contract[Overlap](
    "iou_paired",
    _PAIRS_OF_BOXES,
    Conventions(
        rule="Intersection over union of each box of a with the box in the same row of b.",
        boxes=CONTINUOUS_XYXY,
        undefined="Two boxes whose union has no area score 0, never NaN.",
    ),
    (paired_iou_equals_counting_unit_cells,),
)
IOA_MATRIX = Contract[Overlap](
    "ioa_matrix",
    _PAIRS_OF_BOXES,
    Conventions(
        rule=(
            "Intersection over the area of the row box: COCO's overlap of a detection (row) with a "
            "crowd region (column). Not symmetric."
        ),
        boxes=CONTINUOUS_XYXY,
        undefined="A row box without area scores 0.",
    ),
    (ioa_equals_counting_unit_cells, stays_between_0_and_1, *_GEOMETRY),
)
GIOU_MATRIX = Contract[Overlap](
    "giou_matrix",
    _PAIRS_OF_BOXES,
    Conventions(
        rule=(
            "IoU less the share of the smallest enclosing box that neither box covers, of every "
            "box of a (rows) with every box of b (columns)."
        ),
        boxes=CONTINUOUS_XYXY,
        undefined="IoU is 0 where the union has no area, the penalty where the enclosing has none.",
    ),
    (giou_equals_counting_unit_cells, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
DIOU_MATRIX = Contract[Overlap](
    "diou_matrix",
    _PAIRS_OF_BOXES,
    Conventions(
        rule=(
            "IoU less the squared distance of the centres over the squared diagonal of the "
            "smallest enclosing box, of every box of a (rows) with every box of b (columns)."
        ),
        boxes=CONTINUOUS_XYXY,
        undefined="IoU is 0 where the union has no area; of two equal points there is no penalty.",
    ),
    (diou_equals_the_formula, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
CIOU_MATRIX = Contract[Overlap](
    "ciou_matrix",
    _PAIRS_OF_BOXES,
    Conventions(
        rule=(
            "Distance IoU less alpha v, of every box of a (rows) with every box of b (columns); "
            "v = (2 / pi (angle of a - angle of b))^2, a box's angle is arctan(width / height), "
            "alpha = v / (1 - IoU + v) at every IoU."
        ),
        boxes=CONTINUOUS_XYXY,
        undefined=(
            "IoU is 0 where the union has no area, and alpha where it would be 0 / 0. The angle of "
            "a flat box is pi / 2, that of a point 0."
        ),
    ),
    (ciou_equals_the_formula, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
IOU_MATRIX_INCLUSIVE = Contract[Overlap](
    "iou_matrix_inclusive",
    _PAIRS_OF_BOXES,
    Conventions(
        rule="IoU by PASCAL VOC's pixel rule: every box of a (rows) with every box of b (columns).",
        boxes=(
            "x1, y1, x2, y2 are pixels and the far corner belongs to the box: a width is "
            "x2 - x1 + 1."
        ),
        undefined="Nothing is: a box always covers at least one pixel.",
    ),
    (
        inclusive_iou_equals_counting_pixels,
        is_symmetric,
        stays_between_0_and_1,
        is_exactly_1_for_equal_boxes,
        survives_translation,
    ),
)

CONTRACTS = (
    IOU_MATRIX,
    IOU_PAIRED,
    IOA_MATRIX,
    GIOU_MATRIX,
    DIOU_MATRIX,
    CIOU_MATRIX,
    IOU_MATRIX_INCLUSIVE,
)
