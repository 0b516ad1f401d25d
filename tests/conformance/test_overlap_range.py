"""The message of an overlap that is out of its range names the entry and the range."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from refdet.conformance.iou import Overlap, stays_between_0_and_1, stays_between_minus_2_and_1


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (stays_between_0_and_1, np.nan, "overlap[0, 0]: nan is not from 0 to 1"),
        (stays_between_0_and_1, -0.5, "overlap[0, 0]: -0.5 is not from 0 to 1"),
        (stays_between_0_and_1, 1.5, "overlap[0, 0]: 1.5 is not from 0 to 1"),
        (stays_between_minus_2_and_1, -2.5, "overlap[0, 0]: -2.5 is not from -2 to 1"),
        (stays_between_minus_2_and_1, np.nextafter(1, 2), "overlap[0, 0]: 1.0000000000000002 is"),
    ],
)
def test_the_entry_and_the_range_are_named(
    check: Callable[[Overlap], None], wrong: float, message: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check(lambda a, b: np.full((len(a), len(b)), wrong))


@pytest.mark.parametrize(
    ("check", "right"),
    [
        (stays_between_0_and_1, 0.0),
        (stays_between_0_and_1, 1.0),
        (stays_between_minus_2_and_1, -2.0),
        (stays_between_minus_2_and_1, 1.0),
    ],
)
def test_the_ends_of_the_range_belong_to_it(check: Callable[[Overlap], None], right: float) -> None:
    check(lambda a, b: np.full((len(a), len(b)), right))
