"""Shuffled images: nothing found by chance, a planted slice found first, p-values by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from refdet.analysis import shuffling
from refdet.analysis.average_precisions import AveragePrecisions
from refdet.analysis.shuffling import n_shuffles, shuffled_differences, shuffled_p_values
from refdet.core.coco_eval import CocoState
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64, I64, Mask
from tests.analysis.runs import Detector, run_of, some_objects

N_SHUFFLES = 99


def state_of(seed: int, hardness: F64) -> CocoState:
    """Images of so much hardness, matched."""
    rng = np.random.default_rng(seed)
    objects = some_objects(rng, len(hardness))
    found = run_of(Detector(), objects, rng, hardness)
    return judged_columns(objects, found, EvaluationSettings()).matches.state


def members_of(values: I64) -> list[Mask]:
    """The slices of a column."""
    return [values == value for value in np.unique(values)]


def test_shuffled_p_values_of_random_slices_near_the_ceiling_find_nothing() -> None:
    """In 5 % of the ways to cut; of 60 that is 3, and more than 8 in 5 of 1000 such tests.

    Where the bootstrap's spread is taken for the truth, something is found in half of them.
    """
    state, rng = state_of(0, np.random.default_rng(0).gamma(0.1, 0.5, 72)), np.random.default_rng(1)
    everything = AveragePrecisions(state, [0.5]).of(np.ones((1, 72), np.int64))
    assert np.nanmean(everything) > 0.9
    found = 0
    for _ in range(60):
        members = members_of(rng.permutation(np.arange(72) % 9))
        _, corrected = shuffled_p_values(shuffled_differences(state, members, N_SHUFFLES, rng))
        found += bool((corrected <= 0.05).any())
    assert found <= 8


def test_shuffled_p_values_find_the_planted_slice_first() -> None:
    rng = np.random.default_rng(2)
    site, camera = rng.integers(0, 4, 80), rng.integers(0, 3, 80)
    state = state_of(3, rng.gamma(2, 0.5, 80) * np.where(site == 2, 6, 1))
    members = members_of(camera) + members_of(site)
    differences = shuffled_differences(state, members, N_SHUFFLES, rng)
    p_values, corrected = shuffled_p_values(differences)
    assert differences[0].argmin() == 3 + 2
    assert p_values[5] == corrected[5] == corrected.min() == 1 / (1 + N_SHUFFLES)
    assert (corrected[:3] > 0.05).all()


def test_shuffled_differences_are_those_of_the_images_dealt_out() -> None:
    state = state_of(4, np.ones(30))
    inside = np.arange(30) < 8
    got = shuffled_differences(state, [inside, ~inside], 20, np.random.default_rng(5))
    again = shuffled_differences(state, [inside], 20, np.random.default_rng(5))
    assert got[:, 0].tolist() == again[:, 0].tolist() == (-got[:, 1]).tolist()
    aps = AveragePrecisions(state, [0.5])
    own, rest = (aps.of(part.astype(np.int64)[None])[0, 0] for part in (inside, ~inside))
    assert got[0, 0] == pytest.approx(np.mean(own - rest))
    assert len(set(got[:, 0].tolist())) > 15


def test_shuffled_differences_shuffle_all_columns_alike() -> None:
    # Each image's number is its own power of two, so that a sum tells which are in the slice.
    values = np.arange(12) % 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffling, "AveragePrecisions", lambda _, __: Sums(np.exp2(np.arange(12.0))))
        members = [values == 0, values == 1, values == 2]
        got = shuffled_differences(images(12), members, 50, np.random.default_rng(0))
    # In and out differ by 2 in - all; three slices that share the images out sum to - all.
    assert got.sum(axis=1).tolist() == [-(2.0**12 - 1)] * 51
    assert len(np.unique(got, axis=0)) > 45


class Sums:
    """In place of AveragePrecisions: sums of a number of each image."""

    def __init__(self, values: F64) -> None:
        self.values = values

    def of(self, weights: I64, _: object = None) -> F64:
        """The weighted sum of each sample."""
        sums: F64 = weights @ self.values
        return sums[:, None, None]


def images(n_images: int) -> CocoState:
    """In place of a data set."""
    return cast("CocoState", SimpleNamespace(image_ids=np.arange(n_images)))


@pytest.mark.parametrize("n_images", [16, 40, 120])
def test_shuffled_p_values_of_columns_that_tell_nothing_find_nothing(
    n_images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor beside one that does, in 5 % of data sets; of 200 that is 10, and 20 with its error."""
    rng = np.random.default_rng(n_images)
    found = planted = 0
    for _ in range(200):
        columns = [
            np.repeat([0, 1], n_images // 2),
            *(rng.integers(0, n, n_images) for n in (2, 4)),
        ]
        values = rng.beta(4, 2, n_images) - 0.5 * (columns[0] == 1)
        monkeypatch.setattr(shuffling, "AveragePrecisions", lambda _, __, own=values: Sums(own))
        members = [one for column in columns for one in members_of(column)]
        differences = shuffled_differences(images(n_images), members, N_SHUFFLES, rng)
        _, corrected = shuffled_p_values(differences)
        planted += bool(corrected[1] <= 0.05)
        found += bool((corrected[2:] <= 0.05).any())
    assert found <= 20
    assert planted >= 190 or n_images == 16


def test_shuffled_p_values_by_hand() -> None:
    # Column 0: mean 0, deviations 3 1 1 -1 -4, SD sqrt(28 / 5). Column 1: the same times -10, in
    # another order, so that the first row is the least of them.
    first, second = np.array([3.0, 1, 1, -1, -4]), np.array([-10.0, -30, 40, 10, -10])
    p_values, corrected = shuffled_p_values(np.stack([first, second], axis=1))
    # As far as 3: itself and -4. As far as 10: all. A row's largest: 3, 3, 4, 1, 4.
    assert p_values.tolist() == [2 / 5, 1]
    assert corrected.tolist() == [4 / 5, 1]


def test_shuffled_p_values_look_at_what_shuffling_gives_on_average() -> None:
    # About 1 is what chance gives: -1 is far from it. 0.2 is far too, but is above the rest.
    chance = np.tile([0.7, 1.3], 50)
    below, above, beyond = (np.append(first, chance)[:, None] for first in (-1, 0.2, 3))
    assert shuffled_p_values(below)[0] == shuffled_p_values(beyond)[0] == 1 / 101
    assert shuffled_p_values(above)[0] == 1


def test_shuffled_p_values_of_no_difference_are_1() -> None:
    same = np.full((10, 1), 0.3)
    same[0] = 0.1 + 0.2  # which is not 0.3 in floating point
    undefined = np.array([[0.0], [np.nan], [0.5], [-0.5]])
    assert shuffled_p_values(same)[0] == shuffled_p_values(undefined)[1] == 1
    # An undefined shuffle is one in which no difference is seen: of 1 + 3 one is as far.
    far = np.array([[2.0], [np.nan], [-0.5], [-1.5]])
    assert shuffled_p_values(far)[0] == 1 / 4


def test_n_shuffles_are_fewer_where_they_take_long() -> None:
    assert n_shuffles(26_000, 60, 1000) == 1000
    assert n_shuffles(252_000, 18, 1000) == 440
    assert n_shuffles(4_000_000, 18, 1000) == 200
    assert n_shuffles(4_000_000, 18, 100) == n_shuffles(0, 0, 100) == 100
