"""Decoding: a fake network output in, detections out, against a naive loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from refdet.core.codec import encode_boxes
from refdet.models.detector import BrokenOutputError, DetectionSettings
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.models.ssd_detect import launch_ssd_detect, ssd_detect


@pytest.fixture(scope="module")
def model() -> SSD300:
    return SSD300(2, width=0.125)


def nothing(model: SSD300, images: int = 1) -> SSDOutput:
    """What the network says when it is sure that everything is background."""
    n_priors = len(model.priors_xyxy)
    logits = torch.zeros(images, n_priors, 3)
    logits[..., 0] = 20.0
    return SSDOutput(logits, torch.zeros(images, n_priors, 4))


def say_object(output: SSDOutput, prior: int, label: int, score: float) -> None:
    """Make a prior of the first image give `label` the probability `score`."""
    logits = torch.full((3,), -20.0)
    logits[0] = math.log(1 - score)
    logits[1 + label] = math.log(score)
    output.class_logits[0, prior] = logits


def test_ssd_detect_gives_empty_tensors_when_nothing_is_found(model: SSD300) -> None:
    # The notebook gave a fake box here.
    found = ssd_detect(model, nothing(model, images=2))
    assert len(found) == 2
    for detections in found:
        assert detections.boxes_xyxy.shape == (0, 4)
        assert detections.scores.shape == detections.labels.shape == (0,)


def test_ssd_detect_sorts_by_score(model: SSD300) -> None:
    output = nothing(model)
    for prior, label, score in ((100, 1, 0.5), (4000, 0, 0.9), (6000, 1, 0.7)):
        say_object(output, prior, label, score)
    found = ssd_detect(model, output)[0]
    assert found.labels.tolist() == [0, 1, 1]
    np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.5], rtol=1e-6)


def test_ssd_detect_decodes_and_clips_to_the_image(model: SSD300) -> None:
    prior = 0  # at the upper left corner of the finest map
    reference = model.priors_xyxy[prior : prior + 1].double().numpy()
    wanted = np.array([[-0.2, -0.1, 0.3, 0.4]])  # reaches out of the image on two sides
    output = nothing(model)
    deltas = encode_boxes(wanted, reference, SSD_CODEC_WEIGHTS)
    output.deltas[0, prior] = torch.from_numpy(deltas[0])
    say_object(output, prior, label=0, score=0.8)
    found = ssd_detect(model, output)[0]
    np.testing.assert_allclose(found.boxes_xyxy, [[0.0, 0.0, 0.3, 0.4]], atol=1e-6)


def test_ssd_detect_suppresses_within_a_class_only(model: SSD300) -> None:
    output = nothing(model)
    same_place = model.priors_xyxy[100]
    twin = next(p for p in range(101, 8732) if _iou(same_place, model.priors_xyxy[p]) > 0.45)
    say_object(output, 100, label=0, score=0.9)
    say_object(output, twin, label=0, score=0.8)
    assert len(ssd_detect(model, output)[0].scores) == 1
    say_object(output, twin, label=1, score=0.8)
    assert ssd_detect(model, output)[0].labels.tolist() == [0, 1]


def test_ssd_detect_keeps_at_most_top_k(model: SSD300) -> None:
    output = nothing(model)
    priors = range(0, 8000, 400)
    for rank, prior in enumerate(priors):
        say_object(output, prior, label=0, score=0.5 + rank / 100)
    settings = DetectionSettings(top_k=5)
    found = ssd_detect(model, output, settings)[0]
    np.testing.assert_allclose(found.scores, [0.69, 0.68, 0.67, 0.66, 0.65], rtol=1e-5)
    few_before = DetectionSettings(top_k_before_nms=3)
    assert len(ssd_detect(model, output, few_before)[0].scores) == 3


def test_ssd_detect_keeps_a_score_at_the_threshold(model: SSD300) -> None:
    output = nothing(model)
    output.class_logits[0, 7] = 0.0  # three equal logits: exactly a third each
    third = float(torch.zeros(3, dtype=torch.float64).softmax(0)[1])
    assert len(ssd_detect(model, output, DetectionSettings(min_score=third))[0].scores) == 2
    above = DetectionSettings(min_score=math.nextafter(third, 1))
    assert len(ssd_detect(model, output, above)[0].scores) == 0


@pytest.mark.parametrize("part", ["class_logits", "deltas"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_ssd_detect_refuses_a_network_that_diverged(model: SSD300, part: str, value: float) -> None:
    output = nothing(model)
    getattr(output, part)[0, 5, 1] = value
    with pytest.raises(ValueError, match="output is not finite"):
        ssd_detect(model, output)


def test_ssd_detect_says_which_images_a_broken_output_is_of(model: SSD300) -> None:
    output = nothing(model, images=4)
    output.class_logits[1, -1, 0], output.deltas[3, 0, 3] = math.nan, -math.inf
    with pytest.raises(BrokenOutputError) as raised:
        ssd_detect(model, output)
    assert raised.value.rows == (1, 3)


def test_launch_ssd_detect_looks_at_no_value_and_reads_back_once(
    model: SSD300, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On `meta`, a device without values, whoever looks at one fails.
    asked: list[Sequence[Tensor]] = []

    def as_if_read_back(tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
        asked.append(tensors)
        return lambda: [torch.zeros(one.shape, dtype=one.dtype) for one in tensors]

    monkeypatch.setattr("refdet.models.ssd_detect.read_back", as_if_read_back)
    output = SSDOutput(*(part.to("meta") for part in nothing(model, images=2)))
    pending = launch_ssd_detect(copy.deepcopy(model).to("meta"), output, DetectionSettings())
    assert len(asked) == 1
    with pytest.raises(BrokenOutputError):  # zeros: no image is said to be finite
        pending()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="only CUDA tells of waits")
def test_launch_ssd_detect_does_not_wait_for_a_gpu(model: SSD300) -> None:
    output = nothing(model, images=2)
    say_object(output, 100, 1, 0.75)
    (want, empty), on_gpu = ssd_detect(model, output), copy.deepcopy(model).cuda()
    moved, settings = SSDOutput(*(part.cuda() for part in output)), DetectionSettings()
    launch_ssd_detect(on_gpu, moved, settings)()  # memory that is pinned is there from now on
    torch.cuda.set_sync_debug_mode("error")
    try:
        pending = launch_ssd_detect(on_gpu, moved, settings)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    found, nothing_found = pending()
    assert [len(found.scores), len(nothing_found.scores)] == [1, len(empty.scores)]
    for got, expected in zip(found, want, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"min_score": 1.5}, "min_score must be in"), ({"nms_iou": -0.1}, "nms_iou must be in")],
)
def test_detection_settings_name_what_is_wrong(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectionSettings(**settings)  # type: ignore[arg-type]  # mypy cannot see which keys
    with pytest.raises(ValueError, match="top_k must be at least 1, got 0"):
        DetectionSettings(top_k=0)


def _iou(a: Tensor, b: Tensor) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(float(width), 0.0) * max(float(height), 0.0)
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b)]
    return shared / (sum(areas) - shared)
