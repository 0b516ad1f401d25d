"""What is peculiar to `refdet.torch_ops.nms`: dtypes, gradients, errors; `core` is its oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import nms as torchvision_nms

from refdet.core import nms as core
from refdet.torch_ops.nms import batched_nms, nms

BOXES = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [9.0, 9.0, 11.0, 11.0]])
SCORES = torch.tensor([0.5, 0.75, 0.25])
LABELS = torch.tensor([0, 0, 1])


def test_batched_nms_equals_core_on_many_tied_boxes() -> None:
    rng = np.random.default_rng(0)
    corners = rng.random((1500, 2))
    boxes = np.concatenate([corners, corners + rng.random((1500, 2)) * 0.2], axis=1)
    scores, labels = np.round(rng.random(1500), 2), rng.integers(0, 4, 1500)
    found = torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(labels)
    for threshold in (0.1, 0.45, 0.7):
        want = core.batched_nms(boxes, scores, labels, threshold)
        np.testing.assert_array_equal(batched_nms(*found, threshold).numpy(), want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int32])
def test_nms_takes_every_real_dtype(dtype: torch.dtype) -> None:
    assert nms(BOXES.to(dtype), (SCORES * 4).to(dtype), 0.3).tolist() == [1, 2]


def test_nms_keeps_float32_boxes_at_equality() -> None:
    """IoU 6 / 10 is greater than 0.6 in float32, where torchvision drops the box."""
    boxes = torch.tensor([[0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 6.0, 1.0]])
    scores = torch.tensor([0.9, 0.8])
    assert torchvision_nms(boxes, scores, 0.6).tolist() == [0]
    assert nms(boxes, scores, 0.6).tolist() == [0, 1]


def test_nms_leaves_its_inputs_as_they_were() -> None:
    boxes, scores, labels = BOXES.clone().requires_grad_(), SCORES.clone(), LABELS.clone()
    assert not nms(boxes, scores, 0.3).requires_grad
    batched_nms(boxes, scores, labels, 0.3)
    assert torch.equal(boxes.detach(), BOXES)
    assert torch.equal(scores, SCORES)
    assert torch.equal(labels, LABELS)


def test_nms_refuses_wrong_dtypes_and_shapes() -> None:
    with pytest.raises(TypeError, match=r"boxes_xyxy must be of a real dtype, got torch\.bool"):
        nms(BOXES > 0, SCORES, 0.5)
    with pytest.raises(TypeError, match=r"scores must be of a real dtype, got torch\.bool"):
        nms(BOXES, SCORES > 0, 0.5)
    with pytest.raises(TypeError, match=r"labels must be of an integer dtype, got torch\.float32"):
        batched_nms(BOXES, SCORES, SCORES, 0.5)
    with pytest.raises(ValueError, match=r"boxes_xyxy must have shape \(N, 4\), got \(3, 3\)"):
        nms(BOXES[:, :3], SCORES, 0.5)
    with pytest.raises(ValueError, match=r"scores must have shape \(3,\), got \(2,\)"):
        nms(BOXES, SCORES[:2], 0.5)
    with pytest.raises(ValueError, match=r"labels must have shape \(3,\), got \(2,\)"):
        batched_nms(BOXES, SCORES, LABELS[:2], 0.5)
    with pytest.raises(ValueError, match=r"iou_threshold = 1\.5 is not in \[0, 1\]"):
        nms(BOXES, SCORES, 1.5)
