"""A contract whose vectors hold columns notices a record that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from refdet.conformance.false_positives import IDENTIFY_FALSE_POSITIVES
from refdet.conformance.thresholds import RESOLVE_CLASS_THRESHOLDS
from refdet.conformance.vectors import read_vectors
from refdet.core.false_positives import FalsePositive, identify_false_positives


def _every_kind(change: Callable[[FalsePositive], FalsePositive], golden: Path) -> None:
    vectors = {v.name: v for v in read_vectors(golden / "identify_false_positives")}

    def changed(*arguments: object) -> list[FalsePositive]:
        listed = identify_false_positives(*arguments)  # type: ignore[arg-type]  # from a vector
        return [change(wrong) for wrong in listed]

    vector = vectors["identify_false_positives/every-kind"]
    IDENTIFY_FALSE_POSITIVES.check_vector(changed, vector)  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("column", "value"), [("index", 7), ("kind", "both"), ("confused_with", None), ("score", 0.25)]
)
def test_column_contract_names_the_column_that_is_wrong(
    column: str, value: object, golden: Path
) -> None:
    _every_kind(lambda wrong: wrong, golden)
    with pytest.raises(AssertionError, match=f"every-kind: {column}"):
        _every_kind(lambda wrong: replace(wrong, **{column: value}), golden)  # type: ignore[arg-type]  # by name


def test_column_contract_notices_an_error_that_is_not_raised(golden: Path) -> None:
    vectors = [
        vector
        for vector in RESOLVE_CLASS_THRESHOLDS.vectors(golden)
        if vector.expected is ValueError
    ]
    assert vectors
    for vector in vectors:
        with pytest.raises(AssertionError, match="instead of raising ValueError"):
            RESOLVE_CLASS_THRESHOLDS.check_vector(lambda parsed, names: {0: 0.5}, vector)
