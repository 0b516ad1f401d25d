"""Contracts of the score thresholds of classes: read from text, named, applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.columns import ColumnContract
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.strategies import labels, tied_scores
from refdet.conformance.vectors import Value

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Parse: TypeAlias = Callable[[list[str]], dict[str, float]]
Resolve: TypeAlias = Callable[[dict[str, float], list[str]], dict[int, float]]
Apply: TypeAlias = Callable[[F64, I64, float, dict[int, float]], Mask]

CLASS_NAMES = ("WBC", "RBC", "a=b", "x:y", "two words")
TENTHS = st.integers(0, 10).map(lambda k: k / 10)


@given(
    thresholds=st.dictionaries(st.sampled_from((*CLASS_NAMES, "7")), TENTHS),
    separator=st.sampled_from(["=", ":", " = ", " :"]),
)
@example(thresholds={}, separator="=")
@example(thresholds={"a=b": 0.0, "x:y": 1.0}, separator=":")
def parsing_undoes_writing(
    parse_class_thresholds: Parse, thresholds: dict[str, float], separator: str
) -> None:
    """In the order of the entries. A name may hold a separator: the last one counts."""
    entries = [f"{name}{separator}{threshold}" for name, threshold in thresholds.items()]
    got = parse_class_thresholds(entries)
    assert list(got) == list(thresholds), f"{entries}: classes {list(got)}"
    for name, threshold in thresholds.items():
        assert_close(got[name], threshold, f"{entries}: {name}")


@given(thresholds=st.dictionaries(st.integers(0, len(CLASS_NAMES) - 1), TENTHS), data=st.data())
def names_and_labels_are_the_same_class(
    resolve_class_thresholds: Resolve, thresholds: dict[int, float], data: st.DataObject
) -> None:
    """Each class may be given either way."""
    written = {
        CLASS_NAMES[label] if data.draw(st.booleans()) else str(label): threshold
        for label, threshold in thresholds.items()
    }
    got = resolve_class_thresholds(written, list(CLASS_NAMES))
    assert set(got) == set(thresholds), f"{written}: labels {sorted(got)}"
    for label, threshold in thresholds.items():
        assert_close(got[label], threshold, f"{written}: label {label}")


@st.composite
def scored(draw: st.DrawFn) -> tuple[F64, I64]:
    """Up to 8 scores k / 5 of 3 classes."""
    count = draw(st.integers(0, 8))
    return draw(tied_scores(count)), draw(labels(count))


@given(
    detections=scored(),
    default=st.integers(0, 5).map(lambda k: k / 5),
    per_class=st.dictionaries(st.integers(0, 3), st.integers(0, 5).map(lambda k: k / 5)),
)
@example(detections=(np.zeros(0), np.zeros(0, np.int64)), default=0.5, per_class={0: 0.5})
@example(detections=(np.array([0.6]), np.array([1])), default=1.0, per_class={1: 0.6})
@example(detections=(np.array([0.6, 0.6]), np.array([0, 1])), default=0.6, per_class={1: 0.8})
def mask_equals_a_naive_loop(
    score_threshold_mask: Apply,
    detections: tuple[F64, I64],
    default: float,
    per_class: dict[int, float],
) -> None:
    """A score that equals its threshold reaches it."""
    scores, classes = detections
    got = score_threshold_mask(scores, classes, default, per_class)
    pairs = zip(scores.tolist(), classes.tolist(), strict=True)
    want = [score >= per_class.get(label, default) for score, label in pairs]
    assert_close(got, np.array(want, np.bool_), "mask")


def _resolved(outcome: object) -> Mapping[str, Value]:
    # JSON's keys are texts, so a vector holds two columns.
    # An outcome can be anything; what is no mapping fails right below.
    thresholds = cast(Mapping[int, float], outcome)
    return {"label": list(thresholds.keys()), "threshold": list(thresholds.values())}


def _score_threshold_mask_arguments(inputs: Mapping[str, Value]) -> tuple[object, ...]:
    # As the schema of the vectors has it.
    pairs = cast(Sequence[tuple[int, float]], inputs["per_class"])
    return inputs["scores"], inputs["labels"], inputs["default"], dict(pairs)


PARSE_CLASS_THRESHOLDS = Contract[Parse](
    "parse_class_thresholds",
    ("entries",),
    Conventions(
        rule="texts CLASS=THRESHOLD or CLASS:THRESHOLD, split at the last separator, spaces around "
        "either part left out, become a mapping from class to threshold in the same order; no "
        "separator, an empty class, a class given twice and no number in [0, 1] are ValueErrors",
    ),
    (parsing_undoes_writing,),
)
RESOLVE_CLASS_THRESHOLDS = ColumnContract[Resolve](
    "resolve_class_thresholds",
    ("parsed", "class_names"),
    Conventions(
        rule="a mapping whose classes are names, or labels written as digits, becomes one from "
        "label to threshold; a class that is neither, that could be a name and another class's "
        "label, or that is given twice is a ValueError",
    ),
    (names_and_labels_are_the_same_class,),
    read_columns=_resolved,
)
SCORE_THRESHOLD_MASK = Contract[Apply](
    "score_threshold_mask",
    ("scores", "labels", "default", "per_class"),
    Conventions(
        rule="which detections reach the score threshold of their class, or default where "
        "per_class, a mapping from label to threshold, has none. (A vector lists its pairs.)",
        thresholds="score >= threshold reaches it",
    ),
    (mask_equals_a_naive_loop,),
    _score_threshold_mask_arguments,
)

CONTRACTS = (PARSE_CLASS_THRESHOLDS, RESOLVE_CLASS_THRESHOLDS, SCORE_THRESHOLD_MASK)
