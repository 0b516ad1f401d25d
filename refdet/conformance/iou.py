"""Contracts of the overlap family: IoU, its generalised forms, and intersection over area."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import (
    EMPTY_BOX,
    NO_BOX,
    UNIT_BOX,
    boxes_xyxy,
    fractional_boxes_xyxy,
)

F64 = NDArray[np.float64]
Overlap: TypeAlias = Callable[[NDArray[np.generic], NDArray[np.generic]], F64]

FLAT_BOX = np.array([[0.0, 2.0, 5.0, 2.0]])
HUGE_INT_BOX = np.array([[0, 0, 60_000, 60_000]], dtype=np.int32)

# --- Oracles: plain Python, one pair at a time ---


def unit_cells(box: F64) -> set[tuple[int, int]]:
    """The unit squares that a box with integer corners covers, by their lower corner."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def pixels(box: F64) -> set[tuple[int, int]]:
    """The pixels of a box whose far corner belongs to it."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2 + 1) for y in range(y1, y2 + 1)}


def _enclosing_cells(a: F64, b: F64) -> set[tuple[int, int]]:
    return unit_cells(np.array([*np.minimum(a, b)[:2], *np.maximum(a, b)[2:]]))


def _share(part: set[tuple[int, int]], whole: set[tuple[int, int]]) -> float:
    return len(part) / len(whole) if whole else 0.0


# --- Properties ---


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=NO_BOX, b=UNIT_BOX)
def iou_equals_counting_unit_cells(iou_matrix: Overlap, a: F64, b: F64) -> None:
    """On integer corners, IoU is a ratio of two counts."""
    got = iou_matrix(a, b)
    assert got.shape == (len(a), len(b))
    for i, j in np.ndindex(got.shape):
        cells_a, cells_b = unit_cells(a[i]), unit_cells(b[j])
        want = _share(cells_a & cells_b, cells_a | cells_b)
        assert got[i, j] == want, f"a[{i}]={a[i]}, b[{j}]={b[j]}: {got[i, j]} != {want}"


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=UNIT_BOX)
def inclusive_iou_equals_counting_pixels(iou_matrix: Overlap, a: F64, b: F64) -> None:
    """With inclusive corners a box is the set of pixels from corner to corner."""
    got = iou_matrix(a, b)
    for i, j in np.ndindex(got.shape):
        want = _share(pixels(a[i]) & pixels(b[j]), pixels(a[i]) | pixels(b[j]))
        assert got[i, j] == want, f"a[{i}]={a[i]}, b[{j}]={b[j]}: {got[i, j]} != {want}"


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=UNIT_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def ioa_equals_counting_unit_cells(ioa_matrix: Overlap, a: F64, b: F64) -> None:
    """The share of the row box's cells that the column box covers."""
    got = ioa_matrix(a, b)
    for i, j in np.ndindex(got.shape):
        want = _share(unit_cells(a[i]) & unit_cells(b[j]), unit_cells(a[i]))
        assert got[i, j] == want, f"a[{i}]={a[i]}, b[{j}]={b[j]}: {got[i, j]} != {want}"


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=FLAT_BOX)
def giou_equals_counting_unit_cells(giou_matrix: Overlap, a: F64, b: F64) -> None:
    """IoU less the share of the enclosing box's cells that neither box covers."""
    got = giou_matrix(a, b)
    for i, j in np.ndindex(got.shape):
        cells_a, cells_b = unit_cells(a[i]), unit_cells(b[j])
        hull = _enclosing_cells(a[i], b[j])
        want = _share(cells_a & cells_b, cells_a | cells_b)
        want -= _share(hull - cells_a - cells_b, hull)
        assert abs(got[i, j] - want) < 1e-15, f"a={a[i]}, b={b[j]}: {got[i, j]} != {want}"


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def diou_equals_the_formula(diou_matrix: Overlap, a: F64, b: F64) -> None:
    """IoU, by counting, less the squared distance of centres over the squared diagonal."""
    got = diou_matrix(a, b)
    for i, j in np.ndindex(got.shape):
        want = _naive_diou(a[i], b[j])
        assert abs(got[i, j] - want) < 1e-14, f"a={a[i]}, b={b[j]}: {got[i, j]} != {want}"


@given(a=boxes_xyxy(), b=boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=UNIT_BOX)
def ciou_equals_the_formula(ciou_matrix: Overlap, a: F64, b: F64) -> None:
    """Distance IoU less the aspect-ratio penalty, with angles from complex numbers."""
    got = ciou_matrix(a, b)
    for i, j in np.ndindex(got.shape):
        want = _naive_diou(a[i], b[j]) - _naive_aspect_penalty(a[i], b[j])
        assert abs(got[i, j] - want) < 1e-14, f"a={a[i]}, b={b[j]}: {got[i, j]} != {want}"


def _naive_diou(a: F64, b: F64) -> float:
    cells_a, cells_b = unit_cells(a), unit_cells(b)
    low, high = np.minimum(a, b)[:2], np.maximum(a, b)[2:]
    diagonal = float(((high - low) ** 2).sum())
    offset = [(a[axis] + a[axis + 2]) / 2 - (b[axis] + b[axis + 2]) / 2 for axis in (0, 1)]
    penalty = (offset[0] ** 2 + offset[1] ** 2) / diagonal if diagonal else 0.0
    return _share(cells_a & cells_b, cells_a | cells_b) - float(penalty)


def _naive_aspect_penalty(a: F64, b: F64) -> float:
    angles = [np.angle(complex(box[3] - box[1], box[2] - box[0])) for box in (a, b)]
    v = 4 / np.pi**2 * float(angles[0] - angles[1]) ** 2
    iou = _share(unit_cells(a) & unit_cells(b), unit_cells(a) | unit_cells(b))
    return v * v / (1 - iou + v) if v else 0.0


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
def is_symmetric(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """Swapping the arguments transposes the matrix."""
    np.testing.assert_allclose(overlap_matrix(a, b), overlap_matrix(b, a).T, rtol=0, atol=1e-14)


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
@example(a=HUGE_INT_BOX, b=HUGE_INT_BOX)
def stays_between_0_and_1(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """Without tolerance: rounding must not carry a ratio past 1."""
    got = overlap_matrix(a, b)
    assert ((got >= 0) & (got <= 1)).all(), got


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy())
@example(a=EMPTY_BOX, b=EMPTY_BOX)
@example(a=FLAT_BOX, b=EMPTY_BOX)
def stays_between_minus_2_and_1(overlap_matrix: Overlap, a: F64, b: F64) -> None:
    """The generalised forms fall below 0, never above 1, and are never NaN."""
    got = overlap_matrix(a, b)
    assert ((got >= -2) & (got <= 1)).all(), got


@given(a=fractional_boxes_xyxy(min_size=0.125))
@example(a=HUGE_INT_BOX)
@example(a=np.array([[250, 250, 255, 255]], dtype=np.uint8))
@example(a=np.array([[0, 0, 400, 400]], dtype=np.float16))
def is_exactly_1_for_equal_boxes(overlap_matrix: Overlap, a: F64) -> None:
    """For every dtype: an area that overflows shows here."""
    got = overlap_matrix(a, a).diagonal()
    assert (got == 1).all(), got


@given(a=boxes_xyxy(), b=boxes_xyxy(), shift=st.integers(-1000, 1000))
def survives_translation(overlap_matrix: Overlap, a: F64, b: F64, shift: int) -> None:
    """Integer corners move without rounding, so nothing may change."""
    np.testing.assert_array_equal(overlap_matrix(a + shift, b + shift), overlap_matrix(a, b))


@given(a=fractional_boxes_xyxy(), b=fractional_boxes_xyxy(), power=st.integers(-20, 20))
def survives_scaling_by_powers_of_two(overlap_matrix: Overlap, a: F64, b: F64, power: int) -> None:
    """Powers of two scale without rounding, so nothing may change."""
    scale = 2.0**power
    np.testing.assert_array_equal(overlap_matrix(a * scale, b * scale), overlap_matrix(a, b))


@given(pairs=st.integers(0, 4).flatmap(lambda n: st.tuples(boxes_xyxy(n), boxes_xyxy(n))))
@example(pairs=(NO_BOX, NO_BOX))
@example(pairs=(EMPTY_BOX, EMPTY_BOX))
def paired_iou_equals_counting_unit_cells(iou_paired: Overlap, pairs: tuple[F64, F64]) -> None:
    """One value a row."""
    a, b = pairs
    got = iou_paired(a, b)
    assert got.shape == (len(a),)
    for row, value in enumerate(got):
        cells_a, cells_b = unit_cells(a[row]), unit_cells(b[row])
        assert value == _share(cells_a & cells_b, cells_a | cells_b), f"row {row}: {value}"


_GEOMETRY = (is_exactly_1_for_equal_boxes, survives_translation, survives_scaling_by_powers_of_two)
_CONTINUOUS = "xyxy, continuous coordinates (width x2 - x1)"

IOU_MATRIX = Contract[Overlap](
    "iou_matrix",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; two boxes with an empty union score 0"),
    (iou_equals_counting_unit_cells, is_symmetric, stays_between_0_and_1, *_GEOMETRY),
)
IOU_PAIRED = Contract[Overlap](
    "iou_paired",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; two boxes with an empty union score 0"),
    (paired_iou_equals_counting_unit_cells,),
)
IOA_MATRIX = Contract[Overlap](
    "ioa_matrix",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; divided by the row box's area; a row box without area scores 0"),
    (ioa_equals_counting_unit_cells, stays_between_0_and_1, *_GEOMETRY),
)
GIOU_MATRIX = Contract[Overlap](
    "giou_matrix",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; an enclosing box without area gives no penalty"),
    (giou_equals_counting_unit_cells, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
DIOU_MATRIX = Contract[Overlap](
    "diou_matrix",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; an enclosing box without diagonal gives no penalty"),
    (diou_equals_the_formula, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
CIOU_MATRIX = Contract[Overlap](
    "ciou_matrix",
    ("a_xyxy", "b_xyxy"),
    Conventions(f"{_CONTINUOUS}; alpha = v / (1 - IoU + v), 0 where that is 0 / 0"),
    (ciou_equals_the_formula, is_symmetric, stays_between_minus_2_and_1, *_GEOMETRY),
)
IOU_MATRIX_INCLUSIVE = Contract[Overlap](
    "iou_matrix_inclusive",
    ("a_xyxy", "b_xyxy"),
    Conventions("xyxy, inclusive pixel indices (width x2 - x1 + 1)"),
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
