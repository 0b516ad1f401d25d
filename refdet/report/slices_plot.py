"""AP50 of parts of the data set, in their intervals, the worst first."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from refdet.analysis_records import Analysis, Slice
from refdet.report.cells import share
from refdet.report.colours import plot_colour
from refdet.report.paper import COLUMN, add_legend, heading, paper_style
from refdet.report.plots import short_name

_MOST = 25
_LONGEST = 24
_SIGNIFICANT = 0.05
_DIFFERS, _LIKE_THE_REST = (plot_colour(1), "s"), (plot_colour(0), "o")


def slices_figure(analysis: Analysis) -> Figure:
    """The AP50 of each slice in its interval, in the order given, beside that of all images.

    A slice whose difference from all other images is beyond chance, with regard to how many slices
    were looked at, has another colour and another shape. Of very many slices the first are drawn.

    Args:
        analysis: of a run; its slices are drawn.
    """
    slices, everything = analysis.slices[:_MOST], analysis.intervals.totals["mean_ap50"]
    with paper_style():
        figure = Figure(figsize=(COLUMN, 1.4 + 0.19 * max(1, len(slices))), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(everything.low, everything.high, color="0.9", linewidth=0)
        axes.axvline(everything.value, color="0.5", linewidth=0.8)
        for row, one in enumerate(slices):
            colour, marker = _look(one)
            axes.hlines(row, one.mean_ap50.low, one.mean_ap50.high, color=colour)
            axes.plot([one.mean_ap50.value], [row], marker, color=colour)
        axes.set_yticks(range(len(slices)), [_name(one) for one in slices])
        axes.set(xlim=(0, 1.02), ylim=(len(slices) - 0.4, -0.6))
        axes.set_xlabel(f"AP50; all images {share(everything.value)} (grey)")
        axes.grid(visible=False, axis="y")
        left_out = len(analysis.slices) - len(slices)
        head = f"{heading(analysis, at_iou=False)}\nin brackets: images" + (
            f"; {left_out} slices are not drawn" if left_out else ""
        )
        figure.suptitle(head, x=0.01, ha="left", fontsize=7)
        _add_key(figure, slices)
    return figure


def _look(one: Slice) -> tuple[tuple[float, float, float], str]:
    return _DIFFERS if one.adjusted_p_value < _SIGNIFICANT else _LIKE_THE_REST  # NaN: like the rest


def _name(one: Slice) -> str:
    return f"{short_name(f'{one.column} {one.value}', _LONGEST)} ({one.n_images:,})"


def _add_key(figure: Figure, slices: tuple[Slice, ...]) -> None:
    if any(_look(one) == _DIFFERS for one in slices):
        colour, marker = _DIFFERS
        handle = Line2D([], [], color=colour, marker=marker)
        text = f"differs from all other images (corrected p < {_SIGNIFICANT})"
        add_legend(figure, [handle], [text], 1)
