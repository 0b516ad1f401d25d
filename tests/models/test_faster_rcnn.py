"""Faster R-CNN as a detector: labels, losses, and judging that changes nothing."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from refdet.models.detector import DetectionSettings
from refdet.models.faster_rcnn import (
    FasterRCNNDetector,
    create_faster_rcnn,
    faster_rcnn_from_description,
)
from refdet.models.faster_rcnn_spec import Anchors, Backbone, FasterRCNNSpec

N_CLASSES = 3
SETTINGS = DetectionSettings(min_score=0.05, nms_iou=0.5)
Batch = tuple[list[Tensor], list[Tensor], list[Tensor]]


@pytest.fixture
def detector() -> FasterRCNNDetector:
    torch.manual_seed(0)
    return FasterRCNNDetector(FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=64))


@pytest.fixture
def batch() -> Batch:
    """Two images of different sizes; the second has no object."""
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.rand(3, 64, 80, generator=generator),
        torch.rand(3, 72, 64, generator=generator),
    ]
    boxes = [torch.tensor([[8.0, 8, 40, 40], [30, 10, 70, 50]]), torch.zeros(0, 4)]
    return images, boxes, [torch.tensor([0, 2]), torch.zeros(0, dtype=torch.int64)]


def test_losses_and_gradients_are_finite_with_an_empty_image(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    losses = detector.losses(*batch)
    assert set(losses) == {
        "loss_classifier",
        "loss_box_reg",
        "loss_objectness",
        "loss_rpn_box_reg",
    }
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in detector.network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_losses_are_finite_with_no_object_at_all(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    images, boxes, labels = batch
    losses = detector.losses(images, [boxes[1]] * 2, [labels[1]] * 2)
    assert losses["loss_box_reg"] == 0
    assert losses["loss_rpn_box_reg"] == 0
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.isfinite()


def test_losses_shift_labels_by_the_background(detector: FasterRCNNDetector, batch: Batch) -> None:
    seen: list[Tensor] = []

    def forward(_images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        seen.extend(target["labels"] for target in targets)
        return {}

    detector.losses(*batch, forward=forward)
    assert [labels.tolist() for labels in seen] == [[1, 3], []]
    assert batch[2][0].tolist() == [0, 2]  # the caller's own are as they were


def test_losses_run_through_the_given_forward(detector: FasterRCNNDetector, batch: Batch) -> None:
    # As a distributed wrapper calls it; the numbers are those of the network itself.
    torch.manual_seed(3)
    want = deepcopy(detector).losses(*batch)
    torch.manual_seed(3)
    wrapped = nn.DataParallel(detector.network)  # on a CPU it only passes the call on
    assert detector.losses(*batch, forward=wrapped) == want


@pytest.mark.parametrize("wrong", [-1, N_CLASSES])
def test_losses_refuse_a_label_out_of_range(
    detector: FasterRCNNDetector, batch: Batch, wrong: int
) -> None:
    images, boxes, labels = batch
    with pytest.raises(ValueError, match=rf"image 0 of the batch: {wrong} is not in 0\.\.2"):
        detector.losses(images, boxes, [torch.tensor([0, wrong]), labels[1]])
    with pytest.raises(ValueError, match=rf"image 1 of the batch: {wrong} is not in 0\.\.2"):
        detector.losses(images, boxes[::-1], [labels[1], torch.tensor([0, wrong])])


def test_losses_wait_once_for_the_labels_of_a_batch(
    detector: FasterRCNNDetector, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looking at a truth value waits for the GPU where the labels lie.
    looked: list[Tensor] = []
    look = Tensor.__bool__

    def noted(tensor: Tensor) -> bool:
        looked.append(tensor)
        return look(tensor)

    images, boxes, labels = (part * 3 for part in batch)
    monkeypatch.setattr(Tensor, "__bool__", noted)
    detector.losses(images, boxes, labels, lambda *_: {})
    assert len(looked) == 1


def test_modes_are_checked(detector: FasterRCNNDetector, batch: Batch) -> None:
    with pytest.raises(ValueError, match="in training mode"):
        detector.detect(batch[0], SETTINGS)
    with pytest.raises(ValueError, match="in training mode"):
        detector.judge(*batch, SETTINGS)
    detector.network.eval()
    with pytest.raises(ValueError, match="losses are for training mode"):
        detector.losses(*batch)


def tensors_and_random_state(detector: FasterRCNNDetector) -> list[Tensor]:
    state = detector.network.state_dict().values()
    return [*(value.clone() for value in state), torch.get_rng_state()]


def test_judge_changes_no_tensor_no_random_state_and_no_mode(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    detector.network.eval()
    before = tensors_and_random_state(detector)
    losses, _ = detector.judge(*batch, SETTINGS)
    after = tensors_and_random_state(detector)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not any(module.training for module in detector.network.modules())
    assert not any(loss.requires_grad for loss in losses.values())


def test_the_notebooks_validation_changes_batch_norm(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    # It called train() under no_grad to get losses: every BatchNorm took in the validation set.
    before = tensors_and_random_state(detector)
    with torch.no_grad():
        detector.losses(*batch)
    after = tensors_and_random_state(detector)
    changed = sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    # 15 layers with mean, variance and count; and the random state.
    assert changed == 15 * 3 + 1


def test_judge_restores_the_modes_when_it_fails(detector: FasterRCNNDetector, batch: Batch) -> None:
    detector.network.eval()
    detector.network.roi_heads.box_head = nn.Linear(1, 1).eval()
    with pytest.raises(RuntimeError, match="shapes"):
        detector.judge(*batch, SETTINGS)
    assert not any(module.training for module in detector.network.modules())


def test_judge_gives_the_losses_of_torchvision_without_batch_norm(batch: Batch) -> None:
    # With frozen BatchNorm and every anchor and proposal sampled, training mode and evaluation
    # mode have the same losses, and chance has no part in them.
    spec = FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=64, trainable_layers=0)
    torch.manual_seed(0)
    detector = FasterRCNNDetector(spec)
    detector.network.rpn.fg_bg_sampler.batch_size_per_image = 10**6
    detector.network.roi_heads.fg_bg_sampler.batch_size_per_image = 10**6
    want = detector.losses(*batch)
    detector.network.eval()
    got, _ = detector.judge(*batch, SETTINGS)
    assert got.keys() == want.keys()
    for name, loss in got.items():
        torch.testing.assert_close(loss, want[name].detach())


def test_judge_gives_the_same_losses_whatever_the_random_state(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    detector.network.eval()
    first, _ = detector.judge(*batch, SETTINGS)
    torch.rand(7)
    second, _ = detector.judge(*batch, SETTINGS)
    assert first == second


def test_judge_finds_what_detect_finds(detector: FasterRCNNDetector, batch: Batch) -> None:
    detector.network.eval()
    _, judged = detector.judge(*batch, SETTINGS)
    detected = detector.detect(batch[0], SETTINGS)
    assert any(len(image.scores) for image in detected)
    for one, other in zip(judged, detected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_overfitting_one_image_finds_the_first_and_the_last_class() -> None:
    # The notebook took label 0 for background, and the last label overflowed.
    torch.manual_seed(0)
    detector, _ = create_faster_rcnn(
        N_CLASSES, Backbone.RESNET18_SMALL, anchors=Anchors.DEFAULT, min_size=64
    )
    boxes = torch.tensor([[6.0, 6, 28, 28], [34, 8, 58, 30], [18, 36, 44, 60]])
    labels = torch.tensor([0, 1, 2])
    image = torch.zeros(3, 64, 64)
    for channel, (x1, y1, x2, y2) in enumerate(boxes.int().tolist()):
        image[channel, y1:y2, x1:x2] = 1
    optimizer = torch.optim.AdamW(detector.network.parameters(), 1e-3)
    for _ in range(80):  # after 40, one of six seeds is 7 px off, and one finds a box too many
        losses = detector.losses([image] * 2, [boxes] * 2, [labels] * 2)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    detector.network.eval()
    (found,) = detector.detect([image], DetectionSettings(min_score=0.5, nms_iou=0.3))
    assert sorted(found.labels.tolist()) == [0, 1, 2]
    torch.testing.assert_close(
        found.boxes_xyxy[found.labels.argsort()], boxes.double(), atol=5, rtol=0
    )


def test_description_builds_the_same_network(detector: FasterRCNNDetector) -> None:
    again = faster_rcnn_from_description(detector.description)
    again.network.load_state_dict(detector.network.state_dict())
    assert again.architecture == "faster-rcnn"
    assert again.spec == detector.spec


def test_compiled_part_shares_the_networks_weights(detector: FasterRCNNDetector) -> None:
    assert detector.compiled_part is detector.network.backbone


def test_bf16_keeps_boxes_in_float32(detector: FasterRCNNDetector, batch: Batch) -> None:
    # In bf16 a coordinate of 500 is right to 2 px; torchvision's anchors and proposals take the
    # dtype of what autocast gives them.
    dtypes: list[torch.dtype] = []
    rpn = detector.network.rpn
    rpn.register_forward_hook(lambda _rpn, _inputs, output: dtypes.append(output[0][0].dtype))
    rpn.anchor_generator.register_forward_hook(
        lambda _g, _i, output: dtypes.append(output[0].dtype)
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = detector.losses(*batch)
    assert set(dtypes) == {torch.float32}
    assert {loss.dtype for loss in losses.values()} == {torch.float32}


def test_channels_last_gives_the_same_detections(
    detector: FasterRCNNDetector, batch: Batch
) -> None:
    detector.network.eval()
    (want, _) = detector.detect(batch[0], SETTINGS)
    detector.network.to(memory_format=torch.channels_last)
    (got, _) = detector.detect(batch[0], SETTINGS)
    torch.testing.assert_close(got.scores, want.scores, atol=1e-5, rtol=0)
