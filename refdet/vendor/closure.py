"""A module's text taken apart into its statements, and put together again from some of them.

Nothing is imported and nothing is reworded: what is kept stands word for word, with the comments
above it and the docstring below it, in the order of the file. Only an import is shortened to the
names that are needed.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

LINE_LENGTH = 100


@dataclass(frozen=True)
class Statement:
    """One statement at the top of a module.

    Attributes:
        node: its syntax tree.
        text: its lines, with the comment right above it and the docstring of a constant below it.
        defines: the names that it gives to the module.
        uses: the names of the module, or of Python, that it needs.
        heading: the comment that stands free above it and the statements that follow.
        after_blank: whether a blank line parts it from the statement before it.
    """

    node: ast.stmt
    text: str
    defines: tuple[str, ...]
    uses: frozenset[str]
    heading: str = ""
    after_blank: bool = False

    @property
    def is_import(self) -> bool:
        """Whether it is an import, of the future's features too."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def is_assignment(self) -> bool:
        """Whether it is a constant or a type alias."""
        return isinstance(self.node, ast.Assign | ast.AnnAssign)

    @property
    def is_always_kept(self) -> bool:
        """Whether it belongs to every part of the module: its docstring, `from __future__`."""
        from_future = isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"
        return isinstance(self.node, ast.Expr) or from_future

    def with_names(self, names: Collection[str]) -> Statement:
        """An import of those of its names that are in `names`; anything else as it is."""
        if not isinstance(self.node, ast.Import | ast.ImportFrom) or self.is_always_kept:
            return self
        if {*names}.issuperset(self.defines):
            return self
        kept = [alias for alias in self.node.names if _bound(alias) in names]
        node = ast.parse(ast.unparse(self.node)).body[0]
        assert isinstance(node, ast.Import | ast.ImportFrom)
        node.names = kept
        return replace(self, node=node, text=_one_import(node), defines=tuple(map(_bound, kept)))


def statements_of(source: str) -> list[Statement]:
    """The statements at the top of a module, in their order, its docstring among them.

    Args:
        source: the text of the module.

    Raises:
        ValueError: a statement that is neither import, definition, assignment nor docstring: what
            depends on it cannot be told.
    """
    lines = source.splitlines()
    statements: list[Statement] = []
    end, heading = 0, ""
    for node in ast.parse(source).body:
        if _is_docstring(node) and statements and _assigned(statements[-1].node):
            below = "\n".join(lines[end : _last_line(node)])
            statements[-1] = replace(statements[-1], text=f"{statements[-1].text}\n{below}")
        else:
            first, found = _comments_above(lines, end, _first_line(node))
            heading = found or heading
            text = "\n".join(lines[first : _last_line(node)])
            after_blank = "" in map(str.strip, lines[end:first])
            statements.append(_statement(node, text, heading, after_blank, first=not statements))
        end = _last_line(node)
    return statements


def needed(statements: Iterable[Statement], names: Iterable[str]) -> set[str]:
    """`names`, and every name of the module that they need, directly or not."""
    by_name = {name: statement for statement in statements for name in statement.defines}
    found: set[str] = set()
    asked = [*names]
    while asked:
        name = asked.pop()
        if name in by_name and name not in found:
            found.add(name)
            statement = by_name[name]
            if not statement.is_import:
                asked += statement.uses
    return found


def only(statements: Iterable[Statement], names: Collection[str]) -> list[Statement]:
    """The statements that define `names`, and those that belong to every part of a module."""
    kept = []
    after_blank = False
    for statement in statements:
        after_blank |= statement.after_blank
        if statement.is_always_kept or not {*names}.isdisjoint(statement.defines):
            kept.append(replace(statement.with_names(names), after_blank=after_blank))
            after_blank = False
    return kept


def text_of(statements: Sequence[Statement]) -> str:
    """A module of these statements, with the blank lines that formatters agree on."""
    parts: list[str] = []
    before: Statement | None = None
    for statement in statements:
        headed = statement.heading and (before is None or statement.heading != before.heading)
        if before is not None:
            parts += [""] * _blank_lines(before, statement, headed=bool(headed))
        if headed:
            blank = 2 if _is_block(statement) else 1
            parts += [statement.heading, *[""] * blank]
        parts.append(statement.text)
        before = statement
    return "\n".join(parts) + "\n"


def _statement(
    node: ast.stmt, text: str, heading: str, after_blank: bool, *, first: bool
) -> Statement:
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return Statement(
                node, text, tuple(map(_bound, names)), frozenset(), heading, after_blank
            )
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            defines: tuple[str, ...] = (name,)
        case ast.Assign() | ast.AnnAssign():
            defines = tuple(_assigned(node))
        case ast.Expr() if first and _is_docstring(node):
            defines = ()
        case _:
            raise ValueError(f"line {node.lineno} can not be taken apart: {ast.unparse(node)}")
    uses = frozenset({*_names_looked_up(text), *_names_in_quotes(node)})
    return Statement(node, text, defines, uses, heading, after_blank)


def _bound(alias: ast.alias) -> str:
    """The name that an import gives: `import a.b` gives `a`."""
    return alias.asname or alias.name.partition(".")[0]


def _assigned(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        targets = node.targets
    else:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _names_looked_up(text: str) -> Iterator[str]:
    """The names that the statement expects outside of itself, whatever shadows them elsewhere."""
    # Without its module's `from __future__ import annotations`, annotations are names like others.
    top = symtable.symtable(text, "statement", "exec")
    tables = [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                yield symbol.get_name()


def _names_in_quotes(node: ast.stmt) -> Iterator[str]:
    """The names in annotations and casts that are written as text."""
    typed: list[ast.expr | None] = []
    for part in ast.walk(node):
        match part:
            case ast.arg(annotation=annotation):
                typed.append(annotation)
            case ast.FunctionDef(returns=annotation) | ast.AsyncFunctionDef(returns=annotation):
                typed.append(annotation)
            case ast.AnnAssign(annotation=ast.Name(id="TypeAlias"), value=value):
                typed.append(value)
            case ast.AnnAssign(annotation=annotation):
                typed.append(annotation)
            case ast.Call(func=ast.Name(id="cast"), args=[annotation, *_]):
                typed.append(annotation)
    for expression in filter(None, typed):
        for part in ast.walk(expression):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                # `Literal["a b"]` is text that is no type.
                with suppress(SyntaxError):
                    yield from _names_looked_up(part.value)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _first_line(node: ast.stmt) -> int:
    """The index of its first line, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)]) - 1


def _last_line(node: ast.stmt) -> int:
    """The index after its last line."""
    assert node.end_lineno is not None, "the parser gives every statement its end"
    return node.end_lineno


def _comments_above(lines: Sequence[str], end: int, first: int) -> tuple[int, str]:
    """Where the comment right above a statement begins, and the comment that stands free above."""
    while first > end and lines[first - 1].startswith("#"):
        first -= 1
    return first, "\n".join(line for line in lines[end:first] if line.startswith("#"))


def _one_import(node: ast.Import | ast.ImportFrom) -> str:
    """As a formatter writes it: on one line, or if that is too long on one for each name."""
    line = ast.unparse(node)
    if len(line) <= LINE_LENGTH:
        return line
    head, _, names = line.partition(" import ")
    return "\n".join([f"{head} import (", *(f"    {name}," for name in names.split(", ")), ")"])


def _is_block(statement: Statement) -> bool:
    return isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _blank_lines(before: Statement, after: Statement, *, headed: bool) -> int:
    if before.is_import and after.is_import:
        return int(after.after_blank)
    if _is_block(before) or (_is_block(after) and not headed):
        return 2
    return int(after.after_blank or headed or before.is_import)
