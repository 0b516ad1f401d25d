"""Files written so that a crash leaves the old one or the new one, not a half; strict JSON."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".refdet-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path` that takes its place when the block succeeds.

    The folder is made if it does not exist. The temporary name keeps the suffix, from which some
    writers guess the format. If the block fails, whatever was at `path` stays as it was.

    Args:
        path: the file to write or to replace.

    Yields:
        The path to write to; the block must create that file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PARTIAL}{os.urandom(8).hex()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as written:
            # Without it, a power cut could leave the new name with none of the new bytes.
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block succeeds.

    If the block fails or the process is killed in it, whatever was at `path` stays as it was.

    Args:
        path: the folder to write.
        overwrite: True to replace a folder whose entries the new one has as well; one that holds
            anything else is left alone.

    Yields:
        The folder to write into, which is there and empty.

    Raises:
        FileExistsError: something is at `path` that is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = (path.with_name(f"{_PARTIAL}{os.urandom(8).hex()}") for _ in range(2))
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            _refuse_others(path, temporary)
            path.rename(old)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def _refuse_others(old: Path, new: Path) -> None:
    """Nobody's notes are removed because they lie in a folder that is written again."""
    if not old.is_dir():
        raise FileExistsError(f"{old} is a file; a folder does not replace it")
    for entry in sorted(old.iterdir()):
        if not (new / entry.name).exists():
            raise FileExistsError(
                f"{entry} would be lost: what replaces {old} has nothing of that name. Remove it, "
                "or write elsewhere"
            )


def remove_partial_files(folder: Path) -> None:
    """Remove what `atomic_path` was writing in `folder` when a process was killed.

    For a folder that no other process writes to.
    """
    for file in folder.glob(f"{_PARTIAL}*"):
        file.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, line ends as given, or leave the old file untouched."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json_atomic(path: Path, value: object) -> None:
    """Write `value` to `path` as indented JSON, what is not finite as null."""
    write_text_atomic(path, json_text(value, indent=2) + "\n")


def json_text(value: object, indent: int | None = None) -> str:
    """`value` as JSON that every parser accepts: NaN and infinities, which JSON lacks, are null.

    Args:
        value: mappings with text keys, lists, tuples, text, numbers, booleans and None, nested.
        indent: spaces per level; None for a single line.

    Raises:
        TypeError: something else is in `value`.
    """
    return json.dumps(_without_non_finite(value), indent=indent, allow_nan=False)


def _without_non_finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_non_finite(item) for item in value]
    return value
