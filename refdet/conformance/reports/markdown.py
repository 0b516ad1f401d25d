"""Outcomes as Markdown, for a page or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refdet import __version__
from refdet.conformance.register import Deviation
from refdet.conformance.reports.results import Result, heading, known_as, said_of
from refdet.conformance.reports.text import thread_address
from refdet.conformance.running import Outcome, Verdict


def as_markdown(results: Sequence[Result]) -> str:
    """All results: a table of targets, then of each its checks and its breaks."""
    lines = ["# Conformance", "", f"refdet {__version__}", ""]
    lines += ["| target | contract | version | checks |", "|---|---|---|---|"]
    for result in results:
        target = result.target
        cells = (f"`{target.label}`", f"`{target.contract}`", result.version, result.summary)
        lines.append(f"| {' | '.join(cells)} |")
    for result in results:
        lines += ["", *_result(result)]
    return "\n".join(lines) + "\n"


def _result(result: Result) -> Iterator[str]:
    yield f"## `{result.target.label}` as `{result.target.contract}`"
    yield ""
    yield f"Called with {result.manner}: {result.summary}."
    yield ""
    yield "| verdict | check | what it says |"
    yield "|---|---|---|"
    for outcome in result.outcomes:
        verdict = outcome.verdict if outcome.verdict is Verdict.HELD else f"**{outcome.verdict}**"
        yield f"| {verdict} | `{outcome.check}` | {cell(outcome.about)} |"
    for outcome in result.outcomes:
        if outcome.verdict in (Verdict.BROKEN, Verdict.KNOWN, Verdict.GONE):
            yield ""
            yield from broken_check(outcome)


def broken_check(outcome: Outcome) -> Iterator[str]:
    """A check that is broken, or no longer is: what it says, what came instead, and the code."""
    yield f"### `{outcome.check}` is {outcome.verdict}"
    yield ""
    if outcome.verdict is Verdict.GONE:
        yield said_of(outcome)
        return
    entry = outcome.deviation or outcome.told
    if entry is not None:
        yield f"K{heading(entry)[1:]}: {_linked(entry)}"
        yield ""
    yield from _fenced(outcome.message, "text")
    if outcome.counterexample:
        yield ""
        yield from _fenced(outcome.counterexample, "python")


def cell(text: str) -> str:
    """Text that a table's cell can hold."""
    return " ".join(text.split()).replace("|", "\\|")


def _fenced(text: str, language: str) -> Iterator[str]:
    fence = "```"
    while fence in text:
        fence += "`"
    yield f"{fence}{language}"
    yield text
    yield fence


def _linked(deviation: Deviation) -> str:
    address = thread_address(deviation.thread)
    return f"{deviation.why} ([{deviation.thread}]({address}))" if address else known_as(deviation)
