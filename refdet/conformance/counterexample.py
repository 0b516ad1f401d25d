"""Calls of a target as Python that can be pasted into a prompt."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, cast

import numpy as np

from refdet.conformance.target import Call, Target

if TYPE_CHECKING:
    import torch

MOST_CALLS = 3
"""How many of the last calls are shown: a property that compares two shows both."""

MOST_LINES = 12
"""Of what a call gave; the call itself is never cut, since it could not be pasted then."""

WIDTH = 100
"""A call that is longer stands on several lines, one for each argument."""


class _Source:
    """Writes values as expressions, and gathers what these need in the lines before them."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.lines: list[str] = []
        self._generators = 0

    def of(self, value: object) -> str:
        """An expression that gives `value` back: same type, same bits."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.random.Generator):
            return self._generator(value)
        # Known by their names, so that torch need not be there to be imported.
        if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "device"):
            return self._of_torch(value)
        if isinstance(value, Enum) or dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
            return self._record(value)
        if isinstance(value, np.generic):
            self.imports.add("import numpy as np")
            return f"np.{_numpy_name(value.dtype)}({self.of(value.item())})"
        return self._plain(value)

    def _named(self, kind: type) -> str:
        """The name of a class, imported."""
        outermost = kind.__qualname__.partition(".")[0]
        self.imports.add(f"from {kind.__module__} import {outermost}")
        return kind.__qualname__

    def _record(self, value: object) -> str:
        kind = self._named(type(value))
        if isinstance(value, Enum):
            return f"{kind}.{value.name}"
        if isinstance(value, tuple):  # with names
            return f"{kind}({', '.join(map(self.of, value))})"
        # What a field holds by default goes without saying, and imports nothing.
        fields = [
            f"{field.name}={self.of(getattr(value, field.name))}"
            for field in dataclasses.fields(cast("type", value))
            if field.init and _Source().of(getattr(value, field.name)) != self._default(field)
        ]
        return f"{kind}({', '.join(fields)})"

    def _default(self, field: dataclasses.Field[object]) -> str | None:
        if field.default_factory is not dataclasses.MISSING:
            return _Source().of(field.default_factory())
        return None if field.default is dataclasses.MISSING else _Source().of(field.default)

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
        simple = array.dtype.kind in "biuf"
        kind = f"np.{_numpy_name(array.dtype)}" if simple else repr(array.dtype.str)
        if not array.size:
            return f"np.zeros({array.shape}, {kind})"
        return f"np.array({self.of(array.tolist())}, {kind})"

    def _of_torch(self, value: object) -> str:
        self.imports.add("import torch")
        if hasattr(value, "numel"):
            return self._tensor(cast("torch.Tensor", value))
        # As new, since the adapter made it for this call.
        generator = cast("torch.Generator", value)
        device = "" if str(generator.device) == "cpu" else f'"{generator.device}"'
        return f"torch.Generator({device}).manual_seed({generator.initial_seed()})"

    def _tensor(self, tensor: torch.Tensor) -> str:
        device = "" if str(tensor.device) == "cpu" else f', device="{tensor.device}"'
        if not tensor.numel():
            return f"torch.zeros({tuple(tensor.shape)}, dtype={tensor.dtype}{device})"
        return f"torch.tensor({self.of(tensor.tolist())}, dtype={tensor.dtype}{device})"

    def _generator(self, generator: np.random.Generator) -> str:
        """As new from its seed where it is that, otherwise in a name of its own with its state."""
        self.imports.add("import numpy as np")
        bits = generator.bit_generator
        seed = getattr(getattr(bits, "seed_seq", None), "entropy", None)
        if isinstance(seed, int) and np.random.default_rng(seed).bit_generator.state == bits.state:
            return f"np.random.default_rng({seed})"
        self._generators += 1
        name = f"generator_{self._generators}"
        self.lines.append(f"{name} = np.random.Generator(np.random.{type(bits).__name__}())")
        self.lines.append(f"{name}.bit_generator.state = {self._plain(bits.state)}")
        return name


def as_code(target: Target, calls: Sequence[Call]) -> str:
    """The last of `calls` as Python, each with what it gave as a comment; empty without a call."""
    if not calls:
        return ""
    source = _Source()
    name = _callable(target, source)
    shown = calls[-MOST_CALLS:]
    if len(shown) < len(calls):
        source.lines.append(f"# The last {len(shown)} of {len(calls)} calls:")
    for call in shown:
        words = [source.of(value) for value in call.positional]
        words += [f"{key}={source.of(value)}" for key, value in call.keywords.items()]
        source.lines.append(_call(name, words))
        source.lines += [f"# {line}".rstrip() for line in _answer(call)]
    return "\n".join([*sorted(source.imports), *source.lines])


def _call(name: str, words: Sequence[str]) -> str:
    line = f"{name}({', '.join(words)})"
    if len(line) <= WIDTH:
        return line
    # A prompt goes on until the bracket closes.
    return "\n".join([f"{name}(", *(f"    {word}," for word in words), ")"])


def _callable(target: Target, source: _Source) -> str:
    """The function's name, imported from where it is found: by its label, or where it is defined.

    One that has no such place, such as a function inside another or a prompt's, is called `target`.
    """
    by_label = target.label.partition(":")[::2]
    defined = [getattr(target.function, name, "") for name in ("__module__", "__qualname__")]
    for module, name in (by_label, defined):
        if name and module and module != "__main__" and _is_there(module, name, target.function):
            source.imports.add(f"from {module} import {name.partition('.')[0]}")
            return name
    source.lines.append(f"# target = the function that is tested as {target.label}")
    return "target"


def _is_there(module: str, path: str, function: object) -> bool:
    try:
        found: object = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError):
        return False
    # A method is made anew each time that it is looked up.
    return found is function or (inspect.ismethod(found) and found == function)


def printable(text: str) -> str:
    """`text` with the halves of characters, which no file can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _numpy_name(dtype: np.dtype[np.generic]) -> str:
    # `np.bool` is too new for NumPy 1.26.
    return "bool_" if dtype.kind == "b" else dtype.name


def _answer(call: Call) -> list[str]:
    """What came back, or the error, in a few lines."""
    if call.error is not None:
        text = printable(f"{type(call.error).__name__}: {call.error}")
    else:
        with np.printoptions(threshold=100, linewidth=WIDTH - 2):
            text = repr(call.outcome)
    lines = text.splitlines()
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "..."]
