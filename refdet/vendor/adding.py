"""Files and functions copied into a folder, beside what it has already."""

from __future__ import annotations

import ast
import difflib
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from refdet.vendor.checking import examine, required_manifest
from refdet.vendor.contracts_file import has_contracts
from refdet.vendor.extracting import Room, module_of, module_source, modules, public_names
from refdet.vendor.folder import digest, place, read_text
from refdet.vendor.licence import LICENCE
from refdet.vendor.manifest import LICENCE_FILE, MANIFEST, Kind, Manifest, VendoredFile
from refdet.vendor.plan import Plan, plan_writing
from refdet.vendor.renewing import Renewed, renew
from refdet.vendor.sources import as_installed

_INDENT = " " * 21


def plan_add(
    folder: Path, names: Sequence[str], only: Sequence[str], room: Room, *, contracts: bool
) -> Plan:
    """What copies files of refdet into `folder`. Nothing is written yet.

    Args:
        folder: need not exist.
        names: files, such as `iou`, without `.py`; whole but for those that `only` names parts of.
        only: functions, classes or documented constants, of any files.
        room: where the originals lie.
        contracts: whether their tests come with them.

    Raises:
        ValueError: there is no such name, or something in `folder` would be lost.
    """
    wanted = _wanted(names, only, room)
    manifest = _manifest(folder)
    listed = {file.path: file for file in manifest.files}
    renewed: list[Renewed] = []
    without: dict[str, str] = {}
    for module, asked in wanted.items():
        file, tests = (_entry(kind, module, room) for kind in (Kind.MODULE, Kind.CONTRACTS))
        functions = _merged(listed.get(file.path), asked)
        entries = [file]
        if contracts and not has_contracts(module, functions, room):
            without[tests.path] = "not copied: there are none for what is asked for"
        elif contracts or tests.path in listed:
            entries.append(tests)
        for entry in entries:
            put = _extended if entry.path in listed else _new
            renewed.append(put(folder, listed.get(entry.path, entry), functions))
    plan = plan_writing(folder, manifest, renewed)
    return replace(plan, said={**plan.said, **without})


def listing() -> str:
    """A line for each file that can be copied, with what it has."""
    lines = []
    for room in Room:
        option = " (--as-torch)" if room is Room.TORCH_OPS else ""
        lines.append(f"files of refdet.{room}{option}, and what --only takes of them:")
        for module in modules(room):
            about = ast.get_docstring(ast.parse(module_source(module, room=room))) or ""
            lines.append(f"  {module:<18} {about.splitlines()[0]}")
            names = ", ".join(public_names(module, room))
            lines += textwrap.wrap(names, 100, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join(lines)


def _wanted(names: Sequence[str], only: Sequence[str], room: Room) -> dict[str, tuple[str, ...]]:
    """The files to copy, with those functions of each that are asked for; none means all."""
    wanted: dict[str, tuple[str, ...]] = {}
    for name in names:
        module = name.removesuffix(".py")
        if module not in modules(room):
            raise ValueError(_unknown(name, room))
        wanted[module] = ()
    for function in only:
        module = _module_of(function, room)
        wanted[module] = (*wanted.get(module, ()), function)
    return {
        module: tuple(name for name in public_names(module, room) if name in functions)
        for module, functions in wanted.items()
    }


def _module_of(function: str, room: Room) -> str:
    try:
        return module_of(function, room)
    except ValueError:
        for at in Room:
            if any(function in public_names(module, at) for module in modules(at)):
                raise ValueError(_elsewhere(f"function {function!r}", room, at)) from None
        raise


def _elsewhere(what: str, room: Room, at: Room) -> str:
    way = "use --as-torch" if at is Room.TORCH_OPS else "leave --as-torch out"
    return f"no {what} in refdet.{room}, but one in refdet.{at}: {way}"


def _unknown(name: str, room: Room) -> str:
    for at, option in ((Room.CORE, ""), (Room.TORCH_OPS, " --as-torch")):
        if at is not room and name in modules(at):
            return _elsewhere(f"file {name!r}", room, at)
        for module in modules(at):
            if name in public_names(module, at):
                return f"{name!r} is a part of the file {module}: --only {name}{option}"
    near = difflib.get_close_matches(name, modules(room), cutoff=0.5)
    known = ", ".join(modules(room))
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {known};"
    return f"no file {name!r} in refdet.{room}; {hint} `refdet vendor add` lists all"


def _manifest(folder: Path) -> Manifest:
    """That of `folder`, or an empty one to begin with."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder of its own for what is copied")
    if place(folder, MANIFEST).exists():
        return required_manifest(folder)
    licence = read_text(folder, LICENCE_FILE)
    if licence not in (None, LICENCE):
        raise ValueError(
            f"{folder / LICENCE_FILE} is there and not refdet's; name a folder of its own for what "
            f"is copied, such as {folder / 'refdet'}"
        )
    return Manifest(digest(LICENCE), ())


def _entry(kind: Kind, module: str, room: Room) -> VendoredFile:
    """What is not written yet, and so has neither version nor hashes."""
    return VendoredFile(kind, room, module, (), "0", "", "")


def _merged(file: VendoredFile | None, functions: tuple[str, ...]) -> tuple[str, ...]:
    """What `file` has already and `functions`; all of it if either is."""
    if file is None or not file.functions or not functions:
        return functions if file is None else ()
    both = {*file.functions, *functions}
    return tuple(name for name in public_names(file.module, file.room) if name in both)


def _new(folder: Path, entry: VendoredFile, functions: tuple[str, ...]) -> Renewed:
    file, text = as_installed(replace(entry, functions=functions))
    there = read_text(folder, file.path)
    if there not in (None, text):
        raise ValueError(
            f"{folder / file.path} is there, and the {MANIFEST} there does not list it: nothing "
            "was written. Move it, or name another folder"
        )
    return Renewed(file, {file.path: text}, "copied" if there is None else "listed again")


def _extended(folder: Path, file: VendoredFile, functions: tuple[str, ...]) -> Renewed:
    finding = examine(folder, file)
    if not finding.is_in_order:
        raise ValueError(
            f"{folder / file.path} is {finding.state}: nothing was written. `refdet vendor update` "
            "puts it back, `refdet vendor record` keeps what was changed.\n"
            f"{finding.note or finding.diff}".rstrip("\n")
        )
    return renew(folder, file, functions)
