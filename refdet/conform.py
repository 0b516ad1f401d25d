"""Entry points of `refdet conformance`: lists contracts, shows one, and holds functions to them."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from refdet.config_conformance import (
    ArraysOption,
    ConformanceList,
    ConformanceRun,
    ConformanceShow,
)
from refdet.conformance.adapter import Arrays
from refdet.conformance.describing import contract_list, contract_text
from refdet.conformance.register import not_run
from refdet.conformance.reports.as_json import as_json
from refdet.conformance.reports.junit import as_junit
from refdet.conformance.reports.markdown import as_markdown
from refdet.conformance.reports.results import Result, passing
from refdet.conformance.reports.text import as_text, summary_text
from refdet.conformance.request import Candidate, Request, candidates
from refdet.conformance.running import Verdict, examples, run_check
from refdet.conformance.target import contract_named
from refdet.files import atomic_path, write_text_atomic
from refdet.terminal import say

NOT_RUN = 2
"""The exit code where nothing could be run; 1 says that something is broken."""


def list_all(_: ConformanceList) -> int:
    """`refdet conformance list`: prints every contract in a line; returns the exit code."""
    say(contract_list())
    return 0


def show_contract(config: ConformanceShow) -> int:
    """`refdet conformance show`: prints a contract; returns the exit code."""
    say(contract_text(config.contract))
    return 0


def run_conformance(config: ConformanceRun) -> int:
    """`refdet conformance run`: holds targets to contracts; returns the exit code."""
    try:
        chosen = _chosen(config)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"refdet: {error}\n")
        return NOT_RUN
    results = []
    for result in _run(chosen, config):
        say(as_text(result) + "\n")
        results.append(result)
    _write(config, results)
    if config.known is not None:
        for line in not_run(config.known, [one.target for one in chosen]):
            say(line)
    say(summary_text(results))
    return 0 if passing(results) else 1


def _chosen(config: ConformanceRun) -> list[Candidate]:
    here = str(Path.cwd())
    if here not in sys.path:
        # A command, unlike `python -m`, does not look into the folder that it is called in.
        sys.path.insert(0, here)
    _refuse_what_cannot_be_written(config)
    auto = config.arrays is ArraysOption.AUTO
    return candidates(
        Request(
            targets=config.targets,
            contract=config.as_,
            suites=config.suite,
            arrays=None if auto else Arrays(config.arrays),
            box_format=config.format,
            dtype=config.dtype,
            device=config.device,
            arguments=config.arguments,
            returns=config.returns,
            checks_values=not config.unchecked_values,
            tolerance=config.tolerance,
            known=config.known,
        )
    )


def _refuse_what_cannot_be_written(config: ConformanceRun) -> None:
    """Before a run that takes minutes, and not after it."""
    if config.write_known is not None and config.write_known.exists():
        raise ValueError(f"{config.write_known} exists already; name another file or remove it")
    named: dict[Path, str] = {}
    for option in ("json", "junit", "markdown", "write_known"):
        file: Path | None = getattr(config, option)
        if file is None:
            continue
        asked = f"--{option.replace('_', '-')} {file}"
        if file.is_dir():
            raise ValueError(f"{asked}: this is a folder; name a file")
        folder = next(one for one in file.absolute().parents if one.exists())
        if not folder.is_dir():
            raise ValueError(f"{asked}: {folder} is no folder; name another file")
        if not os.access(folder, os.W_OK):
            raise ValueError(f"{asked}: {folder} cannot be written to; name another folder")
        other = named.setdefault(file.absolute(), asked)
        if other is not asked:
            raise ValueError(f"{asked} is also {other}; name another file")


def _run(chosen: Sequence[Candidate], config: ConformanceRun) -> Iterator[Result]:
    """The candidates' results, one after the other, under one progress bar."""
    checks = [contract_named(one.target.contract).checks() for one in chosen]
    # None shows it on a terminal only.
    hidden = None if config.progress else True
    total = sum(map(len, checks))
    with tqdm(total=total, desc="checking", unit="check", disable=hidden, leave=False) as bar:
        for candidate, of_target in zip(chosen, checks, strict=True):
            outcomes = []
            for check in of_target:
                bar.set_postfix_str(check.name)
                registers = (candidate.register, candidate.library)
                entries = [one.find(candidate.target, check.name) for one in registers]
                with examples(config.examples), warnings.catch_warnings():
                    # A target's warnings would come by the hundred; its outcomes are judged.
                    warnings.simplefilter("ignore")
                    outcomes.append(run_check(candidate.target, check, *entries))
                bar.update()
            bar.clear()
            yield Result(candidate.target, tuple(outcomes), candidate.version)


def _write(config: ConformanceRun, results: Sequence[Result]) -> None:
    if config.json is not None:
        with atomic_path(config.json) as file:
            file.write_bytes(as_json(results, config.examples))
    if config.junit is not None:
        write_text_atomic(config.junit, as_junit(results))
    if config.markdown is not None:
        write_text_atomic(config.markdown, as_markdown(results))
    if config.write_known is not None:
        write_text_atomic(config.write_known, register_of(results))


def register_of(results: Sequence[Result]) -> str:
    """A register of what broke and was not known, with the reasons left open."""
    lines = ["# What each of these is, in a line: a register with an open reason is not read."]
    for outcome in (one for result in results for one in result.outcomes):
        if outcome.verdict is Verdict.BROKEN:
            lines += [
                "",
                *(f"# {line}" for line in outcome.message.splitlines()),
                "[[deviation]]",
                f"target = {json.dumps(outcome.target)}",
                f"contract = {json.dumps(outcome.contract)}",
                f"checks = [{json.dumps(outcome.check)}]",
                'why = ""',
            ]
    return "\n".join(lines) + "\n"
