"""What is peculiar to `balanced_sample` of `refdet.torch_ops.sampling`: batches, chance, errors."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from refdet.core import sampling as core
from refdet.torch_ops import sampling as module
from refdet.torch_ops.sampling import balanced_sample

KINDS = torch.tensor([1, 0, 0, 1, -1, 0, 1, 1, 0, 0, 1, 0])  # 5 positives, 6 negatives
POSITIVE, NEGATIVE = KINDS == 1, KINDS == 0


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_masks(shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    """Images with none, few and many positives, of which some have no negative."""
    rng = np.random.default_rng(seed)
    shares = rng.choice([0.0, 0.1, 0.9], (2, *shape[:-1], 1))
    positive = rng.random(shape) < shares[0]
    return torch.from_numpy(positive), torch.from_numpy(~positive & (rng.random(shape) < shares[1]))


@pytest.mark.parametrize("shape", [(30,), (40, 30), (5, 8, 30), (0, 3), (2, 0), (0,)])
@pytest.mark.parametrize(("size", "fraction"), [(0, 0.5), (7, 0.29), (16, 0.5), (16, 1.0), (99, 0)])
def test_each_image_gets_as_many_as_core_draws(
    shape: tuple[int, ...], size: int, fraction: float
) -> None:
    positive, negative = random_masks(shape, size)
    got = balanced_sample(positive, negative, size, fraction, seeded(0))
    assert got.positive.shape == got.negative.shape == shape
    for image in np.ndindex(shape[:-1]):
        masks = positive[image].numpy(), negative[image].numpy()
        want = core.balanced_sample(*masks, size, fraction, np.random.default_rng(0))
        for drawn, wanted, mask in (
            (got.positive[image], want.positive, positive[image]),
            (got.negative[image], want.negative, negative[image]),
        ):
            assert int(drawn.sum()) == wanted.sum()
            assert not (drawn & ~mask).any()


def test_every_pair_of_a_kind_is_drawn_as_often_as_another() -> None:
    """Of 20,000 images 2 of 5 positives and 2 of 6 negatives: 10 and 15 pairs, all as likely.

    A count is binomial, with a standard deviation of sqrt(n p (1 - p)) < 43: six of them are
    exceeded once in 10^9 counts. That two priors come together as often as two others also says
    that each comes as often as another.
    """
    n_images = 20_000
    images = POSITIVE.expand(n_images, -1), NEGATIVE.expand(n_images, -1)
    sample = balanced_sample(*images, 4, 0.5, seeded(1))
    for drawn, mask in ((sample.positive, POSITIVE), (sample.negative, NEGATIVE)):
        pairs = list(combinations(mask.nonzero()[:, 0].tolist(), 2))
        counts = [int((drawn[:, a] & drawn[:, b]).sum()) for a, b in pairs]
        assert sum(counts) == n_images
        assert max(abs(count - n_images / len(pairs)) for count in counts) < 6 * 43


def test_positives_do_not_decide_on_negatives() -> None:
    """Each positive comes with each negative in (2/5) (2/6) of the images: as above, below 49."""
    n_images = 20_000
    images = POSITIVE.expand(n_images, -1), NEGATIVE.expand(n_images, -1)
    sample = balanced_sample(*images, 4, 0.5, seeded(2))
    together = sample.positive[:, POSITIVE].double().T @ sample.negative[:, NEGATIVE].double()
    assert ((together - n_images * 2 / 15).abs() < 6 * 49).all()


def test_anchors_are_drawn_from_everywhere() -> None:
    """Of 217,413 anchors as many from each eighth: 2,048 of 16,384, ± 6 times sqrt(16384 7/64)."""
    nothing = torch.zeros(64, 217_413, dtype=torch.bool)
    drawn = balanced_sample(nothing, ~nothing, 256, 0.5, seeded(3)).negative
    counts = torch.stack([part.sum() for part in drawn.tensor_split(8, dim=1)])
    assert counts.sum() == 64 * 256
    assert ((counts - 2048).abs() < 6 * 43).all()


@pytest.mark.parametrize("no_key", [1, 2, 5])
def test_equal_keys_change_no_count(no_key: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys 0, or of few values: then chance is gone, but not the rule."""
    monkeypatch.setattr(module, "_NO_KEY", no_key)
    test_each_image_gets_as_many_as_core_draws((40, 30), 16, 0.5)


def test_keys_of_an_images_anchors_hardly_meet() -> None:
    """The expected number of pairs with equal keys, n^2 / 2 / keys, is below 1e-8."""
    assert 217_413**2 / 2 / module._NO_KEY < 1e-8
    assert torch.iinfo(torch.int64).max > module._NO_KEY


def test_the_generator_alone_decides() -> None:
    """Whether it is one that is given, which leaves torch's own alone, or torch's own."""
    before = torch.get_rng_state()
    drawn = [balanced_sample(POSITIVE, NEGATIVE, 4, 0.5, seeded(seed)) for seed in (7, 7, 8)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0].negative, drawn[1].negative)
    with torch.random.fork_rng(devices=()):
        states = []
        for seed in (7, 7, 9):
            torch.manual_seed(seed)
            states.append(balanced_sample(POSITIVE, NEGATIVE, 4, 0.5).negative)
    assert torch.equal(states[0], states[1])
    many = {
        tuple(balanced_sample(POSITIVE, NEGATIVE, 4, 0.5, seeded(seed)).positive.tolist())
        for seed in range(60)
    }
    assert len(many) == 10  # of 5 positives every 2, but for one chance in 50


@pytest.mark.parametrize("size", [4, np.uint8(4)])
def test_inputs_stay_as_they_were_and_sizes_of_numpy_are_taken(size: int) -> None:
    positive, negative = POSITIVE.clone(), NEGATIVE.clone()
    sample = balanced_sample(positive, negative, size, 0.5, seeded(0))
    assert (int(sample.positive.sum()), int(sample.negative.sum())) == (2, 2)
    assert torch.equal(positive, POSITIVE)
    assert torch.equal(negative, NEGATIVE)


def test_wrong_dtypes_and_shapes_are_refused() -> None:
    with pytest.raises(TypeError, match=r"positive must be of dtype bool, got torch\.int64"):
        balanced_sample(KINDS, NEGATIVE, 4, 0.5)
    with pytest.raises(TypeError, match=r"negative must be of dtype bool, got torch\.int64"):
        balanced_sample(POSITIVE, KINDS, 4, 0.5)
    with pytest.raises(ValueError, match=r"negative must have shape \(12,\), got \(2,\)"):
        balanced_sample(POSITIVE, NEGATIVE[:2], 4, 0.5)
    with pytest.raises(ValueError, match=r"positive must have shape \(..., P\), got \(\)"):
        balanced_sample(POSITIVE[0], NEGATIVE[0], 4, 0.5)


@pytest.mark.parametrize("size", [1.5, 2.0, True, "2"])
def test_a_size_that_is_no_integer_is_named(size: int) -> None:
    with pytest.raises(TypeError, match=re.escape(f"size must be an integer, got {size!r}")):
        balanced_sample(POSITIVE, NEGATIVE, size, 0.5)


def test_a_bad_size_or_fraction_is_refused() -> None:
    with pytest.raises(ValueError, match="size = -1 is negative"):
        balanced_sample(POSITIVE, NEGATIVE, -1, 0.5)
    for fraction in (-0.5, 1.5, float("nan")):
        with pytest.raises(ValueError, match=rf"positive_fraction = {fraction} is not in \[0, 1\]"):
            balanced_sample(POSITIVE, NEGATIVE, 2, fraction)


def test_a_generator_of_another_device_is_refused() -> None:
    message = re.escape("generator is on cpu, the masks on cuda:0: take torch.Generator('cuda:0')")
    with pytest.raises(ValueError, match=message):
        module._check_generator(torch.Generator(), torch.device("cuda:0"))
