"""The suite catches every wrong implementation of the zoo, and lets the right ones pass."""

from __future__ import annotations

import pytest

from tests.conformance.checking import broken_checks
from tests.conformance.zoo.specimen import Right, Wrong, all_right, all_wrong


@pytest.mark.parametrize("wrong", all_wrong(), ids=lambda wrong: f"{wrong.contract}-{wrong.name}")
def test_a_wrong_implementation_is_caught(wrong: Wrong) -> None:
    assert next(broken_checks(wrong.contract, wrong.function), None), wrong.source


@pytest.mark.parametrize("right", all_right(), ids=lambda right: f"right-{right.contract}")
def test_a_right_implementation_passes(right: Right) -> None:
    assert list(broken_checks(right.contract, right.function)) == []


def test_every_wrong_implementation_has_a_right_one_beside_it() -> None:
    contracts = {right.contract for right in all_right()}
    assert [wrong.name for wrong in all_wrong() if wrong.contract not in contracts] == []


def test_every_wrong_implementation_has_a_name_of_its_own_and_a_source() -> None:
    names = [(wrong.contract, wrong.name) for wrong in all_wrong()]
    assert len(set(names)) == len(names)
    assert [wrong.name for wrong in all_wrong() if not wrong.source] == []
