"""What is peculiar to soft NMS of `refdet.torch_ops.nms`: methods, batches, dtypes, errors.

`core` is the oracle; its contract runs on the twin, too, in `tests/test_contracts.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refdet.core import nms as core
from refdet.records import F64
from refdet.torch_ops import nms as module
from refdet.torch_ops.nms import SoftNMSDecay, padded_soft_nms, soft_nms

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
BOXES = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [9.0, 9.0, 11.0, 11.0]])
SCORES = torch.tensor([0.5, 0.75, 0.25])
DECAY = pytest.mark.parametrize("decay", SoftNMSDecay)


@pytest.fixture(params=["all-pairs-at-once", "in-each-step"])
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the overlaps are computed, whatever the number of boxes."""
    monkeypatch.setattr(module, "_SOFT_PAIRS", 0 if request.param == "in-each-step" else 2**30)


def scattered(count: int, seed: int = 0) -> tuple[F64, F64]:
    """Boxes of which many overlap, some without area or equal, and every score several times."""
    rng = np.random.default_rng(seed)
    low = rng.random((count, 2))
    boxes = np.concatenate([low, low + rng.random((count, 2)) * 0.3], axis=1)
    boxes[::7, 2:] = boxes[::7, :2]
    boxes[3::9] = boxes[: len(boxes[3::9])]
    return boxes, np.round(rng.random(count), 1)


def assert_equals_core(
    got: module.SoftNMSResult, boxes: F64, scores: F64, decay: SoftNMSDecay, min_score: float
) -> None:
    want = core.soft_nms(boxes, scores, core.SoftNMSDecay(decay), 0.3, 0.5, min_score)
    np.testing.assert_array_equal(got.indices.cpu().numpy(), want.indices)
    # The library's exponential may differ from NumPy's in the last bits.
    rtol = 1e-12 if decay is SoftNMSDecay.GAUSSIAN else 0
    np.testing.assert_allclose(got.scores.cpu().numpy(), want.scores, rtol=rtol, atol=0)


@pytest.mark.usefixtures("method")
@DECAY
@pytest.mark.parametrize("min_score", [0.0, 0.001, 0.3])
def test_soft_nms_equals_core_on_many_tied_boxes(decay: SoftNMSDecay, min_score: float) -> None:
    boxes, scores = scattered(300)
    found = torch.from_numpy(boxes), torch.from_numpy(scores)
    got = soft_nms(*found, decay, 0.3, 0.5, min_score)
    assert_equals_core(got, boxes, scores, decay, min_score)


def test_soft_nms_has_the_defaults_of_core() -> None:
    boxes, scores = scattered(60)
    found = torch.from_numpy(boxes), torch.from_numpy(scores)
    for decay in SoftNMSDecay:
        assert_equals_core(soft_nms(*found, decay), boxes, scores, decay, 0.001)


@pytest.mark.usefixtures("method")
@DECAY
@pytest.mark.parametrize("as_on_a_device", [False, True])
def test_padded_soft_nms_treats_each_image_by_itself(
    decay: SoftNMSDecay, as_on_a_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 2 x 3 images, of which each has 11 rows fewer than the one before."""
    images = [scattered(60, seed) for seed in range(6)]
    boxes = torch.stack([torch.from_numpy(image[0]) for image in images])
    scores = torch.stack([torch.from_numpy(image[1]) for image in images])
    lengths = [60 - 11 * image for image in range(6)]
    for image, length in enumerate(lengths):
        boxes[image, length:], scores[image, length:] = torch.nan, -1
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: as_on_a_device)
    got = padded_soft_nms(boxes.view(2, 3, 60, 4), scores.view(2, 3, 60), decay, 0.3, 0.5, 0.2)
    assert got.indices.shape == got.scores.shape == (2, 3, 60)
    monkeypatch.undo()
    for image, length in enumerate(lengths):
        indices, lowered = got.indices.view(6, 60)[image], got.scores.view(6, 60)[image]
        count = int((indices >= 0).sum())
        assert 0 < count < length
        cut = module.SoftNMSResult(indices[:count], lowered[:count])
        found = boxes[image, :length].numpy(), scores[image, :length].numpy()
        assert_equals_core(cut, *found, decay, 0.2)
        assert indices[count:].tolist() == [-1] * (60 - count)
        assert lowered[count:].tolist() == [0] * (60 - count)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (0, 2, 3)])
def test_padded_soft_nms_of_nothing_is_nothing(shape: tuple[int, ...]) -> None:
    got = padded_soft_nms(torch.zeros(*shape, 4), torch.zeros(shape), SoftNMSDecay.LINEAR)
    assert got.indices.shape == got.scores.shape == shape
    assert (got.indices.dtype, got.scores.dtype) == (torch.int64, torch.float32)


def test_soft_nms_on_a_cpu_ends_when_no_box_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4,000 twins one is kept, the rest falls to 0: after a step no further ones are tried."""
    steps = []
    factors = module._factors

    def watched(
        a: torch.Tensor, b: torch.Tensor, linear_above: float | None, sigma: float
    ) -> torch.Tensor:
        steps.append(factors(a, b, linear_above, sigma))
        return steps[-1]

    monkeypatch.setattr(module, "_factors", watched)
    kept = soft_nms(BOXES[:1].expand(4000, 4), torch.rand(4000), SoftNMSDecay.LINEAR)
    assert len(kept.indices) == 1
    assert 1 <= len(steps) <= module._SOFT_STEPS
    # Of all pairs at once there would be 128 MB.
    assert max(step.numel() for step in steps) <= module._SOFT_PAIRS


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.int32, torch.float64),
    ],
)
def test_soft_nms_takes_every_real_dtype(given: torch.dtype, wanted: torch.dtype) -> None:
    """Row 0 overlaps the best by 1 / 3. An area, of 8,192 x 8,192, is too much for float16."""
    large = (BOXES * 4096).to(given)
    got = soft_nms(large, (SCORES * 4).to(given), SoftNMSDecay.LINEAR, 0.25)
    assert got.scores.dtype == wanted
    assert got.indices.tolist() == [1, 0, 2]
    want = [3, 2 * (1 - 1 / 3), 1]
    torch.testing.assert_close(got.scores.double(), torch.tensor(want).double(), rtol=1e-6, atol=0)


def test_soft_nms_computes_in_float64_whatever_the_dtype() -> None:
    """IoU 6 / 10 is greater than 0.6 in float32, where the box would lose its score."""
    boxes = torch.tensor([[0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 6.0, 1.0]])
    kept = soft_nms(boxes, torch.tensor([0.9, 0.8]), SoftNMSDecay.LINEAR, 0.6)
    assert kept.scores.tolist() == torch.tensor([0.9, 0.8]).tolist()
    # The float32 next to 0.7 is lower than 0.7.
    just_below = soft_nms(BOXES[:1], torch.tensor([0.7]), SoftNMSDecay.LINEAR, min_score=0.7)
    assert just_below.indices.tolist() == []


def test_soft_nms_leaves_its_inputs_as_they_were() -> None:
    boxes, scores = BOXES.double().requires_grad_(), SCORES.double().requires_grad_()
    for decay in SoftNMSDecay:
        assert not soft_nms(boxes, scores, decay).scores.requires_grad
    assert boxes.tolist() == BOXES.tolist()
    assert scores.tolist() == SCORES.tolist()


def test_soft_nms_takes_the_decays_of_core_and_refuses_other_words() -> None:
    of_core: object = core.SoftNMSDecay.GAUSSIAN
    got = soft_nms(BOXES, SCORES, of_core)  # type: ignore[arg-type]  # which the contract passes
    want = soft_nms(BOXES, SCORES, SoftNMSDecay.GAUSSIAN)
    assert got.scores.tolist() == want.scores.tolist()
    misspelt: object = "gausian"
    with pytest.raises(TypeError, match="decay must be a SoftNMSDecay, got 'gausian'"):
        soft_nms(BOXES, SCORES, misspelt)  # type: ignore[arg-type]  # the refusal is the test


def test_soft_nms_refuses_wrong_dtypes_shapes_and_parameters() -> None:
    linear = SoftNMSDecay.LINEAR
    with pytest.raises(TypeError, match=r"boxes_xyxy must be of a real dtype, got torch\.bool"):
        soft_nms(BOXES > 0, SCORES, linear)
    with pytest.raises(TypeError, match=r"scores must be of a real dtype, got torch\.bool"):
        soft_nms(BOXES, SCORES > 0, linear)
    with pytest.raises(ValueError, match=r"boxes_xyxy must have shape \(..., N, 4\), got \(3, 3\)"):
        soft_nms(BOXES[:, :3], SCORES, linear)
    with pytest.raises(ValueError, match=r"scores must have shape \(3,\), got \(2,\)"):
        soft_nms(BOXES, SCORES[:2], linear)
    for threshold in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=rf"iou_threshold = {threshold} is not in \[0, 1\]"):
            soft_nms(BOXES, SCORES, linear, threshold)
    with pytest.raises(ValueError, match=r"sigma = 0\.0 is not > 0"):
        soft_nms(BOXES, SCORES, linear, sigma=0.0)
    with pytest.raises(ValueError, match=r"min_score = -1\.0 is not >= 0"):
        soft_nms(BOXES, SCORES, linear, min_score=-1.0)


def test_soft_nms_of_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"boxes_xyxy must have shape \(N, 4\), got \(1, 3, 4\)"):
        soft_nms(BOXES[None], SCORES[None], SoftNMSDecay.LINEAR)


@CUDA
@pytest.mark.usefixtures("method")
@DECAY
def test_soft_nms_keeps_the_same_on_cuda(decay: SoftNMSDecay) -> None:
    boxes, scores = scattered(300)
    found = torch.from_numpy(boxes).cuda(), torch.from_numpy(scores).cuda()
    assert_equals_core(soft_nms(*found, decay), boxes, scores, decay, 0.001)
