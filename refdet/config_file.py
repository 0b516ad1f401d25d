"""The options of a command as TOML, with the help beside each value, and back."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import math
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args, get_origin, get_type_hints

from tyro.conf import Positional

from refdet.config import flag

if TYPE_CHECKING:
    from refdet.config import CheckData, Convert, Evaluate, Infer
    from refdet.config_analysis import AuditLabels, Compare, Report, Slices, Tune
    from refdet.config_conformance import ConformanceList, ConformanceRun, ConformanceShow
    from refdet.config_train import Train, TrainFasterRCNN, TrainSSD300
    from refdet.config_vendor import (
        VendorAdd,
        VendorCheck,
        VendorRecord,
        VendorRemove,
        VendorUpdate,
    )

Config: TypeAlias = (
    "TrainSSD300 | TrainFasterRCNN | Infer | Evaluate | CheckData | Convert | Report"
    " | Compare | AuditLabels | Slices | Tune"
    " | ConformanceList | ConformanceShow | ConformanceRun"
    " | VendorAdd | VendorCheck | VendorUpdate | VendorRecord | VendorRemove"
)


def field_help(config_type: type[Config | Train]) -> dict[str, str]:
    """The docstring below each field of a config class, by the field's name, on one line."""
    inherited = [base for base in reversed(config_type.__mro__) if dataclasses.is_dataclass(base)]
    return {name: text for base in inherited for name, text in _own_help(base).items()}


def _own_help(config_type: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(config_type)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def to_toml(config: Config | Train) -> str:
    """`config` as TOML, with each option's help as a comment above it.

    What a field of these classes holds (text, number, switch, path, list of these) is written the
    same way in JSON and in TOML; an option that is not set is written as a comment.
    """
    help_texts = field_help(type(config))
    lines = [f"# {line.strip()}" for line in (type(config).__doc__ or "").strip().splitlines()]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        plain = str(value) if isinstance(value, Path) else value
        set_to = (
            "# not set" if value is None else json.dumps(plain, ensure_ascii=False, default=str)
        )
        prefix = "# " if value is None else ""
        lines += ["", f"# {help_texts[field.name]}", f"{prefix}{_key(field.name)} = {set_to}"]
    return "\n".join(lines) + "\n"


def arguments_from_toml(file: Path, config_type: type[object]) -> tuple[list[str], list[str]]:
    """The options in `file` as command-line arguments, so that one parser checks them all.

    Args:
        file: TOML, as `to_toml` writes it.
        config_type: the options that the command has.

    Returns:
        The arguments without a name, and the options with theirs.

    Raises:
        ValueError: no such file, not TOML, or an option that the command does not have.
    """
    try:
        options = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"cannot read the config {file}: {error}") from error
    known = [_key(name) for name in _hints(config_type)]
    nameless = _nameless(config_type)
    without_name: list[str] = []
    named: list[str] = []
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{file}: no option {name!r}; there are {', '.join(known)}")
        option = flag(name)
        values = [str(one) for one in (value if isinstance(value, list) else [value])]
        if isinstance(value, bool):
            named.append(option if value else option.replace("--", "--no-", 1))
        elif name in nameless:
            without_name += values
        else:
            named += [option, *values]
    return without_name, named


def part_arguments(words: Sequence[str], config_type: type[object]) -> tuple[list[str], list[str]]:
    """The arguments of a command line without a name, and the options with theirs.

    An option whose value is a list takes all words up to the next option.
    """
    takes = {flag(name): _words_taken(hint) for name, hint in _hints(config_type).items()}
    without_name: list[str] = []
    named: list[str] = []
    left = 0.0
    for word in words:
        if word.startswith("--"):
            left = 0 if "=" in word else takes.get(word, 0)
            named.append(word)
        elif left:
            left -= 1
            named.append(word)
        else:
            without_name.append(word)
    return without_name, named


def _hints(config_type: type[object]) -> dict[str, object]:
    return get_type_hints(config_type, include_extras=True)


def _key(name: str) -> str:
    """The field's name in TOML, where words of Python are none."""
    return name.rstrip("_")


def _nameless(config_type: type[object]) -> list[str]:
    """The options whose values stand on the command line by themselves."""
    return [name for name, hint in _hints(config_type).items() if Positional in get_args(hint)]


def _words_taken(hint: object) -> float:
    if hint is bool:
        return 0
    return math.inf if get_origin(hint) is tuple else 1
