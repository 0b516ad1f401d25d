"""Contracts of the box file: formats, area, clipping, flipping, sanitising."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close, slack
from refdet.conformance.contract import BoxFormat, Contract, Conventions
from refdet.conformance.iou import CONTINUOUS_XYXY, unit_cells
from refdet.conformance.strategies import (
    EMPTY_BOX,
    NO_BOX,
    UNIT_BOX,
    boxes_xyxy,
    fractional_boxes_xyxy,
)
from refdet.conformance.vectors import Vector
from refdet.core.boxes import BoxDefect, SanitizedBoxes

F64 = NDArray[np.float64]
Convert: TypeAlias = Callable[[NDArray[np.generic]], F64]
Clip: TypeAlias = Callable[[F64, float, float], F64]
Flip: TypeAlias = Callable[[F64, float], F64]
Sanitize: TypeAlias = Callable[..., SanitizedBoxes]

# Corners past 255, and half of a side that is no whole number.
IN_UINT8 = np.array([[250, 250, 11, 10]], dtype=np.uint8)
AROUND_THE_IMAGE = np.array([[-4.0, -4.0, 12.0, 12.0]])
OUTSIDE = np.array([[8.0, 0.0, 9.0, 2.0], [-3.0, -3.0, 0.0, 0.0]])

# --- Formats: every format is compared with the two corners that a plain loop gives ---


def _loop(boxes: NDArray[np.generic], rule: Callable[[list[float]], list[float]]) -> F64:
    rows = [rule([float(value) for value in box]) for box in boxes.tolist()]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _sized_boxes() -> st.SearchStrategy[F64]:
    """Boxes whose last columns are sizes, with integers in 0..8."""
    counts = st.integers(0, 4)
    return counts.flatmap(
        lambda n: hnp.arrays(np.float64, (n, 4), elements=st.integers(0, 8).map(float))
    )


@given(boxes=_sized_boxes())
@example(boxes=NO_BOX)
@example(boxes=IN_UINT8)
def adds_the_size_to_the_low_corner(xywh_to_xyxy: Convert, boxes: NDArray[np.generic]) -> None:
    """In float64, so that no dtype wraps around."""
    want = _loop(boxes, lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])
    assert_close(xywh_to_xyxy(boxes), want, "boxes")


@given(boxes=_sized_boxes())
@example(boxes=NO_BOX)
@example(boxes=IN_UINT8)
def puts_half_the_size_on_each_side(cxcywh_to_xyxy: Convert, boxes: NDArray[np.generic]) -> None:
    """Halves of integers are exact, so nothing may differ."""
    want = _loop(
        boxes,
        lambda b: [b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2],
    )
    assert_close(cxcywh_to_xyxy(boxes), want, "boxes")


@given(boxes=boxes_xyxy())
@example(boxes=NO_BOX)
@example(boxes=EMPTY_BOX)
@example(boxes=np.array([[0, 0, 255, 255]], dtype=np.uint8))
def gives_the_low_corner_and_the_size(xyxy_to_xywh: Convert, boxes: NDArray[np.generic]) -> None:
    """The size is the difference of the corners, without + 1."""
    want = _loop(boxes, lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]])
    assert_close(xyxy_to_xywh(boxes), want, "boxes")


@given(boxes=boxes_xyxy())
@example(boxes=NO_BOX)
@example(boxes=EMPTY_BOX)
@example(boxes=np.array([[200, 200, 255, 255]], dtype=np.uint8))
def gives_the_middle_and_the_size(xyxy_to_cxcywh: Convert, boxes: NDArray[np.generic]) -> None:
    """The middle of uint8 200 and 255 is 227.5: their sum must not wrap around."""
    want = _loop(boxes, lambda b: [(b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1]])
    assert_close(xyxy_to_cxcywh(boxes), want, "boxes")


@given(boxes=boxes_xyxy())
@example(boxes=NO_BOX)
@example(boxes=EMPTY_BOX)
@example(boxes=np.array([[0, 0, 60_000, 60_000]], dtype=np.int32))
@example(boxes=np.array([[0, 0, 400, 400]], dtype=np.float16))
def area_equals_counting_unit_cells(box_area: Convert, boxes: NDArray[np.generic]) -> None:
    """On integer corners; large boxes by Python's integers, which cannot overflow."""
    want = []
    for box in boxes.tolist():
        x1, y1, x2, y2 = (int(value) for value in box)
        small = max(x2, y2) <= 8
        want.append(float(len(unit_cells(box)) if small else (x2 - x1) * (y2 - y1)))
    assert_close(box_area(boxes), np.array(want), "area")


# --- Clipping and flipping, in an image of whole pixels ---


def _whole_cells(box: NDArray[np.generic]) -> set[tuple[int, int]]:
    """The unit cells of a box that an implementation gave, whose corners must be whole."""
    whole = np.array([float(round(value)) for value in box.tolist()])
    assert_close(box, whole, "corners")
    return unit_cells(whole.tolist())


@given(boxes=boxes_xyxy(), width=st.integers(1, 9), height=st.integers(1, 9))
@example(boxes=NO_BOX, width=1, height=1)
@example(boxes=AROUND_THE_IMAGE, width=8, height=3)
@example(boxes=OUTSIDE, width=8, height=8)
def keeps_the_cells_in_the_image(clip_boxes: Clip, boxes: F64, width: int, height: int) -> None:
    """What is left of a box covers exactly those of its cells that are the image's."""
    got = clip_boxes(boxes, width, height)
    assert got.shape == boxes.shape
    image = unit_cells([0, 0, width, height])
    for row, box in enumerate(boxes.tolist()):
        assert _whole_cells(got[row]) == unit_cells(box) & image, f"boxes[{row}]: {got[row]}"
        x1, y1, x2, y2 = got[row].tolist()
        assert -slack() <= x1 <= x2 <= width + slack(), f"boxes[{row}]: {got[row]}"
        assert -slack() <= y1 <= y2 <= height + slack(), f"boxes[{row}]: {got[row]}"


@given(boxes=fractional_boxes_xyxy(side=300.0))
def leaves_boxes_inside_alone(clip_boxes: Clip, boxes: F64) -> None:
    """Bit for bit, up to the border."""
    assert_close(clip_boxes(boxes, 300.0, 300.0), boxes, "boxes")


@given(boxes=boxes_xyxy(), side=st.integers(8, 12))
@example(boxes=NO_BOX, side=8)
@example(boxes=EMPTY_BOX, side=8)
def mirrors_every_cell_left_to_right(flip: Flip, boxes: F64, side: int) -> None:
    """Cell x of the image becomes cell side - 1 - x."""
    got = flip(boxes, side)
    assert got.shape == boxes.shape
    for row, box in enumerate(boxes.tolist()):
        want = {(side - 1 - x, y) for x, y in unit_cells(box)}
        assert _whole_cells(got[row]) == want, f"boxes[{row}]: {got[row]}"


@given(boxes=boxes_xyxy(), side=st.integers(8, 12))
@example(boxes=NO_BOX, side=8)
@example(boxes=EMPTY_BOX, side=8)
def mirrors_every_cell_top_to_bottom(flip: Flip, boxes: F64, side: int) -> None:
    """Cell y of the image becomes cell side - 1 - y."""
    got = flip(boxes, side)
    assert got.shape == boxes.shape
    for row, box in enumerate(boxes.tolist()):
        want = {(x, side - 1 - y) for x, y in unit_cells(box)}
        assert _whole_cells(got[row]) == want, f"boxes[{row}]: {got[row]}"


@given(boxes=boxes_xyxy(), side=st.integers(1, 12))
@example(boxes=AROUND_THE_IMAGE, side=8)
@example(boxes=EMPTY_BOX, side=8)
def flipping_twice_changes_nothing(flip: Flip, boxes: F64, side: int) -> None:
    """Also for boxes that have no cells or reach out of the image."""
    assert_close(flip(flip(boxes, side), side), boxes, "boxes")


# --- Sanitising ---


def _any_boxes() -> st.SearchStrategy[F64]:
    """Boxes of every kind of badness around an 8 x 6 image."""
    values = st.one_of(st.integers(-2, 10).map(float), st.sampled_from([np.nan, np.inf, -np.inf]))
    mostly_numbers = st.one_of(st.integers(-2, 10).map(float), st.just(5.5), values)
    return st.integers(0, 4).flatmap(
        lambda n: hnp.arrays(np.float64, (n, 4), elements=mostly_numbers)
    )


def _naive_defect(box: list[float], min_size: float) -> BoxDefect | None:
    x1, y1, x2, y2 = box
    if any(math.isnan(value) or math.isinf(value) for value in box):
        return BoxDefect.NOT_FINITE
    if x1 > x2 or y1 > y2:
        return BoxDefect.INVERTED
    if x1 >= 8 or y1 >= 6 or x2 <= 0 or y2 <= 0:
        return BoxDefect.OUTSIDE
    width, height = min(x2, 8.0) - max(x1, 0.0), min(y2, 6.0) - max(y1, 0.0)
    tiny = width < min_size or height < min_size or width == 0 or height == 0
    return BoxDefect.TOO_SMALL if tiny else None


@given(boxes=_any_boxes(), min_size=st.sampled_from([0.0, 1.0, 2.0]))
@example(boxes=NO_BOX, min_size=1.0)
@example(boxes=EMPTY_BOX, min_size=0.0)
@example(boxes=UNIT_BOX, min_size=1.0)
@example(boxes=np.array([[504.0, 337.0, 504.0, 337.0]]), min_size=1.0)
@example(boxes=np.array([[-5.0, 1.0, -1.0, 3.0], [1.0, -5.0, 3.0, -1.0]]), min_size=1.0)
def sorts_each_row_as_a_naive_check_does(
    sanitize_boxes: Sanitize, boxes: F64, min_size: float
) -> None:
    """Each row is kept, clipped, or named once under its first defect."""
    labels = np.arange(len(boxes))
    got = sanitize_boxes(boxes, labels, 8.0, 6.0, min_size)
    defects = [_naive_defect(box, min_size) for box in boxes.tolist()]
    kept = [row for row, defect in enumerate(defects) if defect is None]
    assert got.rows.tolist() == kept
    assert got.labels.tolist() == kept
    assert got.boxes_xyxy.shape == (len(kept), 4)
    for box, (x1, y1, x2, y2) in zip(got.boxes_xyxy, boxes[kept].tolist(), strict=True):
        assert_close(box, [max(x1, 0.0), max(y1, 0.0), min(x2, 8.0), min(y2, 6.0)], "kept box")
    for kind in BoxDefect:
        want = [row for row, defect in enumerate(defects) if defect is kind]
        assert got.rejected[kind].tolist() == want, f"{kind}: {got.rejected[kind]} != {want}"


class _SanitizeContract(Contract[Sanitize]):
    def check_vector(self, implementation: Sanitize, vector: Vector) -> None:
        if isinstance(vector.expected, type):
            super().check_vector(implementation, vector)
            return
        outcome = implementation(*self.read_arguments(vector.inputs))
        # The vectors list `rejected` as fields of their own: rejected_inverted and so on.
        got = {f"rejected_{kind.name}".lower(): outcome.rejected[kind] for kind in BoxDefect}
        got |= {name: getattr(outcome, name) for name in ("boxes_xyxy", "labels", "rows")}
        for name, want in vector.expected.items():
            assert_close(
                got[name], np.asarray(want), f"{vector.name}: {name}", atol=vector.tolerance
            )


_NO_WRAP = "in float64, so that no integer dtype wraps around: 250 + 10 is 260 in uint8, too"
_CORNER_AND_SIZE = "xywh: the low corner x1, y1, then width x2 - x1 and height y2 - y1, no + 1"
_CENTRE_AND_SIZE = "cxcywh: the centre, then width x2 - x1 and height y2 - y1, no + 1"

CONTRACTS = (
    Contract[Convert](
        "xywh_to_xyxy",
        ("boxes_xywh",),
        Conventions(
            rule=f"The low corner, and the low corner plus the size; {_NO_WRAP}.",
            boxes=f"In: {_CORNER_AND_SIZE}. Out: {CONTINUOUS_XYXY}.",
        ),
        (adds_the_size_to_the_low_corner,),
        result_boxes=BoxFormat.XYXY,
    ),
    Contract[Convert](
        "xyxy_to_xywh",
        ("boxes_xyxy",),
        Conventions(
            rule=f"The low corner, and the difference of the corners; {_NO_WRAP}.",
            boxes=f"In: {CONTINUOUS_XYXY}. Out: {_CORNER_AND_SIZE}.",
        ),
        (gives_the_low_corner_and_the_size,),
        result_boxes=BoxFormat.XYWH,
    ),
    Contract[Convert](
        "cxcywh_to_xyxy",
        ("boxes_cxcywh",),
        Conventions(
            rule=f"The centre less and plus half the size, which may be fractional; {_NO_WRAP}.",
            boxes=f"In: {_CENTRE_AND_SIZE}. Out: {CONTINUOUS_XYXY}.",
        ),
        (puts_half_the_size_on_each_side,),
        result_boxes=BoxFormat.XYXY,
    ),
    Contract[Convert](
        "xyxy_to_cxcywh",
        ("boxes_xyxy",),
        Conventions(
            rule=f"Half the sum of the corners, and their difference; {_NO_WRAP}.",
            boxes=f"In: {CONTINUOUS_XYXY}. Out: {_CENTRE_AND_SIZE}.",
        ),
        (gives_the_middle_and_the_size,),
        result_boxes=BoxFormat.CXCYWH,
    ),
    Contract[Convert](
        "box_area",
        ("boxes_xyxy",),
        Conventions(
            rule="Width times height of every box, in float64: an area past 2^31 does not wrap.",
            boxes=CONTINUOUS_XYXY,
            undefined="Nothing is: a box without width or height has the area 0.",
        ),
        (area_equals_counting_unit_cells,),
    ),
    Contract[Clip](
        "clip_boxes",
        ("boxes_xyxy", "width", "height"),
        Conventions(
            rule="Every coordinate at least 0 and at most the image's width or height.",
            boxes=f"{CONTINUOUS_XYXY}; the far border is width, not width - 1.",
            undefined="A box outside the image becomes empty, at the border; no row is dropped.",
        ),
        (keeps_the_cells_in_the_image, leaves_boxes_inside_alone),
        result_boxes=BoxFormat.XYXY,
    ),
    Contract[Flip](
        "flip_boxes_horizontally",
        ("boxes_xyxy", "width"),
        Conventions(
            rule="x becomes width - x, without - 1; the two are swapped, so that x1 <= x2 again.",
            boxes=CONTINUOUS_XYXY,
        ),
        (mirrors_every_cell_left_to_right, flipping_twice_changes_nothing),
        result_boxes=BoxFormat.XYXY,
    ),
    Contract[Flip](
        "flip_boxes_vertically",
        ("boxes_xyxy", "height"),
        Conventions(
            rule="y becomes height - y, without - 1; the two are swapped, so that y1 <= y2 again.",
            boxes=CONTINUOUS_XYXY,
        ),
        (mirrors_every_cell_top_to_bottom, flipping_twice_changes_nothing),
        result_boxes=BoxFormat.XYXY,
    ),
    _SanitizeContract(
        "sanitize_boxes",
        ("boxes_xyxy", "labels", "width", "height", "min_size"),
        Conventions(
            rule=(
                "Boxes clipped to the image, without those that are no boxes. Each row is kept, or "
                "named under the first that applies: not finite, inverted, outside, too small."
            ),
            boxes=f"{CONTINUOUS_XYXY}, but any four numbers are taken.",
            ties="What is kept, and what is rejected for a reason, stays in input order.",
            thresholds=(
                "A side of exactly min_size is kept, a side of 0 never. A box that only touches "
                "the image is outside."
            ),
        ),
        (sorts_each_row_as_a_naive_check_does,),
    ),
)
