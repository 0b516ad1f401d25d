"""Slices: numbers of their own images alone, nothing found by chance, a planted one found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from refdet.analysis import shuffling, slicing
from refdet.analysis.grouping import Grouping
from refdet.analysis.slicing import n_evaluations, slices_of
from refdet.columns import ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.records import F64, I64
from tests.analysis.runs import Detector, run_of, some_objects
from tests.data.small_columns import detections_of, objects_of

SETTINGS = EvaluationSettings()


def data_set(
    seed: int, n_images: int, sites: str, bad: str = "", harder: float = 1.0
) -> tuple[JudgedDataSet, Grouping]:
    """Images of random sites; those of one are harder for the detector."""
    rng = np.random.default_rng(seed)
    objects = some_objects(rng, n_images)
    site = rng.choice(list(sites), n_images)
    hardness = rng.gamma(2, 0.5, n_images) * np.where(site == bad, harder, 1)
    judged = judged_columns(objects, run_of(Detector(), objects, rng, hardness), SETTINGS)
    return judged, Grouping("site", tuple(site.tolist()))


def only(judged: JudgedDataSet, keep: list[bool]) -> JudgedDataSet:
    """Some images alone, judged anew."""
    objects, chosen = judged.objects, np.array(keep)
    images = objects.images
    ids = images.ids[chosen]
    names = tuple(name for name, kept in zip(images.names, keep, strict=True) if kept)
    rows = np.isin(objects.image_ids, ids)
    part = ObjectColumns(
        ImageTable(ids, names, images.sizes[chosen]),
        objects.categories,
        *(getattr(objects, name)[rows] for name in ("image_ids", "category_ids", "boxes_xywh")),
        *(getattr(objects, name)[rows] for name in ("area", "crowd", "ignore")),
    )
    found = np.flatnonzero(np.isin(judged.detections.image_ids, ids))
    return judged_columns(part, judged.detections.take(found), SETTINGS)


@pytest.mark.parametrize("sites", ["AB", "ABC"])
def test_slices_of_have_the_numbers_of_their_images_alone(sites: str) -> None:
    judged, site = data_set(1, 40, sites)
    slices = slices_of(judged, [site], n_samples=60)
    assert {one.value for one in slices} == set(sites)
    for one in slices:
        inside = [value == one.value for value in site.values]
        own, rest = only(judged, inside), only(judged, [not kept for kept in inside])
        evaluation = own.evaluation("")
        assert one.n_images == sum(inside)
        assert one.n_objects == len(own.objects)
        assert one.mean_ap.value == pytest.approx(evaluation.mean_ap, rel=1e-12)
        assert one.mean_ap50.value == pytest.approx(evaluation.mean_ap50, rel=1e-12)
        ap50s = [[c.ap50 for c in part.evaluation("").classes] for part in (own, rest)]
        wanted = np.mean(np.array(ap50s[0]) - np.array(ap50s[1]))
        assert one.difference.value == pytest.approx(wanted)
        assert one.mean_ap50.low <= one.mean_ap50.value <= one.mean_ap50.high
        assert one.difference.low < one.difference.value < one.difference.high
    values = [one.difference.value for one in slices]
    assert values == sorted(values)


def test_slices_of_compare_classes_that_both_have() -> None:
    # In half of the images there is an easy class alone; the hard one is in the others too.
    n = 16
    box = [0.0, 0.0, 10.0, 10.0]
    objects = objects_of(
        [box] * (n + n // 2),
        [*range(n), *range(n // 2)],
        [0] * n + [1] * (n // 2),
        names=[f"i{k}" for k in range(n)],
    )
    detections = detections_of(objects, [box] * n, range(n), [0] * n, [0.9] * n)
    judged = judged_columns(objects, detections, SETTINGS)
    both = Grouping("classes", ("two",) * (n // 2) + ("one",) * (n // 2))
    one, two = sorted(slices_of(judged, [both], n_samples=60), key=lambda one: one.value)
    assert (one.mean_ap50.value, two.mean_ap50.value) == (1.0, 0.5)
    assert one.difference.value == two.difference.value == 0
    assert one.adjusted_p_value == two.adjusted_p_value == 1


def test_slices_of_find_a_planted_one_and_put_it_first() -> None:
    judged, site = data_set(0, 60, "ABC", bad="C", harder=10)
    slices = slices_of(judged, [site], n_samples=100)
    assert slices[0].value == "C"
    assert slices[0].adjusted_p_value < 0.05
    assert slices[0].difference.high < 0


def images_of(ap: F64) -> JudgedDataSet:
    """In place of judged images: a number of each, whose mean the fixture `means` gives."""
    ids = np.arange(len(ap))
    images = ImageTable(ids, tuple(map(str, ids)), np.zeros((len(ap), 2), np.int64))
    objects = SimpleNamespace(images=images, image_ids=ids)
    params = SimpleNamespace(iou_thresholds=(0.5,))
    state = SimpleNamespace(params=params, image_ids=ids, image=ids, ap=ap)
    matches, counts = SimpleNamespace(state=state), np.ones(len(ap), np.bool_)
    return cast("JudgedDataSet", SimpleNamespace(objects=objects, matches=matches, counts=counts))


@dataclass(frozen=True)
class Means:
    """In place of AveragePrecisions."""

    ap: F64
    iou_thresholds: Sequence[float]

    def of(self, weights: I64, _: object) -> F64:
        """The weighted mean of each sample."""
        mean: F64 = weights @ self.ap / np.maximum(weights.sum(axis=1), 1)
        return mean[:, None, None]


@pytest.fixture
def means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means of numbers in place of AP, a thousand times as fast."""
    monkeypatch.setattr(slicing, "AveragePrecisions", Means)
    monkeypatch.setattr(slicing, "part_of", lambda state, images: state.ap[images])
    monkeypatch.setattr(shuffling, "AveragePrecisions", lambda state, at: Means(state.ap, at))


def test_slices_of_correct_for_how_many_they_are() -> None:
    judged, site = data_set(3, 40, "AB", bad="B", harder=1.4)
    rng = np.random.default_rng(0)
    noise = [Grouping(f"noise {k}", tuple(rng.choice(list("xy"), 40).tolist())) for k in range(4)]
    alone = slices_of(judged, [site], n_samples=60)
    among = [one for one in slices_of(judged, [*noise, site], n_samples=60) if one.column == "site"]
    for first, second in zip(alone, among, strict=True):
        assert second.adjusted_p_value > first.adjusted_p_value
        assert replace(second, adjusted_p_value=first.adjusted_p_value) == first


def test_slices_of_few_images_say_nothing_and_come_last() -> None:
    # Nothing is found in the five images of the worst slice.
    box = [0.0, 0.0, 10.0, 10.0]
    objects = objects_of([box] * 20, range(20), [0] * 20, names=[f"i{k}" for k in range(20)])
    detections = detections_of(objects, [box] * 14, range(6, 20), [0] * 14, [0.9] * 14)
    judged = judged_columns(objects, detections, SETTINGS)
    few = Grouping("site", ("few",) * 5 + ("six",) * 6 + ("many",) * 9)
    slices = slices_of(judged, [few], n_samples=100)
    assert [one.value for one in slices] == ["six", "many", "few"]
    last = slices[-1]
    # Of the others 14 of 15 are found, which reaches 94 of the 101 recall levels.
    assert last.mean_ap50.value == 0
    assert last.difference.value == pytest.approx(-94 / 101)
    undefined = (last.mean_ap.low, last.mean_ap50.high, last.difference.low, last.p_value)
    assert all(math.isnan(number) for number in (*undefined, last.adjusted_p_value))
    assert not any(math.isnan(one.adjusted_p_value) for one in slices[:-1])


@pytest.mark.usefixtures("means")
def test_slices_of_few_images_are_as_sure_as_drawing_them_by_chance_is_rare() -> None:
    # By chance 6 of 12 images are the worst or the best in 2 of 924 cases: 43 of 20,000 shuffles,
    # with a standard deviation of 6.6.
    whole = images_of(np.array([0.1] * 6 + [0.9] * 6))
    site = Grouping("site", ("A",) * 6 + ("B",) * 6)
    (first, second) = slices_of(whole, [site], n_samples=20_000)
    assert first.p_value == pytest.approx(2 / 924, abs=20 / 20_000)
    assert {first.p_value} == {second.p_value, first.adjusted_p_value, second.adjusted_p_value}


def test_slices_of_images_without_objects_are_undefined() -> None:
    box = [0.0, 0.0, 10.0, 10.0]
    objects = objects_of([box] * 8, range(8), [0] * 8, names=[f"i{k}" for k in range(16)])
    detections = detections_of(objects, [box] * 8, range(8), [0] * 8, [0.9] * 8)
    judged = judged_columns(objects, detections, SETTINGS)
    slices = slices_of(judged, [Grouping("g", ("full",) * 8 + ("none",) * 8)], n_samples=50)
    none = next(one for one in slices if one.value == "none")
    assert (none.n_images, none.n_objects) == (8, 0)
    assert math.isnan(none.mean_ap50.value)
    assert all(math.isnan(one.difference.value) for one in slices)


def test_slices_of_the_same_seed_are_the_same() -> None:
    judged, site = data_set(5, 20, "AB")
    first, second = (slices_of(judged, [site], n_samples=50, seed=9) for _ in range(2))
    assert first == second
    assert first != slices_of(judged, [site], n_samples=50, seed=10)


def test_slices_of_nothing_are_none() -> None:
    assert slices_of(data_set(6, 8, "A")[0], []) == ()


def test_slices_of_refuse_a_grouping_of_other_images() -> None:
    with pytest.raises(ValueError, match="'site' is of 3 images, the data set has 8"):
        slices_of(data_set(6, 8, "A")[0], [Grouping("site", ("a", "a", "b"))])


@pytest.mark.parametrize("sites", ["AB", "ABC"])
def test_slices_of_tell_their_progress(sites: str) -> None:
    judged, site = data_set(7, 40, sites)
    told: list[int] = []
    slices_of(judged, [site], n_samples=10, progress=told.append)
    assert sum(told) == n_evaluations(judged, [site], 10)
