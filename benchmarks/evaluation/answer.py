"""What an evaluator says, and how far two of them agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
CURVES = ("precision", "recall", "scores")


@dataclass(frozen=True)
class Answer:
    """The numbers of one evaluation; NaN or None where the evaluator does not give them.

    Attributes:
        stats: (12,) COCO's numbers in the order of pycocotools.
        precision: (T, R, K, A, M).
        recall: (T, K, A, M).
        scores: (T, R, K, A, M).
    """

    stats: F64
    precision: F64 | None = None
    recall: F64 | None = None
    scores: F64 | None = None

    def save(self, file: Path) -> None:
        """Write it, for another process to read."""
        curves = {name: getattr(self, name) for name in CURVES}
        given = {name: curve for name, curve in curves.items() if curve is not None}
        np.savez(file, allow_pickle=False, stats=self.stats, **given)

    @classmethod
    def load(cls, file: Path) -> Answer:
        """What `save` wrote."""
        with np.load(file) as saved:
            return cls(saved["stats"], *(saved.get(name) for name in CURVES))


@dataclass(frozen=True)
class Agreement:
    """How far an answer is from the reference's.

    Attributes:
        stats: the largest difference in any of the 12 numbers; None where it gives none of them.
        curves: the largest difference in precision, recall or scores; None where it gives none.
        identical: every bit of all that it gives is the reference's.
    """

    stats: float | None
    curves: float | None
    identical: bool


def agreement(answer: Answer, reference: Answer) -> Agreement:
    """Compare what both give."""
    pairs = [(getattr(answer, name), getattr(reference, name)) for name in CURVES]
    both = [(got, want) for got, want in pairs if got is not None and want is not None]
    given = ~np.isnan(answer.stats)
    stats = answer.stats[given], reference.stats[given]
    return Agreement(
        stats=_difference(*stats) if given.any() else None,
        curves=max((_difference(got, want) for got, want in both), default=None),
        identical=all(_same_bits(got, want) for got, want in [stats, *both]),
    )


def _difference(got: F64, want: F64) -> float:
    if got.shape != want.shape:
        return float("inf")
    return float(np.abs(got - want).max(initial=0))


def _same_bits(got: F64, want: F64) -> bool:
    return got.shape == want.shape and got.tobytes() == want.tobytes()
