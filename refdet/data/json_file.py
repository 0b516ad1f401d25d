"""The contents of a JSON file, fast; a key that is twice in one entry is refused.

Every parser keeps the last of two values without a word. A file has two quotes around each key and
each text: if it has more of them than what was read accounts for, it is read again, patiently.
"""

from __future__ import annotations

import gc
import json
from pathlib import Path

import orjson

_TEXTS = frozenset({dict, str})
_HOLDERS = _TEXTS | {list}


def read_json(path: Path) -> object:
    """What a JSON file holds; NaN and infinity, which JSON lacks, are read as Python writes them.

    Raises:
        ValueError: it cannot be read, is no JSON, or a key is repeated; names the file, and the
            entry if the key is in one of a list.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    collecting = gc.isenabled()
    gc.disable()  # it would look for garbage in every new dict again and again: twice the time
    try:
        contents = orjson.loads(data)
        if not _may_repeat_keys(data, contents):
            return contents
    except orjson.JSONDecodeError:
        pass  # Python's slower parser takes a byte order mark, and numbers beyond float64, as well
    finally:
        if collecting:
            gc.enable()
    return _patiently(path, data)


def _may_repeat_keys(data: bytes, contents: object) -> bool:
    quotes = data.count(b'"')
    try:
        # Results have no text but their keys, which are counted at once.
        if isinstance(contents, list) and quotes == 2 * sum(map(len, contents)):
            return False
    except TypeError:
        pass  # not all are dicts
    return quotes != 2 * _n_texts(contents)


def _n_texts(contents: object) -> int:
    """Keys and texts in `contents`; of a list that begins with a number or a list, none."""
    count = 0
    level = [contents]
    while level:  # all of one depth at once, since there may be millions
        lists = [value for value in level if type(value) is list]
        level += [item for items in lists if items and type(items[0]) in _TEXTS for item in items]
        entries = [value for value in level if type(value) is dict]
        count += sum(map(len, entries)) + sum(type(value) is str for value in level)
        level = [value for entry in entries for value in entry.values() if type(value) in _HOLDERS]
    return count


class _Entry(dict[str, object]):
    """A dict that knows which key it was given twice; None if there is none."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated: str | None = None
        if len(self) < len(pairs):
            keys = [key for key, _ in pairs]
            self.repeated = next(key for key in keys if keys.count(key) > 1)


def _patiently(path: Path, data: bytes) -> object:
    try:
        contents: object = json.loads(data, object_pairs_hook=_Entry)
    # Numbers of thousands of digits and deep nesting are refused by these two.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    _refuse_repeated(contents, str(path))
    return contents


def _refuse_repeated(value: object, where: str) -> None:
    """Look at an entry, or at those of a list; of an entry, at the lists and entries in it."""
    if isinstance(value, list):
        separator = "[{}]" if ", " in where else ", entry {}"
        for index, entry in enumerate(value):
            if isinstance(entry, _Entry) and entry.repeated is not None:
                name = separator.format(index)
                raise ValueError(f"{where}{name}: {entry.repeated!r} is there more than once")
    elif isinstance(value, _Entry):
        if value.repeated is not None:
            raise ValueError(f"{where}: {value.repeated!r} is there more than once")
        for key, part in value.items():
            if isinstance(part, list | _Entry):
                _refuse_repeated(part, f"{where}, {key}")
