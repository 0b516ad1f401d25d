"""One made-up result with every verdict, in every report."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import refdet
from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.contract import CheckKind
from refdet.conformance.register import Deviation
from refdet.conformance.reports.as_json import as_json
from refdet.conformance.reports.junit import as_junit
from refdet.conformance.reports.markdown import as_markdown
from refdet.conformance.reports.results import Result, passing
from refdet.conformance.reports.text import as_text, summary_text, thread_address
from refdet.conformance.running import Outcome, Verdict
from refdet.conformance.target import Target

WHY = Deviation("lib:iou", "iou_matrix", ("k", "g"), "0 / 0 | NaN", "pytorch/vision#2582")
TOLD = Deviation("lib:iou", "iou_matrix", ("b",), "no such", "a/b#3", of="lib 1.1")
CODE = "from lib import iou\niou(1)\n# ```nan```"


def outcome(name: str, verdict: Verdict, message: str = "", code: str = "") -> Outcome:
    known = WHY if verdict in (Verdict.KNOWN, Verdict.GONE) else None
    about = "By hand: " + "so it is " * 12
    kept = ("lib:iou", "iou_matrix", name, CheckKind.VECTOR, about)
    told = TOLD if verdict is Verdict.BROKEN else None
    return Outcome(*kept, verdict, message, code, known, told, 0.25)


OUTCOMES = (
    outcome("h", Verdict.HELD),
    outcome("b", Verdict.BROKEN, "nan & <0>\x00\x1b instead of 0", CODE),
    outcome("k", Verdict.KNOWN, "inf instead of 0", CODE),
    outcome("g", Verdict.GONE),
    outcome("l", Verdict.LEFT_OUT, "the target does not look at values"),
)
TARGET = Target("lib:iou", "iou_matrix", print, Adapter(arrays=Arrays.LIST, tolerance=1e-3))
ALL = Result(TARGET, OUTCOMES, "lib 1.2")
WITHOUT = {
    verdict: Result(TARGET, tuple(one for one in OUTCOMES if one.verdict not in verdict))
    for verdict in (
        (Verdict.BROKEN,),
        (Verdict.GONE,),
        (Verdict.BROKEN, Verdict.GONE),
        (Verdict.BROKEN, Verdict.GONE, Verdict.KNOWN),
    )
}


def test_what_is_broken_or_gone_does_not_pass() -> None:
    assert [result.passes for result in WITHOUT.values()] == [False, False, True, True]
    assert [passing([*WITHOUT.values()][at:]) for at in (0, 2)] == [False, True]
    assert ALL.summary == "1 held, 1 broken, 1 known, 1 gone, 1 left out"


def test_text_has_a_line_for_each_check_and_whole_counterexamples() -> None:
    text = as_text(ALL)
    lines = text.splitlines()
    assert lines[0] == "lib:iou as iou_matrix (lib 1.2, list, equal within 0.001)"
    assert [line.split("  ")[0] for line in lines[2:7]] == [
        "held",
        "broken",
        "known",
        "gone",
        "left out",
    ]
    assert max(map(len, lines[2:7])) == 100
    assert all(line.endswith(" ...") for line in lines[2:7])
    assert text.count(CODE) == 2
    (head,) = (index for index, line in enumerate(lines) if line.startswith("BROKEN  b: "))
    assert max(map(len, lines[head : head + 2])) <= 100, "the long about stands on two lines"
    assert "nan & <0>" in text
    assert (
        "known: 0 / 0 | NaN (pytorch/vision#2582)\nhttps://github.com/pytorch/vision/issues/2582"
        in text
    )
    assert "\nknown of lib 1.1: no such (a/b#3)\nhttps://github.com/a/b/issues/3\n" in text
    assert (
        "no longer broken; take it out of the register: 0 / 0 | NaN (pytorch/vision#2582)" in text
    )
    assert lines[-1] == "lib:iou as iou_matrix: 1 held, 1 broken, 1 known, 1 gone, 1 left out"


def test_summary_says_what_decides() -> None:
    of_one = [summary_text([result]) for result in WITHOUT.values()]
    assert of_one == [
        "1 check is no longer broken, though the register says so",
        "1 check is broken, and in no register of known deviations",
        "all as the register says",
        "everything holds",
    ]
    assert summary_text([ALL, ALL]).splitlines()[3:] == [
        "2 checks are broken, and in no register of known deviations",
        "2 checks are no longer broken, though the register says so",
    ]


def test_threads_have_addresses() -> None:
    assert thread_address("a/b#12") == "https://github.com/a/b/issues/12"
    assert [thread_address(one) for one in ("", "a/b", "b#1", "a/b#x")] == [""] * 4


def test_json_has_everything() -> None:
    read = json.loads(as_json([ALL, WITHOUT[Verdict.BROKEN, Verdict.GONE]], examples=7))
    first, second = read.pop("targets")
    assert read == {"format": 1, "refdet": refdet.__version__, "examples": 7, "passes": False}
    assert (first["target"], first["contract"], first["version"]) == (
        "lib:iou",
        "iou_matrix",
        "lib 1.2",
    )
    assert (first["passes"], second["passes"]) == (False, True)
    assert first["adapter"] == {**vars(TARGET.adapter), "arguments": [], "returns": []}
    assert first["counts"] == {str(verdict): 1 for verdict in Verdict}
    assert [one["verdict"] for one in first["checks"]] == [str(verdict) for verdict in Verdict]
    assert first["checks"][2] == {
        "check": "k",
        "kind": "vector",
        "about": OUTCOMES[2].about,
        "verdict": "known",
        "message": "inf instead of 0",
        "counterexample": CODE,
        "why": WHY.why,
        "thread": WHY.thread,
        "known_of": "",
        "seconds": 0.25,
    }
    told = [first["checks"][1][key] for key in ("why", "thread", "known_of")]
    assert told == ["no such", "a/b#3", "lib 1.1"]


def test_junit_is_xml_with_the_numbers_that_ci_systems_add_up() -> None:
    text = as_junit([ALL, ALL])
    assert text.startswith("<?xml")
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    assert len(root) == 2
    (suite, _) = root
    want = {"tests": "5", "failures": "2", "errors": "0", "skipped": "2", "time": "1.250"}
    assert suite.attrib == {"name": "lib:iou as iou_matrix", **want}
    cases = {case.attrib["name"]: case for case in suite}
    assert list(cases) == ["h", "b", "k", "g", "l"]
    assert {case.attrib["classname"] for case in suite} == {"lib:iou.iou_matrix"}
    assert [child.tag for case in suite for child in case] == [
        *("failure", "skipped", "failure", "skipped")
    ]


def test_junit_escapes_what_xml_has_no_way_to_write() -> None:
    root = ET.fromstring(as_junit([ALL]).encode())
    broken, gone = root.iter("failure")
    assert broken.attrib == {"message": "nan & <0>\\x00\\x1b instead of 0", "type": "broken"}
    assert (broken.text or "").endswith(CODE)
    assert "\n\nknown of lib 1.1: no such (a/b#3)\n\n" in (broken.text or "")
    assert gone.attrib["type"] == "gone"
    assert [one.attrib["message"] for one in root.iter("skipped")] == [
        "known: 0 / 0 | NaN (pytorch/vision#2582)",
        "the target does not look at values",
    ]


def test_markdown_has_tables_that_hold_and_code_that_ends_where_it_should() -> None:
    text = as_markdown([ALL])
    lines = text.splitlines()
    assert (
        "| `lib:iou` | `iou_matrix` | lib 1.2 | 1 held, 1 broken, 1 known, 1 gone, 1 left out |"
        in lines
    )
    rows = [line for line in lines if line.startswith("|")]
    columns = [len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows]
    assert columns == [4] * 3 + [3] * 7
    assert (
        "Known: 0 / 0 | NaN ([pytorch/vision#2582](https://github.com/pytorch/vision/issues/2582))"
        in lines
    )
    assert "Known of lib 1.1: no such ([a/b#3](https://github.com/a/b/issues/3))" in lines
    # The code has three backticks in it: four stand around it.
    assert lines.count("````python") == lines.count("````") == 2
    assert f"````python\n{CODE}\n````" in text
