"""What the four numbers of a box mean."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from refdet.columns import F64


class BoxFormat(StrEnum):
    """The four numbers of a box; as in torchvision, the field's formats without a `+ 1`."""

    XYXY = "xyxy"
    """Two corners."""
    XYWH = "xywh"
    """The corner nearest to the origin, width and height."""
    CXCYWH = "cxcywh"
    """The centre, width and height."""


def xywh_from(boxes: F64, box_format: BoxFormat) -> F64:
    """`boxes`, (N, 4) float64 of any format, as x, y, width, height.

    What is not finite, or becomes so, is left to whoever checks the result.

    Raises:
        ValueError: the format, which callers without a type checker give as a word, is none.
    """
    box_format = BoxFormat(box_format)
    converted = boxes.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        if box_format is BoxFormat.XYXY:
            converted[:, 2:] -= boxes[:, :2]
        elif box_format is BoxFormat.CXCYWH:
            converted[:, :2] -= boxes[:, 2:] / 2
    return converted
