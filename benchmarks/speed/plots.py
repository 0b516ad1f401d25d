"""Time against size, log-log: a panel for each function, a figure for each device."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.speed.runs import Row, Run
from refdet.report.colours import plot_colour

COLUMNS = 3
DASHES = {"float64": "-", "float32": "--"}


def time_figure(run: Run, device: str) -> Figure:
    """Every function that was run at two sizes or more on `device`; of a size, the fastest case."""
    rows = [row for row in run.rows if row.device == device]
    names = dict.fromkeys(row.function for row in rows)
    shown = [name for name in names if len({row.size for row in rows if row.function == name}) > 1]
    rows = [row for row in rows if row.function in shown]
    colours = {
        name: plot_colour(place)
        for place, name in enumerate(dict.fromkeys(row.implementation for row in rows))
    }
    height = max(1, ceil(len(shown) / COLUMNS))
    figure = Figure(figsize=(4.2 * COLUMNS, 3.1 * height + 0.6), layout="constrained")
    model = next((one.model for one in run.devices if one.name == device), "")
    lines = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    for dtype, dash in DASHES.items():
        lines.append(Line2D([], [], color="0.4", label=dtype))
        lines[-1].set(linestyle=dash)
    title = f"Time of a call, {device}: {model}"
    # In two rows: one would be wider than the figure.
    columns = ceil(len(lines) / 2)
    figure.legend(
        handles=lines, title=title, loc="outside upper center", ncols=columns, frameon=False
    )
    grid = figure.subplots(height, COLUMNS, squeeze=False)
    panels: list[Axes] = list(grid.flat)
    for axes, name in zip(panels, shown, strict=False):
        _draw(axes, [row for row in rows if row.function == name], colours)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    return figure


def _draw(axes: Axes, rows: Sequence[Row], colours: dict[str, tuple[float, float, float]]) -> None:
    for implementation, dtype in dict.fromkeys((row.implementation, row.dtype) for row in rows):
        slowest_first = sorted(
            (row for row in rows if (row.implementation, row.dtype) == (implementation, dtype)),
            key=lambda row: -row.median,
        )
        fastest = {row.size: row.median for row in slowest_first}
        sizes, medians = zip(*sorted(fastest.items()), strict=True)
        label = f"{implementation}, {dtype}"
        (drawn,) = axes.plot(sizes, medians, "o", markersize=3.5, linewidth=1.3, label=label)
        drawn.set(color=colours[implementation], linestyle=DASHES[dtype])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(rows[0].function, fontsize="medium")
    axes.set_xlabel(rows[0].unit)
    axes.set_ylabel("seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high > 10 * low:  # a power of ten has a label: beside it there is no room for others
            axis.set_minor_formatter(NullFormatter())
        else:
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
