"""What is peculiar to `refdet.core.priors`: presets, the spec's checks, torchvision's numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from refdet.core.priors import (
    SSD300_BCCD,
    SSD300_COCO,
    PriorClip,
    SSDPriorSpec,
    rpn_anchors,
    ssd_priors,
)

F64 = NDArray[np.float64]


def torchvision_priors(spec: SSDPriorSpec, generator: DefaultBoxGenerator) -> torch.Tensor:
    """Centre-size fractions, in torchvision's float32."""
    grid_sizes = [list(size) for size in spec.grid_sizes]
    boxes: torch.Tensor = generator._grid_default_boxes(grid_sizes, list(spec.image_size))
    return boxes


def torchvision_anchors(
    image_size: tuple[int, int],
    feature_maps: list[tuple[int, int]],
    generator: AnchorGenerator,
) -> torch.Tensor:
    images = ImageList(torch.zeros(1, 3, *image_size), [image_size])
    anchors: list[torch.Tensor] = generator(
        images, [torch.zeros(1, 1, *size) for size in feature_maps]
    )
    return anchors[0]


def test_ssd300_coco_equals_the_boxes_of_torchvisions_ssd300_vgg16() -> None:
    with torch.device("meta"):  # its weights need not exist
        network = ssd300_vgg16(weights=None, weights_backbone=None)
    assert network.transform.fixed_size == SSD300_COCO.image_size
    want = torchvision_priors(SSD300_COCO, network.anchor_generator).numpy()
    np.testing.assert_allclose(ssd_priors(SSD300_COCO), want, rtol=0, atol=1e-7)


def test_ssd300_bccd_equals_torchvision_without_steps() -> None:
    # Liu et al. 2016, section 3.1: the ratios of the six maps, and the scales for PASCAL VOC.
    ratios = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
    scales = [0.1, 0.2, 0.375, 0.55, 0.725, 0.9, 1.0]
    generator = DefaultBoxGenerator(ratios, scales=scales, clip=False)
    assert SSD300_BCCD.image_size == (300, 300)
    want = torchvision_priors(SSD300_BCCD, generator).numpy()
    np.testing.assert_allclose(ssd_priors(SSD300_BCCD), want, rtol=0, atol=1e-7)


@pytest.mark.parametrize("spec", [SSD300_BCCD, SSD300_COCO])
def test_presets_have_8732_priors(spec: SSDPriorSpec) -> None:
    assert spec.boxes_per_cell == (4, 6, 6, 6, 4, 4)
    assert spec.n_priors == 8732
    assert ssd_priors(spec).shape == (8732, 4)


def test_ssd_priors_equal_torchvision_on_an_image_that_is_not_square() -> None:
    spec = SSDPriorSpec((120, 200), ((4, 6), 2), (0.2, 0.5, 0.7), ((2,), (3,)), (32, 64))
    generator = DefaultBoxGenerator(
        [[2], [3]], scales=list(spec.scales), steps=[32, 64], clip=False
    )
    want = torchvision_priors(spec, generator).numpy()
    np.testing.assert_allclose(ssd_priors(spec), want, rtol=0, atol=1e-7)


def test_ssd_priors_clipped_in_corners_lie_in_the_image() -> None:
    priors = ssd_priors(replace(SSD300_COCO, clip=PriorClip.CORNERS))
    low, high = priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2
    assert (low >= -1e-15).all()
    assert (high <= 1 + 1e-15).all()
    # The second row and column of centres lie at 450 of 300 pixels: nothing is left of them.
    beyond = SSDPriorSpec((300, 300), (2,), (0.2,), ((),), (300,), PriorClip.CORNERS)
    np.testing.assert_array_equal(ssd_priors(beyond)[-1], [1.0, 1.0, 0.0, 0.0])
    unclipped = ssd_priors(replace(SSD300_COCO, clip=PriorClip.NONE))
    assert (unclipped[:, :2] + unclipped[:, 2:] / 2 > 1).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: replace(SSD300_BCCD, scales=(0.1,) * 5),
            "scales has 5 entries for 6 feature maps; it needs as many",
        ),
        (
            lambda: replace(SSD300_BCCD, scales=(0.1,) * 8),
            "scales has 8 entries for 6 feature maps; it needs as many",
        ),
        (
            lambda: replace(SSD300_BCCD, aspect_ratios=((2,),)),
            "aspect_ratios has 1 entries for 6 feature maps",
        ),
        (lambda: replace(SSD300_BCCD, steps=(8, 16)), "steps has 2 entries for 6 feature maps"),
        (
            lambda: replace(SSD300_BCCD, scales=(0.1, 0.2, 0.3, 0.0, 0.5, 0.6)),
            "scales[3] must be positive and finite",
        ),
        (
            lambda: replace(SSD300_BCCD, aspect_ratios=((2,), (2, -3), *((2,),) * 4)),
            "aspect_ratios[1][1] must be positive",
        ),
        (
            lambda: replace(SSD300_BCCD, feature_maps=(38, (19, 0), 10, 5, 3, 1)),
            "feature_maps[1][1] must be positive",
        ),
        (
            lambda: replace(SSD300_BCCD, feature_maps=(38, 19, 0, 5, 3, 1)),
            "feature_maps[2][0] must be positive and finite, got 0",
        ),
        (
            lambda: replace(SSD300_BCCD, scales=(0.1, 0.2, 0.3, 0.4, float("inf"), 0.6)),
            "scales[4] must be positive and finite, got inf",
        ),
        (lambda: replace(SSD300_BCCD, image_size=(300, 0)), "image_size[1] must be positive"),
        (
            lambda: replace(SSD300_BCCD, steps=(8, 16, 32, 64, 100, float("nan"))),
            "steps[5] must be positive and finite",
        ),
    ],
)
def test_ssd_prior_spec_names_what_does_not_fit(
    make: Callable[[], SSDPriorSpec], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_ssd_prior_spec_takes_one_side_for_a_square() -> None:
    pairs = replace(SSD300_BCCD, feature_maps=SSD300_BCCD.grid_sizes)
    np.testing.assert_array_equal(ssd_priors(pairs), ssd_priors(SSD300_BCCD))


@pytest.mark.parametrize("size", [(8,), (8, 8, 3), 8.0])
def test_sizes_that_are_not_height_and_width_are_named(size: tuple[int, int]) -> None:
    problem = re.escape(f"must be (height, width), got {size}")
    with pytest.raises(ValueError, match=f"image_size {problem}"):
        replace(SSD300_BCCD, image_size=size)
    with pytest.raises(ValueError, match=rf"feature_maps\[1\] {problem}"):
        replace(SSD300_BCCD, feature_maps=(38, size, 10, 5, 3, 1))
    with pytest.raises(ValueError, match=f"image_size {problem}"):
        rpn_anchors(size, [1], [[4]], [[1]])
    with pytest.raises(ValueError, match=rf"feature_maps\[0\] {problem}"):
        rpn_anchors((8, 8), [size], [[4]], [[1]])


def test_sides_of_squares_may_be_integers_of_numpy() -> None:
    sides = replace(SSD300_BCCD, feature_maps=tuple(np.array(SSD300_BCCD.feature_maps)))
    np.testing.assert_array_equal(ssd_priors(sides), ssd_priors(SSD300_BCCD))
    got = rpn_anchors((64, 64), list(np.array([2, 1])), [[4]] * 2, [[1]] * 2)
    np.testing.assert_array_equal(got, rpn_anchors((64, 64), [2, 1], [[4]] * 2, [[1]] * 2))


LEVEL_SIZES = st.lists(st.integers(1, 512).map(lambda k: k / 2), min_size=2, max_size=3)
LEVEL_RATIOS = st.lists(st.integers(1, 40).map(lambda k: k / 8), min_size=2, max_size=3)


@given(sizes=LEVEL_SIZES, ratios=LEVEL_RATIOS, image_size=st.tuples(*[st.integers(30, 70)] * 2))
@example(sizes=[32.0], ratios=[0.5, 1.0, 2.0], image_size=(64, 64))
@example(sizes=[15.0, 5.0], ratios=[1.0], image_size=(50, 37))
# In float64 these corners would round to the other side.
@example(sizes=[560.5], ratios=[4.5], image_size=(50, 37))
@example(sizes=[1681.5], ratios=[0.5, 2.0], image_size=(50, 37))
def test_rpn_anchors_equal_torchvision(
    sizes: list[float], ratios: list[float], image_size: tuple[int, int]
) -> None:
    feature_maps = [(4, 3), (2, 2)]
    generator = AnchorGenerator((tuple(sizes),) * 2, (tuple(ratios),) * 2)
    want = torchvision_anchors(image_size, feature_maps, generator)
    got = rpn_anchors(image_size, feature_maps, [sizes] * 2, [ratios] * 2)
    np.testing.assert_array_equal(got, want.double().numpy())


def test_rpn_anchors_equal_those_of_a_feature_pyramid() -> None:
    sizes, ratios = ((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5
    feature_maps = [(200, 272), (100, 136), (50, 68), (25, 34), (13, 17)]
    want = torchvision_anchors((800, 1088), feature_maps, AnchorGenerator(sizes, ratios))
    got = rpn_anchors((800, 1088), feature_maps, sizes, ratios)
    np.testing.assert_array_equal(got, want.double().numpy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rpn_anchors((8, 8), [(1, 1)], [[4]], []), "differ in length: 1, 1 and 0"),
        (
            lambda: rpn_anchors((8, 8), [(1, 1)], [[4, 0]], [[1]]),
            "sizes[0][1] must be positive and finite, got 0",
        ),
        (
            lambda: rpn_anchors((8, 8), [(1, 1)], [[4]], [[-1]]),
            "aspect_ratios[0][0] must be positive",
        ),
        (
            lambda: rpn_anchors((8, 8), [(0, 1)], [[4]], [[1]]),
            "feature_maps[0][0] must be positive",
        ),
        (
            lambda: rpn_anchors((8, 8), [1, 0], [[4]] * 2, [[1]] * 2),
            "feature_maps[1][0] must be positive and finite, got 0",
        ),
        (lambda: rpn_anchors((0, 8), [(1, 1)], [[4]], [[1]]), "image_size[0] must be positive"),
        (
            lambda: rpn_anchors((8, 8), [(2, 9)], [[4]], [[1]]),
            "feature_maps[0] = (2, 9) is larger than the image",
        ),
    ],
)
def test_rpn_anchors_names_what_does_not_fit(make: Callable[[], F64], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
