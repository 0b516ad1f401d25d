"""The folder that files are copied into: what may be touched in it, and how it is read.

Nothing outside of it is touched, nothing through a symbolic link, and all that a command writes is
written together: a process that is killed half way leaves what the next command turns back.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from refdet.files import atomic_path, remove_partial_files, write_text_atomic

UNDO = "refdet-vendor.undo"
"""The folder in which what is being replaced is kept until all is written."""
_INDEX = "index.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def digest(text: str) -> str:
    """The SHA-256 of `text`, whose line ends `read_text` has normalised."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def place(folder: Path, relative: str) -> Path:
    r"""Where `relative`, parts with `/` between, lies in `folder`.

    Raises:
        ValueError: it would lie outside, or a symbolic link is on the way from `folder` on.
    """
    parts = relative.split("/")
    if not all(_NAME.fullmatch(part) for part in parts):
        raise ValueError(f"{relative!r} is no path inside {folder}: nothing was read or written")
    path = folder
    refuse_link(path)
    for part in parts:
        path /= part
        refuse_link(path)
    return path


def refuse_link(path: Path) -> None:
    """Raise ValueError if `path` is a symbolic link, wherever it leads."""
    if path.is_symlink():
        raise ValueError(
            f"{path} is a symbolic link to {path.readlink()}; vendored files are not read or "
            "written through links. Name the folder itself, or remove the link"
        )


def read_text(folder: Path, relative: str) -> str | None:
    r"""The text of a file with `\n` for `\r\n`, so that a checkout on Windows is the same text.

    Bytes that are not UTF-8 become surrogates, so that they count.

    Returns:
        None if there is no such file.

    Raises:
        ValueError: it is no file, or reached through a link.
    """
    path = place(folder, relative)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except (IsADirectoryError, PermissionError) as error:
        raise ValueError(f"{path} cannot be read as a file: {error.strerror}") from error
    return content.replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")


def write_together(folder: Path, texts: Mapping[str, str | None]) -> None:
    """Write these files of `folder` and remove those whose text is None, all or none.

    Args:
        folder: made if it does not exist.
        texts: by path relative to `folder`.

    Raises:
        ValueError: a path is outside, or leads through a link; then nothing is written.
        OSError: something cannot be written; then all is as it was.
    """
    for relative in texts:
        place(folder, relative)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UNDO).mkdir()
    try:
        _keep(folder, tuple(texts))
        for relative, text in texts.items():
            _write(folder, relative, text)
        _forget(folder)
    except BaseException:
        turn_back(folder)
        if made:
            with suppress(OSError):  # not empty: somebody else's file is in it by now
                folder.rmdir()
        raise


def was_cut_off(folder: Path) -> bool:
    """Whether a process was killed while it wrote to `folder`."""
    return (folder / UNDO / _INDEX).is_file()


def turn_back(folder: Path) -> bool:
    """Put back what was there before a write that was cut off; False if none was."""
    undo = place(folder, UNDO)
    cut_off = was_cut_off(folder)
    if cut_off:
        kept: dict[str, str | None] = json.loads(
            place(folder, f"{UNDO}/{_INDEX}").read_text(encoding="utf-8")
        )
        for relative, copy in kept.items():
            path = place(folder, relative)
            if copy is None:
                path.unlink(missing_ok=True)
            else:
                _copy(place(folder, f"{UNDO}/{copy}"), path)
        for parent in {(folder / relative).parent for relative in kept}:
            remove_partial_files(parent)
        _remove_empty(folder, tuple(kept))
        _forget(folder)
    elif undo.is_dir():
        shutil.rmtree(undo)  # the process was killed before it changed anything
    return cut_off


def _keep(folder: Path, paths: tuple[str, ...]) -> None:
    """Keep copies of `paths`; from the moment that the index is written, they count."""
    undo = place(folder, UNDO)
    kept: dict[str, str | None] = {}
    for number, relative in enumerate(paths):
        path = place(folder, relative)
        kept[relative] = str(number) if path.exists() else None
        if path.exists():
            _copy(path, undo / str(number))
    write_text_atomic(undo / _INDEX, json.dumps(kept))


def _write(folder: Path, relative: str, text: str | None) -> None:
    path = place(folder, relative)
    if text is None:
        path.unlink(missing_ok=True)
        _remove_empty(folder, (relative,))
    else:
        write_text_atomic(path, text)


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _forget(folder: Path) -> None:
    """All is written: without its index, what was kept no longer counts."""
    (folder / UNDO / _INDEX).unlink()
    shutil.rmtree(folder / UNDO, ignore_errors=True)


def _remove_empty(folder: Path, paths: tuple[str, ...]) -> None:
    """Remove the folders of `paths` inside `folder` that nothing is left in."""
    for parent in {(folder / relative).parent for relative in paths} - {folder}:
        with suppress(OSError):  # not empty, or not there
            parent.rmdir()
