"""`refdet-vendor.toml`: what was copied into a folder, from where, and the hashes that prove it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from refdet.vendor.extracting import Room
from refdet.vendor.folder import read_text, was_cut_off

MANIFEST = "refdet-vendor.toml"
LICENCE_FILE = "LICENSE"
FORMAT = 1
"""Of the manifest; a later one may hold what this refdet would lose."""

_HEAD = """\
# Written by `refdet vendor`: what lies here, from where, and its SHA-256 with line ends as \\n.
# Keep it under version control with the files; `refdet vendor check` reads it. Do not edit it.
"""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FUNCTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RELEASE = re.compile(r"(\d+(?:\.\d+)*)(?:\.?(dev|a|b|rc)(\d+))?(?:\+[a-z0-9.]+)?")
_STAGES = ("dev", "a", "b", "rc", None)
_NOT_WALKED = {"node_modules", "__pycache__", "site-packages"}

_Choice = TypeVar("_Choice", bound=StrEnum)


class Kind(StrEnum):
    """What a file holds."""

    MODULE = "module"
    """The functions."""
    CONTRACTS = "contracts"
    """Their tests."""


@dataclass(frozen=True)
class VendoredFile:
    """One file that was copied.

    Attributes:
        kind: what it holds.
        room: where its original lies.
        module: the name of the original, without `.py`.
        functions: those that were asked for; none means the whole file.
        refdet: the version that wrote it.
        sha256: of the file as refdet wrote it, before any patch.
        source_sha256: of the same without its header, which names the version.
        reason: why it was patched; None if it is as refdet wrote it.
    """

    kind: Kind
    room: Room
    module: str
    functions: tuple[str, ...]
    refdet: str
    sha256: str
    source_sha256: str
    reason: str | None = None

    @property
    def path(self) -> str:
        """Where it lies in the folder: torch's twins, which have the same names, in their own."""
        name = f"{'test_' if self.kind is Kind.CONTRACTS else ''}{self.module}.py"
        return f"{self.room}/{name}" if self.room is Room.TORCH_OPS else name

    @property
    def patch_path(self) -> str:
        """Where its recorded patch lies."""
        return f"{self.path}.patch"


@dataclass(frozen=True)
class Manifest:
    """All that was copied into a folder."""

    licence_sha256: str
    files: tuple[VendoredFile, ...]

    def with_files(self, files: Iterable[VendoredFile]) -> Manifest:
        """With `files` in the place of those at the same paths, sorted by path."""
        by_path = {file.path: file for file in (*self.files, *files)}
        return Manifest(self.licence_sha256, tuple(by_path[path] for path in sorted(by_path)))


def manifest_text(manifest: Manifest) -> str:
    """`manifest` as TOML."""
    parts = [f"{_HEAD}format = {FORMAT}\nlicence_sha256 = {_toml(manifest.licence_sha256)}\n"]
    for file in manifest.files:
        entries: dict[str, str | tuple[str, ...] | None] = {
            "path": file.path,
            "kind": file.kind.value,
            "room": file.room.value,
            "module": file.module,
            "functions": file.functions or None,
            "refdet": file.refdet,
            "sha256": file.sha256,
            "source_sha256": file.source_sha256,
            "reason": file.reason,
        }
        lines = [f"{key} = {_toml(value)}" for key, value in entries.items() if value is not None]
        parts.append("\n[[file]]\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`; None if it has none.

    Raises:
        ValueError: it is of a later format, or says what refdet does not write; names the entry.
    """
    text = read_text(folder, MANIFEST)
    if text is None:
        return None
    try:
        return _parse(text)
    except ValueError as error:  # TOMLDecodeError and UnicodeError among them
        raise ValueError(
            f"{folder / MANIFEST}: {error}. Take the file back from version control, or upgrade "
            "refdet if a later one wrote it"
        ) from error


def find_folders(root: Path) -> list[Path]:
    """The folders from `root` on that have a manifest; not in hidden folders or environments.

    Those as well in which a write was cut off, and so perhaps before there was a manifest.
    """
    found = []
    for folder, names, files in os.walk(root):
        if MANIFEST in files or was_cut_off(Path(folder)):
            found.append(Path(folder))
        is_environment = "pyvenv.cfg" in files
        names[:] = [
            name
            for name in sorted(names)
            if not (is_environment or name.startswith(".") or name in _NOT_WALKED)
        ]
    return found


def release(version: str) -> tuple[tuple[int, ...], int, int]:
    """What orders versions: 0.9 < 0.10.dev1 < 0.10rc1 < 0.10 = 0.10.0.

    Raises:
        ValueError: it is no version such as refdet has.
    """
    parts = _RELEASE.fullmatch(version)
    if parts is None:
        raise ValueError(f"{version!r} is no version of refdet")
    numbers = [int(number) for number in parts[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), _STAGES.index(parts[2]), int(parts[3] or 0)


def _parse(text: str) -> Manifest:
    # Bytes that are not UTF-8 have become surrogates, which the TOML parser would let pass.
    table = tomllib.loads(text.encode("utf-8", "surrogateescape").decode("utf-8"))
    if table.get("format") != FORMAT:
        raise ValueError(f"format is {table.get('format')!r}, and this refdet knows {FORMAT}")
    _refuse_others(table, ("format", "licence_sha256", "file"))
    entries = table.get("file", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("what is listed is no [[file]]")
    files = [_parse_entry(number, entry) for number, entry in enumerate(entries, start=1)]
    paths = [file.path for file in files]
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"{path} is listed {paths.count(path)} times")
    return Manifest(_matching(table, "licence_sha256", _SHA256), tuple(files))


def _parse_entry(number: int, entry: Mapping[str, object]) -> VendoredFile:
    try:
        return _parse_file(entry)
    except ValueError as error:
        raise ValueError(f"[[file]] {number}: {error}") from error


def _parse_file(entry: Mapping[str, object]) -> VendoredFile:
    fields = (*("path", "kind", "room", "module", "functions", "refdet"),
              *("sha256", "source_sha256", "reason"))  # fmt: skip
    _refuse_others(entry, fields)
    functions = entry.get("functions", [])
    if not isinstance(functions, list):
        raise ValueError(f"functions = {functions!r} is no list")
    version = _text(entry, "refdet")
    release(version)
    file = VendoredFile(
        kind=_choice(entry, "kind", Kind),
        room=_choice(entry, "room", Room),
        module=_matching(entry, "module", _NAME),
        functions=tuple(_matching({"functions": one}, "functions", _FUNCTION) for one in functions),
        refdet=version,
        sha256=_matching(entry, "sha256", _SHA256),
        source_sha256=_matching(entry, "source_sha256", _SHA256),
        reason=_text(entry, "reason") if "reason" in entry else None,
    )
    # Where a file lies follows from where it comes from: no other path is ever read or written.
    if entry.get("path") != file.path:
        raise ValueError(f"path = {entry.get('path')!r} should be {file.path!r}")
    return file


def _refuse_others(table: Mapping[str, object], known: Iterable[str]) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{key} = {table[key]!r} is not known")


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} = {value!r} is no text" if key in table else f"{key} is missing")
    return value


def _matching(table: Mapping[str, object], key: str, pattern: re.Pattern[str]) -> str:
    value = _text(table, key)
    if not pattern.fullmatch(value):
        raise ValueError(f"{key} = {value!r} is not what refdet writes")
    return value


def _choice(table: Mapping[str, object], key: str, choices: type[_Choice]) -> _Choice:
    value = _text(table, key)
    if value not in list(choices):
        raise ValueError(f"{key} = {value!r} is none of {', '.join(choices)}")
    return choices(value)


def _toml(value: str | Iterable[str]) -> str:
    if not isinstance(value, str):
        return f"[{', '.join(map(_toml, value))}]"
    # A JSON string is one in TOML as well, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
