"""How many objects of each class every split holds, as a bar chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from refdet.report.colours import plot_colour
from refdet.report.plots import write_figure

_GROUP = 0.8
"""Share of a class's room that its bars take."""


def class_counts_figure(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """A group of bars per class, one bar per split, with the number above each bar.

    Args:
        counts: by split, then by class. Splits that lack a class have none of it.
    """
    classes = list(dict.fromkeys(name for split in counts.values() for name in split))
    n_bars = max(len(counts) * len(classes), 1)
    crowded = n_bars > 24
    figure = Figure(figsize=(min(max(6.0, 1.5 + 0.6 * n_bars), 24.0), 4.5), layout="constrained")
    axes = figure.subplots()
    width = _GROUP / max(len(counts), 1)
    for index, (split, per_class) in enumerate(counts.items()):
        offset = (index - (len(counts) - 1) / 2) * width
        heights = [per_class.get(name, 0) for name in classes]
        bars = axes.bar(
            [place + offset for place in range(len(classes))],
            heights,
            width * 0.92,
            label=f"{split} ({sum(heights):,})",
            color=plot_colour(index),
        )
        values = [f"{height:,}" for height in heights]
        axes.bar_label(bars, values, padding=2, fontsize=9, rotation=90 if crowded else 0)
    axes.set_xticks(range(len(classes)), classes)
    if crowded:
        axes.tick_params("x", rotation=45)
    axes.margins(x=0.01 if crowded else 0.05, y=0.12)
    axes.set_ylim(bottom=0)
    axes.yaxis.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("objects")
    axes.set_title("Objects per class", loc="left")
    if counts:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False
        )
    return figure


def plot_class_counts(counts: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Write the bar chart as PNG; arguments as `class_counts_figure`."""
    write_figure(path, class_counts_figure(counts))
