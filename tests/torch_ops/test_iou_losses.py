"""The losses of the IoU family beside core's overlaps and torchvision's losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import ops

from refdet.core import iou as core
from refdet.torch_ops.losses import complete_iou_loss, distance_iou_loss, generalized_iou_loss

Loss = Callable[[Tensor, Tensor], Tensor]
Overlap = Callable[[np.ndarray, np.ndarray], np.ndarray]

FAMILY: list[tuple[Loss, Overlap, Loss]] = [
    (generalized_iou_loss, core.giou_matrix, ops.generalized_box_iou_loss),
    (distance_iou_loss, core.diou_matrix, ops.distance_box_iou_loss),
    (complete_iou_loss, core.ciou_matrix, ops.complete_box_iou_loss),
]
LOSSES = [loss for loss, _, _ in FAMILY]


def boxes(seed: int, *leading: int, side: float = 1.0) -> Tensor:
    """Boxes with a size, in float64."""
    rng = torch.Generator().manual_seed(seed)
    low, size = side * torch.rand(2, *leading, 2, dtype=torch.float64, generator=rng)
    return torch.cat([low, low + size + side / 10], dim=-1)


@pytest.mark.parametrize(("loss", "overlap"), [pair[:2] for pair in FAMILY])
@given(seed=st.integers(0, 999), pairs=st.integers(0, 5))
def test_losses_are_1_less_the_overlap_of_core(
    loss: Loss, overlap: Overlap, seed: int, pairs: int
) -> None:
    predicted, target = boxes(seed, pairs), boxes(seed + 1000, pairs)
    want = 1 - overlap(predicted.numpy(), target.numpy()).diagonal()
    np.testing.assert_allclose(loss(predicted, target).numpy(), want, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("loss", "_overlap", "theirs"), FAMILY)
def test_losses_and_gradients_are_torchvisions(loss: Loss, _overlap: Overlap, theirs: Loss) -> None:
    """Theirs add 1e-7 to areas, which are at least 100 pixels here, and to `1 - IoU + v`."""
    predicted, target = (boxes(seed, 200, side=100.0) for seed in (0, 1))
    results = []
    for function in (loss, theirs):
        leaf = predicted.clone().requires_grad_()
        value = function(leaf, target)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), leaf)))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("loss", [generalized_iou_loss, distance_iou_loss])
def test_losses_have_the_gradient_of_finite_differences(loss: Loss) -> None:
    pair = boxes(2, 8).requires_grad_(), boxes(3, 8).requires_grad_()
    assert torch.autograd.gradcheck(loss, pair)


def test_complete_iou_loss_has_the_gradient_of_finite_differences_at_a_constant_alpha() -> None:
    """alpha v grows by alpha times v's differences, however alpha itself would change."""
    predicted, target = boxes(4, 8), boxes(5, 8)

    def aspect(predicted: Tensor) -> Tensor:
        angles = [((x[:, 2] - x[:, 0]) / (x[:, 3] - x[:, 1])).atan() for x in (predicted, target)]
        return 4 / torch.pi**2 * (angles[0] - angles[1]) ** 2

    iou = torch.from_numpy(core.iou_matrix(predicted.numpy(), target.numpy())).diagonal()
    alpha = aspect(predicted) / (1 - iou + aspect(predicted))

    def without_alphas_gradient(predicted: Tensor) -> Tensor:
        return distance_iou_loss(predicted, target) + alpha * aspect(predicted)

    gradients = []
    for function in (without_alphas_gradient, lambda one: complete_iou_loss(one, target)):
        leaf = predicted.clone().requires_grad_()
        gradients.append(torch.autograd.grad(function(leaf).sum(), leaf)[0])
    assert torch.autograd.gradcheck(without_alphas_gradient, predicted.requires_grad_())
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_equal_boxes_are_exactly_0(loss: Loss) -> None:
    for dtype in (torch.float16, torch.float32, torch.float64):
        pair = boxes(6, 9).to(dtype)
        assert not loss(pair, pair).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_have_a_gradient_towards_a_target_far_away(loss: Loss) -> None:
    """Where 1 - IoU is flat: the boxes do not overlap."""
    predicted = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
    value = loss(predicted, torch.tensor([[5.0, 0, 6, 1]]))
    (gradient,) = torch.autograd.grad(value, predicted)
    assert value.item() > 1
    assert (gradient[0, 0] + gradient[0, 2]).item() < 0  # to the right it becomes smaller


KINKS = torch.tensor([[3.0, 3, 3, 3], [0, 0, 2, 2], [0, 2, 5, 2], [2, 0, 2, 9], [2, 2, 4, 4]])


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_have_a_finite_gradient_where_boxes_touch_or_are_empty(loss: Loss) -> None:
    every_pair = KINKS.repeat(5, 1), KINKS.repeat_interleave(5, dim=0)
    leaves = [one.requires_grad_() for one in every_pair]
    value = loss(*leaves)
    assert value.isfinite().all()
    assert all(one.isfinite().all() for one in torch.autograd.grad(value.sum(), leaves))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_broadcast_batches_and_widen_half_precision(loss: Loss) -> None:
    predicted, target = boxes(7, 2, 3), boxes(8, 3)
    got = loss(predicted.half(), target.half())
    assert got.shape == (2, 3)
    assert got.dtype == torch.float32
    assert loss(predicted.float(), target).dtype == torch.float64
    alone = loss(predicted[1].half(), target.half())
    assert got[1].tolist() == alone.tolist()


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_name_what_does_not_fit(loss: Loss) -> None:
    with pytest.raises(ValueError, match="predicted_xyxy has 1 rows and target_xyxy has 2"):
        loss(boxes(9, 1), boxes(9, 2))
    with pytest.raises(ValueError, match=r"target_xyxy must have shape \(\.\.\., N, 4\), got"):
        loss(boxes(9, 1), torch.zeros(4))
    with pytest.raises(TypeError, match=r"predicted_xyxy must be of a real dtype, got torch\.bool"):
        loss(boxes(9, 1) > 0, boxes(9, 1))
