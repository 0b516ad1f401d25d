"""Mosaic and mixup move pixels, boxes and labels together; what is hardly visible goes by rule."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from refdet.data.augmentation import Sample
from refdet.data.mean_colour import IMAGENET_MEAN
from refdet.data.mixing import Mixing, mixup, mosaic, place, visible_boxes
from tests.data.painted import assert_labels_match_colours, painted_samples

MEAN_BYTES = torch.tensor([124, 116, 104], dtype=torch.uint8)  # .485, .456, .406 times 255


def noise(width: int, height: int, seed: int = 0, dtype: torch.dtype = torch.uint8) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 256, (3, height, width), generator=generator)
    return values.to(dtype) / 255 if dtype.is_floating_point else values.to(dtype)


def sample_of(image: Tensor, *boxes: list[float]) -> Sample:
    given = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return image, given, torch.arange(len(boxes))


def assert_equal(one: Sample, other: Sample) -> None:
    for left, right in zip(one, other, strict=True):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)


@pytest.mark.parametrize(
    ("box", "min_visible", "want"),
    [
        ([-3.0, 0, 1, 4], 0.25, [0.0, 0, 1, 4]),  # 1 of 4 columns is visible: equality keeps
        ([-3.0, 0, 1, 4], 0.25 + 1e-9, None),
        ([-9.0, 0, 1, 4], 0.1, [0.0, 0, 1, 4]),  # 1 of 10
        ([9.0, 2, 12, 5], 1 / 3, [9.0, 2, 10, 5]),  # over the right edge
        ([2.0, 7, 5, 10], 1 / 3, [2.0, 7, 5, 8]),  # over the lower edge
        ([2.0, 3, 3, 4], 1.0, [2.0, 3, 3, 4]),  # whole, of exactly one pixel
        ([2.0, 3, 2.75, 9], 0.0, None),  # whole, but narrower than a pixel
        ([2.0, 3, 8, 3.75], 0.0, None),  # whole, but lower than a pixel
        ([-3.0, 0, 0.75, 4], 0.0, None),  # what is visible is narrower than a pixel
        ([12.0, 1, 15, 4], 0.0, None),  # outside
        ([-5.0, -5, -1, -1], 0.0, None),  # outside on both sides: both lengths are negative
        ([4.0, 4, 4, 4], 0.0, None),  # no area
        ([-10.0, -8, 20, 16], 1 / 9, [0.0, 0, 10, 8]),  # around the image: 80 of 720
    ],
)
def test_visible_boxes_keeps_by_area_and_sides(
    box: list[float], min_visible: float, want: list[float] | None
) -> None:
    boxes, labels = visible_boxes(torch.tensor([box]), torch.tensor([5]), 10, 8, min_visible)
    assert boxes.tolist() == ([] if want is None else [want])
    assert labels.tolist() == ([] if want is None else [5])
    assert (boxes.dtype, labels.dtype, boxes.shape[1]) == (torch.float32, torch.int64, 4)


@pytest.mark.parametrize("centre", [0.7, 33.3, 500.1, 4000.77])
def test_visible_boxes_keeps_a_pixel_whose_corners_were_rounded(centre: float) -> None:
    # Readers keep a box of one pixel; its float32 corners can be 0.99997 apart.
    box = torch.tensor([[centre - 0.5, centre - 0.5, centre + 0.5, centre + 0.5]])
    boxes, _ = visible_boxes(box, torch.tensor([1]), 5000, 5000)
    assert torch.equal(boxes, box)


@given(
    corners=st.lists(st.tuples(*[st.integers(-6, 12)] * 2, *[st.integers(1, 9)] * 2), max_size=4),
    quarters=st.integers(0, 4),
)
@example(corners=[], quarters=1)
def test_visible_boxes_equals_counting_pixels(
    corners: list[tuple[int, int, int, int]], quarters: int
) -> None:
    boxes = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in corners]).reshape(-1, 4).float()
    got, labels = visible_boxes(boxes, torch.arange(len(boxes)), 10, 7, quarters / 4)
    want = []
    for row, (x, y, w, h) in enumerate(corners):
        cells = [(i, j) for i in range(x, x + w) for j in range(y, y + h)]
        seen = [(i, j) for i, j in cells if 0 <= i < 10 and 0 <= j < 7]
        if seen and 4 * len(seen) >= quarters * len(cells):
            columns, rows = [i for i, _ in seen], [j for _, j in seen]
            want.append((row, [min(columns), min(rows), max(columns) + 1, max(rows) + 1]))
    assert list(zip(labels.tolist(), got.tolist(), strict=True)) == want


def test_mixing_functions_leave_their_input_alone() -> None:
    boxes = torch.tensor([[-3.0, 0, 1, 4], [1, 1, 6, 5]])
    sample = (noise(8, 6), boxes, torch.tensor([0, 1]))
    before = copy.deepcopy(sample)
    visible_boxes(boxes, sample[2], 4, 3)
    place(sample, (8, 6), (1, -2))
    mosaic([sample] * 4, (8, 6), (3, 2))
    mixup(sample, sample_of(noise(9, 4)), 0.4)
    assert_equal(sample, before)


@pytest.mark.parametrize("offset", [(0, 0), (3, 2), (-2, -3), (20, 0), (0, -20), (-4, 5)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_place_puts_every_pixel_where_it_belongs(
    offset: tuple[int, int], dtype: torch.dtype
) -> None:
    image = noise(9, 6, dtype=dtype)
    got, _, _ = place(sample_of(image), (11, 8), offset)
    assert (got.shape, got.dtype) == ((3, 8, 11), dtype)
    mean = MEAN_BYTES if dtype == torch.uint8 else torch.tensor(IMAGENET_MEAN)
    for y, x in np.ndindex(8, 11):
        column, row = x - offset[0], y - offset[1]
        inside = 0 <= column < 9 and 0 <= row < 6
        assert torch.equal(got[:, y, x], image[:, row, column] if inside else mean)


@given(
    sizes=st.lists(st.tuples(*[st.integers(1, 9)] * 2), min_size=4, max_size=4),
    size=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    at=st.tuples(st.integers(0, 10), st.integers(0, 10)),
)
@example(sizes=[(8, 8)] * 4, size=(8, 8), at=(0, 0))
@example(sizes=[(8, 8)] * 4, size=(8, 8), at=(8, 8))
def test_mosaic_takes_each_pixel_from_the_right_sample(
    sizes: list[tuple[int, int]], size: tuple[int, int], at: tuple[int, int]
) -> None:
    images = [noise(*wanted, seed=seed) for seed, wanted in enumerate(sizes)]
    (width, height), x0, y0 = size, min(at[0], size[0]), min(at[1], size[1])
    got, _, _ = mosaic([sample_of(image) for image in images], size, (x0, y0))
    assert (got.shape, got.dtype) == ((3, height, width), torch.uint8)
    for y, x in np.ndindex(height, width):
        image = images[(x >= x0) + 2 * (y >= y0)]
        # Counted from the centre: leftwards and upwards, the image's last pixel comes first.
        row, column = y - y0, x - x0
        inside = -image.shape[1] <= row < image.shape[1]
        inside &= -image.shape[2] <= column < image.shape[2]
        want = image[:, row, column] if inside else MEAN_BYTES
        assert torch.equal(got[:, y, x], want), f"pixel {x}, {y}"


def test_mosaic_moves_and_cuts_boxes() -> None:
    # By hand, images of 10 x 8, centre (6, 5) of 10 x 8. The first shows its columns 4 to 9 and
    # rows 3 to 7, and moves by (-4, -3); the second by (6, -3), the third by (-4, 5), the fourth
    # by (6, 5), of which columns 0 to 3 and rows 0 to 2 are shown.
    box = [2.0, 1, 8, 7]
    image = noise(10, 8)
    samples = [(image, torch.tensor([box]), torch.tensor([label])) for label in range(4)]
    _, boxes, labels = mosaic(samples, (10, 8), (6, 5), min_visible=4 / 36)
    assert boxes.tolist() == [[0, 0, 4, 4], [8, 0, 10, 4], [0, 6, 4, 8], [8, 6, 10, 8]]
    assert labels.tolist() == [0, 1, 2, 3]
    _, _, labels = mosaic(samples, (10, 8), (6, 5))  # 16, 8, 8 and 4 of 36 are visible
    assert labels.tolist() == [0]


@given(
    samples=st.lists(painted_samples(), min_size=4, max_size=4),
    centre=st.tuples(st.integers(0, 50), st.integers(0, 40)),
)
def test_mosaic_keeps_labels_with_their_boxes(
    samples: list[Sample], centre: tuple[int, int]
) -> None:
    assert_labels_match_colours(*mosaic(samples, (50, 40), centre))


def test_mosaic_of_both_dtypes_is_float() -> None:
    images = [noise(4, 4), noise(4, 4, dtype=torch.float32), noise(4, 4), noise(4, 4)]
    got, _, _ = mosaic([sample_of(image) for image in images], (4, 4), (2, 2))
    assert got.dtype == torch.float32
    torch.testing.assert_close(got[:, :2, :2], images[0][:, 2:, 2:] / 255)
    torch.testing.assert_close(got[:, :2, 2:], images[1][:, 2:, :2])


def test_mosaic_refuses_what_makes_none() -> None:
    sample = sample_of(noise(4, 4))
    with pytest.raises(ValueError, match="zip"):
        mosaic([sample] * 3, (4, 4), (2, 2))
    for centre in ((5, 2), (2, -1)):
        with pytest.raises(ValueError, match="outside of the mosaic's 4 x 4 pixels"):
            mosaic([sample] * 4, (4, 4), centre)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.3, 0.75, 1.0])
def test_mixup_weighs_each_pixel(weight: float) -> None:
    one, other = sample_of(noise(5, 4, 1)), sample_of(noise(5, 4, 2))
    got, _, _ = mixup(one, other, weight)
    exact = weight * one[0].double() + (1 - weight) * other[0].double()
    assert got.dtype == torch.uint8
    assert (got.double() - exact).abs().max() <= 0.5001, "rounded to the nearest"
    images = (one[0] / 255, other[0] / 255)
    got, _, _ = mixup(sample_of(images[0]), sample_of(images[1]), weight)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), exact / 255, atol=1e-6, rtol=0)
    assert (got <= torch.maximum(*images)).all()
    assert (got >= torch.minimum(*images)).all()


def test_mixup_keeps_all_objects_and_fills_with_the_mean() -> None:
    one = sample_of(noise(6, 3, 1), [0, 0, 6, 3])
    other = sample_of(noise(2, 5, 2), [0.5, 0, 1, 0.5], [0, 1, 2, 5])
    got, boxes, labels = mixup(one, other, 1.0)
    assert got.shape == (3, 5, 6)
    assert torch.equal(got[:, :3], one[0])
    assert (got[:, 3:] == MEAN_BYTES[:, None, None]).all()
    assert boxes.tolist() == [[0, 0, 6, 3], [0.5, 0, 1, 0.5], [0, 1, 2, 5]]
    assert labels.tolist() == [0, 0, 1]
    got, _, _ = mixup(one, other, 0.0)
    assert torch.equal(got[:, :, :2], other[0])
    assert (got[:, :, 2:] == MEAN_BYTES[:, None, None]).all()


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_mixup_refuses_a_weight_out_of_range(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        mixup(sample_of(noise(2, 2)), sample_of(noise(2, 2)), weight)


def drawn(mixing: Mixing, seed: int) -> tuple[Sample, int]:
    """The mixed sample, and how many others it took."""
    others = iter([sample_of(noise(20, 16, seed), [4, 4, 16, 12]) for seed in range(1, 9)])
    rng = np.random.default_rng(seed)
    mixed = mixing(sample_of(noise(24, 18), [2, 2, 20, 16]), lambda: next(others), rng)
    return mixed, 8 - len(list(others))


@pytest.mark.parametrize(
    ("mixing", "others"),
    [(Mixing(), 0), (Mixing(1, 0), 3), (Mixing(0, 1), 1), (Mixing(1, 1), 4)],
)
def test_mixing_applies_what_is_certain_and_not_what_is_impossible(
    mixing: Mixing, others: int
) -> None:
    for seed in range(5):
        (image, *_), took = drawn(mixing, seed)
        assert (image.shape, took) == ((3, 18, 24), others)
    if not others:
        assert_equal(drawn(mixing, 0)[0], sample_of(noise(24, 18), [2, 2, 20, 16]))


def test_mixing_depends_on_its_generator_alone() -> None:
    mixing = Mixing(0.5, 0.5)
    first = [drawn(mixing, seed)[0] for seed in range(12)]
    torch.rand(3)
    before = torch.get_rng_state()
    for seed, sample in enumerate(first):
        assert_equal(drawn(mixing, seed)[0], sample)
    assert torch.equal(torch.get_rng_state(), before)
    assert any(not torch.equal(first[0][0], other) for other, *_ in first[1:])


def test_mixing_follows_its_probabilities() -> None:
    took = [drawn(Mixing(0.3, 0.6), seed)[1] for seed in range(300)]
    assert 0.2 < np.mean([count >= 3 for count in took]) < 0.4
    assert 0.5 < np.mean([count in {1, 4} for count in took]) < 0.7


def test_mixing_can_give_the_sample_each_place_of_the_mosaic() -> None:
    white = sample_of(torch.full((3, 8, 8), 255, dtype=torch.uint8))
    black = sample_of(torch.zeros((3, 8, 8), dtype=torch.uint8))
    seen = set()
    for seed in range(60):
        image, *_ = Mixing(1, 0)(white, lambda: black, np.random.default_rng(seed))
        corners = (image[0, 0, 0], image[0, 0, 7], image[0, 7, 0], image[0, 7, 7])
        seen.add(tuple(bool(corner) for corner in corners))
        assert 2 * 2 <= (image[0] > 0).sum() <= 6 * 6, "the centre is in the middle half"
    assert seen == {tuple(place == white_at for place in range(4)) for white_at in range(4)}


@pytest.mark.parametrize(
    "values",
    [
        {"mosaic_probability": 1.1},
        {"mixup_probability": -0.1},
        {"min_visible": float("nan")},
        {"mixup_alpha": 0.0},
        {"mixup_alpha": float("inf")},
    ],
)
def test_mixing_refuses_values_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Mixing(**values)
