"""What is printed of a break, pasted into a fresh prompt, gives what the comment says it gives."""

from __future__ import annotations

import ast
import code
import contextlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.counterexample import as_code
from refdet.conformance.running import Verdict, examples, run_target
from refdet.conformance.target import Call, Target, load_target
from refdet.core.coco_eval import CocoParams
from tests.conformance import recording

RECORDING = "tests.conformance.recording"
NAMES = [contract.name for contract in CONTRACTS]


def pasted(text: str) -> list[str]:
    """What a prompt answers to each call in `text`: its value, or its error in a line."""
    prompt = code.InteractiveConsole({})
    answers = []
    for statement in ast.parse(text).body:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            lines = ast.get_source_segment(text, statement) or ""
            more = [prompt.push(line) for line in lines.splitlines()]
        assert more[-1] is False, f"a prompt waits for more after {lines}"
        if isinstance(statement, ast.Expr):
            answers.append(shown.getvalue().strip().splitlines()[-1])
        else:
            assert shown.getvalue() == "", shown.getvalue()
    return answers


def promised(text: str) -> list[str]:
    """What the comments say, but for the one that counts calls."""
    return [line[2:] for line in text.splitlines() if line[:2] == "# " and line[-1] != ":"]


def breaks(target: Target) -> Iterator[tuple[str, str]]:
    with examples(3):
        for outcome in run_target(target):
            broken = outcome.verdict is Verdict.BROKEN
            assert bool(outcome.counterexample) is broken, f"{outcome.check}: {outcome.message}"
            if broken:
                yield outcome.check, outcome.counterexample


def assert_breaks_can_be_pasted(contract: str, arrays: Arrays) -> None:
    # Only arguments that come back to the bit have the same digest.
    target = load_target(f"{RECORDING}:tell", contract, Adapter(arrays=arrays))
    found = list(breaks(target))
    assert found
    for check, text in found:
        assert pasted(text) == promised(text) != [], f"{check}:\n{text}"


@pytest.mark.parametrize("contract", NAMES)
def test_every_break_of_every_contract_can_be_pasted(contract: str) -> None:
    assert_breaks_can_be_pasted(contract, Arrays.NUMPY)


@pytest.mark.parametrize("arrays", [Arrays.TORCH, Arrays.LIST])
@pytest.mark.parametrize("contract", ["iou_matrix", "nms", "match_coco", "balanced_sample"])
def test_breaks_can_be_pasted_in_tensors_and_lists(contract: str, arrays: Arrays) -> None:
    assert_breaks_can_be_pasted(contract, arrays)


@pytest.mark.parametrize("contract", ["iou_matrix", "ssd_priors", "balanced_sample"])
def test_errors_come_back_too(contract: str) -> None:
    for check, text in breaks(load_target(f"{RECORDING}:refuse", contract)):
        answers = [answer.replace("LookupError: '", "LookupError: ") for answer in pasted(text)]
        assert answers == promised(text), f"{check}:\n{text}"
        assert all(answer.startswith("LookupError: ") for answer in answers)


@pytest.mark.parametrize("name", ["Named.tell", "NAMED.tell", "NAMED.method"])
def test_targets_inside_classes_and_objects_can_be_pasted(name: str) -> None:
    target = load_target(f"{RECORDING}:{name}", "box_area")
    for _, text in breaks(target):
        assert pasted(text) == promised(text) != []


def test_a_label_that_names_something_else_is_not_imported() -> None:
    target = Target("tests.conformance.recording:refuse", "box_area", recording.tell)
    text = as_code(target, [Call((1,), {}, "x")])
    assert text.splitlines()[0] == f"from {RECORDING} import tell"


def test_a_function_without_a_place_is_called_target() -> None:
    def nested(*_: object) -> str:
        return "nothing"

    text = as_code(Target("mine", "box_area", nested), [Call((1,), {}, "nothing")])
    assert text == "# target = the function that is tested as mine\ntarget(1)\n# 'nothing'"
    nested.__module__ = "__main__"
    nested.__qualname__ = "nested"
    assert "target(1)" in as_code(Target("mine", "box_area", nested), [Call((1,), {}, "nothing")])


HARD = (
    *(np.float32(0.1), np.float64("nan"), np.int16(-3), np.bool_(True), -0.0, float("inf"), None),
    *(np.array(-0.0), np.array([np.inf, -np.inf, np.nan], np.float16), np.array([["a", "bc"]])),
    *(np.zeros((0, 4), np.uint8), np.zeros((2, 0), bool), np.array([255], np.uint8)),
    *((), (1,), [(), {"a": (np.int64(1),)}], {(1, "b"): np.array([True])}),
    *(
        np.array([1, None, "x"], object),
        np.array([2**63], np.uint64),
        2**70,
        'it\'s "quoted"\n',
        1j,
    ),
)


@pytest.mark.parametrize("value", HARD, ids=repr)
def test_hard_values_come_back(value: object) -> None:
    assert_comes_back(value)


KINDS = ["float16", "float32", "float64", "int8", "uint8", "int64", "uint64", "bool"]


@given(st.sampled_from(KINDS).flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_side=0))))
def test_any_array_comes_back(array: np.ndarray) -> None:
    # A NaN's sign and payload have no spelling.
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    assert_comes_back(array)


def test_what_goes_without_saying_is_not_imported() -> None:
    text = as_code(Target("mine", "evaluate_coco", recording.tell), [Call((CocoParams(),), {})])
    assert "CocoParams()" in text
    assert "AreaRange" not in text


def assert_comes_back(value: object) -> None:
    target = load_target(f"{RECORDING}:tell", "box_area")
    text = as_code(target, [Call((value,), {}, recording.tell(value))])
    assert pasted(text) == promised(text), text


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_generator_comes_back_in_its_state(bits: type[np.random.BitGenerator]) -> None:
    used = np.random.Generator(bits(3))
    used.random(5)
    used.integers(0, 9, dtype=np.int32)
    assert_comes_back(used)
    assert_comes_back((used, np.random.default_rng(11), np.random.default_rng()))


def test_a_long_call_has_a_line_for_each_argument_and_a_long_answer_is_cut() -> None:
    rows = np.arange(200.0).reshape(50, 4)
    target = load_target(f"{RECORDING}:tell", "box_area")
    text = as_code(target, [Call((rows, 1), {"width": 2}, np.ones((20, 4)))])
    shown = text.splitlines()
    assert shown[2] == "tell("
    assert shown[4:6] == ["    1,", "    width=2,"]
    assert shown[-1] == "# ..."
    assert len(shown) < 25
    whole = as_code(target, [Call((rows, 1), {"width": 2}, recording.tell(rows, 1, width=2))])
    assert pasted(whole) == promised(whole)


def test_the_last_calls_are_shown_and_the_others_counted() -> None:
    target = load_target(f"{RECORDING}:tell", "box_area")
    text = as_code(target, [Call((index,), {}, recording.tell(index)) for index in range(5)])
    assert "# The last 3 of 5 calls:" in text
    assert pasted(text) == promised(text) == [repr(recording.tell(index)) for index in (2, 3, 4)]


def test_halves_of_characters_in_errors_are_escaped() -> None:
    target = load_target(f"{RECORDING}:refuse", "box_area")
    text = as_code(target, [Call(("\ud800",), {}, error=ValueError("\ud800 é"))])
    assert text.encode("utf-8")
    assert text.splitlines()[1:] == ["refuse('\\ud800')", "# ValueError: \\ud800 é"]
