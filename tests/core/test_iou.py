"""What is peculiar to `refdet.core.iou`: errors, purity, dtypes, the numbers of other tools."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools import mask
from torchvision import ops

from refdet.core.iou import (
    ciou_matrix,
    diou_matrix,
    giou_matrix,
    ioa_matrix,
    iou_matrix,
    iou_matrix_inclusive,
    iou_paired,
)

F64 = NDArray[np.float64]
Function = Callable[[NDArray[np.generic], NDArray[np.generic]], F64]
TorchFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

FAMILY = [
    iou_matrix,
    iou_paired,
    ioa_matrix,
    giou_matrix,
    diou_matrix,
    ciou_matrix,
    iou_matrix_inclusive,
]
UNIT = np.array([[0.0, 0.0, 1.0, 1.0]])


def random_boxes(count: int, seed: int) -> F64:
    """Boxes of 10 to 200 px, crowded enough to overlap."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 300, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 200, (count, 2))], axis=1)


A, B = random_boxes(40, seed=1), random_boxes(30, seed=2)


@pytest.mark.parametrize(
    ("function", "theirs", "tolerance"),
    [
        (iou_matrix, ops.box_iou, 1e-14),
        (giou_matrix, ops.generalized_box_iou, 1e-14),
        # torchvision adds 1e-7 to denominators of these two.
        (diou_matrix, ops.distance_box_iou, 1e-9),
        (ciou_matrix, ops.complete_box_iou, 1e-6),
    ],
)
def test_family_equals_torchvision(
    function: Function, theirs: TorchFunction, tolerance: float
) -> None:
    want = theirs(torch.from_numpy(A), torch.from_numpy(B)).numpy()
    np.testing.assert_allclose(function(A, B), want, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("function", "crowd"), [(iou_matrix, 0), (ioa_matrix, 1)])
def test_family_equals_pycocotools(function: Function, crowd: int) -> None:
    xywh_a, xywh_b = (np.concatenate([x[:, :2], x[:, 2:] - x[:, :2]], axis=1) for x in (A, B))
    want = mask.iou(xywh_a, xywh_b, [crowd] * len(B))
    np.testing.assert_allclose(function(A, B), want, rtol=0, atol=1e-13)


def test_iou_paired_is_the_diagonal_of_the_matrix() -> None:
    pairs = iou_paired(A[:30], B)
    assert pairs.tolist() == iou_matrix(A[:30], B).diagonal().tolist()


@pytest.mark.parametrize("shape", [(1, 70_000), (70_000, 1), (257, 256), (600, 301)])
def test_large_matrices_hold_what_small_ones_do(shape: tuple[int, int]) -> None:
    """More pairs than are computed at a time, also where one row alone has more."""
    a, b = random_boxes(shape[0], 5), random_boxes(shape[1], 6)
    rows, columns = (index.ravel() for index in np.indices(shape))
    pairs = iou_paired(a[rows], b[columns]).reshape(shape)
    np.testing.assert_array_equal(iou_matrix(a, b), pairs)
    np.testing.assert_array_equal(ioa_matrix(a, b)[-1:], ioa_matrix(a[-1:], b))


def test_iou_matrix_does_not_overflow_as_torchvision_does() -> None:
    a = np.array([[0, 0, 60_000, 60_000]], dtype=np.int32)
    b = np.array([[30_000, 0, 90_000, 60_000]], dtype=np.int32)
    theirs = ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).item()
    assert abs(theirs - 1 / 3) > 0.1
    assert iou_matrix(a, b) == 1 / 3


def test_iou_matrix_of_empty_boxes_is_not_nan_as_torchvisions_is() -> None:
    point = np.array([[3.0, 3.0, 3.0, 3.0]])
    assert ops.box_iou(torch.from_numpy(point), torch.from_numpy(point)).isnan().all()
    assert iou_matrix(point, point) == 0


@pytest.mark.parametrize("function", FAMILY)
def test_family_names_the_argument_the_row_and_the_value(function: Function) -> None:
    inverted = np.array([[0.0, 0.0, 1.0, 1.0], [3.0, 0.0, 1.0, 1.0]])
    message = "[1] = [3.0, 0.0, 1.0, 1.0] has x2 < x1 or y2 < y1"
    with pytest.raises(ValueError, match=re.escape(f"a_xyxy{message}")):
        function(inverted, UNIT)
    with pytest.raises(ValueError, match=re.escape(f"b_xyxy{message}")):
        function(UNIT, inverted)


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_family_names_the_row_that_is_not_finite(function: Function, bad: float) -> None:
    message = re.escape(f"a_xyxy[0] = [0.0, {bad}, 1.0, 1.0] is not finite")
    with pytest.raises(ValueError, match=message):
        function(np.array([[0.0, bad, 1.0, 1.0]]), UNIT)


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("dtype", [bool, complex, object, "U1"])
def test_family_refuses_what_is_no_real_dtype(function: Function, dtype: type) -> None:
    with pytest.raises(TypeError, match="b_xyxy must be of a real dtype"):
        function(UNIT, np.zeros((1, 4), dtype=dtype))


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("shape", [(4,), (0,), (2, 5), (1, 1, 4)])
def test_family_refuses_another_shape(function: Function, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"a_xyxy must have shape (N, 4), got {shape}")):
        function(np.zeros(shape), UNIT)


def test_iou_paired_refuses_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="a_xyxy has 40 rows and b_xyxy has 30"):
        iou_paired(A, B)


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.int32, np.uint8])
def test_family_returns_float64_for_every_dtype(
    function: Function, dtype: type[np.floating | np.integer]
) -> None:
    boxes = np.array([[1, 2, 3, 5], [0, 0, 2, 3]], dtype=dtype)
    got = function(boxes, boxes)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, function(boxes.astype(np.float64), boxes))


@pytest.mark.parametrize("function", FAMILY)
def test_family_leaves_its_inputs_alone(function: Function) -> None:
    a, b = A[:5].copy(), B[:5].copy()
    a.setflags(write=False)
    function(a, b)[:] = -7.0
    np.testing.assert_array_equal(a, A[:5])
    np.testing.assert_array_equal(b, B[:5])


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("scale", [1e-70, 1e70])
def test_family_survives_extreme_sides(function: Function, scale: float) -> None:
    got = function(A[:3] * scale, A[:3] * scale)
    assert np.isfinite(got).all()
    if function is not iou_matrix_inclusive:
        np.testing.assert_allclose(got, function(A[:3], A[:3]), atol=1e-12)
