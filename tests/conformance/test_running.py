"""What comes out when right and wrong functions are held to a contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from refdet.conformance import running
from refdet.conformance.adapter import Adapter
from refdet.conformance.contract import PURITY, CheckKind
from refdet.conformance.register import Deviation, Register
from refdet.conformance.running import Outcome, Verdict, examples, run_check, run_target
from refdet.conformance.target import NotOfferedError, Target, contract_named
from refdet.core.iou import iou_matrix

F64 = NDArray[np.float64]


def nan_without_area(a: F64, b: F64) -> F64:
    """Divides by the union whatever it is."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    sides = np.clip(np.minimum(a[:, None, 2:], b[None, :, 2:]) - low, 0, None)
    shared = sides.prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    with np.errstate(invalid="ignore"):
        quotient: F64 = shared / (areas[0][:, None] + areas[1][None, :] - shared)
    return quotient


def in_float32(a: F64, b: F64) -> F64:
    """Right to seven digits."""
    return iou_matrix(a, b).astype(np.float32).astype(np.float64)


def writes_to_its_input(a: F64, b: F64) -> F64:
    """The answer is right, the argument is not what it was."""
    answer = iou_matrix(a, b)
    a += 1
    return answer


def asymmetric(a: F64, b: F64) -> F64:
    """A box further right overlaps all of whatever it is compared with."""
    return np.where(a[:, None, 0] > b[None, :, 0], 1.0, iou_matrix(a, b))


def outcomes(
    function: Callable[[F64, F64], F64],
    *names: str,
    register: Register | None = None,
    tolerance: float = 0.0,
) -> dict[str, Outcome]:
    """What the checks of those names say of `function`, by name; without a name, all checks."""
    target = Target("mine:iou", "iou_matrix", function, Adapter(tolerance=tolerance))
    with examples(20), np.errstate(all="ignore"):
        if not names:
            return {outcome.check: outcome for outcome in run_target(target, register)}
        checks = [one for one in contract_named("iou_matrix").checks() if one.name in names]
        known = register or Register()
        return {one.name: run_check(target, one, known.find(target, one.name)) for one in checks}


def broken(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.verdict is Verdict.BROKEN}


def test_core_holds_every_check_once() -> None:
    found = outcomes(iou_matrix)
    assert broken(found) == set()
    assert set(found) == {check.name for check in contract_named("iou_matrix").checks()}
    assert {outcome.kind for outcome in found.values()} == set(CheckKind)
    assert all(outcome.about for outcome in found.values())


def test_a_break_comes_with_the_smallest_call_that_shows_it() -> None:
    outcome = outcomes(asymmetric, "is_symmetric")["is_symmetric"]
    assert outcome.verdict is Verdict.BROKEN
    # One box against one, and the other way round.
    assert outcome.counterexample.count("np.array([[") == 4


def test_a_hand_picked_example_shows_its_own_call() -> None:
    name = "iou_equals_counting_unit_cells"
    outcome = outcomes(nan_without_area, name)[name]
    assert "nan" in outcome.message
    assert outcome.counterexample.count("np.array([[3.0, 3.0, 3.0, 3.0]], np.float64)") == 2
    assert outcome.counterexample.endswith("# array([[nan]])")


def test_an_error_is_a_break_and_is_named() -> None:
    def fails(a: F64, b: F64) -> F64:
        if not len(a):
            raise ZeroDivisionError("no boxes")
        return iou_matrix(a, b)

    name = "iou_matrix/no-boxes-against-two"
    outcome = outcomes(fails, name)[name]
    assert outcome.verdict is Verdict.BROKEN
    assert outcome.message == "raised ZeroDivisionError: no boxes"
    assert outcome.counterexample.endswith("# ZeroDivisionError: no boxes")


class PanicException(BaseException):
    """A panic of an extension module in Rust, under the name that it has there: no Exception."""


@pytest.mark.parametrize("error", [SystemExit(0), PanicException("index out of bounds")])
def test_ending_the_program_is_a_break_and_no_refusal(error: BaseException) -> None:
    def ends(a: F64, b: F64) -> F64:
        raise error

    found = outcomes(ends)
    assert broken(found) == set(found) - {PURITY}
    outcome = found["iou_matrix/nan"]
    assert f"raised StoppedError ({type(error).__name__}: {error})" in outcome.message
    assert outcome.counterexample.endswith(f"# {type(error).__name__}: {error}")


def test_an_interrupt_ends_the_run() -> None:
    def interrupted(a: F64, b: F64) -> F64:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(interrupted, "is_symmetric")


def test_writing_to_an_input_is_a_break_of_one_check_and_spoils_no_other() -> None:
    names = ("is_exactly_1_for_equal_boxes", PURITY, "iou_matrix/uint8")
    found = outcomes(writes_to_its_input, *names)
    assert broken(found) == {PURITY}
    assert "a_xyxy afterwards" in found[PURITY].message
    assert broken(outcomes(iou_matrix, *names)) == set()


def test_a_tolerance_lets_fewer_digits_pass() -> None:
    names = ("iou_equals_counting_unit_cells", "iou_matrix/half-overlapping-squares")
    assert broken(outcomes(in_float32, *names)) == set(names)
    assert not broken(outcomes(in_float32, *names, tolerance=1e-6))


def test_the_register_excuses_a_break_and_tells_what_is_gone() -> None:
    empty = "iou_matrix/boxes-without-area"
    entry = Deviation("mine:iou", "iou_matrix", ("stays_between_0_and_1", "is_symmetric"), "NaN")
    names = ("stays_between_0_and_1", "is_symmetric", empty)
    found = outcomes(nan_without_area, *names, register=Register((entry,)))
    assert [found[name].verdict for name in names] == [Verdict.KNOWN, Verdict.GONE, Verdict.BROKEN]
    assert [found[name].passes for name in names] == [True, False, False]
    assert found["stays_between_0_and_1"].deviation == entry


def test_what_looks_at_no_values_is_not_asked_to_refuse_them() -> None:
    check = next(
        check for check in contract_named("iou_matrix").checks() if "refused-value" in check.flags
    )
    target = Target("mine:iou", "iou_matrix", nan_without_area, Adapter(checks_values=False))
    assert run_check(target, check).verdict is Verdict.LEFT_OUT


def test_the_same_run_gives_the_same_counterexample() -> None:
    first, second = (outcomes(asymmetric, "is_symmetric")["is_symmetric"] for _ in range(2))
    assert first.counterexample == second.counterexample


def test_running_leaves_hypothesis_and_the_properties_as_they_were() -> None:
    before = settings.get_current_profile_name()
    handle = contract_named("iou_matrix").properties[0].hypothesis  # type: ignore[attr-defined]  # set by @given
    inner = handle.inner_test
    outcomes(nan_without_area, "iou_equals_counting_unit_cells")
    assert settings.get_current_profile_name() == before
    assert handle.inner_test is inner


@pytest.mark.parametrize("count", [5, 50])
def test_examples_sets_how_many_inputs_are_tried(count: int) -> None:
    calls = 0

    def counted(a: F64, b: F64) -> F64:
        nonlocal calls
        calls += 1
        return iou_matrix(a, b)

    check = contract_named("iou_matrix").checks()[0]
    with examples(count):
        run_check(Target("mine:iou", "iou_matrix", counted), check)
    assert count <= calls <= count + 10  # beside the examples that are written there


def test_what_a_target_does_not_offer_is_left_out() -> None:
    def up_to_three(a: F64, b: F64) -> F64:
        if len(a) > 3:
            raise NotOfferedError("takes three boxes at most")
        return iou_matrix(a, b)

    found = outcomes(up_to_three)
    outcome = found["stays_between_0_and_1"]
    assert (outcome.verdict, outcome.message) == (Verdict.LEFT_OUT, "takes three boxes at most")
    assert broken(found) == set()


def test_a_search_for_a_smaller_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_TRIES", 7)
    after_the_first = 0
    failed = False

    def nan(a: F64, b: F64) -> F64:
        nonlocal after_the_first, failed
        after_the_first += failed
        failed |= bool(a.size and b.size)
        return iou_matrix(a, b) * np.nan

    check = next(c for c in contract_named("iou_matrix").checks() if c.name.startswith("stays"))
    outcome = run_check(Target("mine:iou", "iou_matrix", nan), check)
    assert outcome.verdict is Verdict.BROKEN
    assert "mine" in outcome.counterexample
    assert after_the_first <= 2 * 8  # with and without hand-picked examples
