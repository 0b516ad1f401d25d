"""An implementation that gives a part of the answer is held to that part, and to all of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import named_arrays

THREE = np.array([1.0, 2.0, 3.0])
NOT_GIVEN = np.ma.masked_array(0.0, True)


def test_assert_close_compares_what_is_not_masked() -> None:
    part = np.ma.masked_array([1.0, np.nan, 3.0], [False, True, False])
    assert_close(part, THREE)
    with pytest.raises(AssertionError, match=r"\[2\]: 3\.0 instead of 4\.0"):
        assert_close(part, np.array([1.0, 2.0, 4.0]))


def test_assert_close_asks_a_part_for_its_shape() -> None:
    with pytest.raises(AssertionError, match="shape"):
        assert_close(np.ma.masked_array([1.0, 2.0], [False, True]), THREE)


def test_assert_close_asks_nothing_of_what_is_not_given() -> None:
    assert_close(NOT_GIVEN, THREE)


@pytest.mark.parametrize(
    "nothing", [np.zeros(0), np.ma.masked_array(np.zeros(0), np.zeros(0, np.bool_)), None, np.nan]
)
def test_assert_close_takes_no_other_nothing_for_a_part(nothing: object) -> None:
    with pytest.raises(AssertionError):
        assert_close(nothing, THREE)  # type: ignore[arg-type]  # None is what is tried


def test_named_arrays_keeps_what_is_masked() -> None:
    @dataclass
    class Parts:
        stats: np.ndarray
        precision: np.ndarray

    named = named_arrays(Parts(THREE, NOT_GIVEN))
    assert_close(named["precision"], THREE)
    with pytest.raises(AssertionError):
        assert_close(named["stats"], THREE + 1)
