"""What is peculiar to `refdet.core.boxes`: errors, purity, dtypes, torchvision's numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.ops import box_area as torchvision_area
from torchvision.ops import box_convert, clip_boxes_to_image

from refdet.core import boxes as core
from refdet.core.boxes import BoxDefect, clip_boxes, sanitize_boxes

F64 = NDArray[np.float64]
Function = Callable[[NDArray[np.floating]], F64]

RNG = np.random.default_rng(7)
SIZED = RNG.integers(1, 800, (50, 4)) / 8.0
CORNERS = np.concatenate([SIZED[:, :2], SIZED[:, :2] + SIZED[:, 2:]], axis=1)
CONVERSIONS = [
    (core.xywh_to_xyxy, "xywh", "xyxy"),
    (core.xyxy_to_xywh, "xyxy", "xywh"),
    (core.cxcywh_to_xyxy, "cxcywh", "xyxy"),
    (core.xyxy_to_cxcywh, "xyxy", "cxcywh"),
]
ON_CORNERS: list[Function] = [
    core.xyxy_to_xywh,
    core.xyxy_to_cxcywh,
    core.box_area,
    lambda boxes: core.clip_boxes(boxes, 10, 10),
    lambda boxes: core.flip_boxes_horizontally(boxes, 10),
    lambda boxes: core.flip_boxes_vertically(boxes, 10),
]
ON_SIZES: list[Function] = [core.xywh_to_xyxy, core.cxcywh_to_xyxy]


@pytest.mark.parametrize(("function", "given", "wanted"), CONVERSIONS)
def test_conversions_equal_torchvision(function: Function, given: str, wanted: str) -> None:
    boxes = CORNERS if given == "xyxy" else SIZED
    want = box_convert(torch.from_numpy(boxes), given, wanted).numpy()
    np.testing.assert_array_equal(function(boxes), want)


def test_xywh_to_xyxy_does_not_wrap_around_as_torchvision_does() -> None:
    boxes = np.array([[250, 250, 10, 10]], dtype=np.uint8)
    assert box_convert(torch.from_numpy(boxes), "xywh", "xyxy")[0, 2] == 4
    assert core.xywh_to_xyxy(boxes)[0, 2] == 260


def test_box_area_equals_torchvision() -> None:
    want = torchvision_area(torch.from_numpy(CORNERS)).numpy()
    np.testing.assert_array_equal(core.box_area(CORNERS), want)


def test_clip_boxes_equals_torchvision() -> None:
    moved = CORNERS - 40.0
    want = clip_boxes_to_image(torch.from_numpy(moved), (50, 90)).numpy()
    np.testing.assert_array_equal(clip_boxes(moved, 90, 50), want)


@pytest.mark.parametrize("function", ON_CORNERS)
def test_functions_of_corners_name_the_bad_row(function: Function) -> None:
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [5.0, 0.0, 4.0, 1.0]])
    message = "boxes_xyxy[1] = [5.0, 0.0, 4.0, 1.0] has x2 < x1 or y2 < y1"
    with pytest.raises(ValueError, match=re.escape(message)):
        function(boxes)
    boxes[1, 0] = np.nan
    with pytest.raises(ValueError, match=re.escape("boxes_xyxy[1] = [nan, 0.0")):
        function(boxes)


@pytest.mark.parametrize("function", ON_SIZES)
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_functions_of_sizes_name_the_bad_row(function: Function, bad: float) -> None:
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [5.0, 0.0, 4.0, bad]])
    name = "boxes_xywh" if function is core.xywh_to_xyxy else "boxes_cxcywh"
    message = f"{name}[1] = [5.0, 0.0, 4.0, {bad}] is not finite or has w or h < 0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        function(boxes)
    with pytest.raises(ValueError, match=f"^{name} must have shape"):
        function(boxes[0])


@pytest.mark.parametrize("function", [*ON_CORNERS, *ON_SIZES])
@pytest.mark.parametrize("dtype", [bool, complex, object])
def test_functions_refuse_what_is_no_real_dtype(function: Function, dtype: type) -> None:
    with pytest.raises(TypeError, match="must be of a real dtype"):
        function(np.zeros((1, 4), dtype=dtype))


@pytest.mark.parametrize("function", [*ON_CORNERS, *ON_SIZES])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 1, 4)])
def test_functions_refuse_another_shape(function: Function, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"must have shape (N, 4), got {shape}")):
        function(np.zeros(shape))


@pytest.mark.parametrize("function", [*ON_CORNERS, *ON_SIZES])
def test_functions_return_float64_and_leave_their_input_alone(function: Function) -> None:
    boxes = np.array([[-1.0, 2.0, 30.0, 40.0]], dtype=np.float32)
    before = boxes.copy()
    result = function(boxes)
    result[:] = -7.0
    np.testing.assert_array_equal(boxes, before)
    assert result.dtype == np.float64


@pytest.mark.parametrize("side", [0.0, -3.0, np.nan, np.inf])
def test_image_sides_must_be_positive(side: float) -> None:
    for call in (
        lambda: core.clip_boxes(CORNERS, side, 5),
        lambda: core.flip_boxes_horizontally(CORNERS, side),
        lambda: core.sanitize_boxes(CORNERS, np.zeros(50, int), side, 5),
    ):
        with pytest.raises(ValueError, match=f"^width must be positive and finite, got {side}"):
            call()
    for call in (
        lambda: core.clip_boxes(CORNERS, 5, side),
        lambda: core.flip_boxes_vertically(CORNERS, side),
        lambda: core.sanitize_boxes(CORNERS, np.zeros(50, int), 5, side),
    ):
        with pytest.raises(ValueError, match=f"^height must be positive and finite, got {side}"):
            call()


def test_sanitize_boxes_drops_below_one_pixel_by_default() -> None:
    boxes = np.array([[0, 0, 0.99, 5], [0, 0, 1, 1]])
    assert sanitize_boxes(boxes, np.array([4, 5]), 10, 10).rows.tolist() == [1]


def test_sanitize_boxes_lists_every_reason_even_without_a_row() -> None:
    found = sanitize_boxes(np.zeros((0, 4)), np.array([]), 10, 10)
    assert list(found.rejected) == list(BoxDefect)
    assert found.labels.dtype == np.int64


def test_defects_read_as_words_in_messages() -> None:
    words = ["not finite", "inverted", "outside the image", "too small"]
    assert [str(defect) for defect in BoxDefect] == words


def test_sanitize_boxes_names_boxes_that_are_none() -> None:
    with pytest.raises(ValueError, match=r"^boxes_xyxy must have shape \(N, 4\), got \(4,\)"):
        sanitize_boxes(np.zeros(4), np.zeros(1, int), 10, 10)


def test_sanitize_boxes_leaves_its_inputs_alone() -> None:
    boxes, labels = np.array([[-5.0, 0.0, 5.0, np.nan], [-5.0, 0.0, 5.0, 5.0]]), np.array([1, 2])
    found = sanitize_boxes(boxes, labels, 4, 4)
    found.boxes_xyxy[:] = found.labels[:] = 9
    assert boxes[1].tolist() == [-5.0, 0.0, 5.0, 5.0]
    assert labels.tolist() == [1, 2]


def test_sanitize_boxes_refuses_bad_labels() -> None:
    boxes = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]])
    with pytest.raises(ValueError, match=re.escape("labels[1] = -1 is negative")):
        sanitize_boxes(boxes, np.array([3, -1]), 10, 10)
    with pytest.raises(ValueError, match=re.escape("labels must have shape (2,), got (1,)")):
        sanitize_boxes(boxes, np.array([3]), 10, 10)
    with pytest.raises(TypeError, match="labels must be of an integer dtype, got float64"):
        sanitize_boxes(boxes, np.array([0.5, 1.0]), 10, 10)
    beyond_int64 = np.array([3, 2**63], np.uint64)
    with pytest.raises(ValueError, match=re.escape("labels[1] = 9223372036854775808 exceeds")):
        sanitize_boxes(boxes, beyond_int64, 10, 10)


def test_sanitize_boxes_takes_empty_lists_of_labels_only() -> None:
    empty = np.array([])  # float64, what an empty list becomes
    assert sanitize_boxes(np.zeros((0, 4)), empty, 10, 10).labels.dtype == np.int64
    with pytest.raises(TypeError, match="labels must be of an integer dtype, got bool"):
        sanitize_boxes(np.zeros((0, 4)), np.zeros(0, np.bool_), 10, 10)


@pytest.mark.parametrize("min_size", [np.nan, np.inf, -1.0])
def test_sanitize_boxes_names_a_bad_min_size(min_size: float) -> None:
    with pytest.raises(ValueError, match=f"min_size = {min_size} is not finite and >= 0"):
        sanitize_boxes(CORNERS, np.zeros(50, int), 10, 10, min_size)
