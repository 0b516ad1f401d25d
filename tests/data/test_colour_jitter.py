"""Colours change as torchvision changes them, whatever the number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from refdet.data.augmentation import Transform, training_transform
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform
from refdet.data.colour_jitter import colour_jitter, with_contrast

BOXES = torch.tensor([[100.0, 100, 300, 300], [200, 50, 500, 400]])
LABELS = torch.tensor([0, 1])


def noise(floats: bool, height: int = 480, width: int = 640) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    if floats:
        return torch.rand(image.shape, generator=generator)
    return image


def seeded_image(transform: Transform, image: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transform(image, BOXES, LABELS)[0]


def with_threads(threads: int, function: Callable[[], Tensor]) -> Tensor:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return function()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize(
    "transform",
    [training_transform(), faster_rcnn_training_transform()],
    ids=["ssd", "faster-rcnn"],
)
def test_samples_do_not_depend_on_the_number_of_threads(transform: Transform, floats: bool) -> None:
    image = noise(floats)
    for seed in range(12):
        sample = partial(seeded_image, transform, image, seed)
        one, two, three = (with_threads(threads, sample) for threads in (1, 2, 3))
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_with_contrast_is_the_same_for_any_number_of_threads_and_order_of_pixels(
    dtype: torch.dtype,
) -> None:
    for height, width in ((480, 640), (477, 643)):
        image = noise(dtype.is_floating_point, height, width).to(dtype)
        more = partial(with_contrast, image, 1.5)
        one = with_threads(1, more)
        assert torch.equal(one, with_threads(2, more))
        assert torch.equal(one, with_threads(3, more))
        assert torch.equal(one.flip(1, 2), with_contrast(image.flip(1, 2), 1.5))


@given(
    factor=st.floats(0, 3), seed=st.integers(0, 999), floats=st.booleans(), level=st.floats(0, 1)
)
@example(factor=0.0, seed=0, floats=True, level=0.0)
@example(factor=1.0, seed=0, floats=False, level=1.0)
def test_with_contrast_is_torchvisions(
    factor: float, seed: int, floats: bool, level: float
) -> None:
    image = torch.rand((3, 9, 7), generator=torch.Generator().manual_seed(seed)) * level
    if not floats:
        image = (image * 255).to(torch.uint8)
    before = image.clone()
    got, want = with_contrast(image, factor), F.adjust_contrast(image, factor)
    assert torch.equal(image, before)
    assert got.dtype == want.dtype
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5 if floats else 1)


def test_with_contrast_of_two_greys_by_hand() -> None:
    # The channels' weights add up to 0.9999, and fractions go: the greys are 50 and 152, their mean
    # is 101. Half as far from it: 51 / 2 + 101 / 2 = 76 and 153 / 2 + 101 / 2 = 127.
    image = torch.tensor([51, 153], dtype=torch.uint8).expand(3, 1, 2)
    assert with_contrast(image, 0.5)[0, 0].tolist() == [76, 127]
    assert with_contrast(image, 1.0)[0, 0].tolist() == [51, 153]


@pytest.fixture(params=range(20))
def _seed(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.param)
        yield


RANGES: tuple[dict[str, float | tuple[float, float]], ...] = (
    {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02},
    {"contrast": (0.5, 1.5)},
    {"hue": (-0.05, 0.05), "brightness": (0.875, 1.125)},
    {},
)


@pytest.mark.usefixtures("_seed")
@pytest.mark.parametrize(("ranges", "floats"), [*product(RANGES, (False, True))])
def test_colour_jitter_draws_and_does_what_torchvisions_does(
    ranges: dict[str, float | tuple[float, float]], floats: bool
) -> None:
    image = tv_tensors.Image(noise(floats, 12, 16))
    before = torch.get_rng_state()
    want, state = v2.ColorJitter(**ranges)(image), torch.get_rng_state()
    torch.set_rng_state(before)
    got = colour_jitter(**ranges)(image)
    assert isinstance(got, tv_tensors.Image)
    assert got.dtype == want.dtype
    # A byte that is one apart can be farther after what follows.
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5 if floats else 3)
    assert floats or (got != want).double().mean() < 0.02
    assert torch.equal(torch.get_rng_state(), state)


def test_colour_jitter_leaves_boxes_and_labels() -> None:
    boxes = tv_tensors.BoundingBoxes(BOXES, format="XYXY", canvas_size=(480, 640))
    sample = {"image": tv_tensors.Image(noise(True)), "boxes": boxes, "labels": LABELS}
    got = colour_jitter(contrast=(1.5, 1.5))(sample)
    assert torch.equal(got["boxes"], boxes)
    assert torch.equal(got["labels"], LABELS)
    assert not torch.equal(got["image"], sample["image"])


def test_colour_jitter_refuses_a_range_that_is_none() -> None:
    with pytest.raises(ValueError, match="contrast"):
        colour_jitter(contrast=-0.1)
