"""Mutation testing of `refdet.core`: `make mutants`, about two hours on two cores."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from benchmarks.mutants.judging import judged, prepare, target
from benchmarks.mutants.mutant import Kind
from benchmarks.mutants.mutations import mutants_of
from benchmarks.mutants.page import ALONE, BOTH, PAGE, caught, write_page
from benchmarks.mutants.register import REGISTER, Explained, explain, place, read_register
from benchmarks.mutants.results import (
    FileResult,
    Journal,
    digest_of,
    file_result,
    read_results,
    write_results,
)
from benchmarks.mutants.trial import CORE, REPOSITORY, Outcome, Verdict

LEAST = 0.95
JOURNALS = REPOSITORY / ".mutants"
FILES = sorted(path.stem for path in CORE.glob("[!_]*.py"))


def main() -> int:
    """Judge, write the results and the page; 1 if something is not as it should be."""
    arguments = parser().parse_args()
    results = read_results()
    if not arguments.page:
        prepare()
        for file in arguments.only or FILES:
            started = time.monotonic()
            known = results.get(file) if arguments.again else None
            results[file] = judge_file(file, known, arguments.jobs)
            write_results(results)
            say(f"{file}: {summary([results[file]])}, {time.monotonic() - started:.0f} s")
    records = [record for result in results.values() for record in result.records]
    explained = explain(records, read_register(), results)
    write_page(results, explained)
    say(f"all: {summary(list(results.values()))}; {PAGE.relative_to(REPOSITORY)} is written")
    return complain(results, explained)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.mutants.run", description=__doc__)
    made.add_argument("--only", nargs="+", choices=FILES, metavar="FILE", help="these files")
    made.add_argument("--jobs", type=int, default=2, help="mutants judged at a time (%(default)s)")
    made.add_argument(
        "--again",
        action="store_true",
        help="of a file that has not changed, judge only what survived last time",
    )
    made.add_argument("--page", action="store_true", help="judge nothing, write the page anew")
    return made


def judge_file(file: str, known: FileResult | None, jobs: int) -> FileResult:
    """What becomes of a file's mutants; if it is as in `known`, of those that survived there."""
    source = (CORE / f"{file}.py").read_text(encoding="utf-8")
    mutants = mutants_of(file, source)
    asked = [mutant for mutant in mutants if mutant.kind is not Kind.EQUAL]
    journal = Journal(JOURNALS / f"{file}-{digest_of(source)}.jsonl")
    outcomes = journal.read(file)
    if known and known.digest == digest_of(source):
        noticed = [record for record in known.records if record.verdict is Verdict.TEST]
        outcomes |= {record.key: Outcome(record.verdict, record.by) for record in noticed}
        keys = {record.key for record in known.records}
        asked = [mutant for mutant in asked if mutant.key in keys]
    asked = [mutant for mutant in asked if mutant.key not in outcomes]
    # In no order of place, so that a run that is broken off has judged a fair sample.
    random.Random(0).shuffle(asked)
    with tqdm(desc=file, total=len(asked), leave=False) as bar:
        for mutant, outcome in judged(target(file), asked, jobs):
            outcomes[mutant.key] = outcome
            journal.add(mutant.key, outcome)
            bar.update()
    journal.path.unlink(missing_ok=True)
    return file_result(source, mutants, outcomes)


def summary(results: Sequence[FileResult]) -> str:
    """How many were noticed."""
    part, whole = caught(results, BOTH)
    alone, rules = caught(results, ALONE, [Kind.RULE])
    return f"{part} of {whole} noticed; {alone} of {rules} in rules by contracts alone"


def complain(results: dict[str, FileResult], explained: Explained) -> int:
    """Say what is not as it should be; 1 if anything is not."""
    part, whole = caught(results.values(), BOTH)
    for record in explained.unexplained:
        key = record.key
        say(f"{record.verdict}, and no reason: {place(key)}\n  - {key.was}\n  + {key.now}")
    for entry in explained.stale:
        say(f"{REGISTER.name} has a reason without a mutant: {entry}")
    if part < LEAST * whole:
        say(f"{part / whole:.2%} is less than {LEAST:.0%}")
    return int(bool(explained.unexplained or explained.stale or part < LEAST * whole))


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
