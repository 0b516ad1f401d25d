"""What a comparison comes to, in plain sentences that claim no more than was shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from refdet.analysis_records import ComparedNumber

_SEEN = 2.8
"""Standard errors: so far from 0 a true difference is found four times in five, at 95 %."""
_MOST_NAMED = 8


def verdict_of(
    names: tuple[str, str],
    level: float,
    ap: ComparedNumber,
    classes: Sequence[ComparedNumber],
    n_images: int,
    standard_error: float,
) -> str:
    """Whether one of two runs is better, and in which classes.

    Args:
        names: of the runs, a and b.
        level: of the intervals.
        ap: mean AP of both.
        classes: AP of each class, with corrected p-values.
        n_images: in how many images there is something to find.
        standard_error: of the difference of mean AP.
    """
    share = f"{level:.0%}".replace("%", " %")
    sentences = [_overall(names, share, ap, n_images)]
    if not shows(ap, level) and standard_error > 0 and not math.isnan(ap.difference.low):
        sentences.append(
            f"On {n_images} images with objects, a true difference of less than about "
            f"{_SEEN * standard_error:.3f} would often go unseen."
        )
    return " ".join([*sentences, *_of_classes(names, level, classes)])


def shows(number: ComparedNumber, level: float) -> bool:
    """Whether a difference is shown: its interval excludes 0, and chance hardly explains it."""
    low, high = number.difference.low, number.difference.high
    return (low > 0 or high < 0) and number.p_value <= 1 - level


def _overall(names: tuple[str, str], share: str, ap: ComparedNumber, n_images: int) -> str:
    difference, low, high = ap.difference.value, ap.difference.low, ap.difference.high
    if math.isnan(difference):
        return "Nothing can be said: AP is undefined without an object to find."
    first, second = names
    if difference == 0 and (math.isnan(low) or low == high):
        return f"{first} and {second} do not differ in AP: it is {ap.a:.3f} for both."
    if difference < 0:
        first, second, difference, low, high = second, first, -difference, -high, -low
    if math.isnan(low):
        few = "1 image with objects is" if n_images == 1 else f"{n_images} images with objects are"
        return (
            f"No difference is shown: {second}'s AP is {difference:.3f} higher than {first}'s, but "
            f"{few} too few to be sure."
        )
    if low > 0:
        return (
            f"{second} is better than {first} by {difference:.3f} AP ({share} interval {low:.3f} "
            f"to {high:.3f})."
        )
    return (
        f"No difference is shown: {second}'s AP is {difference:.3f} higher than {first}'s, and the "
        f"{share} interval of that, {low:.3f} to {high:.3f}, includes 0."
    )


def _of_classes(
    names: tuple[str, str], level: float, classes: Sequence[ComparedNumber]
) -> list[str]:
    defined = [one for one in classes if not math.isnan(one.difference.value)]
    if len(defined) < 2:
        return []
    differ = sorted(
        (one for one in defined if shows(one, level)), key=lambda one: -abs(one.difference.value)
    )
    if not differ:
        return [f"None of the {len(defined)} classes differs, corrected for how many they are."]
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
