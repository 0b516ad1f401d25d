"""The benchmarks of `make bench` refuse to time what is wrong, and measure what they say."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.speed.measuring import calls_in, checked, copied_bytes_per_second, peak_bytes
from benchmarks.speed.run import FAMILIES, measured
from benchmarks.speed.task import (
    N_SETS,
    OURS,
    Array,
    Arrays,
    Case,
    Implementation,
    Task,
    Trial,
    as_arrays,
    trials,
)


def all_trials() -> Iterator[Trial]:
    """Of every benchmark file, on the CPU."""
    for family in FAMILIES:
        module = importlib.import_module(f"benchmarks.bench_{family}")
        for mark in getattr(module, f"test_{family}").pytestmark:
            yield from (param.values[0] for param in mark.args[1])


def smallest(trial: Trial) -> bool:
    return trial.case is trial.task.cases[0] and trial.device == "cpu"


EVERY = [trial for trial in all_trials() if trial.device == "cpu"]
OF_OURS = [trial for trial in EVERY if smallest(trial) and OURS in trial.implementation.name]


def wrong_in_one(array: Array) -> Array:
    """The largest number 1 % larger, or an integer or a flag another."""
    spoiled = array.copy().reshape(-1)
    place = int(np.abs(spoiled.astype(np.float64)).argmax())
    if np.issubdtype(array.dtype, np.floating):
        spoiled[place] *= 1.01
    else:
        spoiled[place] = spoiled[place] ^ True
    return spoiled.reshape(array.shape)


def without_the_last(array: Array) -> Array:
    return array[:-1] if array.ndim else np.zeros(1)


@pytest.mark.parametrize("spoil", [wrong_in_one, without_the_last])
@pytest.mark.parametrize("trial", [pytest.param(trial, id=trial.id) for trial in OF_OURS])
def test_check_passes_ours_and_fails_a_wrong_one(
    trial: Trial, spoil: Callable[[Array], Array]
) -> None:
    ours = trial.implementation
    inputs = trial.inputs()[0]
    right = ours.answer(trial.call(*inputs))

    def wrong(*arguments: object) -> Arrays:
        return tuple(spoil(array) for array in right)

    replaced = replace(trial, implementation=replace(ours, function=wrong, answer=as_arrays))
    assert checked(trial, trial.call(*inputs))
    with pytest.raises(AssertionError):
        checked(replaced, replaced.call(*inputs))


def test_a_benchmark_whose_function_is_wrong_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "tests.benchmarks.spoiled_codec")
    with pytest.raises(SystemExit, match="nothing is kept"):
        measured(["cpu"], ["codec"], quick=True)
    said = capfd.readouterr().err
    assert "FAILED benchmarks/bench_codec.py::test_codec[encode_boxes-rpn-sample-cpu-" in said
    assert "1 failed, 15 passed" in said or "1 failed, 15 passed" in said.replace(" in ", "")


def test_measured_has_a_row_for_each_trial(capfd: pytest.CaptureFixture[str]) -> None:
    run = measured(["cpu"], ["priors"], quick=True)
    wanted = [trial.id for trial in EVERY if trial.task.family == "priors" and smallest(trial)]
    ids = [f"{'-'.join(row.group)}-{row.implementation}" for row in run.rows]
    assert sorted(ids) == sorted(wanted)
    assert run.threads == 1
    assert all(row.median > 0 and row.rounds == 2 and row.agrees for row in run.rows)
    (device,) = run.devices
    assert device.copied_bytes_per_second > 1e8
    assert capfd.readouterr().out == ""  # the tables alone are on standard output


def test_only_peers_may_differ_or_be_inexact() -> None:
    excused = {
        trial.implementation.name
        for trial in EVERY
        if trial.implementation.may_differ or trial.implementation.tolerance
    }
    assert excused == {"torchvision", "notebook"}


def test_every_task_has_ours_and_a_peer_and_cases_by_size() -> None:
    for task in {id(trial.task): trial.task for trial in EVERY}.values():
        names = [one.name for one in task.implementations]
        assert any(name.startswith(OURS) for name in names)
        assert any(not name.startswith(OURS) for name in names)
        sizes = [case.size for case in task.cases]
        assert sizes == sorted(sizes)


@pytest.mark.parametrize("family", ["iou", "codec", "nms", "loss"])
def test_families_that_are_held_to_a_copy_count_bytes_and_operations(family: str) -> None:
    # Soft NMS goes on as long as scores last; the losses are counted with their gradients.
    uncounted = {"soft_nms", "multibox_loss", "from boxes to loss"}
    for trial in EVERY:
        if trial.task.family == family and smallest(trial) and trial.task.name not in uncounted:
            moved, operations = trial.work()
            assert moved is not None
            assert operations is not None
            assert moved > 0 < operations


def test_work_of_iou_is_boxes_in_and_matrix_out() -> None:
    narrow, wide = (
        next(t for t in EVERY if t.task.name == "iou_matrix" and t.dtype == dtype).work()
        for dtype in ("float32", "float64")
    )
    assert narrow == (4 * (4 * 100 + 4 * 20 + 100 * 20), 12 * 100 * 20)
    assert wide == (2 * (narrow[0] or 0), narrow[1])


# --- What a trial does, on a task of our own ---

DOUBLE = Task(
    family="double",
    name="double",
    unit="numbers",
    cases=(
        Case("few", 3, lambda rng: (rng.random(3), rng.integers(0, 9, 3), "kept")),
        Case("many", 30, lambda rng: (rng.random(30), rng.integers(0, 9, 30), "kept")),
    ),
    implementations=(
        Implementation("refdet.core", lambda x, n, word: 2 * x, takes_arrays=True, largest=3),
        Implementation("torch", lambda x, n, word: 2 * x, may_differ=True),
    ),
    oracle=lambda x, n, word: np.array([value + value for value in x]),
)


def test_trials_are_each_case_where_an_implementation_runs() -> None:
    found = [param.values[0] for param in trials(DOUBLE)]  # type: ignore[attr-defined]  # pytest's
    assert [trial.id.replace("double-", "") for trial in found if trial.device == "cpu"] == [
        "few-cpu-float64-refdet.core",
        "few-cpu-float64-torch",
        "few-cpu-float32-torch",
        "many-cpu-float64-torch",
        "many-cpu-float32-torch",
    ]


def test_trials_are_in_the_dtypes_that_make_a_difference() -> None:
    found = [param.values[0] for param in trials(replace(DOUBLE, dtypes=("float64",)))]  # type: ignore[attr-defined]  # pytest's
    assert {trial.dtype for trial in found} == {"float64"}
    assert len({trial.id for trial in found if trial.device == "cpu"}) == 3


def test_inputs_are_several_of_the_dtype_and_on_the_device() -> None:
    case = DOUBLE.cases[0]
    array_sets = Trial(DOUBLE, case, DOUBLE.implementations[0], "cpu", "float64").inputs()
    tensor_sets = Trial(DOUBLE, case, DOUBLE.implementations[1], "cpu", "float32").inputs()
    assert len(array_sets) == len(tensor_sets) == N_SETS
    assert len({np.asarray(one[0]).tobytes() for one in array_sets}) == N_SETS
    for (x, n, word), (floats, integers, same) in zip(array_sets, tensor_sets, strict=True):
        assert isinstance(floats, torch.Tensor)
        assert isinstance(integers, torch.Tensor)
        assert (floats.dtype, integers.dtype, word, same) == (
            *(torch.float32, torch.int64),
            *("kept", "kept"),
        )
        # The same numbers in both dtypes, so that one oracle serves both.
        np.testing.assert_array_equal(floats.double().numpy(), np.asarray(x))
        np.testing.assert_array_equal(integers.numpy(), np.asarray(n))


def test_checked_tells_of_a_peer_that_differs() -> None:
    trial = Trial(DOUBLE, DOUBLE.cases[0], DOUBLE.implementations[1], "cpu", "float64")
    right = trial.call(*trial.inputs()[0])
    assert checked(trial, right)
    assert not checked(trial, np.asarray(right) + 1)


def test_peak_bytes_is_what_a_call_takes_at_its_peak() -> None:
    def at_most_two_at_once() -> int:
        first, second = np.ones(40_000_000, np.uint8), np.ones(20_000_000, np.uint8)
        del first
        third = np.ones(20_000_000, np.uint8)
        return len(second) + len(third)

    # 60 MB; where memory is short the system gives or takes some pages of libraries meanwhile.
    assert 50e6 < peak_bytes(at_most_two_at_once, (), "cpu") < 75e6
    assert peak_bytes(lambda: None, (), "cpu") < 1e6


def test_peak_bytes_hears_of_a_call_that_fails() -> None:
    with pytest.raises(EOFError):
        peak_bytes(lambda: 1 / 0, (), "cpu")


def test_copied_bytes_per_second_is_that_of_a_machine() -> None:
    assert 1e8 < copied_bytes_per_second("cpu", 1 << 22) < 1e13


def test_calls_in_divides_by_what_one_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.25])
    monkeypatch.setattr("benchmarks.speed.measuring.time.perf_counter", lambda: next(clock))
    assert calls_in(2.0, lambda: None, ()) == 8
