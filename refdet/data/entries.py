"""Columns out of a list of dicts: at the speed of C where all is well, by name where it is not.

`struct.pack` does the reading. It takes exactly the integers, or exactly the numbers, of many dicts
at once, where NumPy would take the text "7" for 7, 7.5 for 7 and None for NaN. It does not say
which dict it refuses; then each is looked at, for the error or for what only a patient reading
understands, such as 7.0 for 7.
"""

from __future__ import annotations

import reprlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import starmap
from operator import itemgetter
from typing import cast

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Entry = Mapping[str, object]

# So few dicts stay in the processor's cache while one key after the other is read from them.
_CHUNK = 512
_BOOLS = frozenset({bool, np.bool_})  # numbers to Python, mistakes here
_PACK_BOX = struct.Struct("4d").pack
LARGEST_INTEGRAL_FLOAT = 2.0**53  # the floats beyond it skip integers
_INT64 = range(-(2**63), 2**63)
_IRREGULAR = (
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    struct.error,
)


class Column(ABC):
    """The values of one key.

    Args:
        key: of the dicts.
        default: what a missing key or null stands for; None if the key must be there.
    """

    def __init__(self, key: str, default: float | None = None) -> None:
        self.key = key
        self._default = default
        self._packed = bytearray()

    def add(self, chunk: Sequence[Entry]) -> None:
        """The values of many dicts, or one of `_IRREGULAR` if they need to be looked at."""
        if self._default is None:
            values = list(map(itemgetter(self.key), chunk))
        else:
            values = [entry.get(self.key, self._default) for entry in chunk]
        self._packed += self._pack_all(values)

    def add_one(self, entry: Entry) -> None:
        """The value of one dict; ValueError says what is wrong with it."""
        value = entry.get(self.key)
        if value is None and self._default is not None:
            value = self._default
        elif self.key not in entry:
            raise ValueError(f"{self.key} missing; there are {', '.join(map(str, entry))}")
        try:
            self._packed += self._pack_one(_plain(value))
        except ValueError as error:
            raise ValueError(f"{self.key} = {reprlib.repr(value)} {error}") from None

    @abstractmethod
    def _pack_all(self, values: list[object]) -> bytes: ...

    @abstractmethod
    def _pack_one(self, value: object) -> bytes: ...


class IntegerColumn(Column):
    """Integers, also those that a file holds as 7.0."""

    def array(self) -> I64:
        """(N,) int64."""
        return np.frombuffer(self._packed, np.int64)

    def _pack_all(self, values: list[object]) -> bytes:
        packed = struct.pack(f"{len(values)}q", *values)
        _refuse_bools([values[row] for row in _zeros_and_ones(packed, np.int64)])
        return packed

    def _pack_one(self, value: object) -> bytes:
        if isinstance(value, float) and abs(value) <= LARGEST_INTEGRAL_FLOAT:
            value = int(value) if value.is_integer() else value
        if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
            raise ValueError("is not an integer of 64 bits")
        return struct.pack("q", value)


class FlagColumn(Column):
    """0 or 1, False or True."""

    def array(self) -> Mask:
        """(N,) bool."""
        return np.frombuffer(self._packed, np.bool_)

    def _pack_all(self, values: list[object]) -> bytes:
        packed = bytes(values)  # type: ignore[arg-type]  # it refuses what is no integer
        if max(packed) > 1:
            raise ValueError
        return packed

    def _pack_one(self, value: object) -> bytes:
        if not isinstance(value, int | float) or value not in (0, 1):
            raise ValueError("is not 0 or 1")
        return bytes([int(value)])


class NumberColumn(Column):
    """Numbers. NaN and infinity pass; `Entries.refuse` them where they may not."""

    def array(self) -> F64:
        """(N,) float64."""
        return np.frombuffer(self._packed, np.float64)

    def _pack_all(self, values: list[object]) -> bytes:
        packed = struct.pack(f"{len(values)}d", *values)
        _refuse_bools([values[row] for row in _zeros_and_ones(packed, np.float64)])
        return packed

    def _pack_one(self, value: object) -> bytes:
        return struct.pack("d", _number(value))


class BoxColumn(Column):
    """Four numbers each, as a list, tuple, array or tensor. NaN and infinity pass likewise."""

    def array(self) -> F64:
        """(N, 4) float64."""
        return np.frombuffer(self._packed, np.float64).reshape(-1, 4)

    def _pack_all(self, values: list[object]) -> bytes:
        # What is no list, `_PACK_BOX` refuses.
        boxes = cast(list[list[object]], values)
        if hasattr(values[0], "tolist"):  # arrays and tensors are slow to take apart by number
            boxes = list(map(_listed, values))
        packed = b"".join(starmap(_PACK_BOX, boxes))
        at = _zeros_and_ones(packed, np.float64)
        _refuse_bools([boxes[number // 4][number % 4] for number in at])
        return packed

    def _pack_one(self, value: object) -> bytes:
        sides = _listed(value)
        if len(sides) != 4:
            raise ValueError(f"has {len(sides)} numbers, not x, y, width, height")
        return _PACK_BOX(*(_number(_plain(side)) for side in sides))


class Entries:
    """Dicts of one kind, in their order.

    Args:
        rows: the dicts.
        whole: what an error calls all of them.
        each: what it calls one of them; `{}` stands for its index from 0.

    Raises:
        ValueError: `rows` is no sequence.
    """

    def __init__(self, rows: object, whole: str, each: str) -> None:
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
            raise ValueError(f"{whole}: a list is needed, got {type(rows).__name__}")
        # Of other sequences, such as a deque, no slice can be taken.
        self.rows: Sequence[Entry] = rows if isinstance(rows, list | tuple) else list(rows)
        self._each = each

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, *columns: Column) -> None:
        """Fill the columns.

        Raises:
            ValueError: names the first entry that a column cannot hold, its key and its value,
                or that is no mapping.
        """
        for start in range(0, len(self.rows), _CHUNK):
            chunk = self.rows[start : start + _CHUNK]
            for column in columns:
                try:
                    column.add(chunk)
                except _IRREGULAR:
                    self._read_patiently(column, start, chunk)

    def refuse(self, wrong: Mask, key: str, why: str) -> None:
        """Raise the error of the first entry that is `wrong`, (N,) bool, if any is."""
        if wrong.any():
            index = int(wrong.argmax())
            raise self.error(index, f"{key} = {reprlib.repr(self.rows[index].get(key))} {why}")

    def error(self, index: int, text: str) -> ValueError:
        """The error that says `text` of one entry."""
        row = self.rows[index]
        name = f" (id {reprlib.repr(row['id'])})" if "id" in row else ""
        return ValueError(f"{self._each.format(index)}{name}: {text}")

    def _read_patiently(self, column: Column, start: int, chunk: Sequence[Entry]) -> None:
        for index, entry in enumerate(chunk, start):
            if not isinstance(entry, Mapping):
                raise ValueError(f"{self._each.format(index)} = {reprlib.repr(entry)} is no dict")
            try:
                column.add_one(entry)
            except ValueError as error:
                raise self.error(index, str(error)) from None


def _zeros_and_ones(packed: bytes, dtype: type[np.int64 | np.float64]) -> list[int]:
    """Where a number is 0 or 1, as False and True are to `struct.pack`."""
    numbers = np.frombuffer(packed, dtype)
    return np.flatnonzero((numbers == 0) | (numbers == 1)).tolist()


def _refuse_bools(values: list[object]) -> None:
    if not _BOOLS.isdisjoint(map(type, values)):
        raise TypeError


def _plain(value: object) -> object:
    """A scalar of NumPy or torch as Python's; anything else as it is."""
    item = getattr(value, "item", None)
    try:
        return item() if callable(item) else value
    except (TypeError, ValueError, RuntimeError):  # it holds more than one
        return value


def _listed(box: object) -> list[object]:
    """A list of what a list, a tuple, an array or a tensor holds."""
    tolist = getattr(box, "tolist", None)
    values = tolist() if callable(tolist) else box
    if not isinstance(values, list | tuple):
        raise ValueError("is not a list of x, y, width, height")
    return list(values)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is not a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is beyond float64") from None
