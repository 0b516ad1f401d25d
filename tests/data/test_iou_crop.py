"""Windows as torchvision finds them, from the same random draws; its crop is the oracle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from refdet.data.iou_crop import IoUCrop


def inputs(boxes: Tensor, height: int, width: int) -> list[Tensor]:
    image = tv_tensors.Image(torch.zeros((3, height, width), dtype=torch.uint8))
    return [
        image,
        tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width)),
    ]


def params_and_state(crop: v2.RandomIoUCrop, flat: list[Tensor], seed: int) -> dict[str, object]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found: dict[str, object] = crop.make_params(flat)
        inside = found.pop("is_within_crop_area", None)
        return {
            **found,
            "inside": inside.tolist() if isinstance(inside, Tensor) else None,
            "next draw": torch.rand(1).item(),
        }


boxes_within = st.lists(
    st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
        lambda ends: (*map(min, ends[:2], ends[2:]), *map(max, ends[:2], ends[2:]))
    ),
    max_size=9,
)


@given(
    relative=boxes_within,
    height=st.integers(4, 900),
    width=st.integers(4, 900),
    seed=st.integers(0, 2**31),
    trials=st.sampled_from([1, 10, 40]),
)
@example(relative=[], height=40, width=40, seed=0, trials=10)
@example(relative=[(0.5, 0.5, 0.5, 0.5)], height=40, width=40, seed=0, trials=10)
@example(relative=[(0, 0, 1, 1)], height=40, width=70, seed=5, trials=40)
def test_iou_crop_finds_the_windows_of_torchvision(
    relative: list[tuple[float, ...]], height: int, width: int, seed: int, trials: int
) -> None:
    sides = torch.tensor([width, height] * 2)
    flat = inputs(torch.tensor(relative).reshape(-1, 4) * sides, height, width)
    for more in range(20):
        ours, theirs = (
            params_and_state(kind(trials=trials), flat, seed + more)
            for kind in (IoUCrop, v2.RandomIoUCrop)
        )
        assert ours == theirs


def test_iou_crop_finds_them_at_every_iou() -> None:
    # What the test above relies on: with objects as large as the image all options lead to crops.
    crop = IoUCrop()
    flat = inputs(torch.tensor([[1.0, 1, 99, 99], [0, 50, 50, 100]]), 100, 100)
    found = set()
    for option in crop.options[:-1]:
        only = IoUCrop(sampler_options=[option])
        found |= {bool(params_and_state(only, flat, seed).get("width")) for seed in range(5)}
    assert found == {True}


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 40), (2, 3)])
def test_iou_crop_survives_an_image_of_a_few_pixels(size: tuple[int, int]) -> None:
    height, width = size
    flat = inputs(torch.tensor([[0.0, 0, width, height]]), height, width)
    for seed in range(50):
        found = params_and_state(IoUCrop(), flat, seed)
        assert found.get("width", 1) != 0
        assert found.get("height", 1) != 0
