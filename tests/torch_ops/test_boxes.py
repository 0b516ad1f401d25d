"""What is peculiar to `refdet.torch_ops.boxes`: dtypes, batch dimensions, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from refdet.torch_ops.boxes import clip_boxes, cxcywh_to_xyxy, xyxy_to_cxcywh

Function = Callable[[torch.Tensor], torch.Tensor]


def clip_to_4_by_3(boxes: torch.Tensor) -> torch.Tensor:
    return clip_boxes(boxes, 4, 3)


FAMILY = [cxcywh_to_xyxy, xyxy_to_cxcywh, clip_to_4_by_3]
BOXES = torch.tensor([[[1.0, 2, 5, 4], [0, 0, 2, 2]], [[3, 3, 9, 4], [1, 1, 1, 1]]])


@pytest.mark.parametrize("function", FAMILY)
def test_functions_treat_each_image_of_a_batch_by_itself(function: Function) -> None:
    got = function(BOXES)
    assert got.shape == BOXES.shape
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


def test_xyxy_to_cxcywh_in_half_precision_does_not_overflow() -> None:
    boxes = torch.tensor([[40000, 0, 60000, 2]], dtype=torch.float16)
    assert xyxy_to_cxcywh(boxes).tolist() == [[50000, 1, 20000, 2]]


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


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5), (5, float("nan"))])
def test_clip_boxes_refuses_an_image_without_size(width: float, height: float) -> None:
    with pytest.raises(ValueError, match=f"got {width} and {height}"):
        clip_boxes(BOXES, width, height)


@pytest.mark.parametrize("function", FAMILY)
def test_functions_leave_their_input_alone(function: Function) -> None:
    before = BOXES.clone()
    function(BOXES).zero_()
    assert before.tolist() == BOXES.tolist()
