"""The box codec, for what runs inside a training step: the twin of `core.codec`.

Shapes and dtypes are checked; values are not, since looking at them would wait for the device.
Every result is float64 if an input is float64 or integer, else float32, and differentiable.

With a box `cx, cy, w, h` and its reference `px, py, pw, ph`:

    t = (wx (cx - px) / pw, wy (cy - py) / ph, ww ln(w / pw), wh ln(h / ph))
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Weights = tuple[float, float, float, float]
Columns = tuple[Tensor, Tensor, Tensor, Tensor]
Formula = Callable[[Tensor, Tensor], Tensor]

# Boxes at a time on each thread of a CPU: with what is computed of them they stay in its cache.
_BLOCK_BYTES = 1 << 19

MAX_LOG_SCALE = math.log(1000.0 / 16.0)
"""Detectron's and torchvision's limit on ln(w / pw): no box is wider than 62.5 references."""


def encode_boxes(boxes_xyxy: Tensor, references_xyxy: Tensor, weights: Weights) -> Tensor:
    """The offset of each box from the reference in the same row.

    Args:
        boxes_xyxy: (..., N, 4), any real dtype, each with an area, or the result is -inf; same
            unit as `references_xyxy`.
        references_xyxy: (..., N, 4), likewise; leading dimensions broadcast.
        weights: of the offsets of cx, cy, w and h; finite and positive.

    Returns:
        (..., N, 4), without unit and without bound.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, lengths differ, or weights that are not
            four positive numbers.

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, appendix C, equations 6 to 9.
    """
    boxes, references = _checked_pairs(boxes_xyxy, "boxes_xyxy", references_xyxy)
    wx, wy, ww, wh = _checked_weights(weights, boxes)

    def encoded(boxes: Tensor, references: Tensor) -> Tensor:
        cx, cy, w, h = _centres_and_sizes(boxes)
        pcx, pcy, pw, ph = _centres_and_sizes(references)
        dx, dy = (cx - pcx) / pw * wx, (cy - pcy) / ph * wy
        dw, dh = torch.log(w / pw) * ww, torch.log(h / ph) * wh
        return torch.stack([dx, dy, dw, dh], dim=-1)

    return _by_blocks(encoded, boxes, references)


def decode_boxes(
    deltas: Tensor,
    references_xyxy: Tensor,
    weights: Weights,
    max_log_scale: float | None = None,
) -> Tensor:
    """The box that lies at each offset from the reference in the same row.

    The inverse of `encode_boxes` as long as `max_log_scale` does not bite: with `MAX_LOG_SCALE`
    a 2,000-px box seen from a 10-px prior comes back with 625 px.

    Args:
        deltas: (..., N, 4), any real dtype, as `encode_boxes` gives them.
        references_xyxy: (..., N, 4), any real dtype, each with an area; leading dimensions
            broadcast.
        weights: of the offsets of cx, cy, w and h; finite and positive.
        max_log_scale: the largest ln(w / pw) and ln(h / ph), usually `MAX_LOG_SCALE`; larger
            ones are lowered to it. None clamps nothing, and a large offset then overflows.

    Returns:
        (..., N, 4) `x1, y1, x2, y2`, in the references' unit; not clipped to the image.

    Raises:
        TypeError: an input is boolean or complex.
        ValueError: an input's last dimension is not 4, lengths differ, or weights that are not
            four positive numbers.

    Source:
        Girshick et al., "Rich feature hierarchies", CVPR 2014, appendix C, equations 1 to 4;
        the limit from torchvision 0.29, `BoxCoder`.
    """
    offsets, references = _checked_pairs(deltas, "deltas", references_xyxy)
    wx, wy, ww, wh = _checked_weights(weights, offsets)

    def decoded(offsets: Tensor, references: Tensor) -> Tensor:
        dx, dy, dw, dh = offsets.unbind(-1)
        dw, dh = dw / ww, dh / wh
        if max_log_scale is not None:
            dw, dh = dw.clamp(max=max_log_scale), dh.clamp(max=max_log_scale)
        pcx, pcy, pw, ph = _centres_and_sizes(references)
        cx, cy = pcx + dx / wx * pw, pcy + dy / wy * ph
        half_w, half_h = torch.exp(dw) * pw / 2, torch.exp(dh) * ph / 2
        return torch.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], dim=-1)

    return _by_blocks(decoded, offsets, references)


def _by_blocks(formula: Formula, rows: Tensor, references: Tensor) -> Tensor:
    """`formula` of (..., N, 4) each; on a CPU, of as many rows at a time as its cache holds."""
    if rows.device.type != "cpu" or torch.compiler.is_compiling():
        return formula(rows, references)
    shape = torch.broadcast_shapes(rows.shape, references.shape)
    n_bytes = math.prod(shape) * rows.element_size()
    block = _BLOCK_BYTES * torch.get_num_threads()
    count = max(1, block * shape[-2] // max(1, n_bytes))
    if shape[-2] <= count:
        return formula(rows, references)
    blocks = zip(rows.split(count, dim=-2), references.split(count, dim=-2), strict=True)
    return torch.cat([formula(*block) for block in blocks], dim=-2)


def _centres_and_sizes(boxes: Tensor) -> Columns:
    """cx, cy, width and height, each (..., N): rows of four are too short to be computed fast."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _checked_weights(weights: Weights, like: Tensor) -> tuple[Tensor, ...]:
    if [0 < weight < math.inf for weight in weights] != [True] * 4:
        raise ValueError(f"weights must be four positive finite numbers, got {weights}")
    # Each filled in on the device: to copy them there would wait for it. By a number in its place
    # CUDA divides otherwise than a CPU, in the last bit.
    return tuple(like.new_full((), weight) for weight in weights)


def _checked_pairs(rows: Tensor, name: str, references: Tensor) -> tuple[Tensor, Tensor]:
    a, b = _widened(rows, name), _widened(references, "references_xyxy")
    if a.shape[-2] != b.shape[-2]:
        lengths = f"{name} has {a.shape[-2]} rows and references_xyxy has {b.shape[-2]}"
        raise ValueError(f"{lengths}; pairs need as many")
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype), b.to(dtype)


def _widened(boxes: Tensor, name: str) -> Tensor:
    """`boxes` in float64 if integer or float64, else in float32."""
    if boxes.dtype == torch.bool or boxes.is_complex():
        raise TypeError(f"{name} must be of a real dtype, got {boxes.dtype}")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., N, 4), got {tuple(boxes.shape)}")
    wide = boxes.dtype == torch.float64 or not boxes.is_floating_point()
    return boxes.to(torch.float64 if wide else torch.float32)
