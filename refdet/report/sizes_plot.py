"""AP and recall by the size of the objects, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refdet.analysis_records import Analysis
from refdet.report.cells import share
from refdet.report.colours import plot_colour
from refdet.report.paper import (
    COLUMN,
    add_runs_legend,
    heading,
    one_or_two,
    paper_style,
)

_SIZES = ("all", "small", "medium", "large")
# Their places among COCO's twelve numbers, in the order of `_SIZES`.
_AP, _RECALL = (0, 3, 4, 5), (8, 9, 10, 11)
_APART = 0.26


def sizes_figure(analysis: Analysis, other: Analysis | None = None) -> Figure:
    """COCO's AP and recall of all objects and of the small, medium and large, in their intervals.

    Args:
        analysis: of the run.
        other: of another run on the same images.
    """
    runs = one_or_two(analysis, other)
    with paper_style():
        figure = Figure(figsize=(COLUMN, 2.4 + 0.25 * (len(runs) - 1)), layout="constrained")
        names = "AP", f"recall, {analysis.evaluation.max_detections} detections"
        both = zip(figure.subplots(1, 2, sharey=True), names, (_AP, _RECALL), strict=True)
        for axes, name, numbers in both:
            _draw(axes, runs, numbers)
            axes.set_title(name)
        figure.axes[0].set_ylabel("mean over IoU 0.50 to 0.95")
        figure.suptitle(heading(analysis, at_iou=False), x=0.01, ha="left", fontsize=7)
        add_runs_legend(figure, runs)
    return figure


def _draw(axes: Axes, runs: Sequence[Analysis], numbers: Sequence[int]) -> None:
    ticks = list(_SIZES)
    for run, analysis in enumerate(runs):
        offset = (run - (len(runs) - 1) / 2) * _APART
        for place, number in enumerate(numbers):
            estimate = analysis.intervals.coco_stats[number]
            ticks[place] += f"\n{share(estimate.value)}"
            # Caps wider than the dot show an interval that the dot would hide.
            ends, colour = [estimate.low, estimate.high], plot_colour(run)
            axes.plot([place + offset] * 2, ends, "_-", color=colour, ms=7, mew=0.8, lw=0.8)
            axes.plot([place + offset], [estimate.value], "o", color=colour, ms=2)
    axes.set_xticks(range(len(_SIZES)), ticks, fontsize=6)
    axes.set_yticks((0, 0.25, 0.5, 0.75, 1), ("0", "", "0.5", "", "1"))
    axes.set(xlim=(-0.5, len(_SIZES) - 0.5), ylim=(0, 1.02))
    axes.grid(visible=False, axis="x")
