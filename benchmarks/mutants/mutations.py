"""The mutants of a file: copies of it that differ in one small mistake, as mutmut makes them.

mutmut makes the mistakes; it does not run them here, see `judging`. Left out is what has no
behaviour: docstrings and annotations (mutmut leaves them alone itself), and the type aliases at the
top of a file.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, takewhile

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.file_mutation import create_mutations

from benchmarks.mutants.mutant import Key, Kind, Mutant, swapped

# mutmut passes over decorated functions, except for static methods and those of a class.
PROPERTY, STATIC = "@property\n", "@staticmethod  # property\n"
TYPE_ALIAS = re.compile(r"\w+(: TypeAlias)? = (NDArray\[|TypeVar\(|Callable\[|tuple\[)")
# The same values by the rules of Python and NumPy: one copy more of an array that has its dtype
# already; names of sorting algorithms and NaN in capitals; None for float64 in `astype`; and kinds
# of dtypes with an X, which no dtype has, around them.
EQUAL = (
    ("copy=False", "copy=True"),
    ("copy=False", "copy=None"),
    (", copy=False)", ", )"),
    ('kind="stable"', 'kind="STABLE"'),
    ('float("nan")', 'float("NAN")'),
    ("astype(np.float64", "astype(None"),
    ('"fiu"', '"XXfiuXX"'),
    ('"iu"', '"XXiuXX"'),
)
CHECKING = re.compile(r"_(check|refuse)\w*|__post_init__")


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of the file named `file`, in the order of its lines, none twice."""
    tree = ast.parse(source)
    numbers: Counter[Key] = Counter()
    made = []
    for changed in _changed_sources(file, source):
        mutant = _mutant(file, tree, source, changed)
        if not mutant.key.scope and TYPE_ALIAS.match(mutant.key.was):
            continue
        numbers[mutant.key] += 1
        made.append(replace(mutant, key=replace(mutant.key, number=numbers[mutant.key])))
    return sorted(made, key=lambda mutant: mutant.line)


def _changed_sources(file: str, source: str) -> Iterator[str]:
    """The whole file with each mistake in turn."""
    module, mutations, _, _ = create_mutations(file, source.replace(PROPERTY, STATIC))
    code = module.code
    lines = code.splitlines(keepends=True)
    starts = [0, *accumulate(len(line) for line in lines)]
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(
        WhitespaceInclusivePositionProvider
    )
    for statement in module.body:
        low, high = _span(places[statement], starts)
        text = code[low:high]
        seen = {_program(text)}
        inside = {id(node) for node in _descendants(statement)}
        for mutation in (one for one in mutations if id(one.original_node) in inside):
            start, end = _span(places[mutation.original_node], starts)
            new = module.code_for_node(mutation.mutated_node)
            changed = code[low:start] + new + code[end:high]
            # What is no Python, or the same program as an earlier one, is no mutant.
            if (program := _program(changed)) and program not in seen:
                seen.add(program)
                whole = code[:low] + changed + code[high:]
                yield whole.replace(STATIC, PROPERTY)


def _span(place: CodeRange, starts: list[int]) -> tuple[int, int]:
    """From which character to which."""
    low, high = place.start, place.end
    return starts[low.line - 1] + low.column, starts[high.line - 1] + high.column


def _program(text: str) -> str:
    """The same for texts that mean the same; empty if it is no Python."""
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return ""


def _descendants(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _descendants(child)


def _mutant(file: str, tree: ast.Module, source: str, changed: str) -> Mutant:
    was, now = source.splitlines(), changed.splitlines()
    first = _n_equal(was, now)
    end = _n_equal(was[first:][::-1], now[first:][::-1])
    was, now = was[first : len(was) - end], now[first : len(now) - end]
    line = _n_equal(was, now)
    column = _n_equal(was[line], now[line]) if line < min(len(was), len(now)) else 0
    around = list(_around(tree, first + line + 1, column))
    names = [node.name for node in around if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    key = Key(file, ".".join(names), _joined(was), _joined(now))
    kind = Kind.EQUAL if _is_equal(key.was, key.now) else _kind(around)
    return Mutant(key, kind, first + 1, changed)


def _is_equal(was: str, now: str) -> bool:
    return any(now in swapped(was, *swap) for swap in EQUAL)


def _n_equal(a: list[str] | str, b: list[str] | str) -> int:
    """How many items two sequences have in common from the start."""
    pairs = zip(a, b, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _around(node: ast.AST, line: int, column: int) -> Iterator[ast.AST]:
    """The nodes that hold a place, outermost first."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr | ast.stmt | ast.ExceptHandler):
            yield from _around(child, line, column)  # has no place of its own: arguments, keyword
        elif (child.lineno, child.col_offset) <= (line, column) < _end(child):
            yield child
            yield from _around(child, line, column)


def _end(node: ast.expr | ast.stmt | ast.ExceptHandler) -> tuple[int, int]:
    return (node.end_lineno or node.lineno, (node.end_col_offset or node.col_offset) + 1)


def _kind(around: list[ast.AST]) -> Kind:
    last = around[-1] if around else None
    is_prose = isinstance(last, ast.Constant) and " " in str(last.value)
    if is_prose or any(isinstance(node, ast.Raise) for node in around):
        return Kind.MESSAGE
    return Kind.CHECK if any(map(_is_check, around)) else Kind.RULE


def _is_check(node: ast.AST) -> bool:
    """Whether a node raises at its end, is a function that checks, or calls one."""
    if isinstance(node, ast.If | ast.For):
        last = node.body[-1]
        return isinstance(last, ast.Raise) or (isinstance(node, ast.For) and _is_check(last))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return CHECKING.fullmatch(node.func.id) is not None
    return isinstance(node, ast.FunctionDef) and CHECKING.fullmatch(node.name) is not None
