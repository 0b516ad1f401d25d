"""The page's drawings, coloured by the page's style so that they follow its light and dark.

Run a is a solid line with round marks, run b a dashed one with square marks: colour is never alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from refdet.analysis_records import CurveBand, Reliability
from refdet.records import F64
from refdet.report.page.svg import (
    Point,
    Scale,
    drawing,
    element,
    mark,
    number,
    path,
    tick_text,
    words,
)

_LEFT, _RIGHT, _TOP = 46.0, 330.0, 10.0
_WIDTH = 340.0


@dataclass(frozen=True, eq=False)
class RunCurve:
    """A class's curve of one run.

    Attributes:
        run: `a` or `b`.
        band: the curve with its interval.
        recall: at the score threshold; NaN if undefined.
        precision: likewise.
    """

    run: str
    band: CurveBand
    recall: float
    precision: float


def curve_chart(key: str, title: str, description: str, curves: Sequence[RunCurve]) -> Markup:
    """Precision over recall with its band, and a mark where the score threshold puts the class."""
    across, up = Scale(0, 1, _LEFT, _RIGHT), Scale(0, 1, 230.0, _TOP)
    parts = [*_frame(across, up, "recall", "precision")]
    parts += [_band(curve, across, up) for curve in curves]
    parts += [_curve(curve, across, up) for curve in curves]
    parts += [
        mark(curve.run, across(curve.recall), up(curve.precision))
        for curve in curves
        if not math.isnan(curve.recall + curve.precision)
    ]
    return drawing(key, (_WIDTH, 264), title, description, *parts)


def reliability_chart(
    key: str, title: str, description: str, runs: Sequence[tuple[str, Reliability]]
) -> Markup:
    """Precision over score with the diagonal where they are equal, above how many have that score.

    Args:
        key: of its ids.
        title: what it shows.
        description: what can be seen.
        runs: `a` or `b`, and its reliability; all have the same bins.
    """
    across, up = Scale(0, 1, _LEFT, _RIGHT), Scale(0, 1, 230.0, _TOP)
    most = max((int(one.counts.max(initial=0)) for _, one in runs), default=0)
    # Most detections have low scores; beside them, the others would be too low to be seen.
    bars = Scale(0, math.log1p(max(1, most)), 330.0, 286.0)
    parts = [
        *_frame(across, up, "score", "precision"),
        element("path", class_="even", d=path([(_LEFT, up(0)), (_RIGHT, up(1))])),
        element("path", class_="axis", d=path([(_LEFT, bars(0)), (_RIGHT, bars(0))])),
        words(_LEFT - 6, bars.end + 4, _short_count(most), "end"),
        words((_LEFT + _RIGHT) / 2, 346, "detections with that score (log scale)", "middle"),
    ]
    for place, (run, one) in enumerate(runs):
        points = [
            (across(x), up(y))
            for x, y in zip(one.mean_score.tolist(), one.precision.tolist(), strict=True)
            if not math.isnan(x + y)
        ]
        parts += _counts(run, one, across, bars, place, len(runs))
        if points:
            parts.append(element("path", class_=f"line run-{run}", d=path(points)))
        parts += [mark(run, x, y) for x, y in points]
    return drawing(key, (_WIDTH, 352), title, description, *parts)


def _frame(across: Scale, up: Scale, x_name: str, y_name: str) -> list[Markup]:
    """Grid, ticks and names of both axes."""
    parts = []
    for tick in across.ticks(6):
        x = across(tick)
        parts.append(element("path", class_="grid", d=path([(x, up.start), (x, up.end)])))
        parts.append(words(x, up.start + 14, tick_text(tick), "middle"))
    for tick in up.ticks(6):
        y = up(tick)
        parts.append(element("path", class_="grid", d=path([(across.start, y), (across.end, y)])))
        parts.append(words(across.start - 6, y + 4, tick_text(tick), "end"))
    middle = (up.start + up.end) / 2
    parts.append(words((across.start + across.end) / 2, up.start + 30, x_name, "middle"))
    parts.append(
        element(
            "text",
            y_name,
            class_="text",
            text_anchor="middle",
            transform=f"translate(9 {number(middle)}) rotate(-90)",
        )
    )
    return parts


def _band(curve: RunCurve, across: Scale, up: Scale) -> Markup:
    band = curve.band
    low, high = (np.where(np.isnan(side), band.precision, side) for side in (band.low, band.high))
    reached = int(np.count_nonzero(high > 0))
    upper = _points(band.recall[:reached], high[:reached], across, up)
    lower = _points(band.recall[:reached], low[:reached], across, up)
    if not reached:
        return Markup()
    outline = path([*upper, *reversed(lower)], closed=True)
    return element("path", class_=f"band run-{curve.run}", d=outline)


def _curve(curve: RunCurve, across: Scale, up: Scale) -> Markup:
    reached = int(np.count_nonzero(curve.band.precision > 0))
    if not reached:
        return Markup()
    line = _points(curve.band.recall[:reached], curve.band.precision[:reached], across, up)
    # Beyond the last recall that is reached, precision is 0.
    return element("path", class_=f"line run-{curve.run}", d=path([*line, (line[-1][0], up(0))]))


def _points(recall: F64, precision: F64, across: Scale, up: Scale) -> list[Point]:
    pairs = zip(recall.tolist(), precision.tolist(), strict=True)
    return [(across(x), up(y)) for x, y in pairs]


def _counts(
    run: str, one: Reliability, across: Scale, bars: Scale, place: int, n_runs: int
) -> list[Markup]:
    """A bar per bin that is not empty; those of two runs stand side by side."""
    parts = []
    edges = [across(edge) for edge in one.edges.tolist()]
    for left, right, count in zip(edges[:-1], edges[1:], one.counts.tolist(), strict=True):
        if count:
            width = (right - left - 2) / n_runs
            top = bars(math.log1p(count))
            parts.append(
                element(
                    "rect",
                    element("title", f"{count} detections"),
                    class_=f"bar run-{run}",
                    x=left + 1 + place * width,
                    y=top,
                    width=width,
                    height=bars(0) - top,
                )
            )
    return parts


def _short_count(count: int) -> str:
    """At most four letters, for which there is room beside the axis."""
    for unit, size in (("M", 1_000_000), ("k", 10_000)):
        if count >= size:
            divisor = 1_000_000 if unit == "M" else 1000
            return f"{count / divisor:.3g}{unit}"
    return str(count)
