"""What is peculiar to `refdet.torch_ops.iou`: dtypes, batch dimensions, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from refdet.core import iou as core
from refdet.torch_ops.iou import (
    ciou_matrix,
    diou_matrix,
    giou_matrix,
    ioa_matrix,
    iou_matrix,
    iou_matrix_inclusive,
    iou_paired,
)

Overlap = Callable[[Tensor, Tensor], Tensor]

MATRICES: list[Overlap] = [
    *(iou_matrix, ioa_matrix, giou_matrix, diou_matrix, ciou_matrix),
    iou_matrix_inclusive,
]
FAMILY: list[Overlap] = [*MATRICES, iou_paired]


def boxes(*leading: int) -> Tensor:
    """Boxes with a size, in float64."""
    low, size = torch.rand(2, *leading, 2, dtype=torch.float64)
    return torch.cat([low, low + size + 0.1], dim=-1)


# --- Dtypes ---


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_overlaps_are_computed_in_float32_at_least(function: Overlap, dtype: torch.dtype) -> None:
    """Boxes of 60,000 pixels, whose areas are past float16, and whose sums of corners are too."""
    pair = torch.tensor([[[0, 0, 60000, 60000]], [[20000, 0, 60000, 30000]]], dtype=dtype)
    got = function(*pair)
    assert got.dtype == torch.float32
    want = function(*pair.double())
    torch.testing.assert_close(got.double(), want, rtol=1e-6, atol=1e-6)
    assert want.dtype == torch.float64


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float64])
def test_overlaps_of_integers_and_doubles_are_float64(
    function: Overlap, dtype: torch.dtype
) -> None:
    a = torch.tensor([[0, 0, 200, 200]], dtype=dtype)
    b = torch.tensor([[0, 0, 100, 200]], dtype=torch.float16)
    for got in (function(a, b), function(b, a)):
        assert got.dtype == torch.float64
    assert function(a, b).flatten().tolist() == function(a.double(), b.double()).flatten().tolist()


# --- Batches ---


@pytest.mark.parametrize("function", MATRICES)
def test_matrices_treat_each_image_of_a_batch_by_itself(function: Overlap) -> None:
    torch.manual_seed(0)
    a, b = boxes(2, 5), boxes(2, 3)
    got = function(a, b)
    assert got.shape == (2, 5, 3)
    for image in range(2):
        torch.testing.assert_close(got[image], function(a[image], b[image]), rtol=0, atol=0)


@pytest.mark.parametrize("function", MATRICES)
def test_matrices_broadcast_priors_over_a_batch(function: Overlap) -> None:
    torch.manual_seed(0)
    priors, objects = boxes(5), boxes(4, 3)
    got = function(priors, objects)
    assert got.shape == (4, 5, 3)
    torch.testing.assert_close(got[3], function(priors, objects[3]), rtol=0, atol=0)


@pytest.mark.parametrize("function", MATRICES)
def test_matrices_of_many_pairs_are_those_of_their_rows(function: Overlap) -> None:
    """More pairs than a CPU computes at a time: ten rows of each image are at once, not 40."""
    priors, objects = boxes(40), boxes(3, 2000)
    rows = [function(priors[[row]], objects) for row in range(40)]
    whole = function(priors, objects)
    torch.testing.assert_close(whole, torch.cat(rows, dim=1), rtol=0, atol=1e-15)


@pytest.mark.parametrize("function", MATRICES)
def test_matrices_of_many_pairs_have_gradients(function: Overlap) -> None:
    priors, objects = boxes(40).requires_grad_(), boxes(3, 2000)
    (whole,) = torch.autograd.grad(function(priors, objects).sum(), [priors])
    first = priors[:5].detach().requires_grad_()
    (of_the_first,) = torch.autograd.grad(function(first, objects).sum(), [first])
    torch.testing.assert_close(whole[:5], of_the_first)


@pytest.mark.parametrize("function", MATRICES)
def test_matrices_without_boxes_are_empty(function: Overlap) -> None:
    assert function(torch.zeros(0, 4), boxes(3)).shape == (0, 3)
    assert function(torch.zeros(2, 0, 4), boxes(2, 3)).shape == (2, 0, 3)


def test_iou_paired_is_the_diagonal_of_the_matrix_also_in_batches() -> None:
    torch.manual_seed(0)
    a, b = boxes(6), boxes(3, 6)
    got = iou_paired(a, b)
    assert got.shape == (3, 6)
    for image in range(3):
        diagonal = iou_matrix(a, b[image]).diagonal()
        torch.testing.assert_close(got[image], diagonal, rtol=0, atol=0)


# --- Gradients ---


@pytest.mark.parametrize("function", [one for one in FAMILY if one is not ciou_matrix])
def test_overlaps_have_the_gradient_of_finite_differences(function: Overlap) -> None:
    torch.manual_seed(0)
    a, b = boxes(3).requires_grad_(), boxes(3).requires_grad_()
    assert torch.autograd.gradcheck(function, (a, b))


def test_ciou_matrix_has_the_gradient_of_finite_differences_at_a_constant_alpha() -> None:
    """Core's numbers give v at each point, and alpha where the gradient is asked for."""
    torch.manual_seed(0)
    a, b = boxes(3), boxes(3)

    def aspect(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        angles = [np.arctan((x[:, 2] - x[:, 0]) / (x[:, 3] - x[:, 1])) for x in (a, b)]
        return np.asarray(4 / np.pi**2 * (angles[0][:, None] - angles[1]) ** 2)

    v, iou = aspect(a.numpy(), b.numpy()), core.iou_matrix(a.numpy(), b.numpy())
    alpha = v / (1 - iou + v)

    def summed(a: np.ndarray) -> float:
        return float((core.diou_matrix(a, b.numpy()) - alpha * aspect(a, b.numpy())).sum())

    (got,) = torch.autograd.grad(ciou_matrix(a.requires_grad_(), b).sum(), a)
    step = 1e-6 * np.eye(12).reshape(12, 3, 4)
    corners = a.detach().numpy()
    want = [(summed(corners + one) - summed(corners - one)) / 2e-6 for one in step]
    np.testing.assert_allclose(got.flatten().numpy(), want, rtol=1e-6, atol=1e-8)


# Points, flat boxes, equal, touching and nested ones, and one inside the edge of another.
KINKS = torch.tensor(
    [[3.0, 3, 3, 3], [0, 0, 2, 2], [0, 2, 5, 2], [2, 0, 2, 9], [2, 2, 4, 4], [0, 0, 1, 2]]
)


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("scale", [1.0, 2.0**-10, 2.0**10])
def test_overlaps_have_a_finite_gradient_where_boxes_touch_or_are_empty(
    function: Overlap, scale: float
) -> None:
    a, b = (KINKS * scale).requires_grad_(), (KINKS * scale).requires_grad_()
    value = function(a, b)
    assert value.isfinite().all()
    for gradient in torch.autograd.grad(value.sum(), (a, b)):
        assert gradient.isfinite().all()


# --- Errors, purity ---


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_overlaps_refuse_what_is_no_real_dtype(function: Overlap, dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=f"b_xyxy must be of a real dtype, got {dtype}"):
        function(boxes(1), torch.zeros(1, 4, dtype=dtype))


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 1, 5)])
def test_overlaps_refuse_another_shape(function: Overlap, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a_xyxy must have shape \(\.\.\., N, 4\), got"):
        function(torch.zeros(shape), boxes(1))


def test_iou_paired_refuses_rows_without_a_partner() -> None:
    """Also a single row, which would go with all of the others by broadcasting."""
    with pytest.raises(ValueError, match="a_xyxy has 1 rows and b_xyxy has 3; pairs need as many"):
        iou_paired(boxes(1), boxes(2, 3))


@pytest.mark.parametrize("function", FAMILY)
def test_overlaps_leave_their_inputs_alone(function: Overlap) -> None:
    a, b = boxes(3), boxes(3)
    before = a.clone(), b.clone()
    function(a, b).zero_()
    torch.testing.assert_close((a, b), before, rtol=0, atol=0)
