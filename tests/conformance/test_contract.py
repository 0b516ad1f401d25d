"""A contract as data: its parameters, what it says, and how it reports a break."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import numpy as np
import pytest

import refdet.core
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.contract import BoxFormat, Contract, Conventions
from refdet.conformance.vectors import Vector

Function = Callable[..., object]
BY_NAME = {contract.name: contract for contract in CONTRACTS}


def core_function(name: str) -> Function:
    """The function of that name in whichever file of `refdet.core` has it."""
    files = [info.name for info in pkgutil.iter_modules(refdet.core.__path__)]
    modules = [importlib.import_module(f"refdet.core.{file}") for file in files]
    (found,) = [getattr(module, name) for module in modules if hasattr(module, name)]
    assert inspect.isfunction(found)
    return found


@pytest.mark.parametrize("name", BY_NAME)
def test_contract_has_the_parameters_of_cores_function(name: str) -> None:
    signature = inspect.signature(core_function(name))
    assert BY_NAME[name].parameters == tuple(signature.parameters)


def test_contract_names_are_distinct() -> None:
    assert len(BY_NAME) == len(CONTRACTS)


@pytest.mark.parametrize("name", BY_NAME)
def test_contract_says_its_rule_in_words_on_one_line(name: str) -> None:
    conventions = vars(BY_NAME[name].conventions)
    assert conventions["rule"]
    for what, text in conventions.items():
        assert text == " ".join(text.split()), what


@pytest.mark.parametrize("name", BY_NAME)
def test_contract_that_takes_boxes_says_what_a_box_is(name: str) -> None:
    contract = BY_NAME[name]
    formats = tuple(box_format.value for box_format in BoxFormat)
    takes = any(parameter.endswith(formats) for parameter in contract.parameters)
    if takes or contract.result_boxes is not None:
        assert contract.conventions.boxes


REFUSES = Vector("f/case", "By hand", {"x": 1.0}, ValueError, 0.0, ())
ONE_PARAMETER = Contract[Function]("f", ("x",), Conventions("A rule."), ())


def test_check_vector_of_an_error_says_what_was_returned_instead() -> None:
    with pytest.raises(
        AssertionError, match=r"f/case: returned result \[1\.5\] instead of .*Value"
    ):
        ONE_PARAMETER.check_vector(lambda _x: np.array([1.5]), REFUSES)


def test_check_vector_of_an_error_says_what_was_raised_instead() -> None:
    def wrong(_x: float) -> object:
        raise IndexError("no row 7")

    with pytest.raises(AssertionError, match=r"f/case: raised IndexError \(no row 7\) instead"):
        ONE_PARAMETER.check_vector(wrong, REFUSES)


def test_check_vector_of_an_error_takes_the_error() -> None:
    def right(_x: float) -> object:
        raise ValueError("x = 1.0")

    ONE_PARAMETER.check_vector(right, REFUSES)
