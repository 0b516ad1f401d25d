"""Corner and size of boxes as two corners, and back."""

from __future__ import annotations

import numpy as np

from refdet.columns import F64


def corners_of(boxes_xywh: F64) -> F64:
    """Corner and size as two corners.

    The near corner and, within one unit in the last place of the far corner, the size come back
    from them. About half of all sizes with decimals do not come back exactly, whichever float64
    next to the sum is taken for the far corner.

    Args:
        boxes_xywh: (N, 4) float64.

    Returns:
        (N, 4) float64, x1, y1, x2, y2.
    """
    near = boxes_xywh[:, :2]
    return np.concatenate([near, near + boxes_xywh[:, 2:]], axis=1)


def xywh_of(boxes_xyxy: F64) -> F64:
    """Two corners as corner and size."""
    return np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
