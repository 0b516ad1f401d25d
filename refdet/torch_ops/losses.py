"""The MultiBox loss of SSD, for a whole batch at once.

Losses are computed in float32, or float64 for float64 inputs, so that half precision cannot
overflow. Shapes and dtypes are checked; values are not, since looking at them would wait for the
device.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


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
    # cross_entropy takes the classes in the second dimension.
    return F.cross_entropy(_at_least_float32(class_logits).mT, target_labels, reduction="none")


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
    confidence = F.cross_entropy(
        _at_least_float32(class_logits[trained]), target_labels[trained], reduction="sum"
    )
    predicted, target = (
        _at_least_float32(predicted_deltas[positive]),
        _at_least_float32(target_deltas[positive]),
    )
    localization = F.smooth_l1_loss(predicted, target, reduction="sum")
    n_positive = positive.sum().clamp(min=1)
    confidence, localization = confidence / n_positive, localization / n_positive
    return MultiBoxLoss(confidence + alpha * localization, confidence, localization)


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
