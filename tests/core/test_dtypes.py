"""Every function of `refdet.core` returns the dtypes that the golden vectors are written in.

The contracts compare values only, so that an implementation in another precision can keep them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import numpy as np
import pytest

import refdet.core
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.contract import Contract, named_arrays
from refdet.conformance.golden import golden_folder

Function = Callable[..., object]
FUNCTIONS: dict[str, Function] = {
    name: value
    for file in pkgutil.iter_modules(refdet.core.__path__)
    for name, value in vars(importlib.import_module(f"refdet.core.{file.name}")).items()
}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_dtypes_are_those_of_the_vectors(contract: Contract[Function]) -> None:
    for vector in contract.vectors(golden_folder()):
        if isinstance(vector.expected, type):
            continue
        outcomes: list[object] = []
        contract.check_vector(remembering(FUNCTIONS[contract.name], outcomes), vector)
        got = named_arrays(outcomes[0])
        for name, want in vector.expected.items():
            # A vector of sanitize_boxes names what the result holds in a dict.
            if isinstance(want, np.ndarray) and name in got:
                assert got[name].dtype == want.dtype, f"{vector.name}: {name}"


def remembering(function: Function, outcomes: list[object]) -> Function:
    """`function`, which adds to `outcomes` what it returns."""

    def called(*arguments: object, **named: object) -> object:
        outcomes.append(function(*arguments, **named))
        return outcomes[-1]

    return called
