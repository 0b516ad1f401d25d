"""What is timed: a task, its cases, and the implementations that do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

Inputs = tuple[object, ...]
Array = NDArray[np.generic]
Arrays = tuple[Array, ...]

# As many sets of inputs take turns, so that what an earlier call left in a cache is not measured.
N_SETS = 5
DEVICES = ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))
DTYPES = {"float64": torch.float64, "float32": torch.float32}
# How far a result may be from the oracle's, relatively and absolutely.
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
OURS = "refdet"


def as_they_are(*inputs: object) -> Inputs:
    """What most implementations take."""
    return inputs


def as_arrays(result: object) -> Arrays:
    """What a function gave, as arrays: a tuple or list is flattened."""
    if isinstance(result, Tensor):
        return (result.detach().cpu().numpy(),)
    if isinstance(result, tuple | list):
        return tuple(array for part in result for array in as_arrays(part))
    return (np.asarray(result),)


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs of one size.

    Attributes:
        name: what they stand for, in the field's words.
        size: how many of the task's unit.
        make: other inputs of that size from every generator: arrays, or what a function takes.
    """

    name: str
    size: int
    make: Callable[[Generator], Inputs]

    @lru_cache(maxsize=1)  # noqa: B019 - of all cases the last, whose trials follow each other
    def inputs(self) -> tuple[Inputs, ...]:
        """Sets of inputs, all floats such that float32 holds them, so that dtypes can agree."""
        sets = (self.make(np.random.default_rng(seed)) for seed in range(N_SETS))
        return tuple(tuple(_held_by_float32(value) for value in one) for one in sets)


@dataclass(frozen=True, eq=False)
class Implementation:
    """A function that does the task.

    Attributes:
        name: a package, or what kind of code it is; ours begin with `refdet`.
        function: of a case's inputs: tensors, or arrays where `takes_arrays`.
        takes_arrays: True for what runs on the CPU in float64 alone.
        prepare: the inputs as it takes them, made when the clock stands.
        answer: its result as the oracle gives it, likewise.
        largest: the largest size that anybody waits for.
        tolerance: how far it may be from the oracle, where its own dtype is narrower.
        may_differ: True for a peer that rounds elsewhere: if it differs, the table says so.
    """

    name: str
    function: Callable[..., object]
    takes_arrays: bool = False
    prepare: Callable[..., Inputs] = as_they_are
    answer: Callable[[object], Arrays] = as_arrays
    largest: float = float("inf")
    tolerance: float = 0.0
    may_differ: bool = False


Work = Callable[[Inputs, Arrays, int], tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Task:
    """What several implementations compute.

    Attributes:
        family: the benchmark file's.
        name: the function's.
        unit: what a case's size counts.
        cases: by size; the first is the one of a quick run.
        implementations: ours and peers.
        oracle: the right answer of a case's inputs, as arrays; shares no code with ours.
        work: of inputs, answer and bytes of a float: the bytes that any implementation must move
            (inputs once in, results once out) and the operations it must do; None if not counted.
        dtypes: of the floats among the inputs; one of them where that makes no difference.
    """

    family: str
    name: str
    unit: str
    cases: Sequence[Case]
    implementations: Sequence[Implementation]
    oracle: Callable[..., object]
    work: Work | None = None
    dtypes: Sequence[str] = tuple(DTYPES)

    @lru_cache(maxsize=1)  # noqa: B019 - likewise
    def wanted(self, case: Case) -> Arrays:
        """The answer to the first set of inputs."""
        return as_arrays(self.oracle(*case.inputs()[0]))


@dataclass(frozen=True, eq=False)
class Trial:
    """One implementation on one case, as one benchmark."""

    task: Task
    case: Case
    implementation: Implementation
    device: str
    dtype: str

    @property
    def id(self) -> str:
        """The benchmark's name."""
        parts = self.task.name, self.case.name, self.device, self.dtype, self.implementation.name
        return "-".join(parts).replace(" ", "-")

    def inputs(self) -> list[Inputs]:
        """All sets, where and as the implementation takes them."""
        sets = self.case.inputs()
        if not self.implementation.takes_arrays:
            sets = tuple(tuple(self._tensor(value) for value in one) for one in sets)
        return [self.implementation.prepare(*one) for one in sets]

    def _tensor(self, value: object) -> object:
        if not isinstance(value, np.ndarray):
            return value
        tensor = torch.from_numpy(value).to(self.device)
        return tensor.to(DTYPES[self.dtype]) if tensor.is_floating_point() else tensor

    def call(self, *inputs: object) -> object:
        """What the clock measures: the function, and the device's end of work."""
        result = self.implementation.function(*inputs)
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)
        return result

    def check(self, result: object) -> None:
        """Refuse to time a result of the first inputs that is not the oracle's.

        Raises:
            AssertionError: it differs.
        """
        got, want = self.implementation.answer(result), self.task.wanted(self.case)
        tolerance = max(TOLERANCES[self.dtype], self.implementation.tolerance)
        assert [array.shape for array in got] == [array.shape for array in want]
        for ours, theirs in zip(got, want, strict=True):
            if np.issubdtype(theirs.dtype, np.floating):
                # Gradients are small: what is small enough depends on them.
                got_floats, wanted_floats = ours.astype(np.float64), theirs.astype(np.float64)
                near_zero = tolerance * np.abs(wanted_floats).max(initial=0)
                np.testing.assert_allclose(got_floats, wanted_floats, tolerance, near_zero)
            else:
                np.testing.assert_array_equal(ours, theirs)

    def work(self) -> tuple[int | None, int | None]:
        """Bytes to move and operations, for the first inputs."""
        if self.task.work is None:
            return None, None
        width = DTYPES[self.dtype].itemsize
        return self.task.work(self.case.inputs()[0], self.task.wanted(self.case), width)


def trials(*tasks: Task) -> list[object]:
    """Every implementation on every case, device and dtype that it takes, as pytest's parameters.

    Those that are compared with each other follow each other, so that a machine that slows down
    slows all of them down.
    """
    return [pytest.param(trial, id=trial.id) for task in tasks for trial in _trials_of(task)]


def _trials_of(task: Task) -> Iterator[Trial]:
    for case, device, dtype in product(task.cases, DEVICES, task.dtypes):
        for one in task.implementations:
            at_home = (device, dtype) == ("cpu", "float64") or not one.takes_arrays
            if at_home and case.size <= one.largest:
                yield Trial(task, case, one, device, dtype)


def _held_by_float32(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32).astype(np.float64)
    return value
