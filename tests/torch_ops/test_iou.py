"""What is peculiar to `refdet.torch_ops.iou`: dtypes, batch dimensions, gradients, errors."""

from __future__ import annotations

import pytest
import torch

from refdet.torch_ops.iou import iou_matrix


def boxes(*leading: int) -> torch.Tensor:
    """Boxes with a size, in float64."""
    low, size = torch.rand(2, *leading, 2, dtype=torch.float64)
    return torch.cat([low, low + size + 0.1], dim=-1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_iou_matrix_in_half_precision_does_not_overflow(dtype: torch.dtype) -> None:
    a = torch.tensor([[0, 0, 4096, 4096]], dtype=dtype)
    b = torch.tensor([[2048, 0, 6144, 4096]], dtype=dtype)
    got = iou_matrix(a, b)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, torch.tensor([[1 / 3]]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float64])
def test_iou_matrix_of_integers_and_doubles_is_float64(dtype: torch.dtype) -> None:
    a = torch.tensor([[0, 0, 200, 200]], dtype=dtype)
    got = iou_matrix(a, torch.tensor([[0, 0, 100, 200]], dtype=torch.float16))
    assert got.dtype == torch.float64
    assert got.item() == 0.5


def test_iou_matrix_has_a_finite_gradient_for_empty_boxes() -> None:
    a = torch.tensor([[3.0, 3, 3, 3], [0, 0, 2, 2], [0, 2, 5, 2]], requires_grad=True)
    b = torch.tensor([[3.0, 3, 3, 3], [1, 1, 3, 3], [0, 2, 5, 2]], requires_grad=True)
    for gradient in torch.autograd.grad(iou_matrix(a, b).sum(), (a, b)):
        assert gradient.isfinite().all()


def test_iou_matrix_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    a, b = boxes(3).requires_grad_(), boxes(2).requires_grad_()
    assert torch.autograd.gradcheck(iou_matrix, (a, b))


def test_iou_matrix_treats_each_image_of_a_batch_by_itself() -> None:
    torch.manual_seed(0)
    a, b = boxes(2, 5), boxes(2, 3)
    got = iou_matrix(a, b)
    assert got.shape == (2, 5, 3)
    for image in range(2):
        torch.testing.assert_close(got[image], iou_matrix(a[image], b[image]), rtol=0, atol=0)


def test_iou_matrix_broadcasts_priors_over_a_batch() -> None:
    torch.manual_seed(0)
    priors, objects = boxes(5), boxes(4, 3)
    got = iou_matrix(priors, objects)
    assert got.shape == (4, 5, 3)
    torch.testing.assert_close(got[3], iou_matrix(priors, objects[3]), rtol=0, atol=0)


def test_iou_matrix_without_boxes_is_empty() -> None:
    assert iou_matrix(torch.zeros(0, 4), boxes(3)).shape == (0, 3)
    assert iou_matrix(torch.zeros(2, 0, 4), boxes(2, 3)).shape == (2, 0, 3)


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_iou_matrix_refuses_what_is_no_real_dtype(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="b_xyxy must be of a real dtype"):
        iou_matrix(boxes(1), torch.zeros(1, 4, dtype=dtype))


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 1, 5)])
def test_iou_matrix_refuses_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a_xyxy must have shape"):
        iou_matrix(torch.zeros(shape), boxes(1))


def test_iou_matrix_leaves_its_inputs_alone() -> None:
    a, b = boxes(3), boxes(2)
    before = a.clone(), b.clone()
    iou_matrix(a, b).zero_()
    torch.testing.assert_close((a, b), before, rtol=0, atol=0)
