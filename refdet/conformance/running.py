"""Runs a target through a contract, check by check, and keeps the smallest call that breaks one."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, settings

from refdet.conformance.comparing import loosened
from refdet.conformance.contract import PURITY, Check, CheckKind
from refdet.conformance.counterexample import as_code, printable
from refdet.conformance.register import Deviation, Register
from refdet.conformance.target import (
    Call,
    Function,
    NotOfferedError,
    RefusedError,
    Target,
    contract_named,
    implementation,
)

FlaggedCheck = Check[Function]
_SETTINGS = "_hypothesis_internal_use_settings"

MOST_TRIES = 300
"""So often a failing input is tried to be made smaller: a whole data set's evaluation is slow."""


class Verdict(StrEnum):
    """What a check says of a target."""

    HELD = "held"
    BROKEN = "broken"
    KNOWN = "known"
    """Broken as the register says."""
    GONE = "gone"
    """Held, although the register says that it is broken."""
    LEFT_OUT = "left out"
    """It asks of the target what it does not offer: to look at values, say."""


@dataclass(frozen=True)
class Outcome:
    """What one check says of one target.

    Attributes:
        target: its label.
        contract: the rule's name.
        check: the check's name.
        kind: property or vector.
        about: what the property says, or who computed the vector.
        verdict: what came out.
        message: what was wrong, or what was left out and why; empty where the check held.
        counterexample: Python that calls the function where it breaks the rule; empty otherwise.
        deviation: the register's entry, if it has one.
        told: of what is broken and in no register of the user's, the entry of the one that ships.
        seconds: how long it took.
    """

    target: str
    contract: str
    check: str
    kind: CheckKind
    about: str
    verdict: Verdict
    message: str = ""
    counterexample: str = ""
    deviation: Deviation | None = None
    told: Deviation | None = None
    seconds: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether all is as it should be or as the register says."""
        return self.verdict not in (Verdict.BROKEN, Verdict.GONE)


_IN_FORCE: ContextVar[settings | None] = ContextVar("settings of conformance", default=None)


@contextmanager
def examples(count: int) -> Iterator[None]:
    """Let Hypothesis try `count` inputs a property: the same ones each time, without a clock.

    Without it a property keeps the settings of the profile under which it was imported.
    """
    token = _IN_FORCE.set(
        settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
    )
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def run_target(target: Target, register: Register | None = None) -> Iterator[Outcome]:
    """Every check of the target's contract, one outcome after the other."""
    known = register or Register()
    for check in contract_named(target.contract).checks():
        yield run_check(target, check, known.find(target, check.name))


def run_check(
    target: Target,
    check: FlaggedCheck,
    deviation: Deviation | None = None,
    told: Deviation | None = None,
) -> Outcome:
    """Hold `target` to one check; `deviation` is what the register knows about it.

    `told` changes no verdict: it is what the register that ships says of a break.
    """
    kept = (target.label, target.contract, check.name, check.kind, check.about)
    if "refused-value" in check.flags and not target.adapter.checks_values:
        why = "the target does not look at values"
        return Outcome(*kept, Verdict.LEFT_OUT, why, deviation=deviation)
    began = time.perf_counter()
    with loosened(target.adapter.tolerance):
        try:
            failure = _failure(target, check)
        except NotOfferedError as error:
            return Outcome(*kept, Verdict.LEFT_OUT, str(error), deviation=deviation)
    seconds = time.perf_counter() - began
    if failure is None:
        verdict = Verdict.HELD if deviation is None else Verdict.GONE
        return Outcome(*kept, verdict, deviation=deviation, seconds=seconds)
    if deviation is not None:
        verdict, told = Verdict.KNOWN, None
    else:
        verdict = Verdict.BROKEN
    return Outcome(*kept, verdict, failure.message, failure.code, deviation, told, seconds)


@dataclass(frozen=True)
class _Failure:
    message: str
    code: str


def _failure(target: Target, check: FlaggedCheck) -> _Failure | None:
    """How `target` breaks the check, by the smallest input found; None if it holds."""
    if check.given is None:
        return _attempt(target, check, None)
    # A hand-picked example is not made smaller, and ends a search: another may find less.
    searches = ((Phase.explicit,), (Phase.generate, Phase.shrink))
    found = [_attempt(target, check, phases) for phases in searches]
    failures = [one for one in found if one is not None]
    return min(failures, key=lambda one: len(one.code), default=None)


def _attempt(
    target: Target, check: FlaggedCheck, phases: Sequence[Phase] | None
) -> _Failure | None:
    calls: list[Call] = []
    with _watched(check, calls, phases) as failing:
        try:
            check.run(implementation(target, calls, copies=check.name != PURITY))
        except NotOfferedError:
            raise
        except SkipTest:  # Hypothesis, of a property without a hand-picked example
            return None
        except _EnoughError:
            smallest = min(reversed(failing), key=lambda one: _size(one.calls))
            return _Failure(_message(smallest.error), as_code(target, smallest.calls))
        except Exception as error:
            # Of a vector there is one call; Hypothesis's last failing example is the smallest.
            made = [one.calls for one in failing if one.error is error] or [
                one.calls for one in failing[-1:]
            ]
            return _Failure(_message(error), as_code(target, made[-1] if made else calls))
    return None


@dataclass(frozen=True)
class _Failing:
    """An example that fails, and the calls that it makes."""

    error: Exception
    calls: list[Call]


class _EnoughError(BaseException):
    """Ends a search: Hypothesis takes errors of other kinds than Exception for no failure."""


def _size(calls: Sequence[Call]) -> int:
    return sum(len(repr((one.positional, one.keywords))) for one in calls)


@contextmanager
def _watched(
    check: FlaggedCheck, calls: list[Call], phases: Sequence[Phase] | None
) -> Iterator[list[_Failing]]:
    """Keep the examples that fail, in the order in which they are tried."""
    failing: list[_Failing] = []
    handle = getattr(check.given, "hypothesis", None)
    if handle is None:
        yield failing
        return
    inner, tries = handle.inner_test, 0

    @functools.wraps(inner)
    def watched(*positional: object, **keywords: object) -> object:
        nonlocal tries
        calls.clear()
        tries += bool(failing)
        if tries > MOST_TRIES:
            raise _EnoughError
        try:
            return inner(*positional, **keywords)
        except Exception as error:
            failing.append(_Failing(error, list(calls)))
            raise

    # Hypothesis takes a test's settings where it is written; it has no public way to change them.
    kept = getattr(check.given, _SETTINGS)
    wanted = _IN_FORCE.get() or kept
    changed = settings(wanted, phases=phases or wanted.phases)
    handle.inner_test = watched
    setattr(check.given, _SETTINGS, changed)
    try:
        yield failing
    finally:
        handle.inner_test = inner
        setattr(check.given, _SETTINGS, kept)


def _message(error: Exception, limit: int = 400) -> str:
    """What was wrong, in a line or a few, cut where it gets long."""
    text = printable(str(error).strip())
    if isinstance(error, RefusedError):
        text = f"raised {text}"
    elif not isinstance(error, AssertionError):
        text = f"raised {type(error).__name__}: {text}"
    return text if len(text) <= limit else f"{text[:limit]} ..."
