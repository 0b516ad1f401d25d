"""Parts of several modules joined to one file, with the imports of all of them at its top.

What a part imports from another module of refdet is joined too. Names are kept as they are, so two
modules may not give one name to different things.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from refdet.vendor.closure import LINE_LENGTH, Statement, only, text_of

PACKAGE = "refdet."

Imported = tuple[str, str, str]
"""Where something is imported from, or nothing for a whole module; its name; its alias."""


@dataclass
class Joint:
    """Statements of several modules that need each other, as they are found.

    Attributes:
        read: gives the statements of a module, which is named with dots and without `refdet`.
        vendored: the names that lie in files beside the joined one, by the module they come from.
        needed: the names that are taken from each module.
        imports: what is imported from outside of refdet, or from beside.
        meanings: what each name stands for, and in which module.
    """

    read: Callable[[str], Sequence[Statement]]
    vendored: Mapping[str, Collection[str]]
    needed: dict[str, set[str]] = field(default_factory=dict)
    imports: set[Imported] = field(default_factory=set)
    meanings: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, module: str, names: Iterable[str]) -> None:
        """Take `names` from `module`, with all that they need; names of Python are passed over.

        Raises:
            ValueError: a name that is taken already stands for something else.
        """
        taken = self.needed.setdefault(module, set())
        for name in sorted({*names} - taken):
            if name in self.vendored.get(module, ()):
                self._import(module, (f".{module.rpartition('.')[2]}", name, ""))
                continue
            for statement in self.read(module):
                if name in statement.defines:
                    taken.add(name)
                    self._take(module, name, statement)

    def text(self) -> str:
        """The imports and the statements, module by module, each after those that it needs."""
        parts = [import_block(self.imports)]
        said: set[str] = set()
        for module in self._in_order():
            kept = [
                statement
                for statement in only(self.read(module), self.needed[module])
                if statement.defines and not statement.is_import and statement.text not in said
            ]
            if kept:
                title = f"refdet/{module.replace('.', '/')}.py" if "." in module else module
                between = [""] if said else []  # two blank lines, but one below the imports
                parts += [*between, f"# === {title} ===", "", "", text_of(kept)]
            said |= {statement.text for statement in kept}
        return "\n".join(parts)

    def _take(self, module: str, name: str, statement: Statement) -> None:
        node = statement.with_names([name]).node
        match node:
            case ast.ImportFrom(module=str(source), names=[ast.alias(asname=None)]) if (
                source.startswith(PACKAGE)
            ):
                self.add(source.removeprefix(PACKAGE), [name])
            case ast.ImportFrom(module=str(source), names=[alias], level=0):
                self._import(module, (source, alias.name, alias.asname or ""))
            case ast.Import(names=[alias]):
                self._import(module, ("", alias.name, alias.asname or ""))
            case _:
                self._mean(name, module, statement.text)
                self.add(module, statement.uses)

    def _import(self, module: str, imported: Imported) -> None:
        self.imports.add(imported)
        _, name, alias = imported
        self._mean(alias or name, module, repr(imported))

    def _mean(self, name: str, module: str, meaning: str) -> None:
        first, known = self.meanings.setdefault(name, (module, meaning))
        if known != meaning:
            raise ValueError(f"{first} and {module} mean different things by {name}; rename one")

    def _in_order(self) -> Iterator[str]:
        """Every module after those that it imports from."""
        waiting = [*self.needed]
        while waiting:
            module = next(one for one in waiting if self._sources(one).isdisjoint(waiting))
            waiting.remove(module)
            yield module

    def _sources(self, module: str) -> set[str]:
        return {
            str(statement.node.module).removeprefix(PACKAGE)
            for statement in only(self.read(module), self.needed[module])
            if isinstance(statement.node, ast.ImportFrom)
        }


def import_block(imports: Iterable[Imported]) -> str:
    """Imports as isort sorts them: `from __future__`, Python, others, what lies beside."""
    sections: dict[int, list[str]] = defaultdict(list)
    # Whole modules come first; then all names of a module on one line, but for those renamed.
    lines: dict[tuple[bool, str, str], list[str]] = defaultdict(list)
    for source, name, alias in imports:
        lines[bool(source), source or name, alias and name].append(
            f"{name} as {alias}" if alias else name
        )
    for (is_from, source, _), names in sorted(lines.items()):
        ordered = sorted(names, key=lambda name: (_order_of_case(name), name))
        line = _from_import(source, ordered) if is_from else f"import {names[0]}"
        sections[_section(source)].append(line)
    blocks = ["\n".join(sections[number]) for number in sorted(sections)]
    return "from __future__ import annotations\n\n" + "\n\n".join(blocks) + "\n"


def _section(module: str) -> int:
    if module.startswith("."):
        return 2
    return 0 if module.partition(".")[0] in sys.stdlib_module_names else 1


def _order_of_case(name: str) -> int:
    """Constants come first, then classes."""
    if name.isupper() and len(name) > 1:
        return 0
    return 1 if name[0].isupper() else 2


def _from_import(source: str, names: Sequence[str]) -> str:
    line = f"from {source} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return line
    return "\n".join([f"from {source} import (", *(f"    {name}," for name in names), ")"])
