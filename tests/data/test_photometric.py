from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from refdet.data.photometric import distort_colours


def muted_image() -> Tensor:
    """Colours around the middle grey, which no step carries past 0 or 255."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(90, 140, (3, 12, 16), generator=generator).to(torch.uint8)


def distort(image: Tensor, **given: object) -> Tensor:
    steps = {
        "brightness_factor": None,
        "contrast_factor": None,
        "saturation_factor": None,
        "hue_factor": None,
        "contrast_before": True,
        "channel_permutation": None,
    }
    return distort_colours(image, **(steps | given))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize("seed", range(40))
def test_distort_colours_equals_torchvision_but_for_hue(seed: int) -> None:
    peer = v2.RandomPhotometricDistort(hue=(0.0, 0.0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = peer.make_params([muted_image()])
    # On floats, so that their result is not rounded after each step.
    want = 255 * peer.transform(F.to_dtype(muted_image(), torch.float32, scale=True), drawn)
    got = distort_colours(muted_image(), **drawn)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-2)


def test_distort_colours_changes_nothing_without_a_step() -> None:
    torch.testing.assert_close(distort(muted_image()), muted_image().float())


def test_distort_colours_clips_to_the_range_of_colours() -> None:
    image = torch.tensor([0, 255, 100], dtype=torch.uint8).reshape(3, 1, 1)
    assert distort(image, brightness_factor=2.0).flatten().tolist() == [0, 255, 200]
    assert distort(image, saturation_factor=3.0).min() == 0


@pytest.mark.parametrize("factor", [-0.5, -0.05, 0.02, 0.4])
def test_distort_colours_turns_hue_about_the_greys(factor: float) -> None:
    grey = torch.full((3, 1, 1), 70, dtype=torch.uint8)
    torch.testing.assert_close(distort(grey, hue_factor=factor), grey.float())
    coloured = muted_image()
    turned = distort(coloured, hue_factor=factor)
    assert (turned - coloured).abs().max() > 1
    # A rotation about the grey axis keeps the sum of the channels and the length.
    torch.testing.assert_close(turned.sum(dim=0), coloured.float().sum(dim=0))
    torch.testing.assert_close(turned.norm(dim=0), coloured.float().norm(dim=0))


def test_distort_colours_turns_red_towards_yellow_like_torchvision() -> None:
    # A third of the circle carries red to green, green to blue and blue to red.
    image = torch.tensor([200, 60, 90], dtype=torch.uint8).reshape(3, 1, 1)
    turned = distort(image, hue_factor=1 / 3).flatten()
    torch.testing.assert_close(turned, torch.tensor([90.0, 200.0, 60.0]))
    small, theirs = distort(image, hue_factor=0.05), F.adjust_hue(image, 0.05)
    assert small[1] > image[1] + 5
    assert theirs[1] > image[1] + 5
