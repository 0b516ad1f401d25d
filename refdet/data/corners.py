"""Corner and size of boxes as two corners, and back, without the traces of arithmetic.

Half of all widths with decimals differ in their last bit from `(x + width) - x`. Coordinates in
files have few decimals, so that what is within reach of rounding from a number with six decimals
is taken for that number. Boxes with up to six decimals so come back from every format bit for bit;
others within the last bits of the image's side.
"""

from __future__ import annotations

import numpy as np

from refdet.columns import F64

_DECIMALS = 6


def corners_of(boxes_xywh: F64) -> F64:
    """Corner and size, (N, 4) float64, as two corners: x1, y1, x2, y2."""
    near = boxes_xywh[:, :2]
    return np.concatenate([near, near + boxes_xywh[:, 2:]], axis=1)


def xywh_of(boxes_xyxy: F64, *, computed: bool = False) -> F64:
    """Two corners as corner and size.

    Args:
        boxes_xyxy: (N, 4) float64.
        computed: True if the corners are no numbers from a file but sums of such, with terms up
            to 1 larger, as where a file counts from 1.

    Returns:
        (N, 4) float64; corners as they were, unless they were computed.
    """
    corners = boxes_xyxy
    slack = 2 * np.spacing(np.abs(corners).reshape(-1, 2, 2).max(axis=1) + computed)
    if computed:
        corners = tidied(corners, np.tile(slack, 2))
    near, far = corners[:, :2], corners[:, 2:]
    return np.concatenate([near, tidied(far - near, slack)], axis=1)


def tidied(values: F64, slack: F64) -> F64:
    """The values, those within `slack` of a number with six decimals as that number."""
    tidy = np.round(values, _DECIMALS)
    return np.where(np.abs(values - tidy) <= slack, tidy, values)
