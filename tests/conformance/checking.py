"""Holds a function to a contract quickly: which checks it breaks, whatever the smallest input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, settings

from refdet.conformance.contract import Check, CheckKind
from refdet.conformance.target import contract_named

Function = Callable[..., object]


# A property is bound to the profile that was loaded when it was defined; it has no other way to be
# given one for a while.
BOUND = "_hypothesis_internal_use_settings"


@contextmanager
def without_shrinking(check: Check[Function], max_examples: int) -> Iterator[None]:
    """Let Hypothesis stop at the first input that breaks `check`; the same inputs each time."""
    before = getattr(check.run, BOUND, None)
    if before is None:
        yield
        return
    chosen = settings(
        before,
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    setattr(check.run, BOUND, chosen)
    try:
        yield
    finally:
        setattr(check.run, BOUND, before)


def broken_checks(contract: str, function: Function, max_examples: int = 40) -> Iterator[str]:
    """The names of the checks that `function` breaks, one after the other; vectors come first."""
    checks = contract_named(contract).checks()
    for check in sorted(checks, key=lambda check: check.kind is CheckKind.PROPERTY):
        with without_shrinking(check, max_examples):
            held = _holds(check, function)
        if not held:
            yield check.name


def _holds(check: Check[Function], function: Function) -> bool:
    try:
        check.run(function)
    except Exception:  # whatever a wrong implementation runs into
        return False
    return True
