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
    sizes, reference_sizes = _sizes(boxes), _sizes(references)  # (N, 2): width, height
    shift = (_centres(boxes) - _centres(references)) / reference_sizes
    log_scale = np.log(sizes / reference_sizes)
    deltas: F64 = np.concatenate([shift, log_scale], axis=1) * _checked_weights(weights)
    return deltas


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
    unweighted = offsets / _checked_weights(weights)
    shift, log_scale = unweighted[:, :2], unweighted[:, 2:]
    if max_log_scale is not None:
        log_scale = np.minimum(log_scale, max_log_scale)
    centres = _centres(references) + shift * _sizes(references)
    with np.errstate(over="ignore"):
        half = np.exp(log_scale) * _sizes(references) / 2.0
    _refuse(np.any(~np.isfinite(half), axis=1), offsets, "deltas", "decodes to an infinite size")
    return np.concatenate([centres - half, centres + half], axis=1)


def _centres(boxes: F64) -> F64:
    return (boxes[:, :2] + boxes[:, 2:]) / 2.0


def _sizes(boxes: F64) -> F64:
    return boxes[:, 2:] - boxes[:, :2]


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
    _refuse(np.any(~np.isfinite(checked), axis=1), checked, "deltas", "is not finite")
    return checked


def _checked_solid_boxes(boxes: RealArray, name: str) -> F64:
    checked = _checked_boxes(boxes, name)
    _refuse(np.any(_sizes(checked) <= 0, axis=1), checked, name, "has no width or no height")
    return checked


def _refuse(rows: NDArray[np.bool_], values: F64, name: str, problem: str) -> None:
    if rows.any():
        row = int(rows.argmax())
        raise ValueError(f"{name}[{row}] = {values[row].tolist()} {problem}")


def _checked_boxes(boxes: RealArray, name: str) -> F64:
    """`boxes` as (N, 4) float64; an error names the argument, the row and the value."""
    array = np.asarray(boxes)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be of a real dtype, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4), got {array.shape}")
    checked = array.astype(np.float64)
    not_finite = ~np.isfinite(checked).all(axis=1)
    inverted = (checked[:, 2:] < checked[:, :2]).any(axis=1)
    for rows, problem in ((not_finite, "is not finite"), (inverted, "has x2 < x1 or y2 < y1")):
        if rows.any():
            row = int(rows.argmax())
            raise ValueError(f"{name}[{row}] = {array[row].tolist()} {problem}")
    return checked
