"""Outcomes as JUnit XML, which CI systems show: a suite for each target, a case for each check."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Only written here, never read: what a hostile file could do does not arise.
from xml.etree import ElementTree as ET

from refdet.conformance.reports.results import Result, heading, known_as, said_of
from refdet.conformance.running import Outcome, Verdict

_NOT_IN_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(results: Sequence[Result]) -> str:
    """All results. What is broken or gone is a failure; what is known or left out is skipped."""
    suites = ET.Element("testsuites", name="refdet conformance")
    for result in results:
        outcomes = result.outcomes
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=_text(result.name),
            tests=str(len(outcomes)),
            failures=str(sum(not outcome.passes for outcome in outcomes)),
            errors="0",
            skipped=str(result.count(Verdict.KNOWN) + result.count(Verdict.LEFT_OUT)),
            time=f"{sum(outcome.seconds for outcome in outcomes):.3f}",
        )
        for outcome in outcomes:
            _case(suite, outcome)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, outcome: Outcome) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_text(f"{outcome.target}.{outcome.contract}"),
        name=_text(outcome.check),
        time=f"{outcome.seconds:.3f}",
    )
    message = _text(said_of(outcome))
    if outcome.verdict is Verdict.LEFT_OUT:
        ET.SubElement(case, "skipped", message=message)
    elif outcome.verdict is Verdict.KNOWN:
        ET.SubElement(case, "skipped", message=f"known: {message}")
    elif not outcome.passes:
        failure = ET.SubElement(case, "failure", message=message, type=outcome.verdict.value)
        told = f"{heading(outcome.told)}: {known_as(outcome.told)}" if outcome.told else ""
        details = (outcome.about, told, said_of(outcome), outcome.counterexample)
        failure.text = _text("\n\n".join(one for one in details if one))


def _text(text: str) -> str:
    """XML has no way to write some characters: their escapes as Python has them."""
    return _NOT_IN_XML.sub(lambda found: ascii(found[0])[1:-1], text)
