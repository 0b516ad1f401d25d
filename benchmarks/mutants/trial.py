"""What a mutant is put to, in a process of its own: contracts first, then the tests of its file.

Nothing of refdet may be imported before, so that all of it sees the mutant.
"""

from __future__ import annotations

import importlib
import re
import signal
import sys
import threading
import time
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

import pytest
from hypothesis import Phase, settings

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = REPOSITORY / "refdet" / "core"
THROUGH_ALL = "refdet.core.__path__"
"""What a test says that goes through all files of `core`."""
IMPORT = "import"
"""What stands for the file's own import among the checks."""
SLOWER, PATIENCE = 10, 5.0
"""A check that takes so many times its usual time, and so many seconds more, is taken to loop."""


class Verdict(StrEnum):
    """What became of a mutant: who noticed it, that it did not come to an end, that nobody did."""

    CONTRACT = "contract"
    TEST = "test"
    LOOP = "loop"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Outcome:
    """A verdict, and the name of the check or test that gave it."""

    verdict: Verdict
    by: str = ""


class Calls:
    """Notes which functions of a file each check and test calls, in any thread.

    What a file of tests calls when it is imported has its name; calls outside of all have "".
    """

    def __init__(self, path: str) -> None:
        self.path, self.current = path, ""
        self.of: defaultdict[str, set[str]] = defaultdict(set)

    def begin(self, check: str) -> None:
        """From now on, calls are those of `check`."""
        self.current = check
        # Each time: a test that counts calls itself leaves nobody behind who does.
        sys.setprofile(self._note)
        threading.setprofile(self._note)

    def _note(self, frame: types.FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == self.path:
            # outer.<locals>.inner.<locals>.<genexpr> is of outer.inner, as Key.scope has it.
            names = frame.f_code.co_qualname.split(".")
            self.of[self.current].add(".".join(name for name in names if name[0] != "<"))


def may_notice(called: Mapping[str, Collection[str]], scope: str) -> Callable[[str], bool]:
    """Whether a check or test may notice a mistake in `scope`: not if it never calls it.

    Checks do the same every time, up to the mistake. Tests of a file share fixtures: if one of
    them calls it, all may notice. What is in no function has its effect when it is imported.
    """
    functions = set().union(*called.values())
    files = {name.partition("::")[0] for name, scopes in called.items() if scope in scopes}
    anyone = scope not in functions or any(scope in called.get(name, ()) for name in (IMPORT, ""))

    def may(name: str) -> bool:
        return anyone or name.partition("::")[0] in files

    return may


@dataclass(frozen=True)
class Clock:
    """Stops a check that takes far longer than it does on the file itself.

    Attributes:
        usual: seconds of processor time by check, on the file itself; what is not here has none.
        taken: the same, now.
        too_late: called with a check's name when its time is over; does not return.
        calls: told which check it is that runs.
    """

    usual: Mapping[str, float]
    too_late: Callable[[str], None]
    taken: dict[str, float] = field(default_factory=dict)
    calls: Calls | None = None

    def start(self, check: str) -> None:
        """Begin to measure."""
        if self.calls:
            self.calls.begin(check)
        self.taken[check] = -time.process_time()
        signal.signal(signal.SIGPROF, lambda *_: self.too_late(check))
        limit = SLOWER * self.usual[check] + PATIENCE if self.usual else 0.0  # 0: no limit
        signal.setitimer(signal.ITIMER_PROF, limit)

    def stop(self, check: str) -> None:
        """End to measure."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        if self.calls:
            self.calls.current = ""
        self.taken[check] += time.process_time()


def load_profile() -> None:
    """The profile of `make test`, but for shrinking: that a check fails is all that is asked."""
    import tests.conftest  # noqa: F401, PLC0415  it registers the profiles

    fast = settings.get_profile("fast")
    settings.register_profile("mutants", fast, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
    # As pytest has it from pyproject.toml.
    for category in (RuntimeWarning, DeprecationWarning):
        warnings.filterwarnings("error", category=category, module="refdet")


def install(file: str, source: str) -> types.ModuleType:
    """Make `source` the module `refdet.core.<file>`."""
    name, path = f"refdet.core.{file}", str(CORE / f"{file}.py")
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    exec(compile(source, path, "exec"), vars(module))  # a mutant is there to be run
    setattr(importlib.import_module("refdet.core"), file, module)
    return module


def rooms_of(module: types.ModuleType) -> list[str]:
    """The modules of `refdet.conformance` with a contract of a function of `module`."""
    catalogue = importlib.import_module("refdet.conformance.catalogue")
    rooms = [room for room in vars(catalogue).values() if isinstance(room, types.ModuleType)]
    return [
        room.__name__
        for room in rooms
        if any(hasattr(module, contract.name) for contract in room.CONTRACTS)
    ]


def checks_of(
    module: types.ModuleType, rooms: list[str]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every check of a contract of a function of `module`, by name; the quick vectors first."""
    for room in rooms:
        for contract in importlib.import_module(room).CONTRACTS:
            function = getattr(module, contract.name, None)
            for check in reversed(contract.checks()) if function else ():
                yield f"{contract.name}: {check.name}", partial(check.run, function)


def own_tests(file: str) -> list[str]:
    """The files in `tests/core` that are about a file of `core`, by what they import."""
    # The tests of COCO's rules reach it through their cases; others go through all of core.
    cases = r"|\bcoco_cases\b" * (file == "coco_eval")
    about = re.compile(rf"\bcore\.{file}\b|{THROUGH_ALL}" + cases)
    return [
        str(path.relative_to(REPOSITORY))
        for path in sorted((REPOSITORY / "tests" / "core").glob("test_*.py"))
        if about.search(path.read_text(encoding="utf-8"))
    ]


def by_promise(
    caught: Mapping[str, int], usual: Mapping[str, float]
) -> Callable[[str], tuple[float, str]]:
    """A key to sort checks or tests by: first what has caught many mutants in little time."""

    def promise(name: str) -> tuple[float, str]:
        return -(caught.get(name, 0) + 0.1) / (usual.get(name, 0.0) + 0.02), name

    return promise


class Watch:
    """Tells pytest what is about a file, in which order; keeps times and the first failure."""

    def __init__(
        self, file: str, clock: Clock, caught: Mapping[str, int], may: Callable[[str], bool]
    ) -> None:
        self.clock, self.caught, self.may, self.failed = clock, caught, may, ""
        self.names = {file, *vars(sys.modules[f"refdet.core.{file}"])}

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """What a file computes for all its tests when it is imported is its own."""
        if self.clock.calls and isinstance(collector, pytest.Module):
            self.clock.calls.begin(collector.nodeid)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Of what goes through all of core, what names the file; the most promising first."""
        items[:] = [item for item in items if self._is_about(item) and self.may(item.nodeid)]
        promise = by_promise(self.caught, self.clock.usual)
        items.sort(key=lambda item: promise(item.nodeid))

    def _is_about(self, item: pytest.Item) -> bool:
        text = item.path.read_text(encoding="utf-8")
        parameters = re.findall(r"\w+", item.name)[1:]
        return THROUGH_ALL not in text or not parameters or not self.names.isdisjoint(parameters)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Each test has its time."""
        self.clock.start(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Each test has its time."""
        self.clock.stop(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what failed."""
        if report.failed:
            self.failed = report.nodeid


def run_checks(
    checks: list[tuple[str, Callable[[], None]]], clock: Clock, caught: Mapping[str, int]
) -> Outcome:
    """The first check that fails, if one does; the most promising first."""
    promise = by_promise(caught, clock.usual)
    for name, run in sorted(checks, key=lambda check: promise(check[0])):
        clock.start(name)
        try:
            run()
        except Exception:  # whatever a mutant raises, it was noticed
            return Outcome(Verdict.CONTRACT, name)
        clock.stop(name)
    return Outcome(Verdict.SURVIVED)


def run_tests(files: list[str], watch: Watch) -> Outcome:
    """The first test that fails, if one does."""
    quiet = ["-x", "-q", "-p", "no:cacheprovider"]
    code = pytest.main([*quiet, *(str(REPOSITORY / file) for file in files)], plugins=[watch])
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return Outcome(Verdict.SURVIVED)
    return Outcome(Verdict.TEST, watch.failed or "collecting")
