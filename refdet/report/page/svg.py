"""The little of SVG that charts need: escaped elements, linear scales, round ticks, paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Point = tuple[float, float]

MARK = 4.0
"""Radius of a mark."""


@dataclass(frozen=True)
class Scale:
    """A linear scale from data to the drawing.

    Attributes:
        low: of the data, drawn at `start`.
        high: of the data, drawn at `end`; greater than `low`.
        start: a coordinate of the drawing.
        end: likewise; less than `start` on an axis that goes up.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where `value` is drawn; what is beyond the scale's ends is drawn at the end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """At most `most` multiples of 1, 2 or 5 times a power of ten, both ends included."""
        span = self.high - self.low
        step = 10.0 ** math.floor(math.log10(span / most))
        for factor in (1, 2, 5, 10, 20):
            first = math.ceil(self.low / (step * factor) - 1e-9)
            last = math.floor(self.high / (step * factor) + 1e-9)
            if last - first < most:
                return [multiple * step * factor for multiple in range(first, last + 1)]
        raise AssertionError("twenty times a tenth of the span is two ticks at most")


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """An element, its children and attributes escaped unless they are markup already.

    Args:
        name: of the element.
        children: text, escaped; or markup.
        attributes: `class_` is `class`, other underscores are hyphens; numbers are rounded to a
            tenth.
    """
    pairs = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_worded(value))}"'
        for key, value in attributes.items()
    ]
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{''.join(pairs)}>{inside}</{name}>")  # noqa: S704 - all is escaped


def drawing(
    key: str, size: tuple[float, float], title: str, description: str, *children: str
) -> Markup:
    """A drawing with a name and a text that says what is in it, for who cannot see it.

    Args:
        key: what its ids begin with, unique in the page.
        size: width and height, in its own coordinates.
        title: what it shows.
        description: what can be seen in it.
        children: its elements.
    """
    names = (f"{key}-title", f"{key}-desc")
    return element(
        "svg",
        element("title", title, id=names[0]),
        element("desc", description, id=names[1]),
        *children,
        class_="chart",
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        role="img",
        aria_labelledby=" ".join(names),
    )


def path(points: Sequence[Point], *, closed: bool = False) -> str:
    """The `d` of a path through `points`, without those that a level line passes."""
    kept = [
        point
        for index, point in enumerate(points)
        if not (0 < index < len(points) - 1)
        or not points[index - 1][1] == point[1] == points[index + 1][1]
    ]
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in kept) + ("Z" if closed else "")


def mark(run: str, x: float, y: float, radius: float = MARK) -> Markup:
    """A round mark for run a, a square one for run b."""
    if run == "a":
        return element("circle", class_="mark run-a", cx=x, cy=y, r=radius)
    side = 2 * radius - 1
    corner = radius - 0.5
    return element(
        "rect", class_=f"mark run-{run}", x=x - corner, y=y - corner, width=side, height=side
    )


def words(x: float, y: float, text: str, anchor: str) -> Markup:
    """Text at a place; `anchor` is `start`, `middle` or `end`."""
    return element("text", text, class_="text", x=x, y=y, text_anchor=anchor)


def tick_text(tick: float) -> str:
    """A tick's number, as short as can be."""
    return f"{tick + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def number(value: float) -> str:
    """A coordinate, to a tenth, as short as can be."""
    return f"{round(value, 1) + 0.0:g}"


def _worded(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)
