"""NMS by each of its methods: the kernel for a class, small classes at once, rounds on CUDA.

Which one is taken depends on device and size; what they keep does not. `core` is their oracle.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from refdet.core import nms as core
from refdet.core.iou import iou_paired
from refdet.records import F64, I64
from refdet.torch_ops import nms as module
from refdet.torch_ops.nms import batched_nms, nms

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
METHODS = ("kernel", "small-classes", "cuda")


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every call takes this method, on the CPU."""
    if request.param == "cuda":
        monkeypatch.setattr(module, "_kept_on_cpu", module._kept_on_cuda)
    many = 0 if request.param == "small-classes" else 10**9
    monkeypatch.setattr(module, "_MANY_CLASSES", many)
    monkeypatch.setattr(module, "_SMALL_CLASS", 10**9)
    return str(request.param)


def scattered(count: int, n_classes: int, seed: int = 0) -> tuple[F64, F64, I64]:
    """Boxes of which many overlap, every score several times, the last class rare."""
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2))
    boxes = np.concatenate([corners, corners + rng.random((count, 2)) * 0.3], axis=1)
    labels = np.minimum(rng.integers(0, n_classes * 2, count), n_classes - 1)
    return boxes, np.round(rng.random(count), 2), labels


def by_torch(found: tuple[F64, F64, I64], threshold: float, device: str = "cpu") -> list[int]:
    boxes, scores, labels = (torch.from_numpy(array).to(device) for array in found)
    kept: list[int] = batched_nms(boxes, scores, labels, threshold).tolist()
    return kept


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("n_classes", [1, 3, 40])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_batched_nms_equals_core_by_every_method(n_classes: int, threshold: float) -> None:
    found = scattered(400, n_classes)
    assert by_torch(found, threshold) == core.batched_nms(*found, threshold).tolist()


@pytest.mark.parametrize("pairs", [1, 3000, 20_000])
@pytest.mark.parametrize("method", ["small-classes", "cuda"], indirect=True)
def test_batched_nms_keeps_the_same_in_blocks_of_any_size(
    method: str, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CPU_PAIRS", pairs)
    monkeypatch.setattr(module, "_CUDA_PAIRS", pairs)
    sizes = []
    suppresses = module._suppresses

    def watched(a: torch.Tensor, b: torch.Tensor, iou_threshold: float) -> torch.Tensor:
        sizes.append(a.shape[1] * a.shape[2] * b.shape[2])
        return suppresses(a, b, iou_threshold)

    monkeypatch.setattr(module, "_suppresses", watched)
    found = scattered(400, 2)
    assert by_torch(found, 0.3) == core.batched_nms(*found, 0.3).tolist()
    # Eight rows at least: of 400 boxes, or of both classes as long as the larger one.
    assert len(sizes) > 1
    assert max(sizes) <= max(pairs, 8 * 2 * 400)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("length", [2, 7, 8, 9, 100])
def test_nms_follows_a_chain_to_its_end(length: int) -> None:
    """Each box of 3 meets the next one, 1 further, at IoU 2 / 4, and the one after at 1 / 5."""
    left = torch.arange(length, dtype=torch.float64)
    boxes = torch.stack([left, left * 0, left + 3, left * 0 + 1], dim=1)
    # Best first: the 1st drops the 2nd, which then cannot drop the 3rd, and so on.
    assert nms(boxes, -left, 0.4).tolist() == list(range(0, length, 2))
    assert nms(boxes, left, 0.4).tolist() == list(range(length - 1, -1, -2))
    # Under 1 / 5 the 1st drops the 2nd and the 3rd.
    assert nms(boxes, -left, 0.1).tolist() == list(range(0, length, 3))


@pytest.mark.usefixtures("method")
def test_nms_computes_the_overlap_of_core_bit_for_bit() -> None:
    """At a threshold that equals its IoU a box stays, at the float64 right below it is dropped."""
    rng = np.random.default_rng(1)
    low = rng.random((50, 2, 2))
    pairs = np.concatenate([low, low + rng.uniform(0.7, 1, low.shape)], axis=-1)
    overlaps = iou_paired(pairs[:, 0], pairs[:, 1])
    meet = overlaps > 0
    assert meet.sum() > 25
    for boxes, overlap in zip(torch.from_numpy(pairs[meet]), overlaps[meet].tolist(), strict=True):
        scores = torch.tensor([0.5, 0.25])
        assert nms(boxes, scores, overlap).tolist() == [0, 1]
        assert nms(boxes, scores, float(np.nextafter(overlap, 0))).tolist() == [0]


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_batched_nms_takes_labels_of_every_integer_dtype(dtype: torch.dtype) -> None:
    boxes, scores = torch.tensor([[0.0, 0.0, 2.0, 2.0]] * 3), torch.tensor([0.5, 0.25, 0.75])
    labels = torch.tensor([7, 100, 7]).to(dtype)
    assert batched_nms(boxes, scores, labels, 0.5).tolist() == [2, 1]


@pytest.mark.usefixtures("method")
def test_batched_nms_takes_labels_at_the_ends_of_int64() -> None:
    boxes, scores = torch.tensor([[0.0, 0.0, 2.0, 2.0]] * 4), torch.tensor([0.5, 0.25, 0.75, 0.1])
    labels = torch.tensor([-(2**63), 2**63 - 1, -(2**63), 0])
    assert batched_nms(boxes, scores, labels, 0.5).tolist() == [2, 1, 3]


@CUDA
@pytest.mark.parametrize("n_classes", [1, 40])
@pytest.mark.parametrize("threshold", [0.3, 0.6])
def test_batched_nms_keeps_the_same_on_cuda(n_classes: int, threshold: float) -> None:
    found = scattered(3000, n_classes)
    assert by_torch(found, threshold, "cuda") == by_torch(found, threshold)


@CUDA
def test_nms_waits_for_cuda_now_and_then_only() -> None:
    """A chain of 100 needs 100 rounds of suppression."""
    left = torch.arange(100, dtype=torch.float64, device="cuda")
    boxes = torch.stack([left, left * 0, left + 3, left * 0 + 1], dim=1)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            kept = nms(boxes, -left, 0.4)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(kept) == 50
    assert len(caught) <= 100 / 8 + 3
