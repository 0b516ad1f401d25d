"""Calls of a target as Python that can be pasted into a prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, cast

import numpy as np

from refdet.conformance.target import Call, Target

if TYPE_CHECKING:
    import torch

MOST_CALLS = 3
"""How many of the last calls are shown: a property that compares two shows both."""


class _Source:
    """Writes values as expressions, and gathers the imports that these need."""

    def __init__(self) -> None:
        self.imports: set[str] = set()

    def of(self, value: object) -> str:
        """An expression that gives `value` back."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.random.Generator):
            return self._generator(value)
        if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "numel"):
            # Known by its name, so that torch need not be there to be imported.
            return self._tensor(cast("torch.Tensor", value))
        if isinstance(value, Enum) or dataclasses.is_dataclass(value):
            return self._record(value)
        return self._plain(value.item() if isinstance(value, np.generic) else value)

    def _record(self, value: object) -> str:
        kind = self._named(type(value))
        if isinstance(value, Enum):
            return f"{kind}.{value.name}"
        fields = [f"{name}={self.of(item)}" for name, item in vars(value).items()]
        return f"{kind}({', '.join(fields)})"

    def _plain(self, value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.of(k)}: {self.of(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.of, value))}{',' if len(value) == 1 else ''})"
        if isinstance(value, float) and not np.isfinite(value):
            return f'float("{value}")'
        return repr(value)

    def _array(self, array: np.ndarray) -> str:
        self.imports.add("import numpy as np")
        if not array.size:
            return f"np.zeros({array.shape}, np.{array.dtype})"
        return f"np.array({self.of(array.tolist())}, np.{array.dtype})"

    def _tensor(self, tensor: torch.Tensor) -> str:
        self.imports.add("import torch")
        device = "" if str(tensor.device) == "cpu" else f', device="{tensor.device}"'
        if not tensor.numel():
            return f"torch.zeros({tuple(tensor.shape)}, dtype={tensor.dtype}{device})"
        return f"torch.tensor({self.of(tensor.tolist())}, dtype={tensor.dtype}{device})"

    def _generator(self, generator: np.random.Generator) -> str:
        self.imports.add("import numpy as np")
        return f"np.random.Generator(np.random.{type(generator.bit_generator).__name__}(0))"

    def _named(self, kind: type) -> str:
        self.imports.add(f"from {kind.__module__} import {kind.__qualname__}")
        return kind.__qualname__


def as_code(target: Target, calls: Sequence[Call]) -> str:
    """The last of `calls` as Python, each with what it gave as a comment; empty without a call."""
    source = _Source()
    lines = []
    for call in calls[-MOST_CALLS:]:
        words = [source.of(value) for value in call.positional]
        words += [f"{name}={source.of(value)}" for name, value in call.keywords.items()]
        lines.append(f"{_callable(target, source)}({', '.join(words)})")
        lines += [f"# {line}" for line in _answer(call).splitlines()]
    return "\n".join([*sorted(source.imports), *lines])


def _callable(target: Target, source: _Source) -> str:
    module, _, name = target.label.partition(":")
    if not name:
        module, name = target.function.__module__, target.function.__qualname__
    source.imports.add(f"from {module} import {name.partition('.')[0]}")
    return name


def _answer(call: Call) -> str:
    if call.error is not None:
        return f"{type(call.error).__name__}: {call.error}"
    return repr(call.outcome)
