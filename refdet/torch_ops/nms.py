"""Non-maximum suppression of tensors: the twin of `core.nms`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
"""

from collections.abc import Callable
from importlib import import_module

import torch
from torch import Tensor

# torchvision has no type information: imported as usual, every project that this file is copied to
# would have to make an exception for it in mypy's settings.
_torchvision_nms: Callable[[Tensor, Tensor, float], Tensor] = import_module("torchvision.ops").nms


def nms(boxes_xyxy: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box, drop all that overlap it by more than a threshold, and so on.

    Boxes are taken by score descending, then input order. A box is dropped if its IoU with a kept
    box is > iou_threshold; at equality it stays.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        iou_threshold: in [0, 1].

    Returns:
        (K,) int64, the kept rows by score descending, then input order.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: wrong shape, lengths differ, a threshold outside [0, 1].

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, section 2.2: greedy suppression.
        Equals torchvision 0.29.2's `nms` in float64 on the CPU.
    """
    one_class = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    return batched_nms(boxes_xyxy, scores, one_class, iou_threshold)


def batched_nms(boxes_xyxy: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class: boxes of different labels never drop each other.

    Args:
        boxes_xyxy: (N, 4), any real dtype; pixels or fractions.
        scores: (N,), any real dtype.
        labels: (N,), any integer dtype.
        iou_threshold: in [0, 1]; a box at equality stays.

    Returns:
        (K,) int64, the kept rows of all classes by score descending, then input order.

    Raises:
        TypeError: boxes or scores are boolean or complex, labels are not integers.
        ValueError: wrong shape, lengths differ, a threshold outside [0, 1].

    Source:
        `nms` class by class: no offset moves classes apart, which would round coordinates.
    """
    _check_detections(boxes_xyxy, scores, labels, iou_threshold)
    # Always float64 on the CPU: torchvision's CUDA kernel rounds the threshold to float32, and a
    # float32 IoU of 0.6 is greater than 0.6, so that boxes at equality would come and go with the
    # device and the dtype. The few hundred boxes of a class take well under a millisecond there.
    order = scores.detach().cpu().sort(descending=True, stable=True).indices
    boxes, classes = boxes_xyxy.detach().cpu().double()[order], labels.cpu()[order]
    # Falling ranks in place of the scores, so that ties stay in the order of the stable sort.
    rank = torch.arange(len(order), 0, -1, dtype=torch.float64)
    kept = torch.zeros(len(order), dtype=torch.bool)
    for label in set(classes.tolist()):
        members = (classes == label).nonzero().squeeze(1)
        kept[members[_torchvision_nms(boxes[members], rank[members], iou_threshold)]] = True
    return order[kept].to(boxes_xyxy.device)


def _check_detections(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> None:
    for name, values in (("boxes_xyxy", boxes), ("scores", scores)):
        if values.dtype == torch.bool or values.is_complex():
            raise TypeError(f"{name} must be of a real dtype, got {values.dtype}")
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels must be of an integer dtype, got {labels.dtype}")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes_xyxy must have shape (N, 4), got {tuple(boxes.shape)}")
    for name, values in (("scores", scores), ("labels", labels)):
        if values.shape != boxes.shape[:1]:
            raise ValueError(f"{name} must have shape ({len(boxes)},), got {tuple(values.shape)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold = {iou_threshold} is not in [0, 1]")
