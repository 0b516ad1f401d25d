"""The box codec: a box as its offset from a reference box, and back.

One codec serves both detectors. With a box `cx, cy, w, h` and its reference `px, py, pw, ph`:

    t = (wx (cx - px) / pw, wy (cy - py) / ph, ww ln(w / pw), wh ln(h / ph))

SSD's variances 0.1 and 0.2 are the weights (10, 10, 5, 5). Faster R-CNN's box head uses the same,
its region proposal network (1, 1, 1, 1).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
Columns = tuple[F64, F64, F64, F64]
Weights = tuple[float, float, float, float]

MAX_LOG_SCALE = math.log(1000.0 / 16.0)
"""Detectron's and torchvision's limit on ln(w / pw): no box is wider than 62.5 references."""


def encode_boxes(boxes_xyxy: RealArray, references_xyxy: RealArray, weights: Weights) -> F64:
    """The offset of each box from the reference in the same row.

    Args:
        boxes_xyxy: (N, 4), any real dtype, each with an area; same unit as `references_xyxy`.
        references_xyxy: (N, 4), likewise: priors, anchors or proposals.
        weights: of the offsets of cx, cy, w and h; finite and positive.

    Returns:
        (N, 4) float64, without unit and without bound.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: lengths differ, wrong shape, non-finite, no width or no height (names the
            row), or weights that are not four positive numbers. A zero size would encode to
            -inf, and one such box makes a whole training run's loss infinite.

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, appendix C, equations 6 to 9.
    """
    boxes = _checked_solid_boxes(boxes_xyxy, "boxes_xyxy")
    references = _checked_solid_boxes(references_xyxy, "references_xyxy")
    _check_pairs(boxes, "boxes_xyxy", references)
    cx, cy, w, h = _centres_and_sizes(boxes)
    pcx, pcy, pw, ph = _centres_and_sizes(references)
    wx, wy, ww, wh = _checked_weights(weights)
    dx, dy = (cx - pcx) / pw * wx, (cy - pcy) / ph * wy
    dw, dh = np.log(w / pw) * ww, np.log(h / ph) * wh
    return np.stack([dx, dy, dw, dh], axis=1)


def decode_boxes(
    deltas: RealArray,
    references_xyxy: RealArray,
    weights: Weights,
    max_log_scale: float | None = None,
) -> F64:
    """The box that lies at each offset from the reference in the same row.

    The inverse of `encode_boxes` as long as `max_log_scale` does not bite: with `MAX_LOG_SCALE`
    a 2,000-px box seen from a 10-px prior comes back with 625 px.

    Args:
        deltas: (N, 4), any real dtype, as `encode_boxes` gives them.
        references_xyxy: (N, 4), any real dtype, each with an area.
        weights: of the offsets of cx, cy, w and h; finite and positive.
        max_log_scale: the largest ln(w / pw) and ln(h / ph), usually `MAX_LOG_SCALE`; larger
            ones are lowered to it. None clamps nothing, and a large offset then overflows.

    Returns:
        (N, 4) float64 `x1, y1, x2, y2`, in the references' unit; not clipped to the image.

    Raises:
        TypeError: an input is not of a real dtype.
        ValueError: lengths differ, wrong shape, non-finite, a reference without width or height
            (names the row), weights that are not four positive numbers, or a size past float64.

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, appendix C, equations 1 to 4;
        the limit from torchvision 0.29, `BoxCoder`.
    """
    offsets = _checked_deltas(deltas)
    references = _checked_solid_boxes(references_xyxy, "references_xyxy")
    _check_pairs(offsets, "deltas", references)
    wx, wy, ww, wh = _checked_weights(weights)
    dx, dy, dw, dh = offsets.T
    dw, dh = dw / ww, dh / wh
    if max_log_scale is not None:
        dw, dh = np.minimum(dw, max_log_scale), np.minimum(dh, max_log_scale)
    pcx, pcy, pw, ph = _centres_and_sizes(references)
    cx, cy = pcx + dx / wx * pw, pcy + dy / wy * ph
    with np.errstate(over="ignore"):
        half_w, half_h = np.exp(dw) * pw / 2.0, np.exp(dh) * ph / 2.0
    infinite = ~np.isfinite(np.stack([half_w, half_h], axis=1))
    _refuse(infinite, offsets, "deltas", "decodes to an infinite size")
    return np.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], axis=1)


def _centres_and_sizes(boxes: F64) -> Columns:
    """cx, cy, width and height, each (N,): rows of four are too short to be computed fast."""
    x1, y1, x2, y2 = boxes.T
    return (x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1


def _checked_weights(weights: Weights) -> F64:
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != (4,) or not ((checked > 0) & np.isfinite(checked)).all():
        raise ValueError(f"weights must be four positive finite numbers, got {weights}")
    return checked


def _check_pairs(rows: F64, name: str, references: F64) -> None:
    if len(rows) != len(references):
        lengths = f"{name} has {len(rows)} rows and references_xyxy has {len(references)}"
        raise ValueError(f"{lengths}; pairs need as many")


def _checked_deltas(deltas: RealArray) -> F64:
    array = np.asarray(deltas)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"deltas must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"deltas must have shape (N, 4), got {array.shape}")
    checked = array.astype(np.float64)
    _refuse(~np.isfinite(checked), checked, "deltas", "is not finite")
    return checked


def _checked_solid_boxes(boxes: RealArray, name: str) -> F64:
    checked = _checked_boxes(boxes, name)
    x1, y1, x2, y2 = checked.T
    flat = np.stack([x2 <= x1, y2 <= y1], axis=1)
    _refuse(flat, checked, name, "has no width or no height")
    return checked


def _refuse(wrong: NDArray[np.bool_], values: F64, name: str, problem: str) -> None:
    if wrong.any():
        row = int(wrong.any(axis=1).argmax())
        raise ValueError(f"{name}[{row}] = {values[row].tolist()} {problem}")


def _checked_boxes(boxes: RealArray, name: str) -> F64:
    """`boxes` as (N, 4) float64; an error names the argument, the row and the value."""
    array = np.asarray(boxes)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4), got {array.shape}")
    checked = array.astype(np.float64)
    x1, y1, x2, y2 = checked.T  # by columns: rows of 4 are too short to be fast
    inverted = np.stack([x2 < x1, y2 < y1], axis=1)
    for wrong, problem in (
        (~np.isfinite(checked), "is not finite"),
        (inverted, "has x2 < x1 or y2 < y1"),
    ):
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise ValueError(f"{name}[{row}] = {array[row].tolist()} {problem}")
    return checked
