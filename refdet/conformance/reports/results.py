"""What every report is made from: the outcomes of a target, counted and worded in one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refdet.conformance.register import Deviation
from refdet.conformance.running import Outcome, Verdict
from refdet.conformance.target import Target


@dataclass(frozen=True)
class Result:
    """All that was found out about a target.

    Attributes:
        target: the function, its contract and how it was called.
        outcomes: one for each check of the contract.
        version: the distribution that it is from, with its version; empty if it is from none.
    """

    target: Target
    outcomes: tuple[Outcome, ...]
    version: str = ""

    @property
    def name(self) -> str:
        """The target and its contract."""
        return f"{self.target.label} as {self.target.contract}"

    @property
    def passes(self) -> bool:
        """Whether all is as it should be or as the register says."""
        return all(outcome.passes for outcome in self.outcomes)

    def count(self, verdict: Verdict) -> int:
        """How many checks ended so."""
        return sum(outcome.verdict is verdict for outcome in self.outcomes)

    @property
    def summary(self) -> str:
        """How many checks ended how, but for what no check did."""
        counts = {verdict: self.count(verdict) for verdict in Verdict}
        return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)

    @property
    def manner(self) -> str:
        """How the function was called, where that can be told in words."""
        adapter = self.target.adapter
        words = [
            adapter.arrays,
            adapter.box_format,
            adapter.dtype,
            f"on {adapter.device}" if adapter.device != "cpu" else "",
            f"equal within {adapter.tolerance:g}" if adapter.tolerance else "",
        ]
        return ", ".join(word for word in words if word)


def known_as(deviation: Deviation) -> str:
    """Why a register lists a break, and where that is told."""
    return f"{deviation.why} ({deviation.thread})" if deviation.thread else deviation.why


def heading(deviation: Deviation) -> str:
    """Whose register lists a break: the user's own, or the one that ships for a library."""
    return f"known of {deviation.of}" if deviation.of else "known"


def said_of(outcome: Outcome) -> str:
    """What is to be said of a check that did not just hold; the reason why, for one left out."""
    if outcome.verdict is Verdict.GONE and outcome.deviation is not None:
        return f"no longer broken; take it out of the register: {known_as(outcome.deviation)}"
    if outcome.verdict is Verdict.KNOWN and outcome.deviation is not None:
        return known_as(outcome.deviation)
    return outcome.message


def passing(results: Sequence[Result]) -> bool:
    """Whether every target does as it should or as its register says."""
    return all(result.passes for result in results)
