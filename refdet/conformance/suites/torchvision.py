"""torchvision: its box operations, coder, matchers, sampler, anchors and SSD's hard negatives.

A function is a target under its own name where it takes core's arguments. The others stand behind
the functions below, which translate names, order and structure, and repair nothing; what they
return has no type, since torchvision's functions have none.
`remove_small_boxes` and `sanitize_bounding_boxes` are no targets: they name no reasons, of which
most of `sanitize_boxes` consists.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor
from torchvision import ops
from torchvision.models.detection import _utils
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.transforms.v2 import functional
from torchvision.tv_tensors import BoundingBoxFormat

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.target import Function, Target
from refdet.core.assign import Assignment
from refdet.core.priors import PriorClip, Size, SSDPriorSpec
from refdet.core.sampling import BalancedSample

Weights = tuple[float, float, float, float]

# --- Boxes ---


def xywh_to_xyxy(boxes: Tensor) -> object:
    """`box_convert`, which takes names of formats."""
    return ops.box_convert(boxes, "xywh", "xyxy")


def xyxy_to_xywh(boxes: Tensor) -> object:
    """Likewise."""
    return ops.box_convert(boxes, "xyxy", "xywh")


def cxcywh_to_xyxy(boxes: Tensor) -> object:
    """Likewise."""
    return ops.box_convert(boxes, "cxcywh", "xyxy")


def xyxy_to_cxcywh(boxes: Tensor) -> object:
    """Likewise."""
    return ops.box_convert(boxes, "xyxy", "cxcywh")


def v2_xyxy_to_cxcywh(boxes: Tensor) -> object:
    """What the transforms convert with, which is other code."""
    return functional.convert_bounding_box_format(
        boxes, old_format=BoundingBoxFormat.XYXY, new_format=BoundingBoxFormat.CXCYWH
    )


def clip_boxes(boxes: Tensor, width: float, height: float) -> object:
    """`clip_boxes_to_image`, which takes (height, width)."""
    return ops.clip_boxes_to_image(boxes, (height, width))


def flip_boxes_horizontally(boxes: Tensor, width: float) -> object:
    """What the transforms flip with; the height plays no part."""
    return functional.horizontal_flip_bounding_boxes(boxes, BoundingBoxFormat.XYXY, (0, width))


def flip_boxes_vertically(boxes: Tensor, height: float) -> object:
    """Likewise; the width plays no part."""
    return functional.vertical_flip_bounding_boxes(boxes, BoundingBoxFormat.XYXY, (height, 0))


# --- Codec ---


def encode_boxes(boxes: Tensor, references: Tensor, weights: Weights) -> object:
    """`BoxCoder`, whose "reference boxes" are the objects and whose "proposals" the references."""
    return _utils.BoxCoder(weights).encode_single(boxes, references)


def decode_boxes(
    deltas: Tensor, references: Tensor, weights: Weights, max_log_scale: float | None
) -> object:
    """`BoxCoder`, told of a clamp only if there is to be one: None leaves its default."""
    clamp = {} if max_log_scale is None else {"bbox_xform_clip": max_log_scale}
    return _utils.BoxCoder(weights, **clamp).decode_single(deltas, references)


def decode_boxes_unclamped(
    deltas: Tensor, references: Tensor, weights: Weights, max_log_scale: float | None
) -> object:
    """`BoxCoder` again, told to clamp at infinity if there is to be no clamp."""
    clamp = float("inf") if max_log_scale is None else max_log_scale
    return _utils.BoxCoder(weights, bbox_xform_clip=clamp).decode_single(deltas, references)


# --- Assignment: their matrices have a row per object, their answer one number per prior ---


def assign_ssd(iou: Tensor, threshold: float) -> Assignment:
    """`SSDMatcher`."""
    return _assignment(_utils.SSDMatcher(threshold)(iou.T), len(iou.T))


def assign_rcnn(iou: Tensor, high: float, low: float, allow_low_quality: bool) -> Assignment:
    """`Matcher`."""
    matcher = _utils.Matcher(high, low, allow_low_quality_matches=allow_low_quality)
    return _assignment(matcher(iou.T), len(iou.T))


def _assignment(matches: Tensor, n_objects: int) -> Assignment:
    matched = matches.numpy()
    between = matched == _utils.Matcher.BETWEEN_THRESHOLDS
    unmatched = ~np.isin(np.arange(n_objects), matched)
    return Assignment(np.maximum(matched, 0), matched >= 0, between, unmatched)


# --- Sampling ---


def balanced_sample(
    positive: Tensor, negative: Tensor, size: int, positive_fraction: float, rng: object
) -> BalancedSample:
    """`BalancedPositiveNegativeSampler`, which has no place for the generator."""
    kinds = torch.where(positive, 1, torch.where(negative, 0, -1))
    sampler = _utils.BalancedPositiveNegativeSampler(size, positive_fraction)
    drawn_positive, drawn_negative = sampler([kinds])
    return BalancedSample(drawn_positive[0].bool().numpy(), drawn_negative[0].bool().numpy())


def hard_negative_mask(losses: Tensor, positive: Tensor, ratio: float) -> Tensor:
    """The priors whose loss `SSD.compute_loss` adds as a negative's, seen by its gradient.

    Which they are depends on the order of the losses alone. So the k-th smallest loss becomes a
    logit of k for the wrong one of two classes: its cross entropy grows with k, and the gradient
    of the sum tells how often each prior was added.
    """
    ranks = torch.unique(losses, return_inverse=True)[1].double()
    # A positive's own loss plays no part; its gradient must only not vanish.
    wrong = torch.where(positive, 1.0, ranks)
    target = positive.long()
    logits = torch.stack([torch.where(positive, wrong, 0.0), torch.where(positive, 0.0, wrong)], -1)
    logits.requires_grad_()
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(losses.shape[1], 4)
    loss = SSD.compute_loss(
        SimpleNamespace(neg_to_pos_ratio=ratio, box_coder=_utils.BoxCoder((1.0, 1.0, 1.0, 1.0))),
        [{"boxes": boxes, "labels": torch.ones(len(boxes), dtype=torch.int64)} for _ in losses],
        {"bbox_regression": torch.zeros(*losses.shape, 4), "cls_logits": logits},
        [boxes for _ in losses],
        [torch.where(row, torch.arange(len(row)), -1) for row in positive],
    )["classification"]
    (gradient,) = torch.autograd.grad(loss * max(1, int(target.sum())), logits)
    once = torch.softmax(logits, -1)[..., 0]  # of a positive; of a negative less 1
    times = gradient[..., 0] / torch.where(positive, once, once - 1)
    return torch.round(times.detach()).long() > target


# --- Priors and anchors ---


def ssd_priors(spec: SSDPriorSpec) -> object:
    """`DefaultBoxGenerator`, whose boxes are corners in pixels; it can clip w and h or nothing."""
    if spec.clip is PriorClip.CORNERS:
        raise NotImplementedError("DefaultBoxGenerator does not clip corners")
    generator = DefaultBoxGenerator(
        [list(ratios) for ratios in spec.aspect_ratios],
        scales=[*spec.scales, *[1.0] * (len(spec.feature_maps) + 1 - len(spec.scales))],
        steps=None if spec.steps is None else list(spec.steps),
        clip=spec.clip is PriorClip.CENTER_SIZE,
    )
    images, maps = _images_and_maps(spec.image_size, spec.grid_sizes)
    (corners,) = generator(images, maps)
    height, width = spec.image_size
    fractions = corners / torch.tensor([width, height, width, height])
    return ops.box_convert(fractions, "xyxy", "cxcywh")


def rpn_anchors(
    image_size: Size,
    feature_maps: Sequence[Size],
    sizes: Sequence[Sequence[float]],
    aspect_ratios: Sequence[Sequence[float]],
) -> object:
    """`AnchorGenerator`, which looks at the shapes of an image and of feature maps."""
    generator = AnchorGenerator(tuple(map(tuple, sizes)), tuple(map(tuple, aspect_ratios)))
    (anchors,) = generator(*_images_and_maps(image_size, feature_maps))
    return anchors


def _images_and_maps(size: Size, maps: Sequence[Size]) -> tuple[ImageList, list[Tensor]]:
    # Only their shapes and dtype are looked at: one number stands for all.
    number = torch.zeros((), dtype=torch.float64)
    images = ImageList(number.expand(1, 3, *size), [size])
    return images, [number.expand(1, 1, *one) for one in maps]


_TENSORS = Adapter(arrays=Arrays.TORCH)
# Widths and heights are computed in float32.
_PRIORS = Adapter(arrays=Arrays.TORCH, tolerance=1e-6)

_UNDER_THEIR_NAMES = (
    ("torchvision.ops:box_iou", "iou_matrix", ops.box_iou),
    ("torchvision.ops:generalized_box_iou", "giou_matrix", ops.generalized_box_iou),
    ("torchvision.ops:distance_box_iou", "diou_matrix", ops.distance_box_iou),
    ("torchvision.ops:complete_box_iou", "ciou_matrix", ops.complete_box_iou),
    ("torchvision.ops:box_area", "box_area", ops.box_area),
    ("torchvision.ops:nms", "nms", ops.nms),
    ("torchvision.ops:batched_nms", "batched_nms", ops.batched_nms),
)
_BEHIND_AN_ADAPTER: tuple[tuple[str, str, Function], ...] = (
    ("box_convert, xywh to xyxy", "xywh_to_xyxy", xywh_to_xyxy),
    ("box_convert, xyxy to xywh", "xyxy_to_xywh", xyxy_to_xywh),
    ("box_convert, cxcywh to xyxy", "cxcywh_to_xyxy", cxcywh_to_xyxy),
    ("box_convert, xyxy to cxcywh", "xyxy_to_cxcywh", xyxy_to_cxcywh),
    ("v2 convert_bounding_box_format, XYXY to CXCYWH", "xyxy_to_cxcywh", v2_xyxy_to_cxcywh),
    ("clip_boxes_to_image", "clip_boxes", clip_boxes),
    ("v2 horizontal_flip", "flip_boxes_horizontally", flip_boxes_horizontally),
    ("v2 vertical_flip", "flip_boxes_vertically", flip_boxes_vertically),
    ("BoxCoder(weights).encode_single", "encode_boxes", encode_boxes),
    ("BoxCoder(weights).decode_single", "decode_boxes", decode_boxes),
    ("BoxCoder(weights, inf).decode_single", "decode_boxes", decode_boxes_unclamped),
    ("SSDMatcher", "assign_ssd", assign_ssd),
    ("Matcher", "assign_rcnn", assign_rcnn),
    ("BalancedPositiveNegativeSampler", "balanced_sample", balanced_sample),
    ("SSD.compute_loss", "hard_negative_mask", hard_negative_mask),
    ("AnchorGenerator", "rpn_anchors", rpn_anchors),
)


def targets() -> tuple[Target, ...]:
    """All of them."""
    return (
        *(Target(*named, _TENSORS) for named in (*_UNDER_THEIR_NAMES, *_BEHIND_AN_ADAPTER)),
        Target("DefaultBoxGenerator", "ssd_priors", ssd_priors, _PRIORS),
    )
