"""Runs a suite once for all tests that look at what came out."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from refdet.conformance.running import Outcome, Verdict, examples, run_target
from refdet.conformance.suites import Suite, load_suite

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


def pinned_suite(name: str) -> Suite:
    """The suite, or a skip where the library is not installed in the version of its register."""
    try:
        suite = load_suite(name)
    except ValueError as error:
        pytest.skip(str(error))
    pin = f"{suite.distribution}=={suite.version}"
    if pin not in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        pytest.skip(f"{pin} is not the version in constraints.txt, which the register describes")
    return suite


@functools.cache
def outcomes(name: str) -> tuple[Outcome, ...]:
    """All that the suite says. Five inputs a property are enough for what is known to break."""
    suite = pinned_suite(name)
    with examples(5):
        return tuple(
            outcome for target in suite.targets for outcome in run_target(target, suite.register)
        )


def broken(name: str, target: str, check: str) -> Outcome:
    """The outcome of one check of one target, which must break it, as the register says."""
    (found,) = (one for one in outcomes(name) if (one.target, one.check) == (target, check))
    assert found.verdict is Verdict.KNOWN, found
    return found


def assert_as_registered(name: str) -> None:
    """Raise AssertionError if anything breaks that is not registered, or no longer does."""
    surprises = [
        f"{one.target}: {one.check} {one.verdict}, {one.message}\n{one.counterexample}"
        for one in outcomes(name)
        if not one.passes
    ]
    assert not surprises, "\n".join(surprises)


def assert_register_names_targets(name: str) -> None:
    """Raise AssertionError if an entry is of no target: nobody would miss what it describes."""
    suite = pinned_suite(name)
    targets = {(target.label, target.contract) for target in suite.targets}
    assert {(entry.target, entry.contract) for entry in suite.register.deviations} <= targets


def assert_can_be_pasted(name: str) -> None:
    """Raise AssertionError if a counterexample does not do in an empty prompt what it says."""
    for code in (one.counterexample for one in outcomes(name) if one.counterexample):
        last, raised = code.splitlines()[-1], _raised(code)
        assert last.startswith(f"# {raised}: ") if raised else "Error: " not in last, code


def _raised(code: str) -> str:
    try:
        exec(code, {})
    except Exception as error:  # whatever the target raises
        return type(error).__name__
    return ""
