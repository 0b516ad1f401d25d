"""Hold every library that has a suite to the contracts, and write `docs/scorecard.md`.

Run from the repository's root: `make scorecard`, or `python -m benchmarks.scorecard`.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from tqdm import tqdm

from refdet.conformance.reports.results import Result
from refdet.conformance.reports.scorecard import Card, scorecard
from refdet.conformance.running import examples, run_target
from refdet.conformance.suites import SUITES, load_suite
from refdet.files import write_text_atomic

PAGE = Path("docs/scorecard.md")


def card(name: str, count: int) -> Card:
    """All targets of a suite, `count` inputs a property."""
    suite = load_suite(name)
    results = []
    for target in tqdm(suite.targets, desc=name, leave=False):
        with examples(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a target's would come by the hundred
            outcomes = tuple(run_target(target, suite.register))
        results.append(Result(target, outcomes, f"{suite.distribution} {suite.version}"))
    return Card(suite, tuple(results))


def main() -> None:
    """Overwrite the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=100, help="inputs a property")
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args()
    cards = [card(name, options.examples) for name in SUITES]
    write_text_atomic(options.output, scorecard(cards, options.examples))


if __name__ == "__main__":
    main()
