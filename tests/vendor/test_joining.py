"""Parts of several modules joined to one file: asked of small modules made for it."""

from __future__ import annotations

import pytest

from refdet.vendor.closure import Statement, statements_of
from refdet.vendor.joining import Joint, import_block

MODULES = {
    "a.low": """
import numpy as np

F64 = float
UNUSED = 1


def low(value: F64) -> F64:
    return np.sum(value)
""",
    "a.high": """
import math
from collections.abc import Callable

import numpy as np

from refdet.a.low import low
from refdet.b.own import Kind, own

F64 = float


def high(value: F64) -> F64:
    return low(value) + own(Kind) + math.pi
""",
    "a.clash": """
from refdet.a.low import low

F64 = int


def clash(value: F64) -> F64:
    return low(value)
""",
    "b.own": """
class Kind:
    pass


class Part:
    pass


def own(value):
    return Part()
""",
}


def read(module: str) -> list[Statement]:
    return statements_of(MODULES[module])


def test_joined_modules_follow_those_that_they_need() -> None:
    joint = Joint(read, {"b.own": {"Kind", "Part"}})
    joint.add("a.high", ["high"])
    assert (
        joint.text()
        == """from __future__ import annotations

import math

import numpy as np

from .own import Kind, Part

# === refdet/b/own.py ===


def own(value):
    return Part()


# === refdet/a/low.py ===


F64 = float


def low(value: F64) -> F64:
    return np.sum(value)


# === refdet/a/high.py ===


def high(value: F64) -> F64:
    return low(value) + own(Kind) + math.pi
"""
    )


def test_joined_modules_that_mean_two_things_by_one_name_are_an_error() -> None:
    joint = Joint(read, {})
    with pytest.raises(ValueError, match=r"a\.clash and a\.low mean different things by F64"):
        joint.add("a.clash", ["clash"])


def test_imports_are_sorted_by_where_they_come_from() -> None:
    found = {
        ("numpy", "array", ""),
        ("", "numpy", "np"),
        (".beside", "here", ""),
        ("", "math", ""),
        ("typing", "cast", ""),
        ("typing", "NamedTuple", ""),
        ("typing", "TYPE_CHECKING", ""),
        ("hypothesis", "strategies", "st"),
        ("hypothesis", "given", ""),
    }
    assert (
        import_block(found)
        == """from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy import array

from .beside import here
"""
    )
