"""Unified diffs of one file: made, read, applied, reversed, and moved to another text.

The format is that of `diff -u` and `git diff`, so that `patch` and `git apply` take the files too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"
_HUNK = re.compile(r"^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@.*\n?", re.MULTILINE)


class PatchError(ValueError):
    """A patch is not one, or does not fit the text."""


@dataclass(frozen=True)
class Hunk:
    """One place of a patch: `old` lines become `new` ones; both include the context around.

    Lines have their line end, except a last one that has none. Starts count from 0.
    """

    old_start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]

    def reversed(self) -> Hunk:
        """The hunk that undoes this one."""
        return Hunk(self.new_start, self.new, self.old_start, self.old)

    def __str__(self) -> str:
        return f"@@ -{_range(self.old_start, self.old)} +{_range(self.new_start, self.new)} @@"


def lines_of(text: str) -> list[str]:
    r"""Lines with their ends. A line ends at `\n` alone: `str.splitlines` has ten more places."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def unified_diff(old: str, new: str, old_name: str, new_name: str, context: int = CONTEXT) -> str:
    """The unified diff from `old` to `new`; empty if they are equal."""
    found = difflib.unified_diff(
        lines_of(old), lines_of(new), old_name, new_name, n=context, lineterm="\n"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in found)


def make_patch(old: str, new: str, path: str, kept_lines: int = 0) -> str:
    """The unified diff from `old` to `new`, with so much context that it fits `old` only once.

    So whoever applies it to a later text need not guess which of two like places was meant.

    Args:
        old: the text before.
        new: the text after.
        path: what the patch calls the file.
        kept_lines: so many lines at the start, which name a version, are no context.

    Returns:
        The patch; empty if the texts are equal.

    Raises:
        PatchError: the lines that were to be kept differ.
    """
    before, after = lines_of(old), lines_of(new)
    if before[:kept_lines] != after[:kept_lines]:
        raise PatchError(f"the first {kept_lines} lines are refdet's header and stay as they are")
    body, new_body = "".join(before[kept_lines:]), "".join(after[kept_lines:])

    def with_context(lines: int) -> str:
        patch = unified_diff(body, new_body, f"a/{path}", f"b/{path}", lines)
        return _HUNK.sub(lambda header: _shifted(header, kept_lines), patch)

    for context in range(CONTEXT, len(before)):
        patch = with_context(context)
        if patch and all(len(_places(hunk.old, before)) == 1 for hunk in parse_patch(patch)):
            return patch
    return with_context(len(before))


def parse_patch(patch: str) -> tuple[Hunk, ...]:
    """The hunks of a unified diff of one file.

    Raises:
        PatchError: something in it is not as a unified diff has it; names the line.
    """
    lines = lines_of(patch)
    if len(lines) < 3 or not lines[0].startswith("--- ") or not lines[1].startswith("+++ "):
        raise PatchError("line 1: a unified diff starts with '--- ' and '+++ ' and has a hunk")
    hunks: list[Hunk] = []
    at = 2
    while at < len(lines):
        hunk, at = _parse_hunk(lines, at)
        hunks.append(hunk)
    return tuple(hunks)


def apply_patch(hunks: Sequence[Hunk], text: str) -> str:
    """`text` with every hunk applied, exactly where it says.

    Raises:
        PatchError: the lines at a hunk's place are others.
    """
    lines = lines_of(text)
    for hunk in hunks:
        if tuple(lines[hunk.old_start : hunk.old_start + len(hunk.old)]) != hunk.old:
            raise PatchError(f"{hunk} does not fit")
    return _replaced(lines, hunks, [hunk.old_start for hunk in hunks])


def reverse_patch(hunks: Sequence[Hunk], text: str) -> str:
    """The text that `apply_patch` made `text` from; PatchError if there is none."""
    return apply_patch([hunk.reversed() for hunk in hunks], text)


def move_patch(hunks: Sequence[Hunk], text: str) -> str:
    """`text`, which is not what the patch was made from, with every hunk applied where it fits.

    Context must fit exactly. A hunk that fits nowhere, or in several places, is a conflict: what
    is not certain is for a person to decide.

    Raises:
        PatchError: a conflict; names the hunk and shows its lines.
    """
    lines = lines_of(text)
    starts: list[int] = []
    end = 0
    for hunk in hunks:
        places = _places(hunk.old, lines)
        if len(places) != 1 or places[0] < end:
            where = f"fits in {len(places)} places" if len(places) > 1 else "does not fit any more"
            raise PatchError(f"{hunk} {where}:\n{''.join(_body(hunk))}".rstrip("\n"))
        starts.append(places[0])
        end = places[0] + len(hunk.old)
    return _replaced(lines, hunks, starts)


def _places(block: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Where `block` stands in `lines`. An empty one fits an empty text alone."""
    if not block:
        return [] if lines else [0]
    wanted = list(block)
    return [
        at for at, line in enumerate(lines)
        if line == wanted[0] and list(lines[at : at + len(wanted)]) == wanted
    ]  # fmt: skip


def _replaced(lines: Sequence[str], hunks: Sequence[Hunk], starts: Sequence[int]) -> str:
    result: list[str] = []
    end = 0
    for hunk, start in zip(hunks, starts, strict=True):
        if start < end:
            raise PatchError(f"{hunk} overlaps the one before it")
        result += [*lines[end:start], *hunk.new]
        end = start + len(hunk.old)
    return "".join([*result, *lines[end:]])


def _parse_hunk(lines: Sequence[str], at: int) -> tuple[Hunk, int]:
    header = _HUNK.fullmatch(lines[at])
    if header is None:
        raise PatchError(f"line {at + 1}: expected '@@ -…' and found {lines[at]!r}")
    n_old, n_new = (int((header[group] or ",1")[1:]) for group in (2, 4))
    sides: dict[str, list[str]] = {"-": [], "+": []}
    end = at + 1
    while end < len(lines) and (lines[end] == _NO_NEWLINE or lines[end][0] in " +-\n"):
        # Editors and hooks that strip trailing spaces leave nothing of an empty line of context.
        mark, line = (" ", "\n") if lines[end] == "\n" else (lines[end][0], lines[end][1:])
        if end + 1 < len(lines) and lines[end + 1] == _NO_NEWLINE:
            line = line.removesuffix("\n")
        for side in sides if mark == " " else {mark} & set(sides):
            sides[side].append(line)
        end += 1
    stripped = n_old - len(sides["-"]) if end == len(lines) else 0
    if 0 < stripped <= CONTEXT:  # others leave no empty line at the end of a file
        for side_lines in sides.values():
            side_lines.extend(["\n"] * stripped)
    if (len(sides["-"]), len(sides["+"])) != (n_old, n_new):
        raise PatchError(f"line {at + 1}: the hunk has not as many lines as it says")
    # A side without lines is said to start before its place, as `diff` has it.
    old_start, new_start = (
        int(header[group]) - (1 if n else 0) for group, n in ((1, n_old), (3, n_new))
    )
    return Hunk(old_start, tuple(sides["-"]), new_start, tuple(sides["+"])), end


def _shifted(header: re.Match[str], by: int) -> str:
    old, n_old, new, n_new = header.groups(default="")
    return f"@@ -{int(old) + by}{n_old} +{int(new) + by}{n_new} @@\n"


def _body(hunk: Hunk) -> Iterable[str]:
    whole = unified_diff("".join(hunk.old), "".join(hunk.new), "", "", len(hunk.old))
    return lines_of(whole)[3:]


def _range(start: int, lines: Sequence[str]) -> str:
    return f"{start + 1 if lines else start},{len(lines)}"
