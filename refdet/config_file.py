"""The options of a command as TOML, with the help beside each value, and back."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from refdet.config import flag

if TYPE_CHECKING:
    from refdet.config import CheckData, Convert, Evaluate, Infer
    from refdet.config_train import Train, TrainFasterRCNN, TrainSSD300

Config: TypeAlias = "TrainSSD300 | TrainFasterRCNN | Infer | Evaluate | CheckData | Convert"


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
        lines += ["", f"# {help_texts[field.name]}", f"{prefix}{field.name} = {set_to}"]
    return "\n".join(lines) + "\n"


def arguments_from_toml(file: Path, known: Sequence[str]) -> list[str]:
    """The options in `file` as command-line arguments, so that one parser checks them all.

    Args:
        file: TOML, as `to_toml` writes it.
        known: the options that the command has.

    Raises:
        ValueError: no such file, not TOML, or an option that the command does not have.
    """
    try:
        options = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"cannot read the config {file}: {error}") from error
    arguments: list[str] = []
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{file}: no option {name!r}; there are {', '.join(known)}")
        option = flag(name)
        if isinstance(value, bool):
            arguments.append(option if value else option.replace("--", "--no-", 1))
        else:
            values = value if isinstance(value, list) else [value]
            arguments += [option, *map(str, values)]
    return arguments
