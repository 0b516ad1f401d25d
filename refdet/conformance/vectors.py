"""Golden vectors: inputs and the answer that somebody else computed, one case in one JSON file.

The format is described in `fixtures/golden/schema.json` and explained in `fixtures/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Value: TypeAlias = (
    "NDArray[np.generic] | float | int | bool | str | list[Value] | dict[str, Value] | None"
)

_ERRORS: Mapping[str, type[Exception]] = {"ValueError": ValueError, "TypeError": TypeError}


@dataclass(frozen=True)
class Vector:
    """One case.

    Attributes:
        name: `function/case`, where the file lies.
        source: who computed `expected`: a derivation by hand, or a tool and its version.
        inputs: the arguments by name, in the order of the call.
        expected: what is returned, by name (`result` if it has none), or the error raised.
        tolerance: largest absolute difference; 0 means bit for bit.
        flags: what makes the case hard, explained once in `fixtures/README.md`.
    """

    name: str
    source: str
    inputs: Mapping[str, Value]
    expected: Mapping[str, Value] | type[Exception]
    tolerance: float
    flags: tuple[str, ...]


def read_vectors(folder: Path) -> list[Vector]:
    """Every case in `folder`, sorted by file name; ValueError if there is none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"no golden vectors (*.json) in {folder}")
    return [
        parse_vector(f"{folder.name}/{file.stem}", file.read_text(encoding="utf-8"))
        for file in files
    ]


def parse_vector(name: str, text: str) -> Vector:
    """The case that is called `name`, from the JSON in its file."""
    case = json.loads(text)
    expected = case["expected"]
    return Vector(
        name=name,
        source=case["source"],
        inputs={name: decode_value(value) for name, value in case["inputs"].items()},
        expected=_ERRORS[expected["error"]]
        if set(expected) == {"error"}
        else {name: decode_value(value) for name, value in expected.items()},
        tolerance=case["tolerance"],
        flags=tuple(case.get("flags", ())),
    )


def encode_value(value: Value) -> object:
    """`value` as JSON can hold it: an array becomes `{"dtype", "shape", "data"}`."""
    if isinstance(value, np.ndarray):
        # The shape is written out because nested lists cannot tell (0, 4) from (0,).
        data = encode_value(value.tolist())
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, dict):
        return {name: encode_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode_value(item) for item in value]
    return _encode_number(value)


def decode_value(value: object) -> Value:
    """The inverse of `encode_value`."""
    if isinstance(value, dict) and set(value) == {"dtype", "shape", "data"}:
        data = decode_value(value["data"])
        return np.array(data, dtype=value["dtype"]).reshape(value["shape"])
    if isinstance(value, dict):
        return {name: decode_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [decode_value(item) for item in value]
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(str(value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no JSON value: {value!r}")


def _encode_number(value: object) -> object:
    # JSON has no NaN and no infinity; every finite float comes back bit for bit from its repr.
    if isinstance(value, float) and not np.isfinite(value):
        return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(value, "NaN")
    return value
