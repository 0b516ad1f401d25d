"""Single functions taken out of `core` and `torch_ops`: asked of small modules made for it."""

from __future__ import annotations

import pytest

from refdet.vendor.closure import needed, only, statements_of, text_of
from refdet.vendor.extracting import Room, module_of, module_source, modules, public_names
from tests.conftest import REPOSITORY


def part(source: str, *names: str) -> str:
    statements = statements_of(source)
    return text_of(only(statements, needed(statements, names)))


MODULE = '''"""What this is about.

More of it.
"""

import math
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
)
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# How many fit.
LIMIT = 3  # counted in rows
SCALE = math.log(2)
"""The scale."""


@dataclass(frozen=True)
class Answer:
    """A class."""

    values: F64

    def rows(self, pick: "Mapping[str, int]") -> I64:
        return _rows(self.values)


def first(scale: float = SCALE) -> "Answer":
    """Uses a class in quotes."""
    LIMIT = 2  # its own
    return Answer(np.zeros(LIMIT) * scale)


# What follows is for this file.


# Why it is so.
def _rows(values: F64) -> I64:
    return np.arange(len(values))[:LIMIT]


def second(values: F64) -> F64:
    """Another."""
    return [helper for helper in F.relu(values)]


def helper(each: Iterable[int]) -> Callable[[], int]:
    """Shadowed above, where a loop has its name."""
    return lambda: sum(each)
'''


def test_a_part_is_word_for_word_with_its_comments_in_order() -> None:
    assert (
        part(MODULE, "first")
        == '''"""What this is about.

More of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# How many fit.
LIMIT = 3  # counted in rows
SCALE = math.log(2)
"""The scale."""


@dataclass(frozen=True)
class Answer:
    """A class."""

    values: F64

    def rows(self, pick: "Mapping[str, int]") -> I64:
        return _rows(self.values)


def first(scale: float = SCALE) -> "Answer":
    """Uses a class in quotes."""
    LIMIT = 2  # its own
    return Answer(np.zeros(LIMIT) * scale)


# What follows is for this file.


# Why it is so.
def _rows(values: F64) -> I64:
    return np.arange(len(values))[:LIMIT]
'''
    )


def test_a_part_has_nothing_whose_name_is_only_shadowed() -> None:
    assert (
        part(MODULE, "second")
        == '''"""What this is about.

More of it.
"""

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray

F64 = NDArray[np.float64]

# What follows is for this file.


def second(values: F64) -> F64:
    """Another."""
    return [helper for helper in F.relu(values)]
'''
    )


def test_a_part_of_everything_is_the_module() -> None:
    names = [name for statement in statements_of(MODULE) for name in statement.defines]
    assert part(MODULE, *names) == MODULE


@pytest.mark.parametrize("room", Room)
def test_every_file_taken_apart_and_put_together_is_the_file(room: Room) -> None:
    for module in modules(room):
        statements = statements_of(module_source(module, room=room))
        assert text_of(statements) == module_source(module, room=room), module


def test_a_long_import_that_stays_too_long_has_a_name_a_line() -> None:
    names = [f"a_rather_long_name_{index}" for index in range(9)]
    source = f"from somewhere import ({', '.join(names)})\n\n\ndef both():\n    {names[0]}\n"
    source += "    " + "; ".join(names[1:8]) + "\n"
    lines = part(source, "both").splitlines()
    wanted = ["from somewhere import (", *(f"    {name}," for name in names[:8]), ")", "", ""]
    assert lines[: len(wanted)] == wanted


def test_a_future_import_stays_without_being_used() -> None:
    source = "from __future__ import annotations\n\nimport os\n\n\ndef one():\n    pass\n"
    assert part(source, "one") == source.replace("import os\n\n\n", "\n")


@pytest.mark.parametrize("statement", ["LIMIT += 1", "if LIMIT:\n    LIMIT = 2", "print(LIMIT)"])
def test_what_cannot_be_told_apart_is_an_error(statement: str) -> None:
    with pytest.raises(ValueError, match=r"line 2 can not be taken apart"):
        statements_of(f"LIMIT = 1\n{statement}\n")


def test_modules_are_the_files_of_the_room() -> None:
    for room in Room:
        files = (REPOSITORY / "refdet" / room).glob("[!_]*.py")
        assert modules(room) == tuple(sorted(file.stem for file in files))


def test_a_whole_module_is_the_file_as_it_is() -> None:
    for room in Room:
        for module in modules(room):
            file = REPOSITORY / "refdet" / room / f"{module}.py"
            assert module_source(module, room=room) == file.read_text(encoding="utf-8")


def test_a_whole_module_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook has to be quick, and reads a whole file for each that was vendored."""

    def slow(*_: object) -> str:
        raise AssertionError("this takes longer than all the rest")

    monkeypatch.setattr("refdet.vendor.extracting._statements", slow)
    assert module_source("iou").startswith('"""How much')


def test_public_names_are_functions_classes_and_documented_constants() -> None:
    assert public_names("codec", Room.CORE) == ("MAX_LOG_SCALE", "encode_boxes", "decode_boxes")
    assert public_names("nms", Room.CORE)[:2] == ("SoftNMSDecay", "SoftNMSResult")


def test_module_of_finds_the_file() -> None:
    assert module_of("giou_matrix", Room.CORE) == "iou"
    assert module_of("SSD300_COCO", Room.CORE) == "priors"
    assert module_of("multibox_loss", Room.TORCH_OPS) == "losses"


def test_every_public_name_is_in_one_file_of_its_room() -> None:
    for room in Room:
        names = [name for module in modules(room) for name in public_names(module, room)]
        assert len(names) == len(set(names))
        assert all(name in public_names(module_of(name, room), room) for name in names)


def test_what_is_not_there_is_told_with_its_likes() -> None:
    with pytest.raises(ValueError, match=r"no file 'iuo' of refdet\.core; did you mean iou\?"):
        module_source("iuo")
    with pytest.raises(ValueError, match=r"'iou_matrx' of refdet\.core; did you mean iou_matrix"):
        module_of("iou_matrx", Room.CORE)
    with pytest.raises(ValueError, match=r"'iou_matrx' in iou of refdet\.torch_ops; .*iou_matrix"):
        module_source("iou", ["iou_matrx"], Room.TORCH_OPS)
    with pytest.raises(ValueError, match=r"'nms' in iou of refdet\.core; there are iou_matrix, "):
        module_source("iou", ["iou_matrix", "nms"])
    with pytest.raises(ValueError, match=r"no function '_iou' in iou"):
        module_source("iou", ["_iou"])
