"""Two runs compared: nothing where there is nothing, the same backwards, refusals, sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from refdet.analysis.comparing import compare
from refdet.analysis.differences import compared_numbers
from refdet.analysis.resampling import Resampler
from refdet.analysis_records import ChangedImage, ComparedNumber, Comparison
from refdet.columns import CategoryTable, ImageTable, ObjectColumns
from refdet.core.bootstrap import bootstrap_weights
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from tests.analysis.runs import Detector, run_of, some_objects, two_runs

NAMES = ("first", "second")
GOOD, BAD = Detector(), Detector(found=0.5, jitter=0.12, wrong=4)


def numbers(comparison: Comparison) -> tuple[ComparedNumber, ...]:
    return (*comparison.overall, *comparison.classes)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def test_compare_a_run_with_itself_finds_exactly_nothing() -> None:
    a, _ = two_runs(0, GOOD, GOOD)
    got = compare(a, a, NAMES, n_samples=100)
    for number in numbers(got):
        assert same(number.a, number.b)
        if not math.isnan(number.a):
            difference = number.difference
            assert (difference.value, difference.low, difference.high) == (0, 0, 0), number
            assert number.p_value == 1
    assert not math.isnan(got.overall[0].a)
    assert (got.images, got.changes) == ((), ())
    assert got.verdict.startswith("first and second do not differ in AP: it is 0.")


def test_compare_gives_the_numbers_of_the_evaluations() -> None:
    runs = two_runs(1, GOOD, BAD, n_classes=3)
    got = compare(*runs, NAMES, n_samples=100)
    assert (got.names, got.level, got.n_samples, got.n_images) == (NAMES, 0.95, 100, 40)
    for side, judged in zip(("a", "b"), runs, strict=True):
        evaluation = judged.evaluation("val")
        totals = evaluation.totals
        want = [math.nan if value == -1 else value for value in evaluation.coco_stats]
        want += [totals.mean_ap50_voc, totals.mean_ap50_voc07]
        want += [totals.micro_precision, totals.micro_recall, totals.micro_f1]
        want += [totals.macro_precision, totals.macro_recall, totals.macro_f1]
        want += [one.ap for one in evaluation.classes]
        seen = [getattr(number, side) for number in numbers(got)]
        np.testing.assert_allclose(seen, want, rtol=1e-12)
    assert [number.name for number in got.overall] == [
        *("AP", "AP50", "AP75", "AP small", "AP medium", "AP large"),
        *("AR 1", "AR 10", "AR 100", "AR small", "AR medium", "AR large"),
        *("VOC", "VOC07", "micro P", "micro R", "micro F1", "macro P", "macro R", "macro F1"),
    ]
    assert [number.name for number in got.classes] == ["class 0", "class 1", "class 2"]


def test_compare_resamples_the_same_images_for_both_runs() -> None:
    # Intervals of the two runs by themselves are wider than the difference's: both find an image
    # hard. With weights of their own, the difference would vary as much as both together.
    a, b = two_runs(2, GOOD, replace(GOOD, wrong=1.6), n_images=60)
    paired = compare(a, b, NAMES, n_samples=200).overall[0].difference
    rng = np.random.default_rng(0)
    of_a, of_b = (
        Resampler(judged).numbers(rng.multinomial(60, np.full(60, 1 / 60), 200)).coco_stats[:, 0]
        for judged in (a, b)
    )
    assert paired.high - paired.low < 0.85 * 4 * float((of_b - of_a).std())


def test_compare_swapped_negates_everything() -> None:
    a, b = two_runs(3, GOOD, BAD, n_classes=3)
    there = compare(a, b, NAMES, n_samples=100, seed=4)
    back = compare(b, a, NAMES[::-1], n_samples=100, seed=4)
    for one, other in zip(numbers(there), numbers(back), strict=True):
        assert one.name == other.name
        assert same(one.a, other.b)
        assert same(one.b, other.a)
        assert same(one.p_value, other.p_value)
        assert same(one.difference.value, -other.difference.value)
        ends = [one.difference.low, one.difference.high]
        want = [-other.difference.high, -other.difference.low]
        np.testing.assert_allclose(ends, want, atol=1e-12)
    assert there.verdict == back.verdict
    assert [row.image for row in there.images] == [row.image for row in back.images]
    for row, other_row in zip(there.images, back.images, strict=True):
        assert row == ChangedImage(
            row.image,
            other_row.lost,
            other_row.found,
            other_row.removed_false_positives,
            other_row.added_false_positives,
        )


def test_compare_is_the_same_for_the_same_seed_alone() -> None:
    a, b = two_runs(5, GOOD, BAD)
    first, again, other = (
        compare(a, b, NAMES, n_samples=100, seed=seed).overall[0] for seed in (1, 1, 2)
    )
    assert first == again
    assert first.difference.value == other.difference.value
    assert first.difference.low != other.difference.low


def test_compare_corrects_the_classes_alone() -> None:
    a, b = two_runs(10, GOOD, Detector(found=0.9), n_classes=5)
    got = compare(a, b, NAMES, n_samples=100, seed=3)
    weights = bootstrap_weights(40, 100, np.random.default_rng(3))
    every = np.concatenate([np.ones((1, 40), np.int64), weights])
    first, second = (Resampler(judged).numbers(every) for judged in (a, b))
    objects, aps = a.objects, (first.classes["ap"], second.classes["ap"])
    n_images = np.array(
        [len(set(objects.image_ids[objects.category_ids == k])) for k in objects.categories.ids]
    )
    names = objects.categories.names
    assert got.classes == compared_numbers(names, *aps, n_images, corrected=True)
    assert got.classes != compared_numbers(names, *aps, n_images)
    stats = first.coco_stats[:, :1], second.coco_stats[:, :1]
    (alone,) = compared_numbers(["AP"], *stats, np.array([40]))
    assert got.overall[0].p_value == pytest.approx(alone.p_value, rel=1e-9)
    assert got.overall[0].difference.low == pytest.approx(alone.difference.low, rel=1e-9)


def test_compare_one_class_has_the_p_value_of_all() -> None:
    a, b = two_runs(12, GOOD, Detector(found=0.85), n_classes=1)
    got = compare(a, b, NAMES, n_samples=100)
    assert 0.001 < got.overall[0].p_value < 1
    assert got.classes[0].p_value == pytest.approx(got.overall[0].p_value, rel=1e-9)


def test_compare_leaves_a_mean_open_that_often_lacks_a_class() -> None:
    # Of 40 images 2 have the second class: (38 / 40)^40 = 13 % of the samples lack it.
    a, b = two_runs(13, BAD, GOOD, n_classes=2)
    objects = a.objects
    rare = objects.category_ids == objects.categories.ids[1]
    there = np.unique(objects.image_ids[rare])[:2]
    objects = replace(objects, ignore=objects.ignore | (rare & ~np.isin(objects.image_ids, there)))
    a, b = (judged_columns(objects, one.detections, EvaluationSettings()) for one in (a, b))
    got = compare(a, b, NAMES, n_samples=200)
    by_name = {number.name: number for number in got.overall}
    for name in ("AP", "AP50", "AR 100", "VOC", "macro R"):
        number = by_name[name]
        assert not math.isnan(number.difference.value)
        assert math.isnan(number.difference.low)
        assert math.isnan(number.p_value)
    assert not math.isnan(by_name["micro R"].difference.low)
    assert not math.isnan(got.classes[0].difference.low)
    assert math.isnan(got.classes[1].difference.low)
    assert got.verdict.startswith("No difference is shown: second's AP is ")
    assert "a class is in too few images" in got.verdict
    same_run = compare(a, a, NAMES, n_samples=100)
    assert (same_run.overall[0].difference.low, same_run.overall[0].p_value) == (0, 1)


def test_compare_counts_images_that_have_something_to_find() -> None:
    # Six would do; but in one of them nothing counts.
    rng = np.random.default_rng(11)
    objects = some_objects(rng, 6)
    objects = replace(objects, ignore=objects.image_ids == 7)
    a, b = (
        judged_columns(objects, run_of(one, objects, rng, np.ones(6)), EvaluationSettings())
        for one in (BAD, GOOD)
    )
    assert "5 images with objects are too few" in compare(a, b, NAMES, n_samples=100).verdict


def test_compare_tells_how_far_it_is() -> None:
    a, b = two_runs(6, BAD, GOOD)
    told: list[int] = []
    compare(a, b, NAMES, n_samples=100, progress=told.append)
    assert sum(told) == 2 * 101


def test_compare_says_which_run_is_better_and_in_which_classes() -> None:
    a, b = two_runs(7, BAD, GOOD)
    got = compare(a, b, NAMES, n_samples=200)
    ap = got.overall[0].difference
    assert got.verdict.startswith(
        f"second is better than first by {ap.value:.3f} AP "
        f"(95 % interval {ap.low:.3f} to {ap.high:.3f}). second is better in class "
    )
    assert ", corrected for 2 classes. At the score thresholds second's " in got.verdict
    assert compare(b, a, NAMES, n_samples=200).verdict.startswith("first is better than second by")


def test_compare_says_what_it_could_not_have_seen() -> None:
    a, b = two_runs(8, GOOD, GOOD)
    got = compare(a, b, NAMES, n_samples=200)
    assert got.verdict.startswith("No difference is shown: ")
    assert "interval includes 0. On 40 images with objects, a true difference of" in got.verdict
    assert "No difference is shown in any of the 2 classes, corrected for how" in got.verdict


@pytest.mark.parametrize("n_images", [1, 5])
def test_compare_a_few_images_shows_nothing(n_images: int) -> None:
    # Each is better on the second run; of 5 fair coins 2 in 32 fall all alike, more than 1 in 20.
    a, b = two_runs(9, replace(BAD, found=0.01), replace(GOOD, found=1), n_images)
    got = compare(a, b, NAMES, n_samples=100)
    assert got.overall[0].difference.value > 0.3
    assert math.isnan(got.overall[0].difference.low)
    # All samples of one image are equal.
    assert n_images == 1 or got.overall[0].p_value == 2 / 2**n_images
    assert not got.overall[0].p_value <= 0.05
    assert "too few to be sure." in got.verdict
    assert "better" not in got.verdict


def test_compare_without_an_object_says_that_nothing_can_be_said() -> None:
    rng = np.random.default_rng(0)
    objects = some_objects(rng, 3, per_image=1)
    nothing = objects_like(objects, rows=0)
    a, b = (
        judged_columns(nothing, run_of(GOOD, nothing, rng, np.ones(3)), EvaluationSettings())
        for _ in range(2)
    )
    got = compare(a, b, NAMES, n_samples=100)
    assert got.verdict == "Nothing can be said: AP is undefined without an object to find."
    assert all(math.isnan(number.p_value) for number in got.classes)


def objects_like(objects: ObjectColumns, rows: int) -> ObjectColumns:
    """The first objects of the same images."""
    names = ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore")
    image_ids, category_ids, boxes, area, crowd, ignore = (
        getattr(objects, name)[:rows] for name in names
    )
    return ObjectColumns(
        objects.images, objects.categories, image_ids, category_ids, boxes, area, crowd, ignore
    )


def judged_on(objects: ObjectColumns, settings: EvaluationSettings) -> JudgedDataSet:
    rng = np.random.default_rng(0)
    return judged_columns(objects, run_of(GOOD, objects, rng, np.ones(3)), settings)


OBJECTS = some_objects(np.random.default_rng(0), 3)
OTHER_IMAGES = replace(
    OBJECTS,
    images=ImageTable(OBJECTS.images.ids, ("image 0", "else", "image 2"), OBJECTS.images.sizes),
)
OTHER_CLASSES = replace(
    OBJECTS, categories=CategoryTable(OBJECTS.categories.ids, ("class 0", "cat"))
)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (OTHER_IMAGES, "different images, 3 and 3: 'else', id 8, is only among those of the sec"),
        (OTHER_CLASSES, "different categories, 2 and 2: 'cat', id 4, is only among those of the s"),
        (replace(OBJECTS, boxes_xywh=OBJECTS.boxes_xywh + 1), "different objects, "),
        (objects_like(OBJECTS, 2), "different objects, "),
    ],
)
def test_compare_refuses_runs_of_other_data(objects: ObjectColumns, message: str) -> None:
    a, b = (judged_on(one, EvaluationSettings()) for one in (OBJECTS, objects))
    with pytest.raises(ValueError, match=message):
        compare(a, b, NAMES, n_samples=100)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EvaluationSettings(iou_threshold=0.6), "with iou_threshold = 0.5 and 0.6"),
        (EvaluationSettings(max_detections=5), "with max_detections = 100 and 5"),
    ],
)
def test_compare_refuses_runs_judged_otherwise(settings: EvaluationSettings, message: str) -> None:
    a, b = judged_on(OBJECTS, EvaluationSettings()), judged_on(OBJECTS, settings)
    with pytest.raises(ValueError, match=message):
        compare(a, b, NAMES, n_samples=100)
