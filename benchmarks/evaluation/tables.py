"""The results of `run` as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.evaluation.answer import Agreement
from benchmarks.evaluation.evaluators import Evaluator
from benchmarks.evaluation.inputs import Form

OURS = "refdet"
NOT_RUN = "-"


@dataclass(frozen=True)
class Case:
    """A workload, as a table's column.

    Attributes:
        name: as the command line takes it.
        images: number of images.
        objects: number of objects.
        detections: number of detections.
        categories: number of classes.
    """

    name: str
    images: int
    objects: int
    detections: int
    categories: int

    @property
    def title(self) -> str:
        """Its sizes, in brief."""
        counts = (self.images, "img"), (self.detections, "det"), (self.categories, "cls")
        return f"{self.name}: " + ", ".join(f"{brief(n)} {unit}" for n, unit in counts)


@dataclass(frozen=True)
class Outcome:
    """What came of an evaluator on a case.

    Attributes:
        case: the workload.
        evaluator: who, with what in hand.
        seconds: of each repetition; empty if there is no result.
        peak_bytes: of each repetition, above the inputs.
        agreement: with the reference; None if there is no result.
        reference: whose numbers it was compared with.
        problem: why there is no result; empty if there is one.
    """

    case: Case
    evaluator: Evaluator
    seconds: tuple[float, ...] = ()
    peak_bytes: tuple[int, ...] = ()
    agreement: Agreement | None = None
    reference: str = ""
    problem: str = ""


def brief(number: int) -> str:
    """252000 as 252k, 3900000 as 3.9M, and small numbers as they are."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.3g}M"
    return f"{number / 1000:.3g}k" if number >= 10_000 else f"{number:,}"


def report(outcomes: Sequence[Outcome]) -> str:
    """All tables: time by form of input, memory, agreement."""
    parts = []
    for title, forms in (
        ("From arrays", {Form.ARRAYS}),
        ("From lists of dictionaries, or arrays by image", {Form.LISTS, Form.IMAGES}),
    ):
        chosen = [outcome for outcome in outcomes if outcome.evaluator.form in forms]
        if chosen:
            best, ours = fastest(chosen), our_times(chosen)
            parts += [f"### {title}: milliseconds, and how many times {OURS}'s"]
            parts += [grid(chosen, partial(time_cell, best=best, ours=ours))]
    parts += ["### Memory at the peak above the inputs: bytes a detection"]
    parts += [grid(outcomes, memory_cell)]
    parts += ["### Largest difference from the reference: 12 numbers / full arrays"]
    parts += [grid(outcomes, agreement_cell)]
    return "\n\n".join(parts)


def fastest(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The least median of each case."""
    times: dict[str, float] = {}
    for outcome in outcomes:
        if outcome.seconds:
            least = times.get(outcome.case.name, float("inf"))
            times[outcome.case.name] = min(least, median(outcome.seconds))
    return times


def our_times(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Our own median of each case."""
    ours = (o for o in outcomes if o.evaluator.package == OURS and o.seconds)
    return {outcome.case.name: median(outcome.seconds) for outcome in ours}


def time_cell(outcome: Outcome, best: dict[str, float], ours: dict[str, float]) -> str:
    """The median in milliseconds, bold if it is the least, and its ratio to ours."""
    if not outcome.seconds:
        return outcome.problem or NOT_RUN
    seconds, name = median(outcome.seconds), outcome.case.name
    text = f"{1000 * seconds:,.0f}"
    if seconds <= best[name]:
        text = f"**{text}**"
    if name in ours and outcome.evaluator.package != OURS:
        text += f" ({seconds / ours[name]:.3g}x)"
    return text


def memory_cell(outcome: Outcome) -> str:
    """The median of the peaks, in bytes a detection."""
    if not outcome.peak_bytes:
        return outcome.problem or NOT_RUN
    return f"{median(outcome.peak_bytes) / max(1, outcome.case.detections):,.0f}"


def agreement_cell(outcome: Outcome) -> str:
    """`bit-identical`, or the largest difference of the 12 numbers and of the full arrays."""
    found = outcome.agreement
    if found is None:
        return outcome.problem or NOT_RUN
    if outcome.reference == outcome.evaluator.name:
        return "reference"
    if found.identical:
        return "bit-identical" if found.curves is not None else "bit-identical / not given"
    differences = (found.stats, found.curves)
    return " / ".join("not given" if d is None else f"{d:.2g}" for d in differences)


def grid(outcomes: Sequence[Outcome], cell: Callable[[Outcome], str]) -> str:
    """A row for each evaluator, a column for each case."""
    cases = list(dict.fromkeys(outcome.case for outcome in outcomes))
    names = list(dict.fromkeys(outcome.evaluator.name for outcome in outcomes))
    cells = {(o.evaluator.name, o.case.name): cell(o) for o in outcomes}
    rows = [[name, *(cells.get((name, case.name), NOT_RUN) for case in cases)] for name in names]
    return markdown(["", *(case.title for case in cases)], rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose source is aligned too: the first column left, the others right."""
    widths = [max(3, *(len(row[i]) for row in [header, *rows])) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [text.rjust(width) for text, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join([line(header), line(rule), *(line(row) for row in rows)])
