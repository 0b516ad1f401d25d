"""Decoding of a batch against a loop over images, classes and priors that calls `core`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
import torch

from refdet.torch_ops import postprocess as module
from refdet.torch_ops.postprocess import PaddedDetections, decode_detections
from tests.torch_ops.decoding import (
    HEIGHT,
    WEIGHTS,
    WIDTH,
    Limits,
    Output,
    check,
    decoded,
    random_output,
    tied_output,
)

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@pytest.fixture(params=["kernel", "tables", "sparse", "fixed-shapes"])
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """NMS by the kernel, by tables, by tables of the priors that can be candidates, or as on CUDA.

    There no shape follows from a value.
    """
    monkeypatch.setattr(module, "_FEW", 0 if request.param == "kernel" else 10**9)
    monkeypatch.setattr(module, "_SPARSE", 0 if request.param == "sparse" else 10**9)
    if request.param == "fixed-shapes":
        monkeypatch.setattr(module, "_may_wait", lambda _: False)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(iou_threshold=0.0),
        Limits(iou_threshold=1.0, top_k=1000),
        Limits(min_score=0.0, top_k_before_nms=7),
        Limits(min_score=0.9),
        Limits(min_score=1.0),
        Limits(top_k_before_nms=1, top_k=2),
        Limits(min_score=0.0, top_k_before_nms=1000, top_k=1000),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [random_output, tied_output])
def test_decode_detections_equals_a_loop(limits: Limits, make: Callable[[], Output]) -> None:
    output = make()
    check(decoded(output, limits), output, limits)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_decode_detections_of_narrow_dtypes_computes_in_float64(dtype: torch.dtype) -> None:
    """The narrow numbers are the problem, the loop's float64 its answer."""
    output = tied_output(dtype)
    got = decoded(output, Limits())
    check(got, output, Limits())
    assert got.boxes_xyxy.dtype == got.scores.dtype == torch.float64


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize(
    ("n_priors", "n_classes", "batch"), [(0, 2, 2), (1, 1, 1), (50, 0, 2), (50, 2, 0), (9, 30, 2)]
)
def test_decode_detections_takes_any_number(n_priors: int, n_classes: int, batch: int) -> None:
    output = random_output(n_priors, n_classes, batch)
    limits = Limits(min_score=0.01)
    got = decoded(output, limits)
    n_found = min(limits.top_k, n_classes * min(limits.top_k_before_nms, n_priors))
    assert got.boxes_xyxy.shape == (batch, n_found, 4)
    assert got.scores.shape == got.labels.shape == (batch, n_found)
    if n_priors:
        check(got, output, limits)
    else:
        assert got.counts.tolist() == [0] * batch


@pytest.mark.parametrize("n_classes", [1, 3, 6, 7, 20])
def test_equal_logits_have_equal_scores_wherever_they_lie(n_classes: int) -> None:
    # Else equal scores would not come in the order of priors.
    for seed in range(20):
        row = random_output(n_priors=1, n_classes=n_classes, batch=1, seed=seed)[0]
        scores = module._by_class(row.expand(3, 29, -1).contiguous())
        assert scores.shape == (3, n_classes, 29)
        assert [len(of_class.unique()) for of_class in scores.mT.flatten(0, 1).T] == [1] * n_classes


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("pairs", [1, 1000, 5000])
def test_decode_detections_in_blocks_of_any_size(
    pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CPU_PAIRS", pairs)
    monkeypatch.setattr(module, "_CUDA_PAIRS", pairs)
    output, limits = random_output(), Limits(min_score=0.0, top_k_before_nms=100, top_k=1000)
    check(decoded(output, limits), output, limits)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize(("threshold", "step"), [(0.4, 2), (0.1, 3)])
@pytest.mark.parametrize("length", [2, 8, 9, 100])
def test_decode_detections_follows_a_chain_to_its_end(
    length: int, threshold: float, step: int
) -> None:
    """Each box of 3 meets the next one, 1 further, at IoU 2 / 4, and the one after at 1 / 5."""
    left = torch.arange(length, dtype=torch.float64)
    priors = torch.stack([left, left * 0, left + 3, left * 0 + 1], dim=1)
    logits = torch.stack([left * 0, 2 - left / 100], dim=1)[None]
    limits = Limits(0.0, threshold, top_k_before_nms=100, top_k=100)
    got = decoded((logits, torch.zeros(1, length, 4), priors), limits)
    assert got.boxes_xyxy[0, : got.counts[0], 0].tolist() == list(range(0, length, step))


@pytest.mark.usefixtures("method")
def test_decode_detections_keeps_a_score_at_the_threshold() -> None:
    logits, deltas, priors = torch.zeros(1, 1, 3), torch.zeros(1, 1, 4), torch.ones(1, 4) * 9
    output, third = (logits, deltas, priors + torch.tensor([0, 0, 9, 9])), 1 / 3
    assert decoded(output, Limits(min_score=third)).labels.tolist() == [[0, 1]]
    assert decoded(output, Limits(min_score=math.nextafter(third, 1))).counts.tolist() == [0]


@pytest.mark.usefixtures("method")
def test_decode_detections_keeps_to_the_device_of_its_inputs() -> None:
    output = random_output()
    with torch.device("meta"):
        got = decoded(output, Limits())
    check(got, output, Limits())


def test_decode_detections_never_waits_for_a_device() -> None:
    """The meta device holds no values: what looks at one, or has a shape that follows, fails."""
    output = tuple(tensor.to("meta") for tensor in random_output())
    got = decoded((output[0], output[1], output[2]), Limits())
    assert got.boxes_xyxy.shape == (3, 20, 4)


def test_decode_detections_compiles_as_one_graph() -> None:
    output, limits = random_output(60), Limits(top_k_before_nms=20)
    torch.compiler.reset()
    compiled = torch.compile(decode_detections, fullgraph=True, backend="aot_eager")
    check(compiled(*output, WEIGHTS, width=WIDTH, height=HEIGHT, **asdict(limits)), output, limits)


def test_decode_detections_leaves_its_inputs_and_their_gradients() -> None:
    output = random_output()
    copies = [tensor.clone() for tensor in output]
    for tensor in output:
        tensor.requires_grad_()
    got = decoded(output, Limits())
    assert not any(part.requires_grad for part in got)
    assert all(torch.equal(a, b) for a, b in zip(output, copies, strict=True))


def test_decode_detections_refuses_wrong_inputs() -> None:
    logits, deltas, priors = random_output()
    with pytest.raises(TypeError, match=r"class_logits must be of a floating dtype, got torch\.in"):
        decoded((logits.long(), deltas, priors), Limits())
    with pytest.raises(TypeError, match=r"deltas must be of a floating dtype, got torch\.bool"):
        decoded((logits, deltas > 0, priors), Limits())
    with pytest.raises(TypeError, match=r"priors_xyxy must be of a real dtype, got torch\.bool"):
        decoded((logits, deltas, priors > 0), Limits())
    with pytest.raises(ValueError, match=r"class_logits must have shape \(B, P, 1 \+ C\), got \(1"):
        decoded((logits[0], deltas, priors), Limits())
    with pytest.raises(ValueError, match=r"deltas must have shape \(3, 120, 4\), got \(3, 9, 4\)"):
        decoded((logits, deltas[:, :9], priors), Limits())
    with pytest.raises(ValueError, match=r"priors_xyxy must have shape \(120, 4\), got \(9, 4\)"):
        decoded((logits, deltas, priors[:9]), Limits())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Limits(min_score=1.5), r"min_score = 1\.5 is not in \[0, 1\]"),
        (Limits(iou_threshold=-0.1), r"iou_threshold = -0\.1 is not in \[0, 1\]"),
        (Limits(top_k_before_nms=0), "top_k_before_nms must be at least 1, got 0"),
        (Limits(top_k=0), "top_k must be at least 1, got 0"),
    ],
)
def test_decode_detections_refuses_wrong_limits(wrong: Limits, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoded(random_output(), wrong)


@pytest.mark.parametrize(
    ("weights", "width", "height", "message"),
    [
        ((1.0, 1.0, 0.0, 1.0), 1.0, 1.0, "weights must be four positive finite numbers"),
        (WEIGHTS, 0.0, 1.0, r"width and height must be positive, got 0\.0 and 1\.0"),
        (WEIGHTS, 1.0, -1.0, r"width and height must be positive, got 1\.0 and -1\.0"),
    ],
)
def test_decode_detections_refuses_wrong_sizes(
    weights: tuple[float, float, float, float], width: float, height: float, message: str
) -> None:
    options = asdict(Limits())
    with pytest.raises(ValueError, match=message):
        decode_detections(*random_output(), weights, width=width, height=height, **options)


@CUDA
@pytest.mark.parametrize("make", [random_output, tied_output])
def test_decode_detections_gives_the_same_on_cuda(make: Callable[[], Output]) -> None:
    output, limits = make(), replace(Limits(), top_k_before_nms=100)
    logits, deltas, priors = (tensor.cuda() for tensor in output)
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = decoded((logits, deltas, priors), limits)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    check(PaddedDetections(*(part.cpu() for part in got)), output, limits)
