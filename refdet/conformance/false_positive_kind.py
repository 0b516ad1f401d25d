"""Contract of the kinds of false positives: why a detection that found nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Contract, Conventions

Kind: TypeAlias = Callable[[float, float, float, float], str]

IOUS = st.integers(0, 16).map(lambda k: k / 16)
THRESHOLD_PAIRS = st.tuples(st.integers(1, 16), st.integers(1, 16)).map(
    lambda pair: (max(pair) / 16, min(pair) / 16)
)


def naive_kind_of_best(own: float, other: float, threshold: float, background: float) -> str:
    """In exact fractions, the rows of a table: what is reached with its own class, with another."""
    reach = min(Fraction(threshold), 1 - Fraction(1, 10**10))

    def grade(iou: float) -> int:
        return sum(Fraction(iou) >= least for least in (Fraction(background), reach))

    table = {
        2: ("duplicate",) * 3,
        1: ("localization",) * 3,
        0: ("background", "both", "confusion"),
    }
    return table[grade(own)][grade(other)]


@given(own=IOUS, other=IOUS, thresholds=THRESHOLD_PAIRS)
@example(own=0.0, other=0.0, thresholds=(0.5, 0.125))
@example(own=0.5, other=0.5, thresholds=(0.5, 0.125))
@example(own=0.0, other=0.125, thresholds=(0.5, 0.125))
@example(own=0.125, other=1.0, thresholds=(0.5, 0.125))
@example(own=0.5, other=0.0, thresholds=(0.5, 0.5))
@example(own=0.0, other=0.5, thresholds=(0.5, 0.5))
@example(own=1.0, other=1.0, thresholds=(1.0, 1.0))
@example(own=1 - 2**-34, other=0.0, thresholds=(1.0, 0.125))
@example(own=0.0, other=1 - 2**-33, thresholds=(1.0, 0.125))
def is_the_first_that_applies(
    false_positive_kind: Kind, own: float, other: float, thresholds: tuple[float, float]
) -> None:
    """Both thresholds are reached at equality."""
    got = false_positive_kind(own, other, *thresholds)
    want = naive_kind_of_best(own, other, *thresholds)
    assert_close(str(got), want, f"own {own}, other {other}, thresholds {thresholds}")


FALSE_POSITIVE_KIND = Contract[Kind](
    "false_positive_kind",
    ("own_iou", "other_iou", "iou_threshold", "background_threshold"),
    Conventions(
        rule="why a detection that found nothing is wrong, from its highest IoU with an object "
        "of its own class, and with one of another: duplicate (own >= iou_threshold), "
        "localization (own >= background_threshold), confusion (other >= iou_threshold), both "
        "(other >= background_threshold), else background; the first that applies, as a text",
        thresholds="IoU >= either threshold reaches it; an iou_threshold above 1 - 1e-10 is "
        "lowered to it",
        undefined="an IoU of 0 where there is no object",
    ),
    (is_the_first_that_applies,),
)

CONTRACTS = (FALSE_POSITIVE_KIND,)
