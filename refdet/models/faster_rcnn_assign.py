"""Which object each anchor learns, in place of torchvision's `Matcher` in the RPN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class AnchorMatcher:
    """The rule of `refdet.core.assign.assign_rcnn` with low-quality matches.

    torchvision's differs in two cases: an object that no anchor overlaps makes all anchors
    positive there, and an object's best anchor learns the object which it overlaps most itself.

    Attributes:
        high: an anchor whose best IoU is at least this is positive.
        low: one whose best IoU is below this is background, if no object asks for it.
    """

    high: float = 0.7
    low: float = 0.3

    BELOW_LOW_THRESHOLD: ClassVar[int] = -1
    BETWEEN_THRESHOLDS: ClassVar[int] = -2

    def __call__(self, iou: Tensor) -> Tensor:
        """The object of each anchor, or -1 for background and -2 for ignored, as the RPN reads it.

        Args:
            iou: (G, A), G > 0; rows are objects here, as torchvision has them.

        Returns:
            (A,) int64.
        """
        best_iou, best_object = iou.max(dim=0)  # (A,)
        background = torch.full_like(best_object, self.BELOW_LOW_THRESHOLD)
        matched = background.masked_fill(best_iou >= self.low, self.BETWEEN_THRESHOLDS)
        # Each object asks for the anchors that it overlaps most; an IoU of 0 asks for nothing.
        most = iou.amax(dim=1, keepdim=True)  # (G, 1)
        asking_iou, asking_object = torch.where(iou == most, iou, 0).max(dim=0)
        matched = torch.where(asking_iou > 0, asking_object, matched)
        return torch.where(best_iou >= self.high, best_object, matched)
