"""What is peculiar to `sanitize_boxes` of `refdet.torch_ops.boxes`: dtypes, errors, waiting."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from refdet.core import boxes as core
from refdet.torch_ops.boxes import BoxDefect, sanitize_boxes

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
NAN, INF = float("nan"), float("inf")
# In an image of 8 x 6: one that reaches out, then one of each defect, then one as it should be.
BOXES = torch.tensor(
    [
        [-1.0, 1, 3, 9],
        [0, 0, INF, 2],
        [3, 1, 2, 2],
        [8, 0, 9, 2],
        [1, 1, 1.5, 4],
        [1, 1, 2, 2],
    ]
)
LABELS = torch.arange(6) * 10


def lists(found: dict[BoxDefect, Tensor]) -> dict[str, list[int]]:
    return {str(kind): rows.tolist() for kind, rows in found.items()}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_sanitize_boxes_sorts_boxes_of_every_dtype(dtype: torch.dtype) -> None:
    got = sanitize_boxes(BOXES.to(dtype), LABELS.short(), 8, 6)
    assert got.boxes_xyxy.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert got.boxes_xyxy.tolist() == [[0, 1, 3, 6], [1, 1, 2, 2]]
    assert got.labels.dtype == got.rows.dtype == torch.int64
    assert (got.labels.tolist(), got.rows.tolist()) == ([0, 50], [0, 5])
    assert lists(dict(got.rejected)) == {
        "not finite": [1],
        "inverted": [2],
        "outside the image": [3],
        "too small": [4],
    }


def test_sanitize_boxes_keeps_integers_exact() -> None:
    """2^24 + 1 is a float64 and no float32."""
    boxes = torch.tensor([[0, 0, 2**24 + 1, 2]])
    assert sanitize_boxes(boxes, LABELS[:1], 2**25, 6).boxes_xyxy[0, 2] == 2**24 + 1


def test_sanitize_boxes_equals_core_on_many_boxes() -> None:
    rng = np.random.default_rng(0)
    boxes = rng.integers(-3, 12, (5000, 4)) / 2.0
    boxes[rng.random(boxes.shape) < 0.02] = np.nan
    labels = rng.integers(0, 9, 5000)
    want = core.sanitize_boxes(boxes, labels, 4, 3, 0.5)
    got = sanitize_boxes(torch.from_numpy(boxes), torch.from_numpy(labels), 4, 3, 0.5)
    for name in ("boxes_xyxy", "labels", "rows"):
        np.testing.assert_array_equal(getattr(got, name).numpy(), getattr(want, name))
    assert lists(dict(got.rejected)) == {str(kind): x.tolist() for kind, x in want.rejected.items()}
    assert all(len(rows) > 20 for rows in got.rejected.values())


def test_sanitize_boxes_leaves_its_inputs_as_they_were() -> None:
    boxes, labels = BOXES.clone(), LABELS.clone()
    got = sanitize_boxes(boxes, labels, 8, 6)
    got.boxes_xyxy.zero_()
    got.labels.zero_()
    assert torch.equal(boxes, BOXES)
    assert torch.equal(labels, LABELS)


def test_sanitize_boxes_refuses_wrong_dtypes_and_shapes() -> None:
    with pytest.raises(TypeError, match=r"boxes_xyxy must be of a real dtype, got torch\.bool"):
        sanitize_boxes(BOXES > 0, LABELS, 8, 6)
    with pytest.raises(TypeError, match=r"labels must be of an integer dtype, got torch\.float32"):
        sanitize_boxes(BOXES, LABELS.float(), 8, 6)
    with pytest.raises(ValueError, match=r"boxes_xyxy must have shape \(N, 4\), got \(1, 6, 4\)"):
        sanitize_boxes(BOXES[None], LABELS[None], 8, 6)
    with pytest.raises(ValueError, match=r"boxes_xyxy must have shape \(..., N, 4\), got \(6, 3\)"):
        sanitize_boxes(BOXES[:, :3], LABELS, 8, 6)
    with pytest.raises(ValueError, match=r"labels must have shape \(6,\), got \(2,\)"):
        sanitize_boxes(BOXES, LABELS[:2], 8, 6)


@pytest.mark.parametrize("bad", [-1.0, NAN, INF])
def test_sanitize_boxes_refuses_a_bad_size(bad: float) -> None:
    with pytest.raises(ValueError, match=f"min_size = {bad} is not finite and >= 0"):
        sanitize_boxes(BOXES, LABELS, 8, 6, bad)
    for size, name in (((bad, 6), "width"), ((8, bad), "height")):
        with pytest.raises(ValueError, match=f"{name} must be positive and finite, got {bad}"):
            sanitize_boxes(BOXES, LABELS, *size)


@CUDA
def test_sanitize_boxes_waits_for_cuda_once() -> None:
    boxes, labels = BOXES.cuda(), LABELS.cuda()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sanitize_boxes(boxes, labels, 8, 6)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(caught) == 1
