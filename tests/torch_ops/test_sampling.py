"""What is peculiar to `refdet.torch_ops.sampling`: dtypes, gradients, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refdet.core import sampling as core
from refdet.torch_ops.sampling import hard_negative_mask

POSITIVE = torch.tensor([[True, False, False, False]])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_hard_negative_mask_sorts_every_real_dtype(dtype: torch.dtype) -> None:
    losses = torch.tensor([[1, 0, 3, 2]]).to(dtype)
    assert hard_negative_mask(losses, POSITIVE, 2.0).tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("on_a_device", [False, True])
def test_hard_negative_mask_equals_core_at_the_size_of_ssd300(
    on_a_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: on_a_device)
    rng = np.random.default_rng(0)
    losses = np.round(rng.exponential(size=(8, 8732)), 2)  # thousands of ties
    positive = rng.random((8, 8732)) < rng.choice([0.0, 0.001, 0.02, 0.5], (8, 1))
    got = hard_negative_mask(torch.from_numpy(losses), torch.from_numpy(positive), 3.0)
    np.testing.assert_array_equal(got.numpy(), core.hard_negative_mask(losses, positive, 3.0))


def test_hard_negative_mask_counts_in_float64() -> None:
    """100 times 0.29 is 28.999… in float64 and 29 in float32."""
    losses = torch.arange(200.0)[None]
    positive = losses < 100
    assert hard_negative_mask(losses, positive, 0.29).sum() == 28


@pytest.mark.parametrize("hardest", [torch.nan, torch.inf])
def test_hard_negative_mask_takes_what_is_not_finite_first(hardest: float) -> None:
    """A broken loss is trained on, and seen, in place of being passed over."""
    losses = torch.tensor([[hardest, 1, 2, hardest, -torch.inf]])
    positive = torch.tensor([[True, False, False, False, False]])
    for ratio, want in ((1, [3]), (2, [2, 3]), (4, [1, 2, 3, 4])):
        assert hard_negative_mask(losses, positive, ratio)[0].nonzero()[:, 0].tolist() == want


def test_hard_negative_mask_leaves_its_inputs_as_they_were() -> None:
    losses, positive = torch.rand(2, 9, requires_grad=True), torch.rand(2, 9) < 0.3
    before = losses.detach().clone(), positive.clone()
    hard_negative_mask(losses, positive, 1.0)
    assert torch.equal(losses.detach(), before[0])
    assert torch.equal(positive, before[1])


def test_hard_negative_mask_refuses_wrong_dtypes_and_shapes() -> None:
    losses = torch.rand(1, 4)
    with pytest.raises(TypeError, match=r"losses must be of a real dtype, got torch\.bool"):
        hard_negative_mask(POSITIVE, POSITIVE, 3.0)
    with pytest.raises(TypeError, match=r"positive must be of dtype bool, got torch\.float32"):
        hard_negative_mask(losses, losses, 3.0)
    with pytest.raises(ValueError, match=r"losses must have shape \(B, P\), got \(4,\)"):
        hard_negative_mask(losses[0], POSITIVE[0], 3.0)
    with pytest.raises(ValueError, match=r"positive must have shape \(1, 4\), got \(1, 2\)"):
        hard_negative_mask(losses, POSITIVE[:, :2], 3.0)
    with pytest.raises(ValueError, match=r"ratio = -1\.0 is not finite and >= 0"):
        hard_negative_mask(losses, POSITIVE, -1.0)
