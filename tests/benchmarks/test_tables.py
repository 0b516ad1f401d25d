"""The benchmark's tables say what was measured."""

from __future__ import annotations

from benchmarks.evaluation.answer import Agreement
from benchmarks.evaluation.evaluators import Evaluator
from benchmarks.evaluation.inputs import Form
from benchmarks.evaluation.tables import Case, Outcome, agreement_cell, brief, markdown, report

CASE = Case("coco", 5_000, 36_781, 252_000, 80)
OURS, PEER = (Evaluator(name, Form.ARRAYS, "") for name in ("refdet", "peer"))
SLOW = Evaluator("slow", Form.LISTS, "")
EXACT = Agreement(0.0, 0.0, identical=True)


def test_brief_shortens_large_numbers_only() -> None:
    assert [brief(n) for n in (80, 5_000, 26_000, 252_000, 1_000_000, 3_900_000)] == [
        *("80", "5,000", "26k", "252k", "1M", "3.9M")
    ]


def test_markdown_aligns_its_source() -> None:
    assert markdown(["", "case"], [["refdet", "1"], ["peer", "23,456"]]).splitlines() == [
        "|        |   case |",
        "| ------ | -----: |",
        "| refdet |      1 |",
        "| peer   | 23,456 |",
    ]


def test_report_shows_medians_ratios_memory_and_agreement() -> None:
    ours = Outcome(CASE, OURS, (0.3, 0.1, 0.2), (252_000, 504_000, 504_000), EXACT, "slow (lists)")
    peer = Outcome(CASE, PEER, (0.5, 0.5, 0.5), (0, 0, 0), EXACT, "slow (lists)")
    slow = Outcome(CASE, SLOW, problem="not run")
    lines = [" ".join(line.split()) for line in report([ours, peer, slow]).splitlines()]
    assert "| | coco: 5,000 img, 252k det, 80 cls |" in lines
    assert "| refdet (arrays) | **200** |" in lines
    assert "| peer (arrays) | 500 (2.5x) |" in lines
    assert "| slow (lists) | not run |" in lines
    assert "| refdet (arrays) | 2 |" in lines
    assert "| peer (arrays) | bit-identical |" in lines


def test_report_compares_within_a_form_of_input() -> None:
    """Lists are measured against our lists, not against our arrays."""
    other = Evaluator("refdet", Form.LISTS, "")
    outcomes = [
        Outcome(CASE, OURS, (0.001,)),
        Outcome(CASE, other, (1.0,)),
        Outcome(CASE, SLOW, (3.0,)),
    ]
    assert "3,000 (3x)" in report(outcomes)


def test_report_without_our_own_times_has_no_ratios() -> None:
    assert "x)" not in report([Outcome(CASE, PEER, (0.5,))])


def test_agreement_cell_says_how_far_or_what_is_missing() -> None:
    def cell(found: Agreement, reference: str = "slow (lists)") -> str:
        return agreement_cell(Outcome(CASE, PEER, (1.0,), (1,), found, reference))

    assert cell(EXACT, "peer (arrays)") == "reference"
    assert cell(EXACT) == "bit-identical"
    assert cell(Agreement(0.0, None, identical=True)) == "bit-identical / not given"
    assert cell(Agreement(0.0, 2.2e-16, identical=False)) == "0 / 2.2e-16"
    assert cell(Agreement(7.8e-5, None, identical=False)) == "7.8e-05 / not given"
