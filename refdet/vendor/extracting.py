"""The text of what is copied: a whole file of `core` or `torch_ops`, or single functions of it.

Sources are read as text, so that neither NumPy nor torch is loaded.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files

from refdet.vendor.closure import Statement, needed, only, statements_of, text_of


class Room(StrEnum):
    """Where the original lies."""

    CORE = "core"
    """In NumPy."""
    TORCH_OPS = "torch_ops"
    """The same names in torch, for what runs inside a training step."""


@cache
def modules(room: Room) -> tuple[str, ...]:
    """The names of the files that can be copied, sorted."""
    names = (file.name for file in files("refdet").joinpath(room).iterdir())
    return tuple(
        sorted(
            name.removesuffix(".py")
            for name in names
            if name.endswith(".py") and not name.startswith("_")
        )
    )


def public_names(module: str, room: Room) -> tuple[str, ...]:
    """What can be asked for by name: the functions, the classes and the documented constants.

    Raises:
        ValueError: there is no such file; names those that are like it.
    """
    return tuple(
        name
        for statement in _statements(module, room)
        for name in statement.defines
        if not name.startswith("_") and not statement.is_import and _is_documented(statement)
    )


def module_of(function: str, room: Room) -> str:
    """The file that has a public function (or class, or documented constant) of this name.

    Raises:
        ValueError: none has; names those that are like it.
    """
    places = {name: module for module in modules(room) for name in public_names(module, room)}
    if function not in places:
        raise ValueError(_unknown(f"function {function!r}", room, function, places))
    return places[function]


def module_source(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> str:
    """The text of one vendored file, without a header.

    Args:
        module: the file's name, without `.py`.
        functions: the public functions, classes or documented constants that are asked for; they
            come with what they need, and nothing else. By default the file as it is.
        room: where the original lies.

    Raises:
        ValueError: there is no such file, or nothing public of such a name in it; names those that
            are like it.
    """
    if not functions:
        return _source(module, room)
    statements = _statements(module, room)
    public = public_names(module, room)
    for name in functions:
        if name not in public:
            where = f"function {name!r} in {module}"
            raise ValueError(_unknown(where, room, name, public))
    return text_of(only(statements, needed(statements, functions)))


def _source(module: str, room: Room) -> str:
    if module not in modules(room):
        raise ValueError(_unknown(f"file {module!r}", room, module, modules(room)))
    return files("refdet").joinpath(room, f"{module}.py").read_text(encoding="utf-8")


@cache
def _statements(module: str, room: Room) -> tuple[Statement, ...]:
    return tuple(statements_of(_source(module, room)))


def _is_documented(statement: Statement) -> bool:
    """Type aliases have no docstring: nobody wants one for itself."""
    return not statement.is_assignment or statement.text.endswith('"""')


def _unknown(what: str, room: Room, name: str, known: Sequence[str] | dict[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return f"no {what} of refdet.{room}; {hint}"
