"""`make mutants` tells mutants apart, judges them rightly, and holds its register to the facts."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from benchmarks.mutants.mutant import Key, Kind
from benchmarks.mutants.page import ALONE, BOTH, caught, page
from benchmarks.mutants.register import REGISTER, Explained, Reason, explain, read_register
from benchmarks.mutants.results import (
    FileResult,
    Journal,
    Record,
    read_results,
    write_results,
)
from benchmarks.mutants.trial import Calls, Outcome, Verdict, by_promise, may_notice

SURVIVOR = Record(Key("iou", "f", "a < b < c", "a < b <= c"), Kind.RULE, 7, Verdict.SURVIVED, "")
ENDLESS = Record(Key("iou", "f", "n -= 1", "n += 1"), Kind.RULE, 9, Verdict.LOOP, "f: terminates")
TESTED = Record(Key("iou", "g", '"bad"', '"BAD"'), Kind.MESSAGE, 2, Verdict.TEST, "t.py::test_g")
RESULT = FileResult(
    "0123", {Kind.RULE: 7, Kind.MESSAGE: 3, Kind.EQUAL: 5}, [SURVIVOR, ENDLESS, TESTED]
)
EQUIVALENT = Reason(Verdict.SURVIVED, "iou.f", "b is never c.", (("<", "<="),))
LOOP = Reason(Verdict.LOOP, "iou.*", "It counts up.", (("-=", "+="),))


def test_caught_counts_loops_and_tests_as_what_noticed_them() -> None:
    assert caught([RESULT], ALONE) == (8, 10)
    assert caught([RESULT], BOTH) == (9, 10)
    assert caught([RESULT], ALONE, [Kind.RULE]) == (6, 7)


def test_explain_finds_the_reason_of_each_survivor_and_loop() -> None:
    explained = explain(RESULT.records, [EQUIVALENT, LOOP], ["iou"])
    assert explained.reasons == [(EQUIVALENT, [SURVIVOR]), (LOOP, [ENDLESS])]
    assert explained.unexplained == []
    assert explained.stale == []


def test_explain_calls_no_reason_of_a_loop_stale() -> None:
    loop = Reason(Verdict.LOOP, "iou.f", "", (("<", "<="),))
    assert explain([SURVIVOR], [loop], ["iou"]) == Explained([(loop, [])], [SURVIVOR], [])


@pytest.mark.parametrize(
    "wrong",
    [
        Reason(Verdict.SURVIVED, "iou.g", "", (("<", "<="),)),
        Reason(Verdict.SURVIVED, "iou.f", "", (("<", ">"),)),
        Reason(Verdict.SURVIVED, "iou.f", "", (("a <", "a <="),)),
    ],
)
def test_explain_takes_no_reason_of_another_mutant(wrong: Reason) -> None:
    explained = explain([SURVIVOR], [wrong], ["iou"])
    assert explained.unexplained == [SURVIVOR]
    assert len(explained.stale) == 1


def test_explain_calls_nothing_stale_in_files_that_were_not_judged() -> None:
    assert explain([SURVIVOR], [EQUIVALENT, LOOP], ["nms"]).stale == []
    everywhere = Reason(Verdict.SURVIVED, "*", "", (("x", "y"),))
    assert explain([SURVIVOR], [everywhere], ["iou", "nms"]).stale == []


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "mutants.json"
    assert read_results(file) == {}
    write_results({"iou": RESULT}, file)
    found = read_results(file)
    assert found["iou"].records == RESULT.records
    assert found["iou"].digest == RESULT.digest
    assert caught(found.values(), BOTH) == caught([RESULT], BOTH)


def test_journal_gives_back_what_was_added_before_a_run_was_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "journals" / "iou-0123.jsonl"
    assert Journal(file).read("iou") == {}
    noted = {
        SURVIVOR.key: Outcome(Verdict.SURVIVED),
        TESTED.key: Outcome(Verdict.TEST, "t.py::test_g[\u00e9]"),
    }
    for key, outcome in noted.items():
        Journal(file).add(key, outcome)
    assert Journal(file).read("iou") == noted


def test_by_promise_asks_first_what_catches_many_in_little_time() -> None:
    caught, usual = {"quick": 5, "slow": 50, "often": 50}, {"quick": 0.01, "slow": 9.0, "new": 0.5}
    names = ["new", "slow", "often", "quick", "cheap"]
    assert sorted(names, key=by_promise(caught, usual)) == [
        "often",
        "quick",
        "slow",
        "cheap",
        "new",
    ]


def test_calls_are_noted_by_check_in_any_thread() -> None:
    source = """
class A:
    def f(self):
        return [g(x) for x in range(1)]
def g(x):
    def inner():
        return x
    return inner()
def unused():
    pass
"""
    names: dict[str, Any] = {}
    exec(compile(source, "toy.py", "exec"), names)
    calls = Calls("toy.py")
    before = sys.getprofile()
    calls.begin("f: check")
    names["A"]().f()
    calls.begin("g: check")
    thread = Thread(target=names["g"], args=(1,))
    thread.start()
    thread.join()
    sys.setprofile(before)
    threading.setprofile(None)
    assert calls.of == {"f: check": {"A.f", "g", "g.inner"}, "g: check": {"g", "g.inner"}}


def test_a_check_may_notice_a_mistake_only_in_what_it_calls() -> None:
    called = {
        "import": {"Params"},
        "f: by hand": {"f"},
        "t.py": {"at_import"},
        "t.py::test_a": {"f", "g"},
        "t.py::test_b": {"h"},
        "u.py::test_c": {"h"},
    }
    names = ["f: by hand", "t.py::test_a", "t.py::test_b", "u.py::test_c"]
    expected = {
        "f": names[:3],  # tests of a file may share what one of them makes
        "h": names[1:],
        "at_import": names[1:3],
        "Params": names,  # the body of a class is run by the import
        "": names,
        "nobody_calls_it": names,
    }
    for scope, want in expected.items():
        assert [name for name in names if may_notice(called, scope)(name)] == want, scope


def test_page_lists_survivors_with_their_reasons_and_those_without() -> None:
    lines = page({"iou": RESULT}, explain(RESULT.records, [EQUIVALENT], ["iou"])).splitlines()
    reason = lines.index("b is never c.")
    assert lines[reason + 2 : reason + 6] == ["```diff", "iou.py f", "- a < b < c", "+ a < b <= c"]
    assert "+ n += 1" in lines[lines.index("## Not explained") :]
    assert "| `iou` | 10 | 85.7 % | 90.0 % | 1 | 1 |" in [" ".join(x.split()) for x in lines]
    # 9 of 10, and of 15 with the five that compute the same.
    assert "With the 5 that compute the same by construction counted as survivors: 60.0 %." in lines


def test_register_gives_a_reason_for_every_swap() -> None:
    for reason in read_register(REGISTER):
        assert len(reason.reason) > 20, reason.where
        assert reason.swaps, reason.where
        assert all(was != now for was, now in reason.swaps), reason.where
