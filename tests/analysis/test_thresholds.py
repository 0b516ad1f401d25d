"""Thresholds tuned on a judged data set: its own counts, plain loops over samples, and warnings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.analysis import thresholds as analysis
from refdet.analysis.thresholds import Criterion, Quantity, threshold_curves, tune
from refdet.analysis_records import Estimate
from refdet.core.bootstrap import bootstrap_interval, bootstrap_weights
from refdet.core.tuning import (
    threshold_counts,
    threshold_of_best_f_beta,
    threshold_of_precision,
    threshold_of_recall,
)
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from tests.analysis.runs import Detector, two_runs
from tests.evaluate.data_sets import SETTINGS, columns_of
from tests.test_evaluate import Split, splits

F1 = Criterion(Quantity.F_BETA, 1)
NAN = float("nan")
CRITERIA = (
    F1,
    Criterion(Quantity.F_BETA, 2),
    Criterion(Quantity.PRECISION, 0.75),
    Criterion(Quantity.RECALL, 0.5),
    Criterion(Quantity.RECALL, 0.75),  # which some samples do not reach
)


@given(split=splits(), settings=SETTINGS)
def test_threshold_curves_are_the_evaluations_counts(
    split: Split, settings: EvaluationSettings
) -> None:
    judged = judged_columns(*columns_of(split), settings)
    curves = threshold_curves(judged)
    for curve, own in zip(curves, judged.evaluation("val").classes, strict=True):
        reached = int(np.count_nonzero(curve.scores >= own.score_threshold))
        right = int(np.append(0, curve.true_positives)[reached])
        wrong = int(np.append(0, curve.false_positives)[reached])
        want = (own.true_positives, own.false_positives, own.n_ground_truth)
        assert (right, wrong, curve.n_objects) == want


@given(split=splits(), criterion=st.sampled_from(CRITERIA))
def test_tune_tells_what_evaluating_at_its_thresholds_gives(
    split: Split, criterion: Criterion
) -> None:
    columns = columns_of(split)
    tuned = tune(judged_columns(*columns, EvaluationSettings()), criterion, 1, 0)
    at = EvaluationSettings(class_thresholds={one.label: one.applied for one in tuned})
    for one, own in zip(tuned, judged_columns(*columns, at).evaluation("").classes, strict=True):
        told = [one.name, one.n_objects, one.precision.value, one.recall.value]
        np.testing.assert_equal(told, [own.name, own.n_ground_truth, own.precision, own.recall])
        if criterion is F1:
            np.testing.assert_equal(one.f_beta.value, own.f1)
        assert one.applied == (0.5 if np.isnan(one.threshold.value) else one.threshold.value)


@dataclass(frozen=True)
class Naive:
    """A class of a judged data set as a list of detections: image, score, right."""

    detections: list[tuple[int, float, bool]]
    objects: list[int]

    def drawn(self, weights: list[int]) -> tuple[list[tuple[float, bool]], int]:
        """The detections of images that are there so often, and the number of objects."""
        found = [
            (score, right) for image, score, right in self.detections for _ in range(weights[image])
        ]
        return found, sum(n * w for n, w in zip(self.objects, weights, strict=True))


def naive(judged: JudgedDataSet, label: int) -> Naive:
    ids = sorted(judged.objects.images.ids.tolist())
    columns = (judged.detections.image_ids, judged.detections.scores, judged.true, judged.labels)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    objects = zip(judged.objects.image_ids.tolist(), judged.object_labels.tolist(), strict=True)
    own = [image for image, its_label in objects if its_label == label]
    found = [(ids.index(i), s, right) for i, s, right, its_label in rows if its_label == label]
    return Naive(found, [own.count(image) for image in ids])


def threshold_by(criterion: Criterion, found: list[tuple[float, bool]], n: int) -> float:
    scores = np.array([score for score, _ in found])
    counts = threshold_counts(scores, np.array([right for _, right in found], np.bool_))
    at, right, wrong = counts.thresholds, counts.true_positives, counts.false_positives
    if criterion.quantity is Quantity.PRECISION:
        return float(threshold_of_precision(at, right, wrong, criterion.value))
    if criterion.quantity is Quantity.RECALL:
        return float(threshold_of_recall(at, right, n, criterion.value))
    return float(threshold_of_best_f_beta(at, right, wrong, n, criterion.value))


def rates(found: list[tuple[float, bool]], n: int, threshold: float, beta: float) -> list[float]:
    flags = [right for score, right in found if score >= threshold]
    right, kept = sum(flags), len(flags)
    f_beta = (1 + beta**2) * right / (beta**2 * n + kept) if n else NAN
    return [right / kept if kept else NAN, right / n if n else NAN, f_beta]


def assert_interval(got: Estimate, samples: list[float], value: float, n_images: int) -> None:
    """Around the value, by how many images have an object, but not beyond 0 and 1."""
    low, high = bootstrap_interval(np.array(samples), value, n_images=n_images)
    want = (value, max(float(low), 0), min(float(high), 1))
    np.testing.assert_allclose((got.value, got.low, got.high), want, rtol=0, atol=1e-12)


def assert_quantiles(got: Estimate, samples: list[float], value: float) -> None:
    """Plain quantiles of the samples, so that 95 % lie within; not beyond 0 and 1."""
    ordered = sorted(sample for sample in samples if not np.isnan(sample))
    np.testing.assert_allclose(got.value, value, rtol=0, atol=1e-12)
    if np.isnan(value) or len(ordered) < 40:
        assert np.isnan([got.low, got.high]).all()
        return
    beyond = 0.025 * (len(ordered) - 1)
    for end, side in ((got.low, ordered), (got.high, ordered[::-1])):
        near, far = side[int(beyond)], side[int(beyond) + 1]
        want = near + (beyond - int(beyond)) * (far - near)
        np.testing.assert_allclose(end, want, rtol=0, atol=1e-12)
    assert 0 <= got.low <= got.high <= 1


@pytest.mark.parametrize("criterion", CRITERIA, ids=str)
@pytest.mark.parametrize("cells", [1, 10**9])
def test_tune_equals_plain_loops_over_the_samples(
    criterion: Criterion, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "CELLS", cells)
    judged = some_run(3, n_images=12)
    n_samples = 60
    weights = bootstrap_weights(12, n_samples, np.random.default_rng(5)).tolist()
    for label, one in enumerate(tune(judged, criterion, n_samples, 5)):
        case = naive(judged, label)
        found, n = case.drawn([1] * 12)
        anew, told, unseen = list[float](), list[list[float]](), list[list[float]]()
        right = kept = objects = 0
        for drawn in weights:
            threshold = threshold_by(criterion, *case.drawn(drawn))
            anew.append(threshold)
            told.append(rates(*case.drawn(drawn), one.applied, criterion.beta))
            if not np.isnan(threshold):
                left, left_n = case.drawn([int(w == 0) for w in drawn])
                unseen.append(rates(left, left_n, threshold, criterion.beta))
                flags = [flag for score, flag in left if score >= threshold]
                right, kept, objects = right + sum(flags), kept + len(flags), objects + left_n
        chosen = threshold_by(criterion, found, n)
        alone = (case.drawn([int(image == other) for other in range(12)]) for image in range(12))
        n_with = sum(n_objects > 0 for _, n_objects in alone)
        assert_quantiles(one.threshold, anew, chosen)
        for place, name in enumerate(("precision", "recall", "f_beta")):
            value = rates(found, n, one.applied, criterion.beta)[place]
            column = [row[place] for row in told]
            assert_interval(getattr(one, name), column, value, n_with)
            column = [row[place] for row in unseen]
            together = [(1.0, flag) for flag in [True] * right + [False] * (kept - right)]
            value = rates(together, objects, 0, criterion.beta)[place]
            assert_quantiles(getattr(one, f"unseen_{name}"), column, value)


def test_tune_tells_where_95_percent_of_the_thresholds_chosen_anew_lie() -> None:
    judged, _ = two_runs(4, Detector(), Detector(), 40, n_classes=1)
    criterion, n_samples = Criterion(Quantity.PRECISION, 0.9), 400
    (one,) = tune(judged, criterion, n_samples, 0)
    low, high = one.threshold.low, one.threshold.high
    case, anew = naive(judged, 0), []
    for drawn in bootstrap_weights(40, n_samples, np.random.default_rng(0)).tolist():
        anew.append(threshold_by(criterion, *case.drawn(drawn)))
    defined = [threshold for threshold in anew if not np.isnan(threshold)]
    assert len(defined) > 390
    # Many are the very thresholds where the interval ends.
    strictly = sum(low < threshold < high for threshold in defined) / len(defined)
    inside = sum(low <= threshold <= high for threshold in defined) / len(defined)
    assert 0.8 < strictly <= 0.95 <= inside < 1


def some_run(seed: int, n_images: int) -> JudgedDataSet:
    """Scores of two decimals, so that many are equal."""
    judged, _ = two_runs(seed, Detector(), Detector(), n_images)
    scores = np.round(judged.detections.scores, 2)
    detections = replace(judged.detections, scores=scores)
    return judged_columns(judged.objects, detections, EvaluationSettings())


def test_tune_is_less_flattering_on_unseen_images() -> None:
    """Tuned on 15 images; the truth is what those thresholds come to on 400 others."""
    flattered, honest = [], []
    for seed in range(25):
        small, _ = two_runs(seed, Detector(), Detector(), 15, n_classes=1)
        (one,) = tune(small, F1, 100, 0)
        large, _ = two_runs(1000 + seed, Detector(), Detector(), 400, n_classes=1)
        at = EvaluationSettings(class_thresholds={0: one.applied})
        true = judged_columns(large.objects, large.detections, at).evaluation("").classes[0].f1
        flattered.append(one.f_beta.value - true)
        honest.append(one.unseen_f_beta.value - true)
    error = np.std(flattered) / 5
    assert np.mean(flattered) > np.mean(honest)
    assert abs(np.mean(honest)) < 2.5 * error
    assert np.mean(flattered) > 2.5 * error


def test_tune_with_the_same_seed_is_the_same() -> None:
    judged = some_run(1, 20)
    assert tune(judged, F1, 50, 3) == tune(judged, F1, 50, 3)
    assert tune(judged, F1, 50, 3) != tune(judged, F1, 50, 4)


@pytest.mark.parametrize(
    ("quantity", "value", "message"),
    [
        (Quantity.F_BETA, 0, "beta must be positive and finite, got 0"),
        (Quantity.F_BETA, float("inf"), "beta must be positive and finite, got inf"),
        (Quantity.PRECISION, 0, r"precision must be in \(0, 1\], got 0"),
        (Quantity.RECALL, 1.5, r"recall must be in \(0, 1\], got 1.5"),
        (Quantity.RECALL, NAN, r"recall must be in \(0, 1\], got nan"),
    ],
)
def test_criterion_refuses_what_cannot_be_reached(
    quantity: Quantity, value: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Criterion(quantity, value)
