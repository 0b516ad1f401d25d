"""What becomes of each mutant of a file, several at a time."""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import NoReturn

from benchmarks.mutants.mutant import Key, Kind, Mutant
from benchmarks.mutants.trial import (
    CORE,
    IMPORT,
    Calls,
    Clock,
    Outcome,
    Verdict,
    Watch,
    checks_of,
    install,
    load_profile,
    may_notice,
    own_tests,
    rooms_of,
    run_checks,
    run_tests,
)

# Imported once, before a process is forked for each mutant; none of them imports refdet.
THIRD_PARTY = ("hypothesis.extra.numpy", "pycocotools.cocoeval", "torchvision.models.detection")
MEMORY = 8 * 2**30
LONGEST = 1800  # seconds by the wall clock, for a mutant that waits instead of computing


@dataclass(frozen=True)
class Target:
    """A file of `core`, and what its mutants are put to.

    Attributes:
        file: its name without `.py`.
        rooms: the modules that hold the contracts of its functions.
        tests: the files of its tests.
        usual: seconds of processor time by check and test, on the file itself.
        called: the functions that each of them calls there.
    """

    file: str
    rooms: list[str]
    tests: list[str]
    usual: Mapping[str, float]
    called: Mapping[str, Collection[str]]


def prepare() -> None:
    """Import what every mutant needs and none changes."""
    for name in THIRD_PARTY:
        importlib.import_module(name)
    load_profile()
    # What other plugins are installed is none of the tests' business.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    loaded = [
        name for name in sys.modules if name.startswith(("refdet.core", "refdet.conformance"))
    ]
    assert not loaded, f"a mutant would not be seen by {loaded}"
    gc.freeze()  # so that a forked process need not copy what the collector would touch


def target(file: str) -> Target:
    """A file and its tests, timed; ValueError if the file itself does not pass."""
    source = (CORE / f"{file}.py").read_text(encoding="utf-8")

    def find_rooms(write: Callable[[str], None]) -> None:
        write(json.dumps(rooms_of(install(file, source))))

    rooms = json.loads(_finished(*_forked(find_rooms)))
    untimed = Target(file, rooms, own_tests(file), {}, {})

    def try_itself(write: Callable[[str], None]) -> None:
        calls = Calls(str(CORE / f"{file}.py"))
        clock = Clock({}, lambda _: None, calls=calls)
        itself = Mutant(Key(file, "", "", ""), Kind.RULE, 0, source)
        calls.begin("")
        outcome = _trial(untimed, itself, {}, clock, lambda _: None)
        called = {name: sorted(scopes) for name, scopes in calls.of.items()}
        write(json.dumps({**asdict(outcome), "usual": clock.taken, "called": called}))

    said = json.loads(_finished(*_forked(try_itself)) or "{}")
    if said.get("verdict") != Verdict.SURVIVED:
        raise ValueError(f"core/{file}.py itself does not pass: {said.get('by', 'it crashed')}")
    return replace(untimed, usual=said["usual"], called=said["called"])


def judged(aim: Target, mutants: Sequence[Mutant], jobs: int) -> Iterator[tuple[Mutant, Outcome]]:
    """Every mutant with its outcome, as they come; `jobs` at a time."""
    waiting, caught = list(mutants)[::-1], Counter[str]()
    running: dict[int, tuple[Mutant, int]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            pid, reader = _forked(partial(_judge, aim, mutant, caught))
            running[pid] = (mutant, reader)
        pid, status = os.wait()
        mutant, reader = running.pop(pid)
        outcome = _outcome(_read(reader), status)
        caught[outcome.by] += 1
        yield mutant, outcome


def _judge(
    aim: Target, mutant: Mutant, caught: Mapping[str, int], write: Callable[[str], None]
) -> None:
    """In the forked process: say what becomes of a mutant."""

    def too_late(check: str) -> NoReturn:
        write(json.dumps(asdict(Outcome(Verdict.LOOP, check))))
        os._exit(0)

    clock = Clock(aim.usual, too_late)
    write(json.dumps(asdict(_trial(aim, mutant, caught, clock, write))))


def _trial(
    aim: Target,
    mutant: Mutant,
    caught: Mapping[str, int],
    clock: Clock,
    write: Callable[[str], None],
) -> Outcome:
    """What is first to notice it. Which of the two is asked is written before, lest it crashes.

    Whether the contracts alone notice it is of interest for rules. What is refused, and in which
    words, is the tests' business first, and they are quicker to say it.
    """
    write(f"{Verdict.CONTRACT}\n")
    try:
        clock.start(IMPORT)
        checks = list(checks_of(install(aim.file, mutant.source), aim.rooms))
        clock.stop(IMPORT)
    except Exception:  # whatever a mutant raises, it was noticed
        return Outcome(Verdict.CONTRACT, IMPORT)
    may = may_notice(aim.called, mutant.key.scope)
    watch = Watch(aim.file, clock, caught, may)
    checks = [check for check in checks if may(check[0])]
    stages = {
        Verdict.CONTRACT: partial(run_checks, checks, clock, caught),
        Verdict.TEST: partial(run_tests, aim.tests, watch),
    }
    for verdict in stages if mutant.kind is Kind.RULE else reversed(stages):
        write(f"{verdict}\n")
        outcome = stages[verdict]()
        if outcome.verdict is not Verdict.SURVIVED:
            break
    return outcome


def _outcome(said: str, status: int) -> Outcome:
    """What a process has said, or, if it said nothing, what its end says."""
    *stages, last = said.split("\n")
    if last:
        found = json.loads(last)
        return Outcome(Verdict(found["verdict"]), found["by"])
    ending = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "exit"
    if ending == "SIGALRM":
        return Outcome(Verdict.LOOP, ending)
    return Outcome(Verdict(stages[-1]), ending)


def _forked(work: Callable[[Callable[[str], None]], None]) -> tuple[int, int]:
    """A process that does `work`, given a way to say something, and where to read it."""
    reader, writer = os.pipe()
    if pid := os.fork():
        os.close(writer)
        return pid, reader
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(LONGEST)
        work(partial(_write, writer))
    finally:
        os._exit(0)


def _finished(pid: int, reader: int) -> str:
    text = _read(reader)
    os.waitpid(pid, 0)
    return text


def _read(reader: int) -> str:
    with os.fdopen(reader, encoding="utf-8") as file:
        return file.read()


def _write(writer: int, text: str) -> None:
    os.write(writer, text.encode())
