"""What is peculiar to our reliability curve: messages, dtypes, purity."""

from __future__ import annotations

import numpy as np
import pytest

from refdet.core.calibration import reliability_curve

SCORES = np.array([0.25, 0.75])
FOUND = np.array([False, True])
IOU = np.array([np.nan, 0.5])


def test_reliability_curve_names_what_is_wrong_with_the_scores() -> None:
    with pytest.raises(ValueError, match=r"scores\[1\] = 1.25 is not in \[0, 1\]"):
        reliability_curve(np.array([0.25, 1.25]), FOUND, IOU, 2)
    with pytest.raises(ValueError, match=r"scores\[0\] = -0.25 is not in"):
        reliability_curve(-SCORES, FOUND, IOU, 2)
    with pytest.raises(ValueError, match=r"scores\[0\] is NaN"):
        reliability_curve(IOU, FOUND, IOU, 2)
    with pytest.raises(TypeError, match="scores must be of a real dtype, got bool"):
        reliability_curve(FOUND, FOUND, IOU, 2)
    with pytest.raises(ValueError, match=r"scores must have shape \(N,\), got \(1, 2\)"):
        reliability_curve(SCORES[None], FOUND, IOU, 2)


def test_reliability_curve_names_what_is_wrong_with_the_other_columns() -> None:
    with pytest.raises(TypeError, match="is_true_positive must be of dtype bool, got int64"):
        reliability_curve(SCORES, FOUND.astype(int), IOU, 2)
    with pytest.raises(ValueError, match=r"is_true_positive has shape \(1,\) and scores \(2,\)"):
        reliability_curve(SCORES, FOUND[:1], IOU, 2)
    with pytest.raises(ValueError, match=r"iou has shape \(1,\) and scores \(2,\)"):
        reliability_curve(SCORES, FOUND, IOU[:1], 2)
    with pytest.raises(TypeError, match="iou must be of a real dtype, got object"):
        reliability_curve(SCORES, FOUND, IOU.astype(object), 2)
    with pytest.raises(ValueError, match=r"iou\[1\] = nan is not in \[0, 1\]"):
        reliability_curve(SCORES, FOUND, IOU[::-1], 2)
    with pytest.raises(ValueError, match=r"iou\[1\] = 1.5 is not in \[0, 1\]"):
        reliability_curve(SCORES, FOUND, IOU + 1, 2)


def test_reliability_curve_names_what_is_wrong_with_the_bins() -> None:
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        reliability_curve(SCORES, FOUND, IOU, 0)
    with pytest.raises(TypeError, match="n_bins must be an integer, got True"):
        reliability_curve(SCORES, FOUND, IOU, True)


def test_reliability_curve_does_not_write_to_its_inputs() -> None:
    columns = [column.copy() for column in (SCORES, FOUND, IOU)]
    for column in columns:
        column.setflags(write=False)
    scores, found, iou = columns
    assert reliability_curve(scores, found, iou, 1).counts.tolist() == [2]


def test_reliability_curve_computes_in_float64() -> None:
    half = np.array([0.25, 0.75], np.float16)
    got = reliability_curve(half, FOUND, np.array([0, 1], np.uint8), 2)
    assert got.mean_score.dtype == np.float64
    assert (got.expected_error, got.localization_aware_error) == (0.25, 0.25)


def test_reliability_curve_is_a_mean_over_detections_and_not_over_bins() -> None:
    # By hand: three detections at 0.75 of which one is right, one at 0.25 that is wrong.
    found = np.array([True, False, False, False])
    got = reliability_curve(np.array([0.75] * 3 + [0.25]), found, np.ones(4), 2)
    assert got.expected_error == pytest.approx((3 * (0.75 - 1 / 3) + 0.25) / 4, abs=1e-12)
