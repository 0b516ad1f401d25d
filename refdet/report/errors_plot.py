"""Which kinds of error cost how much AP, and which classes make them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from refdet.analysis_records import Analysis, ErrorAnalysis, ErrorKind
from refdet.report.cells import share
from refdet.report.colours import plot_colour
from refdet.report.paper import (
    PAGE,
    add_runs_legend,
    one_or_two,
    paper_style,
)
from refdet.report.plots import short_name

Colour = str | tuple[float, float, float]

_MOST_CLASSES = 12
_LONGEST = 20
_ALL = ("all false positives", "all not found")
_GROUP = 0.8
_GREY = "0.6"


def errors_figure(analysis: Analysis, other: Analysis | None = None) -> Figure:
    """The AP that each kind of error costs, beside how often it is made.

    Of one run the errors are counted by class; of two runs, all classes together.

    Args:
        analysis: of the run.
        other: of another run on the same images.
    """
    runs = one_or_two(analysis, other)
    with paper_style():
        n_rows = len(ErrorKind) + len(_ALL)
        if other is None:
            n_rows = max(n_rows, min(len(analysis.evaluation.classes), _MOST_CLASSES))
        figure = Figure(figsize=(PAGE, 1.1 + 0.21 * n_rows), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_gains(left, runs)
        if other is None:
            _draw_classes(right, analysis)
        else:
            _draw_counts(right, runs)
        figure.suptitle(_heading(analysis), x=0.01, ha="left", fontsize=7)
        add_runs_legend(figure, runs)
    return figure


def _heading(analysis: Analysis) -> str:
    errors = analysis.errors
    return (
        f"{short_name(analysis.evaluation.split, _LONGEST)}, "
        f"{analysis.evaluation.n_images} images, IoU >= {errors.iou_threshold:g}, background "
        f"below {errors.background_threshold:g}, detections of any score"
    )


def _gains(errors: ErrorAnalysis) -> list[float]:
    kinds = [one.ap_gain for one in errors.kinds]
    return [*kinds, errors.false_positive_gain, errors.false_negative_gain]


def _draw_gains(axes: Axes, runs: Sequence[Analysis]) -> None:
    names, gains = [*ErrorKind, *_ALL], [_gains(run.errors) for run in runs]
    colours: list[Colour] | None = None
    if len(runs) == 1:  # the kinds have the colours of the bars beside
        colours = [plot_colour(place) for place in range(len(ErrorKind))]
        colours += [_GREY] * len(_ALL)
    _draw_bars(axes, names, gains, [[share(one) for one in row] for row in gains], colours)
    axes.axhline(len(ErrorKind) - 0.5, color=_GREY, linewidth=0.6)
    aps = " and ".join(share(run.errors.ap) for run in runs)
    axes.set_xlabel(f"AP gained if all of them were right, above {aps}")


def _draw_counts(axes: Axes, runs: Sequence[Analysis]) -> None:
    counts = [[float(one.counts.sum()) for one in run.errors.kinds] for run in runs]
    _draw_bars(axes, list(ErrorKind), counts, [[f"{n:,.0f}" for n in row] for row in counts])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("errors")


def _draw_bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[Sequence[float]],
    texts: Sequence[Sequence[str]],
    colours: Sequence[Colour] | None = None,
) -> None:
    """A group of bars for each name, one for each run, with the text beside it."""
    width = _GROUP / len(values)
    for run, numbers in enumerate(values):
        places = np.arange(len(names)) + (run - (len(values) - 1) / 2) * width
        drawn = np.nan_to_num(np.array(numbers))
        bars = axes.barh(places, drawn, width, color=colours or plot_colour(run))
        axes.bar_label(bars, texts[run], padding=2, fontsize=6.5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15, y=0.02)
    if axes.dataLim.xmin >= 0:  # a gain can be below 0, where scores are equal
        axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")


def _draw_classes(axes: Axes, analysis: Analysis) -> None:
    """A bar for each class, or for those with the most errors, in parts by kind."""
    counts = np.array([one.counts for one in analysis.errors.kinds], np.int64)
    names = [short_name(one.name, _LONGEST) for one in analysis.evaluation.classes]
    order = np.arange(len(names))
    if len(names) > _MOST_CLASSES:
        order = np.argsort(-counts.sum(axis=0), kind="stable")
    shown, rest = order[:_MOST_CLASSES], order[_MOST_CLASSES:]
    left = np.zeros(len(shown))
    for place in range(len(ErrorKind)):
        widths = counts[place, shown]
        axes.barh(range(len(shown)), widths, left=left, color=plot_colour(place))
        left += widths
    axes.set_yticks(range(len(shown)), [names[row] for row in shown.tolist()])
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.0, 1.05 * float(left.max(initial=0))))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    handles = [Patch(color=plot_colour(place)) for place in range(len(ErrorKind))]
    axes.legend(handles, list(ErrorKind), ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    others = f"; {len(rest)} other classes have {counts[:, rest].sum():,}" if len(rest) else ""
    axes.set_xlabel(f"errors{others}")
    axes.grid(visible=False, axis="y")
