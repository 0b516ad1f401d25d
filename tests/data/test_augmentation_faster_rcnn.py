"""Faster R-CNN's transforms: boxes follow their pixels, and scale jitter reaches the network."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.transforms.v2 import functional as F

from refdet.data.augmentation import Sample, Transform
from refdet.data.augmentation_faster_rcnn import (
    faster_rcnn_inference_transform,
    faster_rcnn_training_transform,
    scale_in_place,
)
from refdet.data.mean_colour import IMAGENET_MEAN
from tests.data.painted import (
    COLOURS,
    RECTANGLES,
    assert_labels_match_colours,
    colour_factors,
    coloured_rectangles,
    extent,
    paint,
    painted_samples,
    two_tones,
)

NO_BOX = torch.zeros((0, 4))
NO_LABEL = torch.zeros(0, dtype=torch.int64)


def seeded(transform: Transform, sample: Sample, seed: int) -> Sample:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transform(*sample)


def only(
    *,
    horizontal_flip: float = 0.0,
    vertical_flip: float = 0.0,
    colour: float = 0.0,
    hue: float = 0.0,
    scale_range: tuple[float, float] = (1.0, 1.0),
) -> Transform:
    """The training transform with everything off that is not asked for."""
    return faster_rcnn_training_transform(
        horizontal_flip=horizontal_flip,
        vertical_flip=vertical_flip,
        colour=colour,
        hue=hue,
        scale_range=scale_range,
    )


@given(sample=painted_samples(), seed=st.integers(0, 10**6), floats=st.booleans())
def test_faster_rcnn_training_transform_keeps_labels_with_their_boxes(
    sample: Sample, seed: int, floats: bool
) -> None:
    image, boxes, labels = sample
    given_image = image / 255 if floats else image
    got = seeded(faster_rcnn_training_transform(), (given_image, boxes, labels), seed)
    assert (got[0].shape, got[0].dtype) == (image.shape, torch.float32)
    assert 0 <= got[0].min() <= got[0].max() <= 1 + 1e-6, "resizing rounds"
    assert (got[1].dtype, got[2].dtype) == (torch.float32, torch.int64)
    assert_labels_match_colours(*got)


@given(sample=painted_samples(), across=st.booleans(), down=st.booleans())
def test_faster_rcnn_training_transform_flipping_twice_is_the_identity(
    sample: Sample, across: bool, down: bool
) -> None:
    flip = only(horizontal_flip=float(across), vertical_flip=float(down))
    once = flip(*sample)
    axes = [2] * across + [1] * down
    assert torch.equal(once[0], (sample[0] / 255).flip(axes))
    twice = flip(*once)
    assert torch.equal(twice[0], sample[0] / 255)
    assert torch.equal(twice[1], sample[1])
    assert torch.equal(twice[2], sample[2])


def test_faster_rcnn_training_transform_flips_as_often_as_it_is_told() -> None:
    image = torch.zeros((3, 8, 8), dtype=torch.uint8)
    image[:, 0, 0] = 255
    box, label = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0])
    transform = only(horizontal_flip=0.5, vertical_flip=0.2)
    boxes = torch.cat([seeded(transform, (image, box, label), seed)[1] for seed in range(300)])
    right, lower = (boxes[:, :2] > 4).double().mean(dim=0).tolist()
    assert 0.4 < right < 0.6
    assert 0.1 < lower < 0.3


@pytest.mark.parametrize("seed", range(10))
def test_faster_rcnn_training_transform_gives_bytes_and_floats_the_same(seed: int) -> None:
    image, transform = coloured_rectangles(), faster_rcnn_training_transform()
    of_bytes = seeded(transform, (image, RECTANGLES, torch.arange(4)), seed)
    of_floats = seeded(transform, (image / 255, RECTANGLES, torch.arange(4)), seed)
    for one, other in zip(of_bytes, of_floats, strict=True):
        assert torch.equal(one, other)


def test_faster_rcnn_training_transform_changes_colours_within_bounds() -> None:
    transform, sample = only(colour=0.2), (two_tones(), NO_BOX, NO_LABEL)
    drawn = torch.tensor([colour_factors(seeded(transform, sample, seed)[0]) for seed in range(80)])
    for factors in drawn.T:  # of brightness, contrast and saturation
        assert 0.8 - 0.002 <= factors.min() < 0.85
        assert 1.15 < factors.max() <= 1.2 + 0.002


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_faster_rcnn_training_transform_hue_does_not_wrap(seed: int, floats: bool) -> None:
    # The notebook added to bytes: of 255, a shift made 4. A hue within .02 of a turn moves no
    # channel by more than .02 * 6 of its pixel's range, which is 0 for white and 25 at the end.
    bright = torch.tensor([[255, 255, 230], [255, 250, 255], [255, 255, 255], [0, 5, 0]]).T
    image = bright[:, None, :].to(torch.uint8)
    given_image = image / 255 if floats else image
    got, _, _ = seeded(only(hue=0.02), (given_image, NO_BOX, NO_LABEL), seed)
    pixel_range = (bright.max(dim=0).values - bright.min(dim=0).values)[None, None, :]
    assert ((got * 255 - image).abs() <= 0.12 * pixel_range + 1e-3).all()


def test_faster_rcnn_training_transform_accepts_an_image_without_objects() -> None:
    for seed in range(5):
        transform = faster_rcnn_training_transform()
        _, boxes, labels = seeded(transform, (coloured_rectangles(), NO_BOX, NO_LABEL), seed)
        assert (boxes.shape, labels.shape) == ((0, 4), (0,))


@pytest.mark.parametrize(
    "scale_range", [(0.0, 1.0), (1.2, 0.8), (-1.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)]
)
def test_faster_rcnn_training_transform_refuses_a_range_that_is_none(
    scale_range: tuple[float, float],
) -> None:
    with pytest.raises(ValueError, match="scale_range"):
        faster_rcnn_training_transform(scale_range=scale_range)


def test_faster_rcnn_inference_transform_only_makes_floats() -> None:
    image, labels = coloured_rectangles(), torch.arange(4)
    for given_image in (image, image / 255):
        got, boxes, got_labels = faster_rcnn_inference_transform()(given_image, RECTANGLES, labels)
        assert torch.equal(got, image / 255)
        assert torch.equal(boxes, RECTANGLES)
        assert torch.equal(got_labels, labels)


def in_the_network(image: Tensor, boxes_xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """The image and its boxes after the network's own resize, to 96 pixels at the shorter side."""
    normalise_nothing = GeneralizedRCNNTransform(96, 200, [0.0] * 3, [1.0] * 3)
    images, targets = normalise_nothing([image], [{"boxes": boxes_xyxy}])
    assert targets is not None
    (height, width) = images.image_sizes[0]
    return images.tensors[0, :, :height, :width], targets[0]["boxes"]


def sides(boxes_xyxy: Tensor) -> Tensor:
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


@given(
    size=st.tuples(st.integers(60, 140), st.integers(60, 140)),
    factor=st.floats(0.5, 2.0),
    anchor=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@example(size=(100, 80), factor=1.0, anchor=(0.0, 1.0))
def test_scale_in_place_survives_the_resize_of_the_network(
    size: tuple[int, int], factor: float, anchor: tuple[float, float]
) -> None:
    (width, height), middle = size, torch.tensor([[0.45, 0.45, 0.55, 0.55]])
    box = (middle * torch.tensor([width, height] * 2)).round()
    image, _, _ = paint(width, height, box, torch.tensor([0]))
    _, before = in_the_network(image / 255, box)
    jittered, boxes, _ = scale_in_place((image / 255, box, torch.tensor([0])), factor, (0.5, 0.5))
    assert jittered.shape == image.shape
    seen, after = in_the_network(jittered, boxes)
    # The image is enlarged to whole pixels.
    assert ((sides(after) / sides(before) - factor).abs() <= 0.5 / torch.tensor(size) + 1e-4).all()
    pixels = extent(seen, COLOURS[0])
    assert pixels is not None
    assert (after - torch.tensor([pixels])).abs().max() <= 3
    _, anywhere, _ = scale_in_place((image / 255, box, torch.tensor([0])), factor, anchor)
    for row in sides(anywhere):  # It may be cut, or gone, but is never larger.
        assert (row <= sides(boxes)[0] + 1e-3).all()


def test_resizing_the_image_alone_does_not_reach_the_network() -> None:
    # The notebook's scale jitter: why `scale_in_place` keeps the canvas.
    image, box = coloured_rectangles() / 255, RECTANGLES[:1]
    _, before = in_the_network(image, box)
    _, after = in_the_network(F.resize(image, [180, 240]), box * 1.5)
    torch.testing.assert_close(after, before)


@pytest.mark.parametrize("seed", range(8))
def test_faster_rcnn_training_transform_draws_the_factor_from_its_range(seed: int) -> None:
    box, label = torch.tensor([[76.0, 56, 84, 64]]), torch.tensor([2])
    image, _, _ = paint(160, 120, box, label)
    _, boxes, _ = seeded(only(scale_range=(0.5, 1.5)), (image, box, label), seed)
    _, other, _ = seeded(only(scale_range=(0.5, 1.5)), (image, box, label), seed + 1)
    assert (sides(boxes) / 8 >= 0.5 - 0.01).all()
    assert (sides(boxes) / 8 <= 1.5 + 0.01).all()
    assert not torch.equal(sides(boxes), sides(other))


def test_scale_in_place_keeps_the_anchor_and_surrounds_with_the_mean() -> None:
    # By hand: 160 x 120 halved is 80 x 60, 80 and 60 pixels are free, of which a quarter lies
    # on the left and all above.
    sample = (coloured_rectangles() / 255, RECTANGLES, torch.arange(4))
    image, boxes, labels = scale_in_place(sample, 0.5, (0.25, 1.0))
    torch.testing.assert_close(boxes, RECTANGLES / 2 + torch.tensor([20.0, 60, 20, 60]))
    assert labels.tolist() == [0, 1, 2, 3]
    for box, label in zip(boxes, labels, strict=True):
        pixels = extent(image, COLOURS[label])
        assert pixels is not None
        assert (box - torch.tensor(pixels)).abs().max() <= 1
    mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
    for empty in (image[:, :60], image[:, :, :20], image[:, :, 100:]):
        assert (empty == mean).all()


def test_scale_in_place_removes_what_is_hardly_visible() -> None:
    # By hand: doubled about the upper left corner, columns and rows up to 80 and 60 are shown.
    # Of rectangle 0 all of 55 x 35 is, up to column 60 and row 40; of 1, 10 of 80 columns; of 2
    # and 3 nothing.
    sample = (coloured_rectangles(), RECTANGLES, torch.arange(4))
    _, boxes, labels = scale_in_place(sample, 2.0, (0.0, 0.0))
    assert (boxes.tolist(), labels.tolist()) == ([[10, 10, 120, 80]], [0])
    _, boxes, labels = scale_in_place(sample, 2.0, (0.0, 0.0), min_visible=0.1)
    assert (boxes.tolist(), labels.tolist()) == ([[10, 10, 120, 80], [140, 16, 160, 120]], [0, 1])


def test_scale_in_place_by_1_changes_nothing() -> None:
    sample = (coloured_rectangles(), RECTANGLES, torch.arange(4))
    for got, want in zip(scale_in_place(sample, 1.0, (0.3, 0.9)), sample, strict=True):
        assert torch.equal(got, want)
