"""The suite catches every wrong implementation of the zoo, and lets the right ones pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refdet.conformance.target import contract_named
from tests.conformance.checking import broken_checks
from tests.conformance.zoo.specimen import Right, Wrong, all_right, all_wrong


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("wrong", all_wrong(), ids=lambda wrong: f"{wrong.contract}-{wrong.name}")
def test_a_wrong_implementation_is_caught(
    wrong: Wrong, record_property: Callable[[str, object], None]
) -> None:
    caught_by = next(broken_checks(wrong.contract, wrong.function), None)
    record_property("caught by", caught_by)
    assert caught_by, wrong.source


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("wrong", all_wrong(), ids=lambda wrong: f"{wrong.contract}-{wrong.name}")
def test_a_wrong_implementation_gives_an_answer_at_least_once(wrong: Wrong, golden: Path) -> None:
    # One that only fails to run would be caught for nothing.
    contract = contract_named(wrong.contract)
    failures = []
    for vector in contract.vectors(golden):
        if isinstance(vector.expected, type):
            continue
        try:
            contract.check_vector(wrong.function, vector)
        except AssertionError:
            return
        except Exception as error:
            failures.append(error)
        else:
            return
    pytest.fail(f"raises on every vector: {failures}")


@pytest.mark.parametrize("right", all_right(), ids=lambda right: f"right-{right.contract}")
def test_a_right_implementation_passes(right: Right) -> None:
    assert list(broken_checks(right.contract, right.function, max_examples=15)) == []


def test_every_wrong_implementation_has_a_right_one_beside_it() -> None:
    contracts = {right.contract for right in all_right()}
    assert [wrong.name for wrong in all_wrong() if wrong.contract not in contracts] == []


def test_zoo_keeps_sixty_wrong_implementations_and_none_twice() -> None:
    functions = [(wrong.contract, wrong.function) for wrong in all_wrong()]
    assert len(set(functions)) == len(functions) >= 60


def test_every_wrong_implementation_has_a_name_of_its_own_and_a_source() -> None:
    names = [(wrong.contract, wrong.name) for wrong in all_wrong()]
    assert len(set(names)) == len(names)
    assert [wrong.name for wrong in all_wrong() if not wrong.source] == []
