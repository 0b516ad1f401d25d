"""The runs of a page, and what is the same for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refdet.analysis_records import Analysis
from refdet.records import Evaluation
from refdet.report.page.names import shown_name
from refdet.report.page.tables import Cell, Column

LETTERS = "ab"


@dataclass(frozen=True, eq=False)
class Run:
    """A run with its place in the page.

    Attributes:
        letter: `a` or `b`.
        analysis: what is said about it.
        alone: whether it is the only one, so that nothing needs to say whose a number is.
    """

    letter: str
    analysis: Analysis
    alone: bool

    @property
    def name(self) -> str:
        """Its name, on one line."""
        return shown_name(self.analysis.name)

    @property
    def evaluation(self) -> Evaluation:
        """Its numbers."""
        return self.analysis.evaluation

    @property
    def tag(self) -> str:
        """Its letter where there is another run."""
        return "" if self.alone else self.letter


Runs = Sequence[Run]


def runs_of(analyses: Sequence[Analysis]) -> tuple[Run, ...]:
    """One run, or a and b."""
    alone = len(analyses) == 1
    return tuple(Run(letter, one, alone) for letter, one in zip(LETTERS, analyses, strict=False))


def columns_for(runs: Runs, name: str, meaning: str = "") -> list[Column]:
    """A column of numbers for each run."""
    return [Column(name, meaning, run.tag) for run in runs]


def cells_for(runs: Runs, cell: Callable[[Analysis], Cell]) -> list[Cell]:
    """A cell for each run."""
    return [cell(run.analysis) for run in runs]


def class_names(runs: Runs) -> list[str]:
    """The classes in label order, each name on one line; they are the same in all runs."""
    return [shown_name(one.name) for one in runs[0].evaluation.classes]
