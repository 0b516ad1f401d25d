"""Contracts of the box codec."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import BoxFormat, Contract, Conventions
from refdet.conformance.iou import CONTINUOUS_XYXY
from refdet.conformance.strategies import NO_BOX, UNIT_BOX, boxes_xyxy, fractional_boxes_xyxy

F64 = NDArray[np.float64]
Weights: TypeAlias = tuple[float, float, float, float]
Encode: TypeAlias = Callable[[F64, F64, Weights], F64]
Decode: TypeAlias = Callable[[F64, F64, Weights, float | None], F64]
Pairs: TypeAlias = tuple[F64, F64]

MAX_RATIO = 1000.0 / 16.0
TEN_PIXELS = np.array([[100.0, 100.0, 110.0, 110.0]])
TWO_THOUSAND_PIXELS = np.array([[0.0, 0.0, 2000.0, 2000.0]])
NOTHING: Pairs = (NO_BOX, NO_BOX)

# --- Oracles: plain Python, one box at a time ---


def naive_encode(box: F64, reference: F64, weights: Weights) -> list[float]:
    """The offset of one box, coordinate by coordinate."""
    x, y, w, h = _centre_and_size(box)
    px, py, pw, ph = _centre_and_size(reference)
    offsets = ((x - px) / pw, (y - py) / ph, math.log(w) - math.log(pw), math.log(h) - math.log(ph))
    return [weight * offset for weight, offset in zip(weights, offsets, strict=True)]


def naive_decode(delta: F64, reference: F64, weights: Weights, ratio: float) -> list[float]:
    """One box; its sides are at most `ratio` times the reference's."""
    dx, dy, dw, dh = (float(d) / weight for d, weight in zip(delta, weights, strict=True))
    px, py, pw, ph = _centre_and_size(reference)
    x, y = px + dx * pw, py + dy * ph
    w, h = pw * min(math.e**dw, ratio), ph * min(math.e**dh, ratio)
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def _centre_and_size(box: F64) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return x1 + (x2 - x1) / 2, y1 + (y2 - y1) / 2, x2 - x1, y2 - y1


# --- Properties ---


def _pixels_apart() -> float:
    # A corner near 0 is the difference of numbers as large as the boxes are apart: 2,000 pixels.
    return max(1e-8, 2000.0 * slack())


WEIGHTS = st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0), (3.0, 7.0, 2.0, 11.0)])
SOLID_PAIRS = st.integers(0, 4).flatmap(
    lambda n: st.tuples(
        fractional_boxes_xyxy(n, min_size=0.5), fractional_boxes_xyxy(n, min_size=0.5)
    )
)
WHOLE_PAIRS = st.integers(0, 4).flatmap(
    lambda n: st.tuples(boxes_xyxy(n, min_size=1), boxes_xyxy(n, min_size=1))
)


@given(pairs=SOLID_PAIRS, weights=WEIGHTS)
@example(pairs=NOTHING, weights=(1.0, 1.0, 1.0, 1.0))
@example(pairs=(UNIT_BOX, UNIT_BOX), weights=(10.0, 10.0, 5.0, 5.0))
@example(pairs=(TWO_THOUSAND_PIXELS, TEN_PIXELS), weights=(10.0, 10.0, 5.0, 5.0))
def encodes_as_the_formula(encode_boxes: Encode, pairs: Pairs, weights: Weights) -> None:
    """Each row by itself, with the logarithm of each size instead of that of their ratio."""
    boxes, references = pairs
    got = encode_boxes(boxes, references, weights)
    assert got.shape == boxes.shape
    for row, (box, reference) in enumerate(zip(boxes, references, strict=True)):
        want = naive_encode(box, reference, weights)
        assert_close(got[row], want, f"offset of row {row}", rtol=1e-11, atol=1e-11)


@given(pairs=SOLID_PAIRS, weights=WEIGHTS)
@example(pairs=NOTHING, weights=(1.0, 1.0, 1.0, 1.0))
@example(pairs=(TWO_THOUSAND_PIXELS, TEN_PIXELS), weights=(10.0, 10.0, 5.0, 5.0))
def what_is_encoded_decodes_to_the_box(
    encode_boxes: Encode, pairs: Pairs, weights: Weights
) -> None:
    """By a decoder that has no clamp."""
    boxes, references = pairs
    got = encode_boxes(boxes, references, weights)
    for row, box in enumerate(boxes):
        back = naive_decode(got[row], references[row], weights, ratio=math.inf)
        assert_close(back, box, f"decoded row {row}", rtol=1e-11, atol=_pixels_apart())


@given(boxes=boxes_xyxy(min_size=1), weights=WEIGHTS)
@example(boxes=NO_BOX, weights=(1.0, 1.0, 1.0, 1.0))
def a_box_is_no_offset_from_itself(encode_boxes: Encode, boxes: F64, weights: Weights) -> None:
    """Exactly 0."""
    assert_close(encode_boxes(boxes, boxes, weights), np.zeros_like(boxes), "offset")


@given(pairs=WHOLE_PAIRS, power=st.integers(-20, 20), weights=WEIGHTS)
def encoding_survives_scaling_by_powers_of_two(
    encode_boxes: Encode, pairs: Pairs, power: int, weights: Weights
) -> None:
    """Pixels and fractions give the same offsets."""
    scaled = encode_boxes(pairs[0] * 2.0**power, pairs[1] * 2.0**power, weights)
    assert_close(scaled, encode_boxes(*pairs, weights), "offset")


@given(pairs=SOLID_PAIRS, weights=WEIGHTS, clamped=st.booleans())
@example(pairs=NOTHING, weights=(1.0, 1.0, 1.0, 1.0), clamped=True)
@example(pairs=(TWO_THOUSAND_PIXELS, TEN_PIXELS), weights=(10.0, 10.0, 5.0, 5.0), clamped=True)
@example(pairs=(TWO_THOUSAND_PIXELS, TEN_PIXELS), weights=(10.0, 10.0, 5.0, 5.0), clamped=False)
def decodes_as_the_formula(
    decode_boxes: Decode, pairs: Pairs, weights: Weights, clamped: bool
) -> None:
    """Offsets of real boxes; with the clamp no side exceeds 62.5 times the reference's."""
    boxes, references = pairs
    deltas = [naive_encode(*pair, weights) for pair in zip(boxes, references, strict=True)]
    offsets = np.array(deltas, dtype=np.float64).reshape(-1, 4)
    got = decode_boxes(offsets, references, weights, math.log(MAX_RATIO) if clamped else None)
    assert got.shape == boxes.shape
    for row, box in enumerate(boxes):
        ratio = MAX_RATIO if clamped else math.inf
        want = naive_decode(offsets[row], references[row], weights, ratio)
        assert_close(got[row], want, f"row {row}", rtol=1e-11, atol=_pixels_apart())
        if not clamped:
            assert_close(got[row], box, f"row {row}", rtol=1e-11, atol=_pixels_apart())


@given(references=boxes_xyxy(min_size=1), weights=WEIGHTS)
@example(references=NO_BOX, weights=(1.0, 1.0, 1.0, 1.0))
def no_offset_decodes_to_the_reference(
    decode_boxes: Decode, references: F64, weights: Weights
) -> None:
    """Exactly: exp(0) is 1."""
    got = decode_boxes(np.zeros_like(references), references, weights, None)
    assert_close(got, references, "boxes")


_ONE_TO_ONE = "Row by row: box n and reference n belong together."
_WEIGHTS = "SSD's variances 0.1, 0.2 are the weights 10, 10, 5, 5; a proposal network's are 1."

CONTRACTS = (
    Contract[Encode](
        "encode_boxes",
        ("boxes_xyxy", "references_xyxy", "weights"),
        Conventions(
            rule=(
                "The offset of a box from its reference: (wx (cx - px) / pw, wy (cy - py) / ph, "
                "ww ln(w / pw), wh ln(h / ph)), of centres and sizes of box c and reference p. "
                f"{_ONE_TO_ONE} {_WEIGHTS}"
            ),
            boxes=CONTINUOUS_XYXY,
            undefined="A box or reference without width or height is an error: ln 0 is -infinity.",
        ),
        (
            encodes_as_the_formula,
            what_is_encoded_decodes_to_the_box,
            a_box_is_no_offset_from_itself,
            encoding_survives_scaling_by_powers_of_two,
        ),
    ),
    Contract[Decode](
        "decode_boxes",
        ("deltas", "references_xyxy", "weights", "max_log_scale"),
        Conventions(
            rule=(
                "The box at an offset (dx, dy, dw, dh) from its reference: centre px + dx pw / wx, "
                "py + dy ph / wy; size pw exp(dw / ww), ph exp(dh / wh). "
                f"{_ONE_TO_ONE} {_WEIGHTS} Not clipped to the image."
            ),
            boxes=CONTINUOUS_XYXY,
            thresholds=(
                "dw / ww and dh / wh are lowered to max_log_scale, after the division by the "
                "weight; None clamps nothing."
            ),
            undefined="A size past what float64 holds is an error, never infinity.",
        ),
        (decodes_as_the_formula, no_offset_decodes_to_the_reference),
        result_boxes=BoxFormat.XYXY,
    ),
)
