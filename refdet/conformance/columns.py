"""A contract of a function that returns records, whose vectors hold columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TypeVar, cast

from refdet.conformance.contract import Contract
from refdet.conformance.vectors import Value, Vector

Implementation = TypeVar("Implementation", bound=Callable[..., object])


@dataclass(frozen=True)
class ColumnContract(Contract[Implementation]):
    """A contract whose vectors expect, by name, what `read_columns` makes of an outcome."""

    read_columns: Callable[[object], Mapping[str, Value]] = lambda outcome: {}

    def check_vector(self, implementation: Implementation, vector: Vector) -> None:
        """Raise AssertionError if `implementation` does not give the vector's answer."""

        def columns(*arguments: object) -> SimpleNamespace:
            return SimpleNamespace(**self.read_columns(implementation(*arguments)))

        # It gives columns instead of records, which is all that the check looks at.
        super().check_vector(cast(Implementation, columns), vector)
