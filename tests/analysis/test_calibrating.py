"""Calibration of a judged data set: which detections count, and the IoU that goes with each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refdet.analysis.calibrating import calibration_of
from refdet.evaluate import EvaluationSettings, judged_columns
from tests.analysis.runs import Detector, two_runs
from tests.data.small_columns import detections_of, objects_of

BOX, HALF = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]
AWAY, FAR = [20.0, 0.0, 10.0, 10.0], [40.0, 0.0, 10.0, 10.0]
SETTINGS = EvaluationSettings(score_threshold=0.9)


def test_calibration_of_counts_what_is_judged_whatever_its_score() -> None:
    objects = objects_of([BOX, AWAY, BOX], [0, 0, 1], [0, 0, 1], ignore=[1])
    # Of class 0: half of the object, the ignored one, nothing. Of class 1: its object, in full.
    found = detections_of(
        objects, [HALF, AWAY, FAR, BOX], [0, 0, 0, 1], [0, 0, 0, 1], [0.75, 0.5, 0.25, 1.0]
    )
    got = calibration_of(judged_columns(objects, found, SETTINGS), bins=2)
    first, second = got.classes
    assert [one.counts.tolist() for one in (got.overall, first, second)] == [[1, 2], [1, 1], [0, 1]]
    np.testing.assert_array_equal(first.mean_iou, [np.nan, 0.5])
    # By hand: 0.25 with precision 0; 0.75 with precision 1 and IoU 0.5.
    assert (first.expected_error, first.localization_aware_error) == (0.25, 0.25)
    assert (second.expected_error, second.localization_aware_error) == (0, 0)
    # By hand, all together: 0.25 with 0, once; 0.875 with precision 1 and IoU 0.75, twice.
    assert got.overall.expected_error == pytest.approx((0.25 + 2 * 0.125) / 3, abs=1e-12)
    assert got.mean_localization_aware_error == 0.125


def test_calibration_of_leaves_a_class_without_detections_out_of_the_mean() -> None:
    objects = objects_of([BOX, BOX], [0, 1], [0, 1])
    found = detections_of(objects, [BOX], [0], [0], [0.75])
    got = calibration_of(judged_columns(objects, found, SETTINGS))
    assert got.mean_localization_aware_error == 0.25
    assert np.isnan(got.classes[1].expected_error)
    assert len(got.overall.edges) == 26


def test_calibration_of_scores_that_are_no_probabilities_is_undefined() -> None:
    objects = objects_of([BOX, BOX], [0, 1], [0, 0])
    found = detections_of(objects, [BOX, BOX], [0, 1], [0, 0], [0.75, 7.5])
    got = calibration_of(judged_columns(objects, found, SETTINGS))
    assert got.overall.counts.sum() == got.classes[0].counts.sum() == 0
    assert np.isnan([got.overall.expected_error, got.mean_localization_aware_error]).all()


def test_calibration_of_nothing_is_undefined() -> None:
    objects = objects_of([BOX], [0], [0])
    found = detections_of(objects, [], [], [], [])
    got = calibration_of(judged_columns(objects, found, SETTINGS))
    assert np.isnan(got.mean_localization_aware_error)


def test_calibration_of_scores_that_are_the_precision_is_better() -> None:
    judged, _ = two_runs(0, Detector(), Detector(), n_images=60)
    right = judged.true.mean()
    calm = replace(judged.detections, scores=np.full(len(judged.detections), right))
    assert calibration_of(judged).overall.expected_error > 0.05
    got = calibration_of(judged_columns(judged.objects, calm, EvaluationSettings()))
    assert got.overall.expected_error < 0.02  # among equal scores, other detections may be right
