"""Detections of Faster R-CNN: torchvision's, except where its rule is another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn

from refdet.models.detector import DetectionSettings, RawDetections
from refdet.models.faster_rcnn import FasterRCNNDetector
from refdet.models.faster_rcnn_spec import Backbone, FasterRCNNSpec

N_CLASSES = 3


@pytest.fixture(scope="module")
def detector() -> FasterRCNNDetector:
    torch.manual_seed(0)
    detector = FasterRCNNDetector(FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=64))
    widen_outputs(detector.network)
    return detector


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.rand(3, 100, 150, generator=generator),
        torch.rand(3, 80, 70, generator=generator),
    ]


@torch.no_grad()
def widen_outputs(network: FasterRCNN) -> None:
    """Make the scores and boxes of random weights differ; as built they are all about equal."""
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics of the next pass
    network.backbone.train()(torch.randn(2, 3, 128, 128, generator=generator))
    network.eval()
    for layer, std in (
        (network.roi_heads.box_predictor.cls_score, 0.2),
        (network.roi_heads.box_predictor.bbox_pred, 0.2),
        (network.rpn.head.cls_logits, 0.1),
        (network.rpn.head.bbox_pred, 0.1),
    ):
        nn.init.normal_(layer.weight, std=std, generator=generator)


def settings(
    min_score: float = 0.0, nms_iou: float = 0.5, before: int = 10**6, top_k: int = 10**6
) -> DetectionSettings:
    return DetectionSettings(min_score, nms_iou, before, top_k)


@torch.no_grad()
def test_detect_equals_torchvision_with_the_same_weights() -> None:
    torch.manual_seed(0)
    theirs = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=1 + N_CLASSES,
        min_size=128,
        box_score_thresh=0.2,
        box_nms_thresh=0.4,
        box_detections_per_img=30,
    )
    widen_outputs(theirs)
    spec = FasterRCNNSpec(
        N_CLASSES, Backbone.MOBILENET_V3_LARGE_320_FPN, min_size=128, max_size=640
    )
    ours = FasterRCNNDetector(spec)
    ours.network.load_state_dict(theirs.state_dict())
    ours.network.eval()
    images = [torch.rand(3, 100, 150), torch.rand(3, 200, 170)]
    got = ours.detect(images, settings(min_score=0.2, nms_iou=0.4, top_k=30))
    for one, want in zip(got, theirs(images), strict=True):
        assert len(want["labels"]) > 10
        assert one.labels.tolist() == (want["labels"] - 1).tolist()
        torch.testing.assert_close(one.scores, want["scores"].double(), atol=1e-5, rtol=0)
        torch.testing.assert_close(one.boxes_xyxy, want["boxes"].double(), atol=1e-2, rtol=0)


def test_detect_gives_sorted_float64_inside_the_image(
    detector: FasterRCNNDetector, images: list[Tensor]
) -> None:
    for found, image in zip(detector.detect(images, settings()), images, strict=True):
        assert len(found.scores) > 10
        assert {found.boxes_xyxy.dtype, found.scores.dtype} == {torch.float64}
        assert found.labels.dtype == torch.int64
        assert (found.scores.diff() <= 0).all()
        assert set(found.labels.tolist()) == {0, 1, 2}
        x1, y1, x2, y2 = found.boxes_xyxy.unbind(1)
        assert ((x1 >= 0) & (x1 < x2) & (x2 <= image.shape[2])).all()
        assert ((y1 >= 0) & (y1 < y2) & (y2 <= image.shape[1])).all()


def test_detect_gives_empty_tensors_where_nothing_is_found(
    detector: FasterRCNNDetector, images: list[Tensor]
) -> None:
    for found in detector.detect(images, settings(min_score=1.0)):
        assert found.boxes_xyxy.shape == (0, 4)
        assert found.scores.shape == found.labels.shape == (0,)
        assert found.labels.dtype == torch.int64


def test_detect_keeps_a_score_at_the_threshold(
    detector: FasterRCNNDetector, images: list[Tensor]
) -> None:
    # torchvision's > drops it; semantics and SSD's detections say >=.
    (every,) = detector.detect(images[:1], settings(nms_iou=1.0))
    threshold = float(every.scores[20])
    (found,) = detector.detect(images[:1], settings(min_score=threshold, nms_iou=1.0))
    assert float(found.scores[-1]) == threshold


def test_detect_limits_each_class_before_nms_and_the_image_after(
    detector: FasterRCNNDetector, images: list[Tensor]
) -> None:
    (every,) = detector.detect(images[:1], settings(nms_iou=1.0))
    (limited,) = detector.detect(images[:1], settings(nms_iou=1.0, before=4))
    for label in range(N_CLASSES):
        want = every.scores[every.labels == label][:4]
        assert torch.equal(limited.scores[limited.labels == label], want)
    (top,) = detector.detect(images[:1], settings(nms_iou=1.0, top_k=7))
    assert torch.equal(top.scores, every.scores[:7])


def test_detect_suppresses_within_a_class_only(
    detector: FasterRCNNDetector, images: list[Tensor]
) -> None:
    def worst_overlap(found: RawDetections, same_class: bool) -> float:
        boxes = found.boxes_xyxy
        low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        shared = (high - low).clamp(min=0).prod(dim=-1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=-1)
        iou = shared / (area[:, None] + area[None, :] - shared)
        pairs = (found.labels[:, None] == found.labels[None, :]) == same_class
        return float(iou[pairs & ~torch.eye(len(boxes), dtype=torch.bool)].max())

    (found,) = detector.detect(images[:1], settings(nms_iou=0.3))
    assert worst_overlap(found, same_class=True) <= 0.3 + 1e-9
    assert worst_overlap(found, same_class=False) > 0.3


@torch.no_grad()
def test_detect_drops_what_clipping_leaves_of_a_box_beyond_the_border(images: list[Tensor]) -> None:
    detector = FasterRCNNDetector(FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=64))
    widen_outputs(detector.network)
    predictor = detector.network.roi_heads.box_predictor.bbox_pred
    # The second class's boxes lie a thousand widths to the right; rows are background first.
    predictor.bias[4 * 2] = 10_000.0
    (found, _) = detector.detect(images, settings())
    assert set(found.labels.tolist()) == {0, 2}


@pytest.mark.parametrize("part", ["backbone.fpn", "rpn.head.cls_logits", "roi_heads.box_predictor"])
def test_detect_refuses_a_network_that_diverged(part: str, images: list[Tensor]) -> None:
    # torchvision finds nothing with such weights, and says nothing.
    detector = FasterRCNNDetector(FasterRCNNSpec(N_CLASSES, Backbone.RESNET18_SMALL, min_size=64))
    for parameter in detector.network.get_submodule(part).parameters():
        nn.init.constant_(parameter, float("nan"))
    detector.network.eval()
    assert all(len(found["scores"]) == 0 for found in detector.network(images))
    with pytest.raises(ValueError, match="not finite: its weights diverged"):
        detector.detect(images, settings())
