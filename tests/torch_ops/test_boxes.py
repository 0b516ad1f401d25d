"""What is peculiar to `refdet.torch_ops.boxes`: dtypes, batch dimensions, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from refdet.torch_ops.boxes import (
    box_area,
    clip_boxes,
    cxcywh_to_xyxy,
    flip_boxes_horizontally,
    flip_boxes_vertically,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)

Function = Callable[[Tensor], Tensor]


def clip_to_4_by_3(boxes: Tensor) -> Tensor:
    return clip_boxes(boxes, 4, 3)


def flip_in_a_width_of_4(boxes: Tensor) -> Tensor:
    return flip_boxes_horizontally(boxes, 4)


def flip_in_a_height_of_3(boxes: Tensor) -> Tensor:
    return flip_boxes_vertically(boxes, 3)


FAMILY: list[Function] = [
    *(xywh_to_xyxy, xyxy_to_xywh, cxcywh_to_xyxy, xyxy_to_cxcywh, box_area),
    *(clip_to_4_by_3, flip_in_a_width_of_4, flip_in_a_height_of_3),
]
BOXES = torch.tensor([[[1.0, 2, 5, 4], [0, 0, 2, 2]], [[3, 3, 9, 4], [1, 1, 1, 1]]])


@pytest.mark.parametrize("function", FAMILY)
def test_functions_treat_each_image_of_a_batch_by_itself(function: Function) -> None:
    got = function(BOXES)
    assert got.shape == ((2, 2) if function is box_area else (2, 2, 4))
    for image in range(2):
        assert got[image].tolist() == function(BOXES[image]).tolist()


@pytest.mark.parametrize("function", FAMILY)
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.uint8, torch.float64),
        (torch.int64, torch.float64),
    ],
)
def test_functions_widen_what_could_overflow(
    function: Function, given: torch.dtype, wanted: torch.dtype
) -> None:
    got = function(BOXES.to(given))
    assert got.dtype == wanted
    assert got.tolist() == function(BOXES).tolist()


def test_functions_of_half_precision_do_not_overflow() -> None:
    """Sums and products of numbers below 65,504, the greatest of float16, that lie above it."""
    corners = torch.tensor([[40000, 0, 60000, 2]], dtype=torch.float16)
    assert xyxy_to_cxcywh(corners).tolist() == [[50000, 1, 20000, 2]]
    assert box_area(corners).tolist() == [40000]
    assert box_area(torch.tensor([[0, 0, 60000, 60000]], dtype=torch.float16)).tolist() == [3.6e9]
    assert xywh_to_xyxy(corners).tolist() == [[40000, 0, 100000, 2]]
    assert flip_boxes_horizontally(corners, 100000).tolist() == [[40000, 0, 60000, 2]]


@pytest.mark.parametrize("function", FAMILY)
def test_functions_have_the_gradient_of_finite_differences(function: Function) -> None:
    inside_and_outside = (BOXES + 0.25).double().requires_grad_()
    assert torch.autograd.gradcheck(function, inside_and_outside)


@pytest.mark.parametrize("function", FAMILY)
def test_functions_refuse_what_is_no_box(function: Function) -> None:
    with pytest.raises(TypeError, match="must be of a real dtype"):
        function(torch.zeros(1, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"must have shape \(..., N, 4\), got \(4,\)"):
        function(torch.zeros(4))


@pytest.mark.parametrize("side", [0.0, -1.0, float("nan"), float("inf")])
def test_functions_refuse_an_image_without_size(side: float) -> None:
    message = f"must be positive and finite, got {side}"
    for width, height, name in ((side, 5, "width"), (5, side, "height")):
        with pytest.raises(ValueError, match=f"^{name} {message}"):
            clip_boxes(BOXES, width, height)
    with pytest.raises(ValueError, match=f"^width {message}"):
        flip_boxes_horizontally(BOXES, side)
    with pytest.raises(ValueError, match=f"^height {message}"):
        flip_boxes_vertically(BOXES, side)


@pytest.mark.parametrize("function", FAMILY)
def test_functions_leave_their_input_alone(function: Function) -> None:
    before = BOXES.clone()
    function(BOXES).zero_()
    assert before.tolist() == BOXES.tolist()
