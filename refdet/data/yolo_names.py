"""The class names of a YOLO folder: `names:` of its `data.yaml`, or a text with a name a line.

Of YAML only what such files are written in is read: `names` as a list or as a mapping from
numbers, in brackets or a line each. Whatever else stands there is refused rather than misread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from refdet.data.text_numbers import read_text

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml")
TEXT_FILES = ("classes.txt", "obj.names", "classes.names")
NAME_FILES = (*YAML_FILES, *TEXT_FILES)
"""Where the names of classes are looked for."""

_SINGLE = r"'(?:[^'\n]|'')*'"
_DOUBLE = r'"(?:[^"\\\n]|\\.)*"'
# What begins a plain text, and what cannot stand in one.
_PLAIN = (
    r"(?![\s\-?:,\[\]{}#&*!|>'\"%@`])(?:[^\s:#,\[\]{}]|(?<=\S)#|:(?=[^\s,\[\]{}])| +(?![#\s]))+"
)
_SCALAR = re.compile(rf"({_SINGLE}|{_DOUBLE}|{_PLAIN})")
_PLAIN_LINE = re.compile(r"(?![\s?,\[\]{}#&*!|>'\"%@`]|[-:](?:\s|$))[^\n]*?(?=\s+#|\s*$)")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", '"': '"', "\\": "\\", "/": "/", " ": " "}
_ITEM = re.compile(r" *-(?: +|$)(?P<value>.*)$")
_ENTRY = re.compile(r" *(?P<key>\d+|'\d+'|\"\d+\") *:(?: +|$)(?P<value>.*)$")


def find_class_names(folders: Sequence[Path]) -> tuple[tuple[str, ...], Path] | None:
    """The class names that the files of these folders agree on, and the first such file.

    Returns:
        None if there is no such file.

    Raises:
        ValueError: a file cannot be read, repeats a name, or two files differ.
    """
    found: tuple[tuple[str, ...], Path] | None = None
    files = [folder / name for folder in folders for name in NAME_FILES]
    for file in (file for file in files if file.is_file()):
        names = _distinct(_read_yaml(file) if file.name in YAML_FILES else _read_lines(file), file)
        if names and found and names != found[0]:
            raise ValueError(f"{found[1]} and {file} name different classes; remove one of them")
        if names:
            found = found or (names, file)
    return found


def yaml_names(names: Sequence[str]) -> str:
    """`names` as the text of a `data.yaml`, which every reader of YAML takes."""
    entries = "".join(f"  {number}: {_quoted(name)}\n" for number, name in enumerate(names))
    return f"names:\n{entries}" if names else "names: []\n"


def _quoted(name: str) -> str:
    plain = (letter.isprintable() and letter not in '"\\' for letter in name)
    written = zip(name, plain, strict=True)
    return (
        f'"{"".join(letter if ok else f"{chr(92)}U{ord(letter):08X}" for letter, ok in written)}"'
    )


def _distinct(names: tuple[str, ...], file: Path) -> tuple[str, ...]:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"{file}: class {number} is {name!r}, as is {names.index(name)}")
    return names


def _read_lines(file: Path) -> tuple[str, ...]:
    lines = [line.strip() for line in read_text(file).rstrip().split("\n")]
    if lines == [""]:
        return ()
    if "" in lines:
        raise ValueError(f"{file}, line {lines.index('') + 1}: blank, between names of classes")
    return tuple(lines)


def _read_yaml(file: Path) -> tuple[str, ...]:
    """The names; none if the file has no `names`."""
    lines = read_text(file).split("\n")
    starts = [number for number, line in enumerate(lines) if re.match(r"names *:(\s|$)", line)]
    if not starts:
        return ()
    if len(starts) > 1:
        raise ValueError(f"{file}, line {starts[1] + 1}: names are there twice")
    start = starts[0]
    after = lines[start].partition(":")[2].strip()
    try:
        if after and not after.startswith("#"):
            return _flow("\n".join([after, *lines[start + 1 :]]))
        return _block(lines[start + 1 :])
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{file}: the names from line {start + 1} on cannot be read: {error}. A classes.txt "
            "with a name a line is read as well"
        ) from None


def _block(lines: Sequence[str]) -> tuple[str, ...]:
    """The names of a list or a mapping with a line for each."""
    numbered: dict[int, str] = {}
    form: re.Pattern[str] | None = None
    indent = -1
    for line in (line.rstrip() for line in lines):
        if not line or line.lstrip().startswith("#"):
            continue
        own = len(line) - len(line.lstrip(" "))
        if (own == 0 and not line.startswith("- ")) or line in ("---", "..."):
            break  # the next key of the file
        form, indent = form or (_ITEM if line[own] == "-" else _ENTRY), max(indent, own)
        match = form.match(line)
        if match is None or own != indent:
            raise ValueError(f"{line.strip()!r} is neither an entry like those before nor a key")
        key = match["key"].strip("'\"") if form is _ENTRY else f"{len(numbered)}"
        if int(key) in numbered:
            raise ValueError(f"class {key} is there twice")
        numbered[int(key)] = _line_scalar(match["value"])
    return _in_order(numbered)


def _flow(text: str) -> tuple[str, ...]:
    """The names of a list or a mapping in brackets, which may go over several lines."""
    kind, rest = text[0], text[1:]
    if kind not in "[{":
        raise ValueError(f"{_line(text)!r} is neither a list nor a mapping")
    end = "]" if kind == "[" else "}"
    numbered: dict[int, str] = {}
    rest = _skip(rest)
    while rest and rest[0] != end:
        key = f"{len(numbered)}"
        if kind == "{":
            match = re.match(r"(\d+|'\d+'|\"\d+\")\s*:\s", rest)
            if match is None:
                raise ValueError(f"{_line(rest)!r} begins with no number of a class")
            key, rest = match[1].strip("'\""), _skip(rest[match.end() :])
        match = _SCALAR.match(rest)
        if match is None or int(key) in numbered:
            raise ValueError(f"{_line(rest)!r} is no name, or of a class that has one")
        numbered[int(key)], rest = _scalar(match[0].rstrip()), _skip(rest[match.end() :])
        if rest[:1] not in (",", end):
            raise ValueError(f"there is no comma before {_line(rest)!r}")
        rest = _skip(rest[1:]) if rest[0] == "," else rest
    after = rest[1:].split("\n")[0].strip()
    if not rest or (after and not after.startswith("#")):
        raise ValueError(f"the {kind} is not closed, or something follows it")
    return _in_order(numbered)


def _line(text: str) -> str:
    return text.partition("\n")[0]


def _skip(text: str) -> str:
    """Without the white space and the comments that it begins with."""
    return re.sub(r"^(?:\s+|#[^\n]*(?:\n|$))+", "", text)


def _line_scalar(text: str) -> str:
    """The name that a line has after its dash or number; a comment may follow it."""
    quoted = re.match(rf"({_SINGLE}|{_DOUBLE})\s*(?:\s#.*)?$", text)
    if quoted:
        return _scalar(quoted[1])
    plain = _PLAIN_LINE.match(text)
    if plain is None or not plain[0] or re.search(r":(\s|$)", plain[0]):
        raise ValueError(f"{text!r} is no name")
    return plain[0].rstrip()


def _scalar(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith('"'):
        return _ESCAPE.sub(_unescaped, text[1:-1])
    return text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in _ESCAPED:
        raise ValueError(f"{match[0]!r} is no escape that is known here")
    return _ESCAPED[code]


def _in_order(numbered: dict[int, str]) -> tuple[str, ...]:
    if sorted(numbered) != list(range(len(numbered))):
        missing = next(number for number in range(len(numbered)) if number not in numbered)
        raise ValueError(f"there is no class {missing}, but {len(numbered)} names")
    return tuple(numbered[number] for number in range(len(numbered)))
