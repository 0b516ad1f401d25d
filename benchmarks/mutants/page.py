"""`docs/mutants.md`: the scores, and every survivor with the reason why it is equivalent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.evaluation.tables import markdown
from benchmarks.mutants.mutant import JUDGED, Kind
from benchmarks.mutants.register import Explained, Reason
from benchmarks.mutants.results import FileResult, Record
from benchmarks.mutants.trial import CORE, REPOSITORY, Verdict

PAGE = REPOSITORY / "docs" / "mutants.md"
INTRODUCTION = """\
# How good are the tests of the core?

Every small mistake that [mutmut](https://mutmut.readthedocs.io) 3.8.1 can make in `refdet/core` is
made, one at a time: a `<` that becomes `<=`, a 1 that becomes 2, an argument that is left out, a
value that becomes None. Each such *mutant* is put to the contracts of `refdet.conformance` (golden
vectors, and properties in the quick profile of `make test`) and to the tests in `tests/core` that
import its file, until one of them breaks; if none does, it has *survived*. Checks that never call
the function with the mistake are left out: they do the same every time and cannot notice it.
Mutants of rules meet the contracts first, so that these can be judged by themselves; the others
meet the tests first.

`make mutants` does this again and writes this page. It fails if less than 95 % are noticed, if a
survivor has no reason in `benchmarks/mutants/survivors.toml`, or if a reason there has no survivor
any more.

Not mutated: docstrings, annotations and type aliases, which compute nothing, and what is inside
`len(...)` and `isinstance(...)` or inside an f-string's text, which mutmut leaves alone. Unlike
mutmut's own runner, which changes functions only, this one also changes properties, constants and
the defaults of classes. Counted, but not judged, are mutants that compute the same by the rules of
Python and NumPy, whatever the code around them: another `copy=` of `astype` or none, an algorithm's
name or NaN in capitals, `astype(None)` for `astype(np.float64)`, `"XXfiuXX"` for the kinds `"fiu"`.

A mutant that takes ten times its usual time and five seconds is stopped; it counts as noticed, and
the register has to say why it never comes to an end.

*Rule* is how a result is computed, *check* what decides whether an input is refused, *message* the
text of an error or where it is raised.
"""
ALONE, BOTH = "contracts alone", "contracts and tests/core"


def write_page(results: Mapping[str, FileResult], explained: Explained) -> None:
    """Write `docs/mutants.md`."""
    PAGE.write_text(page(results, explained), encoding="utf-8")


def page(results: Mapping[str, FileResult], explained: Explained) -> str:
    """The whole page."""
    reasons = [(reason, found) for reason, found in explained.reasons if found]
    parts = [INTRODUCTION, "## Scores\n", _scores(results), "By file:\n", _by_file(results)]
    parts += ["## Survivors, and why they are equivalent\n", *_listed(reasons, Verdict.SURVIVED)]
    parts += ["## Mutants that never come to an end\n", *_listed(reasons, Verdict.LOOP)]
    if missing := {path.stem for path in CORE.glob("[!_]*.py")} - set(results):
        parts += [f"Not judged yet: {', '.join(sorted(missing))}.\n"]
    if explained.unexplained:
        parts += ["## Not explained\n", _diff(explained.unexplained)]
    return "\n".join(parts)


def caught(
    results: Iterable[FileResult], suite: str, kinds: Iterable[Kind] = JUDGED
) -> tuple[int, int]:
    """How many mutants of some kinds a suite notices, and how many there are."""
    asked = set(kinds)
    n_mutants = n_missed = 0
    for result in results:
        n_mutants += sum(n for kind, n in result.mutants.items() if kind in asked)
        n_missed += sum(
            record.kind in asked and not _is_noticed(record, suite) for record in result.records
        )
    return n_mutants - n_missed, n_mutants


def _is_noticed(record: Record, suite: str) -> bool:
    if record.verdict is Verdict.SURVIVED:
        return False
    # A check of a contract has no file in its name; a test has.
    return suite == BOTH or (record.verdict is Verdict.LOOP and "::" not in record.by)


def _scores(results: Mapping[str, FileResult]) -> str:
    groups: dict[str, Sequence[Kind]] = {
        "all": JUDGED,
        "without messages": (Kind.RULE, Kind.CHECK),
        **{kind.value: (kind,) for kind in JUDGED},
    }
    rows = []
    for name, kinds in groups.items():
        alone, both = (caught(results.values(), suite, kinds) for suite in (ALONE, BOTH))
        shown = _percent(*alone) if kinds == (Kind.RULE,) else ""
        rows.append([name, f"{both[1]:,}", shown, _percent(*both)])
    n_equal = sum(result.mutants.get(Kind.EQUAL, 0) for result in results.values())
    part, whole = caught(results.values(), BOTH)
    counted = (
        f"\nWith the {n_equal:,} that compute the same by construction counted as survivors:"
        f" {_percent(part, whole + n_equal)}.\n"
    )
    return markdown(["kind", "mutants", ALONE, BOTH], rows) + "\n" + counted


def _by_file(results: Mapping[str, FileResult]) -> str:
    rows = []
    for file, result in sorted(results.items()):
        verdicts = [record.verdict for record in result.records]
        counts = [str(verdicts.count(verdict)) for verdict in (Verdict.SURVIVED, Verdict.LOOP)]
        alone, both = caught([result], ALONE, [Kind.RULE]), caught([result], BOTH)
        scores = [_percent(*alone), _percent(*both)]
        rows.append([f"`{file}`", f"{both[1]:,}", *scores, *counts])
    header = ["file", "mutants", f"rules, {ALONE}", BOTH, "survived", "endless"]
    return markdown(header, rows) + "\n"


def _percent(part: int, whole: int) -> str:
    # Cut, not rounded: 94.96 % is not 95.0 %.
    return f"{1000 * part // whole / 10} %" if whole else "-"


def _listed(reasons: Sequence[tuple[Reason, Sequence[Record]]], verdict: Verdict) -> list[str]:
    """Every reason with the mutants that it explains."""
    return [
        f"{reason.reason}\n\n{_diff(found)}"
        for reason, found in reasons
        if reason.verdict is verdict
    ]


def _diff(records: Sequence[Record]) -> str:
    """The changes, under the place where they are; a line that is changed several ways once."""
    lines: list[str] = []
    place, was = "", ""
    for record in sorted(records, key=lambda record: (record.key.file, record.line)):
        key = record.key
        if place != f"{key.file}.py {key.scope}":
            place, was = f"{key.file}.py {key.scope}", ""
            lines.append(place.rstrip())
        if was != key.was:
            was = key.was
            lines.append(f"- {was}")
        lines.append(f"+ {key.now}")
    return "\n".join(["```diff", *lines, "```", ""])
