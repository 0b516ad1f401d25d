"""Outcomes for a terminal: a line for each check, and below what is not as it should be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from refdet.conformance.register import Deviation
from refdet.conformance.reports.results import Result, heading, known_as, said_of
from refdet.conformance.running import Outcome, Verdict

WIDTH = 100
"""Columns of the table. Counterexamples are as wide as they are: they must stay whole."""

LEAST_ABOUT = 20
"""Columns below which what a check is about is left out."""


def as_text(result: Result) -> str:
    """One target: what it is, its checks, and its breaks with their counterexamples."""
    told = ", ".join(word for word in (result.version, result.manner) if word)
    parts = [f"{result.name} ({told})", "", *_table(result.outcomes)]
    for outcome in result.outcomes:
        if outcome.verdict in (Verdict.BROKEN, Verdict.KNOWN, Verdict.GONE):
            parts += ["", *_break(outcome)]
    return "\n".join([*parts, "", f"{result.name}: {result.summary}"])


def summary_text(results: Sequence[Result]) -> str:
    """Several targets: a line for each, and what decides the exit code."""
    lines = []
    if len(results) > 1:
        width = max(len(result.name) for result in results)
        lines += [f"{result.name:<{width}}  {result.summary}" for result in results] + [""]
    broken, gone = (sum(one.count(v) for one in results) for v in (Verdict.BROKEN, Verdict.GONE))
    known = sum(result.count(Verdict.KNOWN) for result in results)
    if broken:
        lines.append(f"{_checks(broken)} broken, and in no register of known deviations")
    if gone:
        lines.append(f"{_checks(gone)} no longer broken, though the register says so")
    if not broken and not gone:
        lines.append("all as the register says" if known else "everything holds")
    return "\n".join(lines)


def _checks(count: int) -> str:
    return f"{count} {'check is' if count == 1 else 'checks are'}"


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    verdicts = max(len(verdict) for verdict in Verdict)
    names = max(len(outcome.check) for outcome in outcomes)
    left = WIDTH - verdicts - names - 4
    for outcome in outcomes:
        about = _cut(outcome.about, left) if left >= LEAST_ABOUT else ""
        yield f"{outcome.verdict:<{verdicts}}  {outcome.check:<{names}}  {about}".rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 4]} ..."


def _break(outcome: Outcome) -> Iterator[str]:
    yield from textwrap.wrap(
        f"{outcome.verdict.upper()}  {outcome.check}: {outcome.about}",
        WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if outcome.verdict is Verdict.GONE:
        yield said_of(outcome)
        return
    entry = outcome.deviation or outcome.told
    if entry is not None:
        yield f"{heading(entry)}: {known_as(entry)}{_address(entry)}"
    yield outcome.message
    if outcome.counterexample:
        yield ""
        yield outcome.counterexample


def _address(deviation: Deviation) -> str:
    address = thread_address(deviation.thread)
    return f"\n{address}" if address else ""


def thread_address(thread: str) -> str:
    """Where `owner/repository#number` can be read; empty for anything else."""
    repository, hash_sign, number = thread.partition("#")
    if not (hash_sign and number.isdecimal() and repository.count("/") == 1):
        return ""
    return f"https://github.com/{repository}/issues/{number}"
