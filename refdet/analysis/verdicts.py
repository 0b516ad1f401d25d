"""What a comparison comes to, in plain sentences that claim no more than was shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from refdet.analysis_records import ComparedNumber

_SEEN = 2.8 / 1.96
"""Half an interval of 95 % times this, 2.8 standard errors: so far from 0 a true difference is
found four times in five."""
_MOST_NAMED = 8
_FEWEST = 6
"""Images that tell anything at 95 %: of five coins, all fall alike in 1 of 16 cases."""


def verdict_of(
    names: tuple[str, str],
    level: float,
    ap: ComparedNumber,
    classes: Sequence[ComparedNumber],
    n_images: int,
    at_thresholds: Mapping[str, ComparedNumber] | None = None,
) -> str:
    """Whether one of two runs is better, in which classes, and at the score thresholds.

    Args:
        names: of the runs, a and b.
        level: of the intervals.
        ap: mean AP of both.
        classes: AP of each class, with corrected p-values.
        n_images: in how many images there is something to find.
        at_thresholds: further numbers by what they are called, such as recall; those that differ
            are named. AP may hide that one run is used at worse thresholds.
    """
    share = f"{level:.0%}".replace("%", " %")
    sentences = [_overall(names, share, ap, n_images, shown=shows(ap, level))]
    # An end that is cut off at -1 or 1 is the nearer one.
    half = max(ap.difference.high - ap.difference.value, ap.difference.value - ap.difference.low)
    if not shows(ap, level) and half > 0:
        sentences.append(
            f"On {n_images} images with objects, a true difference of less than about "
            f"{_SEEN * half:.3f} would often go unseen."
        )
    sentences += _of_classes(names, level, classes)
    return " ".join([*sentences, *_of_thresholds(names, share, level, at_thresholds or {})])


def shows(number: ComparedNumber, level: float) -> bool:
    """Whether a difference is shown: its interval excludes 0, and chance hardly explains it."""
    low, high = number.difference.low, number.difference.high
    return (low > 0 or high < 0) and number.p_value <= 1 - level


def _overall(
    names: tuple[str, str], share: str, ap: ComparedNumber, n_images: int, *, shown: bool
) -> str:
    difference, low, high = ap.difference.value, ap.difference.low, ap.difference.high
    if math.isnan(difference):
        return "Nothing can be said: AP is undefined without an object to find."
    first, second = names
    if difference == 0 and (math.isnan(low) or low == high):
        return f"{first} and {second} do not differ in AP: it is {ap.a:.3f} for both."
    if difference < 0:
        first, second, difference, low, high = second, first, -difference, -high, -low
    interval = f"{share} interval {low:.3f} to {high:.3f}"
    if shown:
        return f"{second} is better than {first} by {difference:.3f} AP ({interval})."
    return (
        f"No difference is shown: {second}'s AP is {difference:.3f} higher than {first}'s"
        f"{_why_not(low, interval, ap.p_value, n_images)}."
    )


def _why_not(low: float, interval: str, p_value: float, n_images: int) -> str:
    if math.isnan(low) and n_images < _FEWEST:
        few = "1 image with objects is" if n_images == 1 else f"{n_images} images with objects are"
        return f", but {few} too few to be sure"
    if math.isnan(low):
        return ", but how sure that is cannot be told: a class is in too few images"
    if low > 0:
        return f" ({interval}), but chance may explain it (p = {p_value:.3f})"
    return f" ({interval}), which may be chance: the interval includes 0"


def _of_classes(
    names: tuple[str, str], level: float, classes: Sequence[ComparedNumber]
) -> list[str]:
    defined = [one for one in classes if not math.isnan(one.p_value)]
    if len(defined) < 2:
        return []
    differ = sorted(
        (one for one in defined if shows(one, level)), key=lambda one: -abs(one.difference.value)
    )
    if not differ:
        return [
            f"No difference is shown in any of the {len(defined)} classes, corrected for how many "
            "they are."
        ]
    sentences = []
    for name, better in (
        (names[1], [one for one in differ if one.difference.value > 0]),
        (names[0], [one for one in differ if one.difference.value < 0]),
    ):
        if better:
            named = [f"{one.name} ({abs(one.difference.value):.3f})" for one in better]
            rest = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
            sentences.append(
                f"{name} is better in {', '.join(named[:_MOST_NAMED] + rest)}, corrected for "
                f"{len(defined)} classes."
            )
    return sentences


def _of_thresholds(
    names: tuple[str, str], share: str, level: float, numbers: Mapping[str, ComparedNumber]
) -> list[str]:
    """Which run has more of what, as they are used."""
    told = []
    for what, one in numbers.items():
        if shows(one, level):
            ends = sorted((abs(one.difference.low), abs(one.difference.high)))
            told.append(
                f"{names[one.difference.value > 0]}'s {what} is {abs(one.difference.value):.3f} "
                f"higher ({share} interval {ends[0]:.3f} to {ends[1]:.3f})"
            )
    return [f"At the score thresholds {' and '.join(told)}."] if told else []
