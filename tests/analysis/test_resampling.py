"""Weighted images give the numbers of a data set in which images are copied or left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refdet.analysis.resampling import Numbers, Resampler
from refdet.columns import DetectionColumns, ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, evaluate_columns, judged_columns
from refdet.records import F64, I64, ClassMetrics, Evaluation, Totals
from tests.evaluate.data_sets import SETTINGS, columns_of
from tests.test_evaluate import found, splits, truth

Columns = tuple[ObjectColumns, DetectionColumns]
DEFAULT = EvaluationSettings()
LEVELS = np.linspace(0, 1, 101)
NEITHER = {"label", "name", "score_threshold"}
CLASS_FIELDS = [one.name for one in dataclasses.fields(ClassMetrics) if one.name not in NEITHER]
TOTAL_FIELDS = [one.name for one in dataclasses.fields(Totals)]


@st.composite
def data_sets(draw: st.DrawFn) -> Columns:
    """Images with any ids in any order, tied scores, crowds, ignored objects, all three sizes."""
    split = draw(splits())
    ids = draw(st.lists(st.integers(-9, 9), min_size=3, max_size=3, unique=True))
    classes = draw(st.permutations([4, 1, 7]))
    n_objects = sum(len(image) for image in split[0])
    crowd = draw(hnp.arrays(np.bool_, (n_objects,), elements=st.booleans()))
    order = draw(st.permutations(range(15)))
    objects, detections = columns_of(split, ids, classes, order, crowd)
    scale = draw(st.sampled_from([1, 12, 30]))  # sides up to 4, 48 or 120; 32 and 96 are borders
    boxes = objects.boxes_xywh * scale
    area = boxes[:, 2] * boxes[:, 3]
    return (
        dataclasses.replace(objects, boxes_xywh=boxes, area=area),
        dataclasses.replace(detections, boxes_xywh=detections.boxes_xywh * scale),
    )


def copied(columns: Columns, weights: Sequence[int]) -> Columns:
    """The data set with so many copies of each image, in ascending ids, one beside the other."""
    objects, detections = columns
    copies = [
        (image, copy)
        for image, weight in zip(np.sort(objects.images.ids).tolist(), weights, strict=True)
        for copy in range(weight)
    ]
    object_rows = [np.flatnonzero(objects.image_ids == image) for image, _ in copies]
    rows = [np.flatnonzero(detections.image_ids == image) for image, _ in copies]
    names = tuple(f"{image}, copy {copy}" for image, copy in copies)
    table = ImageTable(np.arange(len(copies)), names, np.zeros((len(copies), 2), np.int64))

    def taken(parts: list[I64]) -> tuple[I64, I64]:
        ids = [np.full(len(part), place) for place, part in enumerate(parts)]
        nothing = np.zeros(0, np.int64)
        return np.concatenate([nothing, *parts]), np.concatenate([nothing, *ids])

    chosen, image_ids = taken(object_rows)
    found_rows, found_image_ids = taken(rows)
    return (
        ObjectColumns(
            table,
            objects.categories,
            image_ids,
            *(
                getattr(objects, name)[chosen]
                for name in ("category_ids", "boxes_xywh", "area", "crowd", "ignore")
            ),
        ),
        DetectionColumns(
            found_image_ids,
            *(
                getattr(detections, name)[found_rows]
                for name in ("category_ids", "boxes_xywh", "scores")
            ),
        ),
    )


def without_ties(columns: Columns) -> Columns:
    """A little more score for what comes earlier in the evaluator's order, which stays the same."""
    objects, detections = columns
    n_rows = len(detections.scores)
    order = np.lexsort((np.arange(n_rows), detections.image_ids, -detections.scores))
    scores = detections.scores.copy()
    scores[order] += 1e-9 * np.arange(n_rows, 0, -1)
    return objects, dataclasses.replace(detections, scores=scores)


def resampled(columns: Columns, weights: object, settings: EvaluationSettings = DEFAULT) -> Numbers:
    return Resampler(judged_columns(*columns, settings)).numbers(np.array(weights, np.int64))


def best_precision(evaluation: Evaluation, label: int) -> F64:
    """At each recall level or beyond, point by point."""
    if label not in evaluation.curves:
        return np.full(101, np.nan)
    curve = evaluation.curves[label]
    points = list(zip(curve.precision.tolist(), curve.recall.tolist(), strict=True))
    return np.array(
        [max([p for p, r in points if r >= level], default=0.0) for level in LEVELS.tolist()]
    )


def assert_near(got: F64, want: F64 | Sequence[float] | float, name: str) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12, err_msg=name)


def assert_same(numbers: Numbers, sample: int, want: Evaluation) -> None:
    stats = np.array(want.coco_stats)
    stats[stats == -1] = np.nan
    assert_near(numbers.coco_stats[sample], stats, "coco_stats")
    assert set(numbers.totals) == set(TOTAL_FIELDS)
    assert set(numbers.classes) == set(CLASS_FIELDS)
    for name in TOTAL_FIELDS:
        got = numbers.totals[name][sample]
        assert_near(got, getattr(want.totals, name), name)
    for name in CLASS_FIELDS:
        values = [getattr(one, name) for one in want.classes]
        assert_near(numbers.classes[name][sample], values, name)
    for label in range(len(want.classes)):
        assert_near(numbers.envelopes[sample, label], best_precision(want, label), "envelope")


WEIGHTS = st.lists(st.integers(0, 4), min_size=3, max_size=3)


@given(columns=data_sets(), weights=WEIGHTS, settings=SETTINGS)
def test_resampler_equals_the_evaluation_of_copied_images(
    columns: Columns, weights: list[int], settings: EvaluationSettings
) -> None:
    weights = weights[: len(columns[0].images)]
    numbers = resampled(columns, [weights], settings)
    copies = copied(without_ties(columns), weights)
    assert_same(numbers, 0, evaluate_columns(*copies, split="val", settings=settings))


@given(columns=data_sets(), kept=st.lists(st.booleans(), min_size=3, max_size=3))
def test_resampler_of_weights_0_and_1_equals_the_evaluation_of_a_part(
    columns: Columns, kept: list[bool]
) -> None:
    weights = [int(one) for one in kept[: len(columns[0].images)]]
    numbers = resampled(columns, [weights])
    part = evaluate_columns(*copied(columns, weights), split="val", settings=DEFAULT)
    assert_same(numbers, 0, part)


@given(columns=data_sets(), settings=SETTINGS)
def test_resampler_of_ones_equals_the_evaluation(
    columns: Columns, settings: EvaluationSettings
) -> None:
    numbers = resampled(columns, [[1] * len(columns[0].images)], settings)
    assert_same(numbers, 0, evaluate_columns(*columns, split="val", settings=settings))


def larger(seed: int, n_images: int = 40) -> Columns:
    """Images with up to 9 objects and 12 detections each, of three classes, one of them rare.

    Equal scores are in different images.
    """
    rng = np.random.default_rng(seed)
    objects, detections = [], []
    for image in range(n_images):
        corners = rng.integers(0, 20, (rng.integers(0, 10), 2))
        boxes = np.concatenate([corners, corners + rng.integers(4, 40, corners.shape)], axis=1)
        classes = rng.choice(3, len(boxes), p=[0.6, 0.38, 0.02])
        objects.append(truth(f"{image}", boxes, classes, rng.random(len(boxes)) < 0.1))
        rows = rng.integers(0, len(boxes), 12) if len(boxes) else np.zeros(0, int)
        moved = boxes[rows] + rng.integers(-1, 2, (len(rows), 4))
        scores = rng.permutation(400)[: len(rows)] / 400
        detections.append(found(f"{image}", moved, scores, classes[rows]))
    return columns_of((objects, detections), range(n_images), range(3), range(9999))


def test_resampler_equals_the_evaluation_of_copied_images_where_there_are_many() -> None:
    columns = larger(0)
    weights = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), 8)
    numbers = resampled(columns, weights)
    for sample, weight in enumerate(weights.tolist()):
        copies = copied(columns, weight)
        assert_same(numbers, sample, evaluate_columns(*copies, split="val", settings=DEFAULT))
    assert 0.1 < numbers.totals["mean_ap"].min() < numbers.totals["mean_ap"].max() < 0.9
    # The rare class is missing from some samples, and then from their means.
    missing = np.isnan(numbers.classes["ap"][:, 2])
    assert 0 < missing.sum() < 8
    means = np.nanmean(numbers.classes["ap50"], axis=1)
    np.testing.assert_allclose(numbers.totals["mean_ap50"], means)


def test_resampler_gives_a_sample_the_same_bits_in_any_company() -> None:
    resampler = Resampler(judged_columns(*larger(2), DEFAULT))
    weights = np.random.default_rng(1).integers(0, 3, (6, 40))
    together = resampler.numbers(weights)
    for sample in range(6):
        alone = resampler.numbers(weights[[sample]])
        assert alone.coco_stats.tobytes() == together.coco_stats[[sample]].tobytes()
        assert alone.envelopes.tobytes() == together.envelopes[[sample]].tobytes()


@example(n_samples=0)
@given(n_samples=st.integers(0, 3))
def test_resampler_of_no_image_defines_nothing(n_samples: int) -> None:
    numbers = resampled(columns_of(([], [])), np.zeros((n_samples, 0), np.int64))
    assert numbers.coco_stats.shape == (n_samples, 12)
    assert np.isnan(numbers.coco_stats).all()
    assert numbers.envelopes.shape == (n_samples, 3, 101)
    assert numbers.totals["n_ground_truth"].tolist() == [0] * n_samples


def test_resampler_reports_each_sample_and_leaves_the_weights_alone() -> None:
    weights = np.ones((7, 40), np.int32)
    weights.setflags(write=False)
    told: list[int] = []
    Resampler(judged_columns(*larger(3), DEFAULT)).numbers(weights, told.append)
    assert sum(told) == 7


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones((2, 40)), TypeError, "weights must be integers, got float64"),
        (np.ones((2, 40), bool), TypeError, "weights must be integers, got bool"),
        (np.ones((2, 39), int), ValueError, r"weights must have shape \(S, 40\), got \(2, 39\)"),
        (np.ones(40, int), ValueError, r"weights must have shape \(S, 40\), got \(40,\)"),
        (
            np.where(np.arange(80) == 43, -2, 1).reshape(2, 40),
            ValueError,
            r"weights\[1, 3\] = -2 is negative",
        ),
    ],
)
def test_resampler_names_a_wrong_weight(weights: I64, error: type[Exception], message: str) -> None:
    resampler = Resampler(judged_columns(*larger(4), DEFAULT))
    with pytest.raises(error, match=message):
        resampler.numbers(weights)
