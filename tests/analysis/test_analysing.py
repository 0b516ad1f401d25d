"""The parts of an analysis come from different files, and say the same of a data set."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from refdet.analysis.analysing import analyse
from refdet.analysis_records import Analysis, ErrorKind, Estimate
from refdet.columns import DetectionColumns
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.records import ClassMetrics
from tests.analysis.runs import Detector, two_runs
from tests.report.page.examples import small

N_CLASSES = 3


@cache
def judged(
    score_threshold: float = 0.5, second_class: float = 0.3, iou_threshold: float = 0.5
) -> JudgedDataSet:
    """25 images and a detector that errs in all ways; a class has a threshold of its own."""
    messy = Detector(found=0.7, jitter=0.1, wrong=3)
    first, second = two_runs(4, messy, messy, n_images=25, n_classes=N_CLASSES)
    # What both find is found twice, and what one finds has now and then another class.
    pairs = zip(*(dataclasses.astuple(one.detections) for one in (first, second)), strict=True)
    image_ids, category_ids, boxes, scores = (np.concatenate(pair) for pair in pairs)
    category_ids[::7] = first.objects.categories.ids[0]
    settings = EvaluationSettings(
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        class_thresholds={1: second_class},
    )
    return judged_columns(
        first.objects, DetectionColumns(image_ids, category_ids, boxes, scores), settings
    )


@cache
def analysis(score_threshold: float = 0.5, second_class: float = 0.3) -> Analysis:
    return analyse(
        judged(score_threshold, second_class), name="run", split="test", n_samples=200, seed=3
    )


def test_analyse_keeps_the_evaluation_and_what_it_is_given() -> None:
    slices = small().slices
    told: list[int] = []
    got = analyse(
        judged(),
        name="a run",
        split="val",
        n_samples=100,
        seed=5,
        slices=slices,
        progress=told.append,
    )
    assert (got.name, got.evaluation.split, got.slices) == ("a run", "val", slices)
    assert (got.intervals.n_samples, got.intervals.seed, sum(told)) == (100, 5, 100)
    assert got.evaluation.totals == judged().evaluation("val").totals


def test_threshold_curves_pass_through_the_counts_of_the_evaluation() -> None:
    for metrics, curve in zip(analysis().evaluation.classes, analysis().thresholds, strict=True):
        place = int(np.count_nonzero(curve.scores >= metrics.score_threshold)) - 1
        assert curve.true_positives[place] == metrics.true_positives > 0
        assert curve.false_positives[place] == metrics.false_positives > 0
        assert curve.n_objects == metrics.n_ground_truth


def test_calibration_counts_every_detection_that_is_right_or_wrong() -> None:
    calibration, curves = analysis().calibration, analysis().thresholds
    for reliability, curve in zip(calibration.classes, curves, strict=True):
        right, wrong = int(curve.true_positives[-1]), int(curve.false_positives[-1])
        assert reliability.counts.sum() == right + wrong
        found = np.nansum(reliability.counts * reliability.precision)
        assert found == pytest.approx(right, rel=1e-12)
    by_class = np.array([one.counts for one in calibration.classes])
    assert calibration.overall.counts.tolist() == by_class.sum(axis=0).tolist()


def test_errors_have_every_false_positive_of_any_score() -> None:
    everything = analysis(0.0, 0.0)
    errors, classes = everything.errors, everything.evaluation.classes
    wrong = [one.counts for one in errors.kinds if one.kind is not ErrorKind.MISSED]
    assert np.sum(wrong, axis=0).tolist() == [one.false_positives for one in classes]
    (missed,) = (one.counts for one in errors.kinds if one.kind is ErrorKind.MISSED)
    # An object that a wrong detection would have found is that error, and not missed besides.
    assert np.all(missed <= [one.false_negatives for one in classes])
    assert all(one.counts.sum() > 0 for one in errors.kinds)


def test_errors_are_of_the_list_of_false_positives_kind_by_kind() -> None:
    everything = analysis(0.0, 0.0)
    listed = [record.kind.value for record in everything.evaluation.false_positives]
    for one in everything.errors.kinds:
        if one.kind in (ErrorKind.BACKGROUND, ErrorKind.BOTH):  # these do not depend on the rest
            assert one.counts.sum() == listed.count(one.kind)


def test_errors_have_lrp_at_the_score_thresholds_of_the_evaluation() -> None:
    for metrics, lrp in zip(analysis().evaluation.classes, analysis().errors.lrp, strict=True):
        assert lrp.score_threshold == metrics.score_threshold
        assert lrp.false_positive == pytest.approx(1 - metrics.precision, rel=1e-12)
        assert lrp.false_negative == pytest.approx(1 - metrics.recall, rel=1e-12)


def test_errors_have_the_ap_of_the_evaluation_where_no_class_is_without_objects() -> None:
    assert analysis().errors.ap == pytest.approx(analysis().evaluation.mean_ap50, abs=1e-3)


def test_intervals_are_of_the_numbers_of_the_evaluation() -> None:
    evaluation, intervals = analysis().evaluation, analysis().intervals
    pairs: list[tuple[float, Estimate]] = [
        (getattr(evaluation.totals, name), one) for name, one in intervals.totals.items()
    ]
    for metrics, by_name in zip(evaluation.classes, intervals.classes, strict=True):
        pairs += [(getattr(metrics, name), one) for name, one in by_name.items()]
    pairs += zip(evaluation.coco_stats, intervals.coco_stats, strict=True)
    for value, one in pairs:
        if value == -1:
            assert np.isnan(one.value)
        else:
            assert one.value == value
            assert one.low < value < one.high or value in (one.low, one.high)


def test_bands_have_the_area_of_the_ap_at_the_same_iou_threshold() -> None:
    for label, band in analysis().intervals.bands.items():
        metrics: ClassMetrics = analysis().evaluation.classes[label]
        assert float(band.precision.mean()) == pytest.approx(metrics.ap50, rel=1e-12)


def test_analyse_of_nothing_found_says_so_everywhere() -> None:
    nothing = dataclasses.astuple(judged().detections)
    empty = DetectionColumns(*(column[:0] for column in nothing))
    got = analyse(
        judged_columns(judged().objects, empty, EvaluationSettings()),
        name="nothing",
        split="test",
        n_samples=100,
        seed=0,
    )
    n_objects = [one.n_ground_truth for one in got.evaluation.classes]
    (missed,) = (one.counts for one in got.errors.kinds if one.kind is ErrorKind.MISSED)
    assert missed.tolist() == n_objects == [curve.n_objects for curve in got.thresholds]
    assert got.calibration.overall.counts.sum() == 0
    assert [len(curve.scores) for curve in got.thresholds] == [0] * N_CLASSES
    assert got.intervals.totals["mean_ap"].value == 0
