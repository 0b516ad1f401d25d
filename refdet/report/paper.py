"""How figures for papers look: a column or a page wide, small letters, a panel for each class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from refdet.analysis_records import Analysis, Estimate
from refdet.report.cells import share
from refdet.report.colours import plot_colour
from refdet.report.plots import short_name

COLUMN, PAGE = 3.4, 7.0
"""Widths in inches: of one of two columns, and of both."""

DPI = 300


WHITE_BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
"""The box of a text that lines may cross."""

_LONGEST = 28


@contextmanager
def paper_style() -> Iterator[None]:
    """Figures that are built in this block have the sizes of a paper."""
    with rc_context(
        {
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "legend.frameon": False,
            "legend.handlelength": 1.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.major.size": 2.5,
            "ytick.major.size": 2.5,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.alpha": 0.3,
            "grid.linewidth": 0.5,
            "lines.linewidth": 1.2,
            "lines.markersize": 4,
        }
    ):
        yield


def heading(analysis: Analysis, *, at_iou: bool = True) -> str:
    """What was judged, and what the intervals are, in two lines.

    Args:
        analysis: of the run.
        at_iou: whether the numbers are those at the evaluation's IoU threshold, to be named then.
    """
    evaluation, intervals = analysis.evaluation, analysis.intervals
    iou = f", IoU >= {evaluation.iou_threshold:g}" if at_iou else ""
    return (
        f"{short_name(evaluation.split, _LONGEST)}, {evaluation.n_images} images{iou}\n"
        f"{intervals.level:.0%} intervals of {intervals.n_samples:,} bootstrap samples"
    )


def with_interval(estimate: Estimate, digits: int = 3) -> str:
    """Such as `0.912 [0.880, 0.940]`; `-` for what is undefined."""
    if math.isnan(estimate.value):
        return share(math.nan)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return f"{estimate.value:.{digits}f}"
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{low}, {high}]"


def add_legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], n_columns: int
) -> None:
    """A legend at the bottom of the figure; none if there is nothing to name."""
    if handles:
        # Where the layout is not constrained, `outside` is the figure's edge.
        figure.legend(handles, labels, loc="outside lower center", ncols=n_columns)


def one_or_two(analysis: Analysis, other: Analysis | None) -> list[Analysis]:
    """The runs that a figure is about."""
    return [analysis] if other is None else [analysis, other]


def add_runs_legend(figure: Figure, runs: Sequence[Analysis]) -> None:
    """Names the runs by their colours, if there are two."""
    if len(runs) > 1:
        handles = [Patch(color=plot_colour(run)) for run in range(len(runs))]
        names = [short_name(one.name, _LONGEST) for one in runs]
        add_legend(figure, handles, names, len(runs))
