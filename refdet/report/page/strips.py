"""Small drawings in the rows of a table: a column has one scale, its ticks in the header.

The same numbers stand beside them in words, so that readers aloud leave the drawings out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from refdet.analysis_records import Estimate
from refdet.report.page.svg import Scale, element, mark, number, path, tick_text, words

WIDTH, MARGIN = 150.0, 5.0
LANE = 14.0
"""Height of a run's part."""
DOT = 2.5
"""Radius of a mark, so that an interval of 0.02 to both sides is still seen behind it."""


def interval_strip(
    estimates: Sequence[tuple[str, Estimate]], low: float = 0, high: float = 1
) -> Markup:
    """A dot with its interval for each run, one below the other; a line at 0 if that is inside."""
    across = strip_scale(low, high)
    parts = _zero_line(across, len(estimates)) if low < 0 < high else []
    for place, (run, one) in enumerate(estimates):
        y = LANE * (place + 0.5)
        parts.append(element("path", class_="track", d=path([(across(low), y), (across(high), y)])))
        if not math.isnan(one.low + one.high):
            ends = [(across(one.low), y), (across(one.high), y)]
            parts.append(element("path", class_=f"whisker run-{run}", d=path(ends)))
        if not math.isnan(one.value):
            parts.append(mark(run, across(one.value), y, DOT))
    return _strip(len(estimates), parts)


def bar_strip(values: Sequence[tuple[str, float]], low: float, high: float) -> Markup:
    """A bar from 0 to the value for each run, one below the other."""
    across = strip_scale(low, high)
    parts = _zero_line(across, len(values)) if low < 0 else []
    for place, (run, value) in enumerate(values):
        if not math.isnan(value):
            x1, x2 = sorted((across(0), across(value)))
            parts.append(
                element(
                    "rect",
                    class_=f"bar run-{run}",
                    x=x1,
                    y=LANE * place + 3,
                    width=max(x2 - x1, 0.5),
                    height=LANE - 6,
                )
            )
    return _strip(len(values), parts)


def axis_strip(low: float, high: float) -> Markup:
    """The ticks of the strips in a column, for its header."""
    across = strip_scale(low, high)
    parts = []
    for tick in across.ticks(4):
        x = across(tick)
        parts.append(words(x, 10, tick_text(tick), _anchor(x)))
        parts.append(element("path", class_="axis", d=path([(x, 14), (x, 18)])))
    return element(
        "svg",
        *parts,
        class_="strip",
        viewBox=f"0 0 {number(WIDTH)} 18",
        aria_hidden="true",
        focusable="false",
    )


def strip_scale(low: float, high: float) -> Scale:
    """From data to a strip's coordinates."""
    return Scale(low, high, MARGIN, WIDTH - MARGIN)


def _anchor(x: float) -> str:
    """Text at a strip's ends stays inside it."""
    if x <= MARGIN + 1:
        return "start"
    return "end" if x >= WIDTH - MARGIN - 1 else "middle"


def _strip(n_lanes: int, parts: Sequence[Markup]) -> Markup:
    return element(
        "svg",
        *parts,
        class_="strip",
        viewBox=f"0 0 {number(WIDTH)} {number(LANE * n_lanes)}",
        aria_hidden="true",
        focusable="false",
    )


def _zero_line(across: Scale, n_lanes: int) -> list[Markup]:
    ends = [(across(0), 0.0), (across(0), LANE * n_lanes)]
    return [element("path", class_="zero", d=path(ends))]
