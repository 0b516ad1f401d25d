"""A page of small panels, one for each class, that share their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refdet.records import ClassMetrics
from refdet.report.paper import PAGE
from refdet.report.plots import short_name

MOST_PANELS = 80
"""So many can still be read on a page."""

# In inches.
_LEFT, _RIGHT, _TOP, _BOTTOM, _LINE = 0.46, 0.08, 0.5, 0.4, 0.16
_GAP, _NAME, _STRIP_GAP = 0.13, 0.2, 0.06
_WIDEST = 2.4
_HEIGHT, _HEIGHT_ABOVE_STRIP, _STRIP = 0.85, 0.7, 0.25
"""Of a panel, of one above a strip, and of the strip, in widths of the panel."""
_LETTER = 0.0085
"""Mean width of a letter, in inches for each point of its size."""
_TICKS, _TICK_NAMES = (0, 0.5, 1), ("0", "0.5", "1")
# Up to so many panels: columns, and size of letters, so that names have room above their panels.
_COLUMNS = ((12, 4, 8.0), (30, 6, 6.5), (math.inf, 8, 5.5))


@dataclass(frozen=True, eq=False)
class ClassPanels:
    """A figure and its axes.

    Attributes:
        figure: with a heading.
        font_size: of what is written in the panels.
        panels: one for each name.
        strips: the lower axes below each; empty where none were asked for.
    """

    figure: Figure
    font_size: float
    panels: list[Axes] = field(default_factory=list)
    strips: list[Axes] = field(default_factory=list)


def drawn_classes(classes: Sequence[ClassMetrics]) -> list[ClassMetrics]:
    """The classes that get a panel: of too many, some from the highest AP50 to the lowest."""
    if len(classes) <= MOST_PANELS:
        return list(classes)
    ordered = sorted(classes, key=lambda one: math.inf if math.isnan(one.ap50) else -one.ap50)
    places = np.linspace(0, len(ordered) - 1, MOST_PANELS).round().astype(int)
    return [ordered[place] for place in places.tolist()]


@dataclass(frozen=True)
class _Layout:
    """Where the panels are, in inches from the lower left."""

    n_panels: int
    n_columns: int
    bottom: float
    strip: bool

    @property
    def width(self) -> float:
        return min(_WIDEST, (PAGE - _LEFT - _RIGHT + _GAP) / self.n_columns - _GAP)

    @property
    def panel_height(self) -> float:
        return (_HEIGHT_ABOVE_STRIP if self.strip else _HEIGHT) * self.width

    @property
    def strip_height(self) -> float:
        return _STRIP * self.width if self.strip else 0.0

    @property
    def row_height(self) -> float:
        return self.panel_height + self.strip_height + _STRIP_GAP * self.strip + _NAME

    @property
    def size(self) -> tuple[float, float]:
        n_rows = max(1, math.ceil(self.n_panels / self.n_columns))
        across = self.n_columns * (self.width + _GAP) - _GAP
        return _LEFT + across + _RIGHT, self.bottom + n_rows * self.row_height + _TOP - _NAME

    def corner(self, place: int) -> tuple[float, float]:
        """Lower left of the panel of that place, strip included."""
        row, column = divmod(place, self.n_columns)
        x = _LEFT + column * (self.width + _GAP)
        return x, self.size[1] - _TOP + _NAME - (row + 1) * self.row_height

    def inside(
        self, x: float, y: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """The same in fractions of the figure."""
        return x / self.size[0], y / self.size[1], width / self.size[0], height / self.size[1]


def class_panels(
    names: Sequence[str],
    heading: str,
    labels: tuple[str, str],
    *,
    legend_lines: int = 1,
    strips: bool = False,
) -> ClassPanels:
    """Empty panels with their names above; x and y go from 0 to 1.

    Args:
        names: of the panels.
        heading: of the figure.
        labels: of the x axes and of the y axes.
        legend_lines: how many lines of a legend to leave room for, at the bottom.
        strips: whether there are lower axes below each panel.
    """
    most, font_size = next((most, size) for up_to, most, size in _COLUMNS if len(names) <= up_to)
    layout = _Layout(
        len(names), max(1, min(most, len(names))), _BOTTOM + legend_lines * _LINE, strips
    )
    figure = Figure(figsize=layout.size)
    made = ClassPanels(figure, font_size)
    for place, name in enumerate(names):
        _add_panel(made, layout, place, name)
    if not names:
        figure.text(0.5, 0.5, "no class to draw", ha="center")
    _write_around(figure, layout, heading, labels)
    return made


def _write_around(figure: Figure, layout: _Layout, heading: str, labels: tuple[str, str]) -> None:
    width, height = layout.size
    middle = (layout.bottom + height - _TOP) / 2
    figure.text(0.5, (layout.bottom - 0.3) / height, labels[0], ha="center", va="center")
    figure.text(0.04 / width, middle / height, labels[1], ha="left", va="center", rotation=90)
    figure.text(0.04 / width, 1 - 0.04 / height, heading, ha="left", va="top", fontsize=7)


def _add_panel(made: ClassPanels, layout: _Layout, place: int, name: str) -> None:
    # Matplotlib's own way of sharing axes takes a time that grows with the square of their number.
    x, y = layout.corner(place)
    above = y + layout.strip_height + _STRIP_GAP * layout.strip
    panel = made.figure.add_axes(layout.inside(x, above, layout.width, layout.panel_height))
    letters = int(layout.width / (_LETTER * made.font_size))
    panel.set_title(short_name(name, letters), fontsize=made.font_size, pad=2)
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_ticks(_TICKS, _TICK_NAMES)
    made.panels.append(panel)
    axes = [panel]
    if layout.strip:
        below = layout.inside(x, y, layout.width, layout.strip_height)
        axes.append(made.figure.add_axes(below))
        made.strips.append(axes[-1])
    for one in axes:
        one.set_xlim(0, 1.02)
        one.xaxis.set_ticks(_TICKS, _TICK_NAMES)
        one.tick_params(
            labelleft=place % layout.n_columns == 0,
            labelbottom=one is axes[-1] and place + layout.n_columns >= layout.n_panels,
            labelsize=min(7.0, made.font_size),
        )
