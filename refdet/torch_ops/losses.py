"""What a detector is trained to make small: SSD's MultiBox loss, and the losses of the IoU family.

Losses are computed in float32, or float64 for float64 inputs, so that half precision cannot
overflow. Shapes and dtypes are checked; values are not, since looking at them would wait for the
device.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# The coordinates x1, y1, x2, y2 of boxes, each (..., N).
Corners = tuple[Tensor, ...]

# On the CPU, fewer classes than so many come first: along a last dimension that does not fill a
# vector, torch's softmax takes rows one by one. So many bytes for each thread at a time stay in its
# cache, and their memory is reused: more would be asked of the system anew in every call.
_FEW_CLASSES, _MOST_IN_A_VECTOR, _BLOCK_BYTES = 8, 16, 1 << 19


class MultiBoxLoss(NamedTuple):
    """A batch's loss, each part a scalar already divided by the batch's positives.

    Attributes:
        total: confidence + alpha * localization.
        confidence: cross entropy over positives and hard negatives.
        localization: smooth L1 over the positives' four coordinates, without alpha.
    """

    total: Tensor
    confidence: Tensor
    localization: Tensor


def confidence_loss(class_logits: Tensor, target_labels: Tensor) -> Tensor:
    """Cross entropy of every prior: by this, hard negatives are picked.

    Args:
        class_logits: (B, P, C + 1), floating; class 0 is the background.
        target_labels: (B, P) int64 in 0..C.

    Returns:
        (B, P), float64 for float64 logits, else float32.

    Raises:
        TypeError: `class_logits` is not floating, `target_labels` is not int64.
        ValueError: shapes that do not fit.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, equation 3.
    """
    _check_logits(class_logits, target_labels)
    return _cross_entropy(class_logits, target_labels)


def multibox_loss(
    class_logits: Tensor,
    predicted_deltas: Tensor,
    target_labels: Tensor,
    target_deltas: Tensor,
    positive: Tensor,
    hard_negative: Tensor,
    alpha: float = 1.0,
) -> MultiBoxLoss:
    """Confidence over positives and hard negatives, plus alpha times localisation over positives.

    Both are sums, the localisation's over the four coordinates as well, divided by
    max(1, positives in the batch). A batch without a positive has a loss that is finite.

    Args:
        class_logits: (B, P, C + 1), floating; class 0 is the background.
        predicted_deltas: (B, P, 4), floating.
        target_labels: (B, P) int64, 1..C where positive, else 0.
        target_deltas: (B, P, 4), floating; looked at only where positive.
        positive: (B, P) bool, the priors that learn an object.
        hard_negative: (B, P) bool, the priors that learn background.
        alpha: weight of the localisation; SSD takes 1.

    Returns:
        A `MultiBoxLoss`, float64 if an input is float64, else float32.

    Raises:
        TypeError: logits or deltas are not floating, labels not int64, a mask not boolean.
        ValueError: shapes that do not fit.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, equations 1 to 3.
    """
    _check_logits(class_logits, target_labels)
    _check_deltas(predicted_deltas, target_deltas, target_labels)
    _check_masks(positive, hard_negative, target_labels)
    # Only the rows that count are looked at: what the others hold, NaN too, has no gradient.
    trained = positive | hard_negative
    logits, labels, counts = _rows(trained, class_logits, target_labels, trained)
    confidence = torch.where(counts, _cross_entropy(logits, labels), 0).sum()
    predicted, target = map(_at_least_float32, _rows(positive, predicted_deltas, target_deltas))
    localization = F.smooth_l1_loss(predicted, target, reduction="sum")
    n_positive = positive.sum().clamp(min=1)
    dtype = torch.promote_types(confidence.dtype, localization.dtype)
    confidence, localization = (part.to(dtype) / n_positive for part in (confidence, localization))
    return MultiBoxLoss(confidence + alpha * localization, confidence, localization)


def generalized_iou_loss(predicted_xyxy: Tensor, target_xyxy: Tensor) -> Tensor:
    """1 - generalised IoU of each predicted box with the target in the same row.

    Args:
        predicted_xyxy: (..., N, 4), any real dtype; same unit as `target_xyxy`.
        target_xyxy: (..., N, 4), likewise; leading dimensions broadcast.

    Returns:
        (..., N) in [0, 2], one loss a pair; float64 if an input is float64 or integer, else
        float32. Its gradient is finite, also of boxes that touch, are equal or have no area.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, or the numbers of rows differ.

    Source:
        Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, algorithm 1.
        torchvision adds 1e-7 to every denominator, which counts for boxes in fractions.
    """
    return 1 - _giou(*_pairs(predicted_xyxy, "predicted_xyxy", target_xyxy, "target_xyxy"))


def distance_iou_loss(predicted_xyxy: Tensor, target_xyxy: Tensor) -> Tensor:
    """1 - distance IoU of each predicted box with the target in the same row.

    Args:
        predicted_xyxy: (..., N, 4), any real dtype; same unit as `target_xyxy`.
        target_xyxy: (..., N, 4), likewise; leading dimensions broadcast.

    Returns:
        (..., N) in [0, 2], one loss a pair, with dtype and gradient as `generalized_iou_loss` has.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, or the numbers of rows differ.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equation 7.
    """
    a, b = _pairs(predicted_xyxy, "predicted_xyxy", target_xyxy, "target_xyxy")
    return 1 - _iou(a, b) + _distance_penalty(a, b)


def complete_iou_loss(predicted_xyxy: Tensor, target_xyxy: Tensor) -> Tensor:
    """1 - complete IoU of each predicted box with the target in the same row.

    Alpha, the weight of the aspect ratios, is a constant to the gradient: the paper calls it a
    trade-off parameter and derives v alone. The gradient of v is v's own; that the authors' code
    leaves its denominator, width^2 + height^2, out is not followed, as it is not in torchvision.

    Args:
        predicted_xyxy: (..., N, 4), any real dtype; same unit as `target_xyxy`.
        target_xyxy: (..., N, 4), likewise; leading dimensions broadcast.

    Returns:
        (..., N) in [0, 3], one loss a pair, with dtype and gradient as `generalized_iou_loss` has.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, or the numbers of rows differ.

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, equations 8 to 12.
    """
    return 1 - _ciou(*_pairs(predicted_xyxy, "predicted_xyxy", target_xyxy, "target_xyxy"))


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Of (..., C + 1) and (...) each: torch's own wants the classes second, and is slower so."""
    values = _at_least_float32(logits)
    if values.shape[-1] < _FEW_CLASSES and _runs_at_once_on_cpu(values):
        block_bytes = _BLOCK_BYTES * torch.get_num_threads()
        rows = max(1, block_bytes // max(1, values.shape[-1] * values.element_size()))
        blocks = zip(values.flatten(0, -2).split(rows), labels.flatten().split(rows), strict=True)
        return torch.cat([_cross_entropy_of_columns(*block) for block in blocks]).view(labels.shape)
    return -values.log_softmax(dim=-1).gather(-1, labels[..., None]).squeeze(-1)


def _cross_entropy_of_columns(logits: Tensor, labels: Tensor) -> Tensor:
    """Of (N, C + 1) and (N,), by classes, each of N filled up to whole vectors.

    In a vector that is not full torch takes another `exp`: equal rows would differ in the last bit
    by where they lie, and which of them is the harder negative would be chance.
    """
    by_class = F.pad(logits.mT, (0, -len(logits) % _MOST_IN_A_VECTOR)).log_softmax(dim=0)
    return -by_class.gather(0, labels[None]).squeeze(0)


def _rows(mask: Tensor, *batches: Tensor) -> tuple[Tensor, ...]:
    """The rows of (B, P, ...) where `mask` is True, as (N, ...).

    How many these are is known to the device alone. Where asking it would wait for it, or end a
    compiled graph, there are all B P rows, and 0 where `mask` is False.
    """
    kept, flat = mask.flatten(), [batch.flatten(0, 1) for batch in batches]
    if _runs_at_once_on_cpu(mask):
        rows = kept.nonzero().squeeze(1)
        return tuple(values.index_select(0, rows) for values in flat)
    out = ~kept
    return tuple(values.masked_fill(out.view(-1, *[1] * (values.ndim - 1)), 0) for values in flat)


def _runs_at_once_on_cpu(values: Tensor) -> bool:
    """Whether each operation is carried out by itself, and nothing waits for a device."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _check_logits(class_logits: Tensor, target_labels: Tensor) -> None:
    if not class_logits.is_floating_point():
        raise TypeError(f"class_logits must be of a floating dtype, got {class_logits.dtype}")
    if target_labels.dtype != torch.int64:
        raise TypeError(f"target_labels must be of dtype int64, got {target_labels.dtype}")
    if class_logits.ndim != 3:
        raise ValueError(
            f"class_logits must have shape (B, P, C + 1), got {tuple(class_logits.shape)}"
        )
    _check_shape(target_labels, "target_labels", class_logits.shape[:2])


def _check_deltas(predicted_deltas: Tensor, target_deltas: Tensor, target_labels: Tensor) -> None:
    for name, deltas in (("predicted_deltas", predicted_deltas), ("target_deltas", target_deltas)):
        if not deltas.is_floating_point():
            raise TypeError(f"{name} must be of a floating dtype, got {deltas.dtype}")
        _check_shape(deltas, name, (*target_labels.shape, 4))


def _check_masks(positive: Tensor, hard_negative: Tensor, target_labels: Tensor) -> None:
    for name, mask in (("positive", positive), ("hard_negative", hard_negative)):
        if mask.dtype != torch.bool:
            raise TypeError(f"{name} must be of dtype bool, got {mask.dtype}")
        _check_shape(mask, name, target_labels.shape)


def _check_shape(values: Tensor, name: str, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(values.shape)}")


def _giou(a: Corners, b: Corners) -> Tensor:
    intersection, enclosing = _intersection(a, b), _area(_enclosing(a, b))
    union = _area(a) + _area(b) - intersection
    # Rounding can leave the union a last bit above the enclosing box, which is no penalty.
    empty = (enclosing - union).clamp(min=0)
    return _divided(intersection, union) - _divided(empty, enclosing)


def _ciou(a: Corners, b: Corners) -> Tensor:
    iou = _iou(a, b)
    v = (2 / math.pi * (_angle(a) - _angle(b))) ** 2
    alpha = _divided(v, 1 - iou + v).detach()
    return iou - _distance_penalty(a, b) - alpha * v


def _iou(a: Corners, b: Corners) -> Tensor:
    intersection, area = _intersection(a, b), _area(b)
    # Without an area a box shares nothing, and any will do: a mask of a matrix would take as long
    # as all the rest.
    areas = _area(a).clamp(min=0) + area.masked_fill(area <= 0, 1)
    return intersection / areas.sub_(intersection)


def _distance_penalty(a: Corners, b: Corners) -> Tensor:
    """The squared distance of the centres over the squared diagonal of the enclosing box."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    x1, y1, x2, y2 = _enclosing(a, b)
    # Twice the centres' distance: the sums of two corners, which are the same for equal boxes.
    dx, dy = (ax1 + ax2) - (bx1 + bx2), (ay1 + ay2) - (by1 + by2)
    return _divided((dx**2 + dy**2) / 4, (x2 - x1) ** 2 + (y2 - y1) ** 2)


def _intersection(a: Corners, b: Corners) -> Tensor:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    # In place: on a CPU, memory for one more large matrix costs more time than its arithmetic.
    width = torch.minimum(ax2, bx2).sub_(torch.maximum(ax1, bx1)).clamp_(min=0)
    height = torch.minimum(ay2, by2).sub_(torch.maximum(ay1, by1)).clamp_(min=0)
    return width.mul_(height)


def _enclosing(a: Corners, b: Corners) -> Corners:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    x1, y1 = torch.minimum(ax1, bx1), torch.minimum(ay1, by1)
    return x1, y1, torch.maximum(ax2, bx2), torch.maximum(ay2, by2)


def _area(boxes: Corners) -> Tensor:
    x1, y1, x2, y2 = boxes
    return (x2 - x1) * (y2 - y1)


def _angle(boxes: Corners) -> Tensor:
    """`arctan(width / height)`: pi / 2, the limit, for a flat box and 0 for a point."""
    width, height = boxes[2] - boxes[0], boxes[3] - boxes[1]
    # A point's gradient is 0 / 0 in earlier versions of torch; its angle is 0 at any height.
    return torch.atan2(width, height.masked_fill((width == 0) & (height == 0), 1))


def _divided(numerator: Tensor, denominator: Tensor) -> Tensor:
    """`numerator / denominator`; 0 where the denominator is 0, for the numerator is 0 there too."""
    return numerator / denominator.masked_fill(denominator <= 0, 1)


def _pairs(a: Tensor, a_name: str, b: Tensor, b_name: str) -> tuple[Corners, Corners]:
    """The coordinates of each of `a` and `b` as (..., N)."""
    a, b = _widened(a, a_name), _widened(b, b_name)
    if a.shape[-2] != b.shape[-2]:
        lengths = f"{a_name} has {a.shape[-2]} rows and {b_name} has {b.shape[-2]}"
        raise ValueError(f"{lengths}; pairs need as many")
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype).unbind(-1), b.to(dtype).unbind(-1)


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
