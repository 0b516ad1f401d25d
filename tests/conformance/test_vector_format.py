"""The vectors as another language meets them: plain JSON, whose numbers come back bit for bit."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refdet.conformance.vectors import decode_value, encode_value

# As the module `struct` has the dtypes; what it cannot pack is in no range of theirs.
LETTERS = {
    "float64": "d",
    "float32": "f",
    "float16": "e",
    "int64": "q",
    "int32": "i",
    "int16": "h",
    "uint8": "B",
    "bool": "?",
}
NOT_IN_JSON = ("NaN", "Infinity", "-Infinity")

floats = st.sampled_from([np.float64, np.float32, np.float16]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
)


@given(array=floats)
@example(array=np.array([0.1, -0.0, 5e-324, 2**53 + 2.0, np.nan, np.inf, -np.inf]))
@example(array=np.array([0.1, 1e-45, 3.4e38], np.float32))
@example(array=np.zeros((0, 4)))
def test_floats_come_back_bit_for_bit(array: np.ndarray) -> None:
    text = json.dumps(encode_value(array), allow_nan=False)
    again = decode_value(json.loads(text))
    assert isinstance(again, np.ndarray)
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    same = (again == array) & (np.signbit(again) == np.signbit(array))
    assert (same | (np.isnan(again) & np.isnan(array))).all(), text


# --- A reader without NumPy ---


def no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def numbers(data: object, shape: list[int]) -> Iterator[object]:
    """All items of nested lists, which must be as long as `shape` says."""
    if not shape:
        assert isinstance(data, bool | int | float | str), data
        yield data
        return
    assert isinstance(data, list), data
    assert len(data) == shape[0], data
    for item in data:
        yield from numbers(item, shape[1:])


def arrays(value: object) -> Iterator[dict[str, object]]:
    """All arrays in a vector's inputs or answer."""
    if isinstance(value, dict) and "dtype" in value:
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays(item)


def survives(number: object, dtype: str) -> bool:
    """Whether `number` is one of its dtype, and not only near to one."""
    if number in NOT_IN_JSON:
        return dtype.startswith("float")
    if isinstance(number, bool) is not (dtype == "bool"):
        return False
    (again,) = struct.unpack(LETTERS[dtype], struct.pack(LETTERS[dtype], number))
    return bool(again == number)


@pytest.mark.parametrize(
    ("number", "dtype", "kept"),
    [
        (0.5, "float16", True),
        (0.1, "float32", False),
        (0.1, "float64", True),
        (1, "bool", False),
        ("NaN", "float32", True),
        ("NaN", "int64", False),
    ],
)
def test_survives_knows_what_a_dtype_can_hold(number: object, dtype: str, kept: bool) -> None:
    assert survives(number, dtype) is kept


def test_every_vector_is_read_without_numpy(golden: Path) -> None:
    found = 0
    for file in golden.glob("*/*.json"):
        case = json.loads(file.read_text("utf-8"), parse_constant=no_number)
        for array in arrays([case["inputs"], case["expected"]]):
            shape, dtype = array["shape"], array["dtype"]
            assert isinstance(shape, list)
            for number in numbers(array["data"], shape):
                assert survives(number, str(dtype)), f"{file}: {number} in {dtype}"
                found += 1
    assert found > 10_000
