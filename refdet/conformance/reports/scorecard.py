"""The page on which libraries stand beside each other: what they hold, and every break explained.

Breaks are told apart by what comes out, so that a wrong number is not lost among inputs that nobody
looked at. A break is shown by the shortest of its counterexamples.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from textwrap import fill

from refdet import __version__
from refdet.conformance.register import Deviation, DeviationKind
from refdet.conformance.reports.results import Result
from refdet.conformance.reports.text import thread_address
from refdet.conformance.running import Outcome, Verdict
from refdet.conformance.suites import Suite
from refdet.conformance.target import contract_named

WIDTH = 80
MOST_CODE = 2500
"""Characters of a case that is shown; only what is about numbers by the dozen is longer."""
LONGEST_ANSWER = 160

GROUPS = {
    "boxes": ("boxes",),
    "overlaps": ("iou",),
    "training": ("codec", "priors", "assign", "sampling"),
    "NMS": ("nms",),
    "matching": ("matching", "matching_pairs"),
    "AP": ("average_precision",),
    "data set": ("coco_eval",),
}
"""The columns of the matrix, by the files of contracts."""

HEADINGS = {
    DeviationKind.NUMBERS: "Another number",
    DeviationKind.FAILS: "An error, or an unusable shape",
    DeviationKind.ROUNDING: "The last bits",
    DeviationKind.VALUES: "Values that it does not look at",
}

LEGEND = {
    "held": "checks that hold, of those that were asked; a check is a property, tried on many "
    "inputs, or a golden vector",
    "numbers": "another number than the rule's, or another detection",
    "fails": "an error or an unusable shape, for input that is legal",
    "bits": "the rule's number but for the last bits, where the contract asks for all of them",
    "values": "an answer to input that has none: NaN, an inverted box, a fraction as a class",
    "n/a": "checks that were left out, since the library has nothing for what they ask",
}


@dataclass(frozen=True)
class Card:
    """A suite, and what came out for each of its targets.

    Attributes:
        suite: the library.
        results: one for each of its targets, in their order.
    """

    suite: Suite
    results: tuple[Result, ...]

    def outcomes(self) -> list[Outcome]:
        """Of all targets."""
        return [outcome for result in self.results for outcome in result.outcomes]

    def broken(self, kind: DeviationKind) -> int:
        """How many checks are broken in that way."""
        return sum(one.deviation is not None and one.deviation.kind is kind for one in self._broken)

    @property
    def _broken(self) -> list[Outcome]:
        return [one for one in self.outcomes() if one.verdict is Verdict.KNOWN]


def scorecard(cards: Sequence[Card], examples: int) -> str:
    """The whole page.

    Args:
        cards: of all suites, run with their registers.
        examples: how many inputs a property was tried on.

    Raises:
        ValueError: a check is broken that the register does not explain, or holds that it lists.
    """
    for card in cards:
        for outcome in card.outcomes():
            if not outcome.passes:
                raise ValueError(
                    f"{card.suite.name}: {outcome.target} as {outcome.contract}: "
                    f"{outcome.check} is {outcome.verdict}; its register says otherwise"
                )
    lines = [*_head(cards, examples), *_summary(cards), *_digest(cards), *_matrix(cards)]
    for card in cards:
        lines += _library(card)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(cards: Sequence[Card], examples: int) -> Iterator[str]:
    yield "# Scorecard: libraries against the contracts"
    yield ""
    libraries = ", ".join(f"{card.suite.distribution} {card.suite.version}" for card in cards)
    made = (
        f"Made by `make scorecard` with refdet {__version__}, Python {platform.python_version()}, "
        f"NumPy {version('numpy')} and Hypothesis {version('hypothesis')}; {examples} inputs a "
        f"property. Of a library that has a newer version, this page says nothing about it. "
        f"The libraries: {libraries}."
    )
    yield from _paragraph(made)
    yield from _paragraph(
        "A library is held to the rules of `refdet.core` by adapters that translate formats, "
        "dtypes and the order of arguments, and repair nothing. Rules that go by one name may "
        "differ on purpose: a break says that a library computes something else than the "
        "contract, whose text `refdet conformance show` prints, and the line beside it says what. "
        "`refdet conformance run --suite NAME` repeats it with the version that you have."
    )


def _summary(cards: Sequence[Card]) -> Iterator[str]:
    yield "## Who differs, and how"
    yield ""
    yield "| library | held | numbers | fails | bits | values | n/a |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    kinds = (
        DeviationKind.NUMBERS,
        DeviationKind.FAILS,
        DeviationKind.ROUNDING,
        DeviationKind.VALUES,
    )
    for card in cards:
        outcomes = card.outcomes()
        counts = [card.broken(kind) for kind in kinds]
        counts.append(sum(one.verdict is Verdict.LEFT_OUT for one in outcomes))
        cells = [f"[{card.suite.name}](#{_anchor(card)})", _held(outcomes), *map(_count, counts)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    for name, meaning in LEGEND.items():
        yield _filled(f"- **{name}**: {meaning}.", "  ")
    yield ""
    yield from _paragraph(
        "What is counted are checks, all targets of a library together: one fault may break many "
        "properties, and one entry below explains them all. The numbers of different libraries "
        "are not marks to be compared, since they are asked for different things."
    )


def _digest(cards: Sequence[Card]) -> Iterator[str]:
    yield "## Whose numbers differ, in short"
    yield ""
    for card in cards:
        whys: dict[str, list[str]] = {}
        for outcome in card.outcomes():
            if outcome.deviation is not None and _kind(outcome) is DeviationKind.NUMBERS:
                targets = whys.setdefault(outcome.deviation.why, [])
                if outcome.target not in targets:
                    targets.append(outcome.target)
        yield f"**[{card.suite.name}](#{_anchor(card)})**{'' if whys else ': none'}"
        yield ""
        for why, targets in whys.items():
            of = ", ".join(f"`{one}`" for one in targets)
            yield _filled(f"- {why} ({of})", "  ")
        if whys:
            yield ""


def _matrix(cards: Sequence[Card]) -> Iterator[str]:
    yield "## What was asked of whom"
    yield ""
    yield from _paragraph(
        "Checks held, of those asked, of all targets for the contracts of a kind."
    )
    yield f"| library | {' | '.join(GROUPS)} |"
    yield f"|---|{'--:|' * len(GROUPS)}"
    for card in cards:
        cells = []
        for files in GROUPS.values():
            modules = {f"refdet.conformance.{file}" for file in files}
            of_group = [
                outcome
                for result in card.results
                if _module(result.target.contract) in modules
                for outcome in result.outcomes
            ]
            cells.append(_held(of_group) if of_group else "")
        yield f"| {card.suite.name} | {' | '.join(cells)} |"
    yield ""


def _library(card: Card) -> Iterator[str]:
    yield f"## {card.suite.name} {card.suite.version}"
    yield ""
    yield "| target | contract | held |"
    yield "|---|---|--:|"
    for result in card.results:
        held = _held(result.outcomes)
        yield f"| `{result.target.label}` | `{result.target.contract}` | {held} |"
    yield ""
    known = [one for one in card.outcomes() if one.deviation is not None]
    for kind, heading in HEADINGS.items():
        entries = _grouped([one for one in known if _kind(one) is kind])
        if entries:
            yield f"### {card.suite.name}: {heading[0].lower()}{heading[1:]}"
            yield ""
            for deviation, outcomes in entries:
                yield from _entry(deviation, outcomes)


def _grouped(outcomes: Sequence[Outcome]) -> list[tuple[Deviation, list[Outcome]]]:
    """By what the register says of them, whichever targets it says it of."""
    found: dict[tuple[str, str], tuple[Deviation, list[Outcome]]] = {}
    for outcome in outcomes:
        assert outcome.deviation is not None
        key = (outcome.deviation.why, outcome.deviation.thread)
        found.setdefault(key, (outcome.deviation, []))[1].append(outcome)
    return list(found.values())


def _entry(deviation: Deviation, outcomes: Sequence[Outcome]) -> Iterator[str]:
    why = deviation.why
    address = thread_address(deviation.thread)
    told = f" Told in [{deviation.thread}]({address})." if address else ""
    yield from _paragraph(f"**{why}.**{told}")
    by_target = groupby(outcomes, key=lambda one: (one.target, one.contract))
    for (target, contract), found in by_target:
        checks = ", ".join(f"`{one.check}`" for one in found)
        yield _filled(f"- `{target}` as `{contract}`: {checks}", "  ")
    yield ""
    shown = min(outcomes, key=lambda one: (not one.counterexample, len(one.counterexample)))
    yield "<details><summary>The smallest case</summary>"
    yield ""
    if len(shown.counterexample) <= MOST_CODE:
        yield "```python"
        yield from map(_shortened, shown.counterexample.splitlines())
        yield "```"
    else:
        yield from _paragraph("Too long for this page; `refdet conformance run` prints it.")
    yield ""
    yield from _paragraph(f"`{shown.check}` says: {_plain(shown.message)}")
    yield "</details>"
    yield ""


def _held(outcomes: Sequence[Outcome]) -> str:
    asked = [one for one in outcomes if one.verdict is not Verdict.LEFT_OUT]
    return f"{sum(one.verdict is Verdict.HELD for one in asked)} / {len(asked)}"


def _count(count: int) -> str:
    return str(count) if count else ""


def _kind(outcome: Outcome) -> DeviationKind | None:
    if outcome.deviation is None or outcome.verdict is not Verdict.KNOWN:
        return None
    return outcome.deviation.kind


def _module(contract: str) -> str:
    """The file in which a contract is written."""
    return contract_named(contract).properties[0].__module__


def _anchor(card: Card) -> str:
    """What GitHub makes of the heading of the library."""
    heading = f"{card.suite.name} {card.suite.version}".lower()
    kept = "".join(letter for letter in heading if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _paragraph(text: str) -> Iterator[str]:
    yield _filled(text)
    yield ""


def _filled(text: str, indent: str = "") -> str:
    """Lines of at most `WIDTH`, none of which ends within a name or an address."""
    return fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _shortened(line: str) -> str:
    """A line of code as it is, for it can be pasted; of an answer, as much as can be read."""
    if not line.startswith("#") or len(line) <= LONGEST_ANSWER:
        return line
    return f"{line[:LONGEST_ANSWER]} ..."


def _plain(message: str) -> str:
    """A message in a paragraph: without line breaks, and without what Markdown would take up."""
    return "`" + " ".join(message.split()).replace("`", "'") + "`"
