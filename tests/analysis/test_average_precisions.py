"""AP alone, of a part of the images, is that of all numbers of the part judged by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.analysis.average_precisions import AveragePrecisions, mean
from refdet.analysis.resampling import Numbers, Resampler
from refdet.analysis.slicing import part_of
from refdet.evaluate import EvaluationSettings, judged_columns
from refdet.records import F64, I64
from tests.analysis.test_resampling import Columns, assert_near, copied, data_sets, larger

DEFAULT = EvaluationSettings()


def both(columns: Columns, kept: list[bool], weights: I64) -> tuple[Numbers, F64, F64]:
    """All numbers of some images judged by themselves; their AP, and at IoU 0.5 alone."""
    alone = judged_columns(*copied(columns, [int(one) for one in kept]), DEFAULT)
    state = judged_columns(*columns, DEFAULT).matches.state
    part = part_of(state, np.array(kept, np.bool_))
    numbers = Resampler(alone).numbers(weights)
    # Classes by label, where the evaluator has them by id.
    order = np.searchsorted(state.category_ids, columns[0].categories.ids)
    aps, ap50 = (
        AveragePrecisions(part, thresholds).of(weights)[:, :, order]
        for thresholds in (state.params.iou_thresholds, [0.5])
    )
    return numbers, aps, ap50[:, 0]


def assert_equal_numbers(numbers: Numbers, aps: F64, ap50: F64) -> None:
    assert_near(mean(aps.reshape(len(aps), -1)), numbers.totals["mean_ap"], "mean_ap")
    assert_near(aps.mean(axis=1), numbers.classes["ap"], "ap")
    assert_near(ap50, numbers.classes["ap50"], "ap50")
    assert_near(mean(ap50), numbers.totals["mean_ap50"], "mean_ap50")


@given(
    columns=data_sets(),
    kept=st.lists(st.booleans(), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_average_precisions_of_a_part_are_those_of_its_resampler(
    columns: Columns, kept: list[bool], seed: int
) -> None:
    kept = kept[: len(columns[0].images)]
    weights = np.random.default_rng(seed).integers(0, 3, (3, sum(kept)))
    assert_equal_numbers(*both(columns, kept, weights))


def test_average_precisions_of_a_large_part_are_those_of_its_resampler() -> None:
    kept = (np.random.default_rng(0).random(40) < 0.6).tolist()
    weights = np.random.default_rng(1).integers(0, 3, (130, sum(kept)))
    numbers, aps, ap50 = both(larger(1), kept, weights)
    assert_equal_numbers(numbers, aps, ap50)
    common = ap50[:, :2]
    assert 0.1 < common.min() < common.max() < 0.95


@pytest.mark.parametrize("times", [7, 20, 300, 10_000])
def test_average_precisions_stay_if_all_images_count_more_often(times: int) -> None:
    state = judged_columns(*larger(1), DEFAULT).matches.state
    precisions = AveragePrecisions(state, state.params.iou_thresholds)
    weights = np.random.default_rng(1).integers(0, 3, (9, 40))
    assert_near(precisions.of(weights * times), precisions.of(weights), "ap")


def test_average_precisions_name_a_threshold_that_was_not_matched_at() -> None:
    state = judged_columns(*larger(1), DEFAULT).matches.state
    with pytest.raises(ValueError, match=r"0\.52"):
        AveragePrecisions(state, [0.52])
