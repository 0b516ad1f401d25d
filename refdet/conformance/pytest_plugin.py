"""Contracts as tests: `pytest --refdet-target mypkg.metrics:iou --refdet-as iou_matrix`.

Every check of the contract is a test beside those that pytest collects, the same as `refdet
conformance run` makes. A known deviation is a strict xfail.

pytest loads this wherever refdet is installed, so it imports nothing until it is asked for tests.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code import ExceptionInfo

    from refdet.conformance.request import Candidate, Request
    from refdet.conformance.running import FlaggedCheck, Outcome

TEXTS = {
    "as": ("CONTRACT", "the contract that they are to follow; `refdet conformance list` has all"),
    "device": ("DEVICE", "where tensors lie, as cuda"),
    "arguments": ("NAMES", "the contract's parameters in their order, or theirs=ours, with commas"),
    "returns": ("NAMES", "names for the parts of a tuple that they return, with commas"),
    "known": ("FILE", "a register of known deviations, which are strict xfails"),
}
CHOICES = {
    "arrays": (("numpy", "torch", "list"), "what they take and give; else by annotations"),
    "format": (("xyxy", "xywh", "cxcywh"), "of every box that goes in or comes out"),
    "dtype": (("float64", "float32", "float16", "bfloat16"), "of all real numbers"),
}
OPTIONS = (*TEXTS, *CHOICES, "tolerance", "examples")
"""Those with one value each. `refdet conformance run --help` explains them at length."""

Chosen = tuple[list["Candidate"], int]
_CHOSEN = pytest.StashKey[Chosen]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that begin with --refdet."""
    group = parser.getgroup("refdet", "functions held to the contracts of refdet")
    group.addoption(
        "--refdet-target",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="make a test of each check of a contract, run on this function; can be given again",
    )
    group.addoption(
        "--refdet-suite",
        action="append",
        default=[],
        metavar="LIBRARY",
        help="the same for the functions of a library whose adapters ship, as torchvision",
    )
    group.addoption(
        "--refdet-unchecked-values",
        action="store_true",
        help="they do not look at values: leave out what asks for an error because of a value",
    )
    for name, (metavar, text) in TEXTS.items():
        group.addoption(f"--refdet-{name}", metavar=metavar, help=text)
    for name, (choices, text) in CHOICES.items():
        group.addoption(f"--refdet-{name}", choices=choices, help=text)
    group.addoption("--refdet-tolerance", type=float, help="the largest difference that is none")
    group.addoption("--refdet-examples", type=int, help="inputs for each property; 100 by default")


def pytest_configure(config: pytest.Config) -> None:
    """Find the targets at once: what is wrong with an option stops pytest before it collects."""
    if not (config.getoption("refdet_target") or config.getoption("refdet_suite")):
        given = [name for name in OPTIONS if config.getoption(f"refdet_{name}") is not None]
        if given:
            raise pytest.UsageError(f"--refdet-{given[0]} is of --refdet-target, which is missing")
        return
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        # As the command does: `pytest`, unlike `python -m pytest`, does not look there.
        sys.path.insert(0, here)
    try:
        from refdet.conformance.request import candidates  # noqa: PLC0415 - see the top

        examples = config.getoption("refdet_examples") or 100
        config.stash[_CHOSEN] = candidates(_request(config)), examples
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise pytest.UsageError(
            "--refdet-target needs hypothesis: pip install 'refdet[conformance]' brings it"
        ) from error
    except (ValueError, OSError) as error:
        raise pytest.UsageError(f"refdet: {error}") from error


def _request(config: pytest.Config) -> Request:
    from refdet.conformance.adapter import Arrays, RealType  # noqa: PLC0415 - see the top
    from refdet.conformance.contract import BoxFormat  # noqa: PLC0415
    from refdet.conformance.request import Request  # noqa: PLC0415

    given: dict[str, str] = {}
    for name in (*TEXTS, *CHOICES):
        value: str | None = config.getoption(f"refdet_{name}")
        if value is not None:
            given[name] = value
    return Request(
        targets=tuple(config.getoption("refdet_target")),
        suites=tuple(config.getoption("refdet_suite")),
        contract=given.get("as"),
        arrays=Arrays(given["arrays"]) if "arrays" in given else None,
        box_format=BoxFormat(given["format"]) if "format" in given else None,
        dtype=RealType(given["dtype"]) if "dtype" in given else None,
        device=given.get("device"),
        arguments=_names(given.get("arguments")),
        returns=_names(given.get("returns")),
        checks_values=not config.getoption("refdet_unchecked_values"),
        tolerance=config.getoption("refdet_tolerance"),
        known=Path(given["known"]) if "known" in given else None,
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(one for one in (text or "").split(",") if one)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add our tests behind all others that the session collects."""
    report = yield
    if isinstance(collector, pytest.Session) and _CHOSEN in collector.config.stash:
        ours = Targets.from_parent(collector, name="refdet", nodeid="refdet")
        report.result = [*(report.result or ()), ours]
    return report


class Targets(pytest.Collector):
    """All functions that are held to a contract."""

    def collect(self) -> Iterable[pytest.Collector]:
        """A node for each, by its contract; by its own name too if there are several."""
        found, _ = self.config.stash[_CHOSEN]
        for candidate in found:
            target = candidate.target
            name = target.contract if len(found) == 1 else f"{target.label}::{target.contract}"
            yield OneTarget.of(self, name, candidate)


class OneTarget(pytest.Collector):
    """A function, and the contract that it is held to."""

    candidate: Candidate

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, candidate: Candidate) -> OneTarget:
        """The node of `candidate`."""
        node: OneTarget = cls.from_parent(parent, name=name)
        node.candidate = candidate
        return node

    def collect(self) -> Iterable[pytest.Item]:
        """A test for each check."""
        from refdet.conformance.target import contract_named  # noqa: PLC0415 - see the top

        for check in contract_named(self.candidate.target.contract).checks():
            yield CheckItem.of(self, check)


class BrokenError(Exception):
    """A check that does not hold."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class CheckItem(pytest.Item):
    """One property or vector, run on one function."""

    candidate: Candidate
    check: FlaggedCheck

    @classmethod
    def of(cls, parent: OneTarget, check: FlaggedCheck) -> CheckItem:
        """The test of `check`; a strict xfail if the register knows it to be broken."""
        from refdet.conformance.reports.results import known_as  # noqa: PLC0415 - see the top

        item: CheckItem = cls.from_parent(parent, name=check.name)
        item.candidate, item.check = parent.candidate, check
        known = item.candidate.register.find(item.candidate.target, check.name)
        if known is not None:
            item.add_marker(
                pytest.mark.xfail(reason=known_as(known), raises=BrokenError, strict=True)
            )
        return item

    def runtest(self) -> None:
        """Hold the function to the check, whatever it warns of."""
        from refdet.conformance.running import Verdict, examples, run_check  # noqa: PLC0415

        _, count = self.config.stash[_CHOSEN]
        with examples(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = self.candidate.library.find(self.candidate.target, self.check.name)
            outcome = run_check(self.candidate.target, self.check, told=told)
        if outcome.verdict is Verdict.LEFT_OUT:
            pytest.skip(outcome.message)
        if outcome.verdict is Verdict.BROKEN:
            raise BrokenError(outcome)

    def repr_failure(  # its style is of tracebacks, of which there is none
        self, excinfo: ExceptionInfo[BaseException], *_: object
    ) -> str:
        """What the check says, what came instead, and the call that shows it."""
        if isinstance(excinfo.value, BrokenError):
            from refdet.conformance.reports.results import heading, known_as  # noqa: PLC0415

            outcome = excinfo.value.outcome
            told = f"{heading(outcome.told)}: {known_as(outcome.told)}" if outcome.told else ""
            parts = (outcome.about, told, outcome.message, outcome.counterexample)
            return "\n\n".join(part for part in parts if part)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test is from, which is no file, and the title of its failure."""
        target = self.candidate.target
        title = f"{target.label} as {target.contract}: {self.name}"
        return self.config.rootpath / "refdet", None, title
