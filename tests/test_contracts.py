"""Every contract, on `core` and on its torch twin wherever there is one."""

from __future__ import annotations

import pytest

from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.contract import Check
from refdet.conformance.running import Verdict, run_check
from refdet.conformance.target import Function, Target
from tests.targets import CORE, own_targets

CHECKS = [
    pytest.param(target, check, id=f"{contract.name}-{check.name}-{target.label}")
    for contract in CONTRACTS
    for target in own_targets(contract.name)
    for check in contract.checks()
]


@pytest.mark.parametrize(("target", "check"), CHECKS)
def test_contract_holds(target: Target, check: Check[Function]) -> None:
    outcome = run_check(target, check)
    assert outcome.verdict in (Verdict.HELD, Verdict.LEFT_OUT), (
        f"{outcome.message}\n{outcome.counterexample}"
    )


def test_every_public_function_of_core_has_a_contract() -> None:
    functions = {name for name, value in CORE.items() if not isinstance(value, type)}
    public = {name for name in functions if not name.startswith("_")}
    assert public - {contract.name for contract in CONTRACTS} == set()
