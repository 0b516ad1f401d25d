"""A mask excuses only what ships, and an object of any class is read by its attributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from refdet.conformance.adapter import Adapter, adapt_outcome
from refdet.conformance.contract import named_arrays
from refdet.conformance.running import Verdict, examples, run_target
from refdet.conformance.suites import load_suite
from refdet.conformance.target import Target
from refdet.core.matching import match_voc

MASKED = np.ma.masked_array([1.0, 2.0], True)


@dataclass
class Record:
    stats: object


@pytest.mark.parametrize("outcome", [MASKED, (MASKED,), [MASKED], Record(MASKED)])
def test_a_mask_is_dropped_wherever_it_is(outcome: object) -> None:
    for gives_parts in (False, True):
        got = adapt_outcome(Adapter(gives_parts=gives_parts), outcome, None)
        (array,) = vars(got).values() if hasattr(got, "stats") else [got]
        inner = array[0] if isinstance(array, tuple | list) else array
        assert isinstance(inner, np.ma.MaskedArray) is gives_parts
        assert np.asarray(inner).tolist() == [1.0, 2.0]


def test_a_mask_is_dropped_from_named_parts() -> None:
    got = adapt_outcome(Adapter(returns=("a", "b")), (MASKED, MASKED), None)
    assert not any(isinstance(one, np.ma.MaskedArray) for one in vars(got).values())


def test_masking_everything_holds_nothing() -> None:
    def masked(a: np.ndarray, b: np.ndarray) -> object:
        return np.ma.masked_array(np.full((len(a), len(b)), 7.0), True)

    with examples(5):
        found = {one.check: one for one in run_target(Target("mine", "iou_matrix", masked))}
    for name in ("iou_equals_counting_unit_cells", "is_exactly_1_for_equal_boxes"):
        assert found[name].verdict is Verdict.BROKEN
        assert "7.0 instead of" in found[name].message


def test_what_ships_may_give_parts() -> None:
    assert all(target.adapter.gives_parts for target in load_suite("pycocotools").targets)


class Plain:
    """As a class written by hand has it; an attrs class is the same from outside."""

    def __init__(self, **columns: object) -> None:
        vars(self).update(columns)


class Slotted:
    __slots__ = ("true_positive",)

    def __init__(self, true_positive: object) -> None:
        self.true_positive = true_positive


def test_an_object_is_read_by_the_names_that_are_expected() -> None:
    for outcome in (Plain(true_positive=[True], more=1), Slotted([True])):
        got = named_arrays(outcome, ("true_positive", "iou"))
        assert {name: one.tolist() for name, one in got.items()} == {"true_positive": [True]}
    array = np.arange(3)
    for value in (array, [1, 2], 1.5, np.float32(2)):
        assert list(named_arrays(value, ("size", "real"))) == ["result"]


def test_an_object_hides_no_mask() -> None:
    with pytest.raises(AssertionError, match="returned masked arrays: stats"):
        adapt_outcome(Adapter(), Plain(stats=MASKED), None)


def test_an_object_with_the_right_attributes_follows_a_contract() -> None:
    def match(*positional: object, **keywords: object) -> Plain:
        return Plain(**vars(match_voc(*positional, **keywords)))  # type: ignore[arg-type]  # passed on

    with examples(5):
        outcomes = list(run_target(Target("mine", "match_voc", match)))
    assert [one.check for one in outcomes if one.verdict is not Verdict.HELD] == []
