"""The page of libraries: what it says of made-up ones, and that the one in `docs/` is of today."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from refdet.conformance.contract import CheckKind
from refdet.conformance.register import Deviation, DeviationKind, Register, read_register
from refdet.conformance.reports.results import Result
from refdet.conformance.reports.scorecard import Card, scorecard
from refdet.conformance.running import Outcome, Verdict
from refdet.conformance.suites import SUITES, Suite
from refdet.conformance.target import Target
from refdet.core.iou import iou_matrix

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "scorecard.md"

TARGET = Target("lib.iou", "iou_matrix", iou_matrix)


def outcome(check: str, deviation: Deviation | None = None, code: str = "") -> Outcome:
    verdict = Verdict.HELD if deviation is None else Verdict.KNOWN
    message = "" if deviation is None else "IoU[0]: nan instead of 0.0"
    kept = ("lib.iou", "iou_matrix", check, CheckKind.PROPERTY, "about")
    return Outcome(*kept, verdict, message, code, deviation)


def known(check: str, why: str, kind: DeviationKind) -> Deviation:
    return Deviation("lib.iou", "iou_matrix", (check,), why, "owner/repository#7", kind)


NUMBERS = known("a", "two boxes without area give NaN", DeviationKind.NUMBERS)
VALUES = known("b", "NaN is no error", DeviationKind.VALUES)
OUTCOMES = (
    outcome("a", NUMBERS, "lib.iou(np.zeros((1, 4)), np.zeros((1, 4)))"),
    outcome("also a", NUMBERS, "lib.iou(short)"),
    outcome("b", VALUES, "lib.iou(nan)"),
    outcome("c"),
    replace(outcome("d"), verdict=Verdict.LEFT_OUT, message="has none"),
)


def page(*outcomes: Outcome) -> str:
    suite = Suite("lib", "lib-on-pypi", "1.2", (TARGET,), Register())
    return scorecard([Card(suite, (Result(TARGET, outcomes, "lib-on-pypi 1.2"),))], examples=7)


def test_scorecard_counts_breaks_by_what_comes_out() -> None:
    assert "| [lib](#lib-12) | 1 / 4 | 2 |  |  | 1 | 1 |" in page(*OUTCOMES)


def test_scorecard_tells_wrong_numbers_before_values_that_nobody_looked_at() -> None:
    text = page(*OUTCOMES)
    numbers, values = text.index("### lib: another number"), text.index("### lib: values that it")
    assert numbers < text.index("**two boxes without area give NaN.**") < values
    assert values < text.index("**NaN is no error.**")


def test_scorecard_explains_a_break_once_by_its_shortest_case() -> None:
    text = page(*OUTCOMES)
    assert text.count("**two boxes without area give NaN.**") == 1
    assert "lib.iou(short)" in text
    assert "np.zeros" not in text
    assert "[owner/repository#7](https://github.com/owner/repository/issues/7)" in text
    assert "- `lib.iou` as `iou_matrix`: `a`, `also a`" in text


def test_scorecard_tells_in_short_whose_numbers_differ() -> None:
    digest = page(*OUTCOMES).split("## Whose numbers")[1].split("##")[0]
    assert "- two boxes without area give NaN (`lib.iou`)" in digest
    assert "NaN is no error" not in digest
    assert "**[lib](#lib-12)**: none" in page(outcome("c"))


def test_scorecard_shortens_what_cannot_be_read() -> None:
    answer = "# " + "0.25, " * 100
    short = page(outcome("a", NUMBERS, f"lib.iou(short)\n{answer}"))
    assert "lib.iou(short)\n# 0.25, " in short
    assert answer not in short
    long = page(outcome("a", NUMBERS, f"lib.iou([{'0.25, ' * 1000}])"))
    assert "Too long for this page" in long


def test_scorecard_says_how_it_was_made() -> None:
    head = page(*OUTCOMES).split("##")[0]
    for told in ("lib-on-pypi 1.2", "7 inputs", "refdet", "Python", "NumPy", "Hypothesis"):
        assert told in head.replace("\n", " ")


def test_scorecard_has_lines_that_a_terminal_can_show() -> None:
    code = False
    for line in page(*OUTCOMES).splitlines():
        code ^= line.startswith("```")
        assert code or len(line) <= 80 or line.startswith("|"), line


@pytest.mark.parametrize("verdict", [Verdict.BROKEN, Verdict.GONE])
def test_scorecard_refuses_what_no_register_explains(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match=f"lib: lib.iou as iou_matrix: c is {verdict}"):
        page(replace(outcome("c"), verdict=verdict))


# --- The page that is there ---


@pytest.mark.parametrize("name", SUITES)
def test_committed_scorecard_has_what_the_register_says(name: str) -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    folder = REPOSITORY / "refdet" / "conformance" / "suites"
    register = read_register(folder / f"{name.replace('-', '_')}.toml")
    assert register.deviations
    for entry in register.deviations:
        assert f"**{entry.why}.**" in text
        assert f"`{entry.target}` as `{entry.contract}`" in text
        for check in entry.checks:
            assert f"`{check}`" in text


@pytest.mark.parametrize("name", SUITES)
def test_committed_scorecard_is_of_the_pinned_version(name: str) -> None:
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    (pinned,) = re.findall(rf"^{re.escape(SUITES[name])}==(\S+)$", pins, re.MULTILINE)
    assert f"\n## {name} {pinned}\n" in PAGE.read_text(encoding="utf-8")
