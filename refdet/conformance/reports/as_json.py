"""Outcomes as JSON, for other programs; `docs/conformance.md` describes the format."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from refdet import __version__
from refdet.conformance.reports.results import Result, passing
from refdet.conformance.running import Outcome, Verdict

FORMAT = 1
"""Grows when a reader of an older file would misunderstand a newer one."""


def as_json(results: Sequence[Result], examples: int) -> bytes:
    """All results; `examples` is how many inputs were tried for each property."""
    whole = {
        "format": FORMAT,
        "refdet": __version__,
        "examples": examples,
        "passes": passing(results),
        "targets": [_target(result) for result in results],
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _target(result: Result) -> dict[str, object]:
    adapter = result.target.adapter
    return {
        "target": result.target.label,
        "contract": result.target.contract,
        "version": result.version,
        "adapter": dict(vars(adapter)),
        "passes": result.passes,
        "counts": {verdict.value: result.count(verdict) for verdict in Verdict},
        "checks": [_check(outcome) for outcome in result.outcomes],
    }


def _check(outcome: Outcome) -> dict[str, object]:
    known = outcome.deviation or outcome.told
    return {
        "check": outcome.check,
        "kind": outcome.kind,
        "about": outcome.about,
        "verdict": outcome.verdict,
        "message": outcome.message,
        "counterexample": outcome.counterexample,
        "why": known.why if known else "",
        "thread": known.thread if known else "",
        "known_of": known.of if known else "",
        "seconds": round(outcome.seconds, 3),
    }
