"""What is peculiar to `refdet.core.assign`: errors, purity, and the faults it must not have."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models.detection._utils import Matcher

from refdet.core.assign import assign_rcnn, assign_ssd

F64 = NDArray[np.float64]

BOTH_PREFER_PRIOR_0 = np.array([[0.7, 0.6], [0.5, 0.1], [0.2, 0.3]])


def notebook_assignment(iou: F64, threshold: float) -> NDArray[np.int64]:
    """The first notebook's rule: every object overwrites its best prior, whoever was there."""
    best_object, best_iou = iou.argmax(axis=1), iou.max(axis=1)
    for thing, prior in enumerate(iou.argmax(axis=0)):
        best_object[prior], best_iou[prior] = thing, 2.0
    return np.where(best_iou >= threshold, best_object, -1)


def test_assign_ssd_loses_no_object_where_two_claim_one_prior() -> None:
    low_iou = BOTH_PREFER_PRIOR_0.copy()
    low_iou[1, 0] = 0.4  # no second chance for object 0 through the threshold
    assert 0 not in notebook_assignment(low_iou, 0.5)
    got = assign_ssd(low_iou, 0.5)
    assert not got.unmatched_objects.any()
    assert got.object_index[got.positive].tolist() == [0, 1]


@pytest.mark.parametrize("n_objects", [0, 2])
def test_assign_ssd_without_overlap_makes_every_prior_background(n_objects: int) -> None:
    got = assign_ssd(np.zeros((5, n_objects)), 0.5)
    assert not got.positive.any()
    assert not got.ignored.any()
    assert got.unmatched_objects.tolist() == [True] * n_objects


def test_assign_rcnn_makes_no_positive_of_an_object_without_overlap() -> None:
    """torchvision's Matcher turns every prior positive here."""
    iou = np.array([[0.8, 0.0], [0.1, 0.0], [0.0, 0.0]])
    matches = Matcher(0.7, 0.3, allow_low_quality_matches=True)(torch.from_numpy(iou.T.copy()))
    assert (matches >= 0).all()
    got = assign_rcnn(iou, 0.7, 0.3, allow_low_quality=True)
    assert got.positive.tolist() == [True, False, False]
    assert got.unmatched_objects.tolist() == [False, True]


def test_assign_rcnn_gives_a_low_quality_match_to_the_object_that_asked() -> None:
    """torchvision's Matcher gives it to the prior's best object instead."""
    iou = np.array([[0.6, 0.1], [0.55, 0.5]])
    matches = Matcher(0.7, 0.3, allow_low_quality_matches=True)(torch.from_numpy(iou.T.copy()))
    assert 1 not in matches.tolist()
    got = assign_rcnn(iou, 0.7, 0.3, allow_low_quality=True)
    assert got.object_index[got.positive].tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_assign_ssd_compares_a_value_with_the_threshold_in_float64(
    dtype: type[np.floating],
) -> None:
    iou = np.array([[1.0], [0.7]], dtype=dtype)  # float32's 0.7 lies below float64's
    reaches = float(iou[1, 0]) >= 0.7
    assert assign_ssd(iou, 0.7).positive.tolist() == [True, reaches]


def test_assign_ssd_and_rcnn_leave_the_matrix_as_it_was() -> None:
    iou = BOTH_PREFER_PRIOR_0.copy()
    iou.setflags(write=False)
    assign_ssd(iou, 0.5)
    assign_rcnn(iou, 0.7, 0.3, allow_low_quality=True)
    np.testing.assert_array_equal(iou, BOTH_PREFER_PRIOR_0)


@pytest.mark.parametrize("value", [np.nan, -0.25, 1.25, np.inf])
def test_assign_names_row_column_and_value_of_a_bad_iou(value: float) -> None:
    iou = BOTH_PREFER_PRIOR_0.copy()
    iou[2, 1] = value
    message = re.escape(f"iou[2, 1] = {value}")
    with pytest.raises(ValueError, match=message):
        assign_ssd(iou, 0.5)
    with pytest.raises(ValueError, match=message):
        assign_rcnn(iou, 0.7, 0.3, allow_low_quality=True)


@pytest.mark.parametrize("dtype", [np.bool_, np.complex128, np.object_])
def test_assign_ssd_refuses_what_is_no_real_dtype(dtype: type[np.generic]) -> None:
    with pytest.raises(TypeError, match="iou must be of a real dtype"):
        assign_ssd(np.zeros((2, 2)).astype(dtype), 0.5)


def test_assign_ssd_refuses_a_matrix_with_three_dimensions() -> None:
    with pytest.raises(ValueError, match=r"iou must have shape \(P, G\), got \(1, 2, 2\)"):
        assign_ssd(np.zeros((1, 2, 2)), 0.5)


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5, np.nan])
def test_assign_names_a_threshold_outside_0_1(threshold: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"threshold = {threshold} is not in (0, 1]")):
        assign_ssd(BOTH_PREFER_PRIOR_0, threshold)
    with pytest.raises(ValueError, match=re.escape(f"high = {threshold} is not in (0, 1]")):
        assign_rcnn(BOTH_PREFER_PRIOR_0, threshold, 0.3, allow_low_quality=True)
    with pytest.raises(ValueError, match=re.escape(f"low = {threshold} is not in (0, 1]")):
        assign_rcnn(BOTH_PREFER_PRIOR_0, 0.7, threshold, allow_low_quality=True)


def test_assign_rcnn_refuses_low_above_high() -> None:
    with pytest.raises(ValueError, match=r"low = 0\.8 is greater than high = 0\.7"):
        assign_rcnn(BOTH_PREFER_PRIOR_0, 0.7, 0.8, allow_low_quality=True)
