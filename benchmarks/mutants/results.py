"""What came of the mutants of each file, kept as JSON so that a later run need not repeat it all.

Only what survived, what loops, and rules that no contract caught are kept one by one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mutants.mutant import Key, Kind, Mutant
from benchmarks.mutants.trial import Outcome, Verdict
from refdet.files import write_text_atomic

RESULTS = Path(__file__).resolve().parents[1] / "results" / "mutants.json"


@dataclass(frozen=True)
class Record:
    """A mutant that survived or loops, or one of a rule that no contract caught.

    Attributes:
        key: what it is known by.
        kind: where the mistake is.
        line: its first line, when it was judged.
        verdict: what became of it.
        by: the test that caught it, or the check in which it did not come to an end.
    """

    key: Key
    kind: Kind
    line: int
    verdict: Verdict
    by: str


@dataclass(frozen=True)
class FileResult:
    """What came of the mutants of a file.

    Attributes:
        digest: of the file's text.
        mutants: how many there are of each kind.
        records: those that are kept.
    """

    digest: str
    mutants: Mapping[Kind, int]
    records: Sequence[Record]


def digest_of(source: str) -> str:
    """The same for the same text."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def file_result(
    source: str, mutants: Sequence[Mutant], outcomes: Mapping[Key, Outcome]
) -> FileResult:
    """Of all mutants of a file, and of what became of those that were judged.

    A mutant that was not judged is one that was noticed before. Whether by a contract or by a test
    is of interest for rules alone.
    """
    caught = Outcome(Verdict.CONTRACT)
    found = [(mutant, outcomes.get(mutant.key, caught)) for mutant in mutants]
    records = [
        Record(mutant.key, mutant.kind, mutant.line, outcome.verdict, outcome.by)
        for mutant, outcome in found
        if outcome.verdict in (Verdict.SURVIVED, Verdict.LOOP)
        or (outcome.verdict is Verdict.TEST and mutant.kind is Kind.RULE)
    ]
    return FileResult(digest_of(source), Counter(mutant.kind for mutant in mutants), records)


@dataclass(frozen=True)
class Journal:
    """The outcomes of a file's mutants so far, one a line, for a run that was broken off."""

    path: Path

    def read(self, file: str) -> dict[Key, Outcome]:
        """What `add` wrote; nothing if there is no such file."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return dict(_noted(file, json.loads(line)) for line in lines)

    def add(self, key: Key, outcome: Outcome) -> None:
        """Write one more."""
        self.path.parent.mkdir(exist_ok=True)
        row = _key_row(key) | asdict(outcome)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def _noted(file: str, row: Mapping[str, str]) -> tuple[Key, Outcome]:
    return _key(file, row), Outcome(Verdict(row["verdict"]), row["by"])


def _key(file: str, row: Mapping[str, str]) -> Key:
    return Key(file, row["scope"], row["was"], row["now"], int(row["number"]))


def read_results(path: Path = RESULTS) -> dict[str, FileResult]:
    """What `write_results` wrote; nothing if there is no such file."""
    if not path.exists():
        return {}
    return {file: _result(file, found) for file, found in json.loads(path.read_text()).items()}


def write_results(results: Mapping[str, FileResult], path: Path = RESULTS) -> None:
    """Results by file, one mutant a line."""
    path.parent.mkdir(exist_ok=True)
    parts = []
    for file, result in sorted(results.items()):
        rows = [json.dumps(_row(record), ensure_ascii=False) for record in result.records]
        counts = {kind: result.mutants.get(kind, 0) for kind in Kind}
        head = json.dumps({"digest": result.digest, "mutants": counts})[:-1]
        listed = ",\n".join(f"  {row}" for row in rows)
        parts.append(f'"{file}": {head}, "kept": [\n{listed}]}}')
    write_text_atomic(path, "{\n" + ",\n".join(parts) + "\n}\n")


def _row(record: Record) -> dict[str, object]:
    rest = asdict(record)
    del rest["key"]
    return _key_row(record.key) | rest


def _key_row(key: Key) -> dict[str, object]:
    row = asdict(key)
    del row["file"]
    return row


def _result(
    file: str, found: Mapping[str, str | Mapping[str, int] | list[dict[str, str]]]
) -> FileResult:
    counts, rows = found["mutants"], found["kept"]
    assert isinstance(counts, Mapping)
    assert isinstance(rows, list)
    records = [
        Record(
            _key(file, row),
            Kind(row["kind"]),
            int(row["line"]),
            Verdict(row["verdict"]),
            row["by"],
        )
        for row in rows
    ]
    return FileResult(str(found["digest"]), {Kind(kind): n for kind, n in counts.items()}, records)
