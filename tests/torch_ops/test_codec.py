"""What is peculiar to `refdet.torch_ops.codec`: dtypes, batch dimensions, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from refdet.core import codec as core
from refdet.torch_ops import codec as module
from refdet.torch_ops.codec import MAX_LOG_SCALE, decode_boxes, encode_boxes

SSD_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
Codec = Callable[[torch.Tensor, torch.Tensor, tuple[float, float, float, float]], torch.Tensor]


def boxes(*leading: int) -> torch.Tensor:
    """Boxes with a size, in float64."""
    low, size = torch.rand(2, *leading, 2, dtype=torch.float64)
    return torch.cat([low, low + size + 0.1], dim=-1)


def test_max_log_scale_is_that_of_core() -> None:
    assert MAX_LOG_SCALE == core.MAX_LOG_SCALE


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_codec_works_in_float32_at_least(dtype: torch.dtype) -> None:
    # The reference's centre, (40000 + 60000) / 2, is past float16's sum of corners.
    references = torch.tensor([[40960, 0, 61440, 2]], dtype=dtype)
    deltas = encode_boxes(references, references, SSD_WEIGHTS)
    assert deltas.dtype == torch.float32
    assert deltas.tolist() == [[0, 0, 0, 0]]
    decoded = decode_boxes(deltas.to(dtype), references, SSD_WEIGHTS)
    assert decoded.dtype == torch.float32
    assert decoded.tolist() == references.tolist()


def test_codec_of_integers_is_float64() -> None:
    references = torch.tensor([[0, 0, 200, 200]], dtype=torch.uint8)
    assert encode_boxes(references, references.int(), SSD_WEIGHTS).dtype == torch.float64


def test_codec_broadcasts_priors_over_a_batch() -> None:
    torch.manual_seed(0)
    priors, batch = boxes(5), boxes(3, 5)
    deltas = encode_boxes(batch, priors, SSD_WEIGHTS)
    assert deltas.shape == (3, 5, 4)
    for image in range(3):
        want = encode_boxes(batch[image], priors, SSD_WEIGHTS)
        assert deltas[image].tolist() == want.tolist()
    torch.testing.assert_close(decode_boxes(deltas, priors, SSD_WEIGHTS), batch)


@pytest.mark.parametrize("block_bytes", [1, 200, 250, 10**6])
@pytest.mark.parametrize("codec", [encode_boxes, decode_boxes])
def test_codec_in_blocks_of_any_size(
    codec: Codec, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some rows at a time are, with their gradients, what each row is by itself."""
    torch.manual_seed(0)
    batch, priors = boxes(3, 7).requires_grad_(), boxes(7)
    rows = [codec(batch[:, [n]], priors[[n]], SSD_WEIGHTS) for n in range(7)]
    [want] = torch.autograd.grad(torch.cat(rows, dim=1).square().sum(), [batch])
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    found = codec(batch, priors, SSD_WEIGHTS)
    assert torch.equal(found, torch.cat(rows, dim=1))
    [gradient] = torch.autograd.grad(found.square().sum(), [batch])
    torch.testing.assert_close(gradient, want)
    assert codec(batch[:, :0], priors[:0], SSD_WEIGHTS).shape == (3, 0, 4)


def test_codec_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    references, deltas = boxes(4), torch.randn(4, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda a, b: encode_boxes(a, b, SSD_WEIGHTS),
        (boxes(4).requires_grad_(), references.requires_grad_()),
    )
    assert torch.autograd.gradcheck(
        lambda a, b: decode_boxes(a, b, SSD_WEIGHTS, MAX_LOG_SCALE),
        (deltas.requires_grad_(), references),
    )


def test_decode_boxes_stays_finite_behind_the_clamp() -> None:
    deltas = torch.full((1, 4), 1e4, requires_grad=True)
    references = torch.tensor([[0.0, 0, 10, 10]])
    decoded = decode_boxes(deltas, references, SSD_WEIGHTS, MAX_LOG_SCALE)
    (gradient,) = torch.autograd.grad(decoded.sum(), deltas)
    assert decoded.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("function", [encode_boxes, decode_boxes])
def test_codec_refuses_what_does_not_fit(function: Codec) -> None:
    with pytest.raises(ValueError, match="has 2 rows and references_xyxy has 3"):
        function(boxes(2), boxes(3), SSD_WEIGHTS)
    with pytest.raises(ValueError, match=r"references_xyxy must have shape \(..., N, 4\)"):
        function(boxes(1), torch.zeros(4), SSD_WEIGHTS)
    with pytest.raises(TypeError, match="references_xyxy must be of a real dtype"):
        function(boxes(1), torch.zeros(1, 4, dtype=torch.bool), SSD_WEIGHTS)
    with pytest.raises(ValueError, match="weights must be four positive finite numbers"):
        function(boxes(1), boxes(1), (1.0, 1.0, 0.0, 1.0))


def test_codec_leaves_its_inputs_alone() -> None:
    a, b = boxes(3), boxes(3)
    before = a.clone(), b.clone()
    encode_boxes(a, b, SSD_WEIGHTS).zero_()
    decode_boxes(a, b, SSD_WEIGHTS).zero_()
    torch.testing.assert_close((a, b), before, rtol=0, atol=0)
