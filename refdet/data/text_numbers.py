"""Numbers in text files, a whole column at a time; only a wrong one is looked at by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from refdet.columns import F64, Mask


def floats_of(texts: Sequence[str], place: Callable[[int], str]) -> F64:
    """The numbers that `texts` are.

    Args:
        texts: N of them.
        place: what to call the text of an index in the message.

    Returns:
        (N,) float64, finite.

    Raises:
        ValueError: a text is no number, NaN or infinite; names the first.
    """
    try:
        numbers = np.array(list(map(float, texts)), np.float64)
    except ValueError:
        numbers = np.array([np.nan])
    # Python reads 1_0 as 10.
    if not np.isfinite(numbers).all() or "_" in "".join(texts):
        index = next(index for index, text in enumerate(texts) if not _is_finite_number(text))
        raise ValueError(f"{place(index)}: {texts[index]!r} is not a finite number")
    return numbers


def read_text(path: Path) -> str:
    """The text of a file, line ends as they are.

    Raises:
        ValueError: the file cannot be read, is not UTF-8, or holds a NUL byte; names it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets write a byte order mark
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error
    if "\0" in text:
        raise ValueError(f"{path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: NUL byte")
    return text


def refuse_first(rows: Mask, place: Callable[[int], str], what: Callable[[int], str]) -> None:
    """Raise ValueError about the first of `rows` that is True, if there is one."""
    if rows.any():
        row = int(rows.argmax())
        raise ValueError(f"{place(row)}: {what(row)}")


def _is_finite_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace("_", "?")))
    except ValueError:
        return False
