"""What a contract is, and how an implementation is held to it.

A contract names a rule, states its conventions, and carries two kinds of evidence: properties,
which Hypothesis tries on inputs that it invents, and vectors, which are inputs with the answer
that a hand derivation or another tool gave. Neither knows whose implementation it is testing.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Generic, TypeVar
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close
from refdet.conformance.golden import golden_folder
from refdet.conformance.vectors import Value, Vector, read_vectors

Implementation = TypeVar("Implementation", bound=Callable[..., object])


PURITY = "leaves_its_inputs_alone"
"""The name of the check that every contract has."""


@dataclass(frozen=True)
class Conventions:
    """What an implementation and its caller must agree on. Empty where the question is none.

    Attributes:
        rule: what is computed, in a line or two.
        boxes: their format, and whether a box's far corner belongs to it.
        ties: which of equals comes first.
        thresholds: what equality at a threshold means.
        undefined: what stands where the rule gives no number.
    """

    rule: str
    boxes: str = ""
    ties: str = ""
    thresholds: str = ""
    undefined: str = ""


class BoxFormat(StrEnum):
    """The four numbers of a box."""

    XYXY = "xyxy"
    XYWH = "xywh"
    CXCYWH = "cxcywh"


class CheckKind(StrEnum):
    """The two kinds of evidence."""

    PROPERTY = "property"
    VECTOR = "vector"


@dataclass(frozen=True)
class Check(Generic[Implementation]):
    """One piece of a contract's evidence.

    Attributes:
        name: the property's name, or the vector's.
        kind: which of the two it is.
        about: what the property says, or who computed the vector.
        flags: what makes a vector hard, as `fixtures/README.md` explains.
        run: raises if the implementation that it is given breaks the contract here.
        given: the property, which Hypothesis runs; None for a vector.
    """

    name: str
    kind: CheckKind
    about: str
    flags: tuple[str, ...]
    run: Callable[[Implementation], None]
    given: Callable[[Implementation], None] | None = None


@dataclass(frozen=True)
class Contract(Generic[Implementation]):
    """One rule, as any implementation of it must behave.

    Attributes:
        name: the rule's name, which is the function's name in `refdet.core`.
        parameters: the names of its parameters, in the order in which properties pass them. A name
            that ends in a box format (`boxes_xyxy`) holds boxes in that format.
        conventions: box format, ties, equality at thresholds, what undefined means.
        properties: functions that take an implementation, let Hypothesis call it with many
            inputs, and raise AssertionError with the smallest input that breaks the rule.
        read_arguments: turns a vector's inputs, by name, into the implementation's positional
            arguments. By default they are passed in the order in which the vector lists them.
        read_keywords: the same for an implementation that takes its arguments by name; given that,
            `read_arguments` plays no part.
        result_boxes: the format of the boxes that it returns; None if it returns none.
    """

    name: str
    parameters: tuple[str, ...]
    conventions: Conventions
    properties: Sequence[Callable[[Implementation], None]]
    read_arguments: Callable[[Mapping[str, Value]], tuple[object, ...]] = lambda inputs: tuple(
        inputs.values()
    )
    read_keywords: Callable[[Mapping[str, Value]], Mapping[str, object]] | None = None
    result_boxes: BoxFormat | None = None

    def checks(self, golden: Path | None = None) -> list[Check[Implementation]]:
        """All evidence, properties first; the vectors of `golden`, by default those that ship."""
        return self.checks_on(self.vectors(golden or golden_folder()))

    def checks_on(self, vectors: Sequence[Vector]) -> list[Check[Implementation]]:
        """All evidence, properties first, with these vectors."""
        properties = [
            Check(check.__name__, CheckKind.PROPERTY, _sentence(check), (), check, check)
            for check in self.properties
        ]
        purity = Check(
            PURITY,
            CheckKind.PROPERTY,
            "What a caller passes is the same afterwards, in every vector.",
            (),
            partial(self._check_purity, vectors=vectors),
        )
        return [*properties, purity, *map(self._vector_check, vectors)]

    def _vector_check(self, vector: Vector) -> Check[Implementation]:
        run = partial(self.check_vector, vector=vector)
        return Check(vector.name, CheckKind.VECTOR, vector.source, vector.flags, run)

    def _check_purity(self, implementation: Implementation, vectors: Sequence[Vector]) -> None:
        for vector in vectors:
            given = copy.deepcopy(vector.inputs)
            # What it refuses, rightly or not, is for the vector itself to judge.
            with suppress(Exception):
                self._call(implementation, replace(vector, inputs=given))
            for name, value in vector.inputs.items():
                if isinstance(value, np.ndarray):
                    assert_close(
                        np.asarray(given[name]), value, f"{vector.name}: {name} afterwards"
                    )

    def vectors(self, golden: Path) -> list[Vector]:
        """The vectors of this rule under the folder `golden`, sorted by name."""
        return read_vectors(golden / self.name)

    def check_vector(self, implementation: Implementation, vector: Vector) -> None:
        """Raise AssertionError if `implementation` does not give the vector's answer."""
        if isinstance(vector.expected, type):
            _check_raises(partial(self._call, implementation, vector), vector.expected, vector.name)
            return
        outcome = named_arrays(self._call(implementation, vector), tuple(vector.expected))
        for name, want in vector.expected.items():
            got = outcome.get(name)
            assert got is not None, f"{vector.name}: no {name!r} among {sorted(outcome)}"
            assert_close(got, np.asarray(want), f"{vector.name}: {name}", atol=vector.tolerance)

    def _call(self, implementation: Implementation, vector: Vector) -> object:
        if self.read_keywords is not None:
            return implementation(**self.read_keywords(vector.inputs))
        return implementation(*self.read_arguments(vector.inputs))


def named_arrays(outcome: object, expected: Sequence[str] = ()) -> dict[str, NDArray[np.generic]]:
    """What a function returned, by name: a dataclass by field, anything else as `result`.

    A tuple becomes `result_0`, `result_1` and so on; one with names goes by these as well. Of an
    object of another kind, neither array nor sequence, the attributes in `expected` are read.
    """
    if dataclasses.is_dataclass(outcome) or isinstance(outcome, SimpleNamespace):
        # As any array: a masked one says what the implementation does not give.
        return {name: np.asanyarray(value) for name, value in vars(outcome).items()}
    if isinstance(outcome, tuple):
        items = {f"result_{index}": item for index, item in enumerate(outcome)}
        items |= getattr(outcome, "_asdict", dict)()
        return {name: np.asarray(item) for name, item in items.items()}
    has_values = any(hasattr(outcome, one) for one in ("__array__", "__len__", "__float__"))
    attributes = () if has_values else [name for name in expected if hasattr(outcome, name)]
    if attributes:
        return {name: np.asanyarray(getattr(outcome, name)) for name in attributes}
    return {"result": np.asarray(outcome)}


def _sentence(check: Callable[..., None]) -> str:
    """The first line of a property's docstring."""
    return (check.__doc__ or "").strip().split("\n")[0]


def _check_raises(call: Callable[[], object], wanted: type[Exception], what: str) -> None:
    try:
        outcome = call()
    except wanted:
        return
    except SkipTest:  # it has nothing for what is asked, which is no refusal
        raise
    except Exception as error:
        raised = f"raised {type(error).__name__} ({error})"
        raise AssertionError(f"{what}: {raised} instead of {wanted.__name__}") from error
    given = ", ".join(f"{name} {value.tolist()}" for name, value in named_arrays(outcome).items())
    raise AssertionError(f"{what}: returned {given} instead of raising {wanted.__name__}")
