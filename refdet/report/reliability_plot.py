"""Whether scores mean what they say: precision over score, with the counts below."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from refdet.analysis_records import Analysis, Reliability
from refdet.report.cells import share
from refdet.report.class_panels import class_panels, drawn_classes
from refdet.report.colours import plot_colour
from refdet.report.paper import COLUMN, WHITE_BEHIND, add_legend, heading, paper_style

_BLUE, _ORANGE, _GREY = plot_colour(0), plot_colour(1), "0.6"
_ERRORS = ("ECE", "LaECE")
"""Expected calibration error, as papers call it: of precision, and of that times the IoU."""
_NAMES = ("precision", "precision x mean IoU of the true positives")
_LEAST = 0.5
"""Where the bars of the counts begin: 1 is to be seen, and 0 is not."""
_AREA = 36.0
"""Of the dot of the fullest bin, in square points; a bin with one detection still has a dot."""


def reliability_figure(analysis: Analysis) -> Figure:
    """All detections: share of true positives, and that times their IoU, over the mean score.

    On the diagonal a score is the share that it promises. Below are the detections in each bin.

    Args:
        analysis: of the run.
    """
    overall = analysis.calibration.overall
    with paper_style():
        figure = Figure(figsize=(COLUMN, 3.9), layout="constrained")
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw(axes, overall, _AREA)
        _draw_counts(strip, overall, int(overall.counts.max(initial=0)))
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), ylabel="precision")
        strip.set(xlabel="score", ylabel="detections")
        figure.suptitle(_heading(analysis), x=0.01, ha="left", fontsize=7)
        errors = overall.expected_error, overall.localization_aware_error
        told = zip(_NAMES, _ERRORS, errors, strict=True)
        names = [f"{name}: {what} {share(error)}" for name, what, error in told]
        add_legend(figure, _handles(), names, 1)
    return figure


def reliability_by_class_figure(analysis: Analysis) -> Figure:
    """The same, with a panel for each class that has detections, and its calibration error.

    Args:
        analysis: of the run.
    """
    classes = analysis.calibration.classes
    shown = [one for one in analysis.evaluation.classes if classes[one.label].counts.any()]
    chosen, head = drawn_classes(shown), _heading(analysis)
    if len(chosen) < len(shown):
        head += f"; {len(chosen)} of {len(shown)} classes, from the highest AP50 to the lowest"
    with paper_style():
        labels = ("score", "precision; below it, detections")
        made = class_panels([one.name for one in chosen], head, labels, legend_lines=2, strips=True)
        most = max((int(classes[one.label].counts.max()) for one in chosen), default=0)
        area = _AREA * (made.font_size / 8) ** 2
        for axes, strip, metrics in zip(made.panels, made.strips, chosen, strict=True):
            reliability = classes[metrics.label]
            _draw(axes, reliability, area)
            _draw_counts(strip, reliability, most)
            error = f"{_ERRORS[0]} {share(reliability.expected_error)}"
            size = made.font_size
            axes.text(0.04, 0.94, error, va="top", fontsize=size, bbox=WHITE_BEHIND)
        add_legend(made.figure, _handles(), _NAMES, 1)
    return made.figure


def _heading(analysis: Analysis) -> str:
    what, _, _ = heading(analysis).partition("\n")  # these numbers have no intervals
    n_bins = len(analysis.calibration.overall.counts)
    return f"{what}\n{n_bins} bins of equal width; a dot's area: its detections"


def _draw(axes: Axes, reliability: Reliability, largest: float) -> None:
    """Dots for the bins that have detections, joined where they are neighbours; the diagonal."""
    counts, scores, precision = reliability.counts, reliability.mean_score, reliability.precision
    # Without a true positive there is no IoU, and nothing to multiply.
    with_iou = np.where(precision > 0, precision * reliability.mean_iou, precision)
    areas = largest * np.maximum(counts / counts.max(initial=1), 0.1)
    axes.plot((0, 1), (0, 1), "--", color=_GREY, linewidth=0.8)
    for values, colour, marker in ((with_iou, _ORANGE, "s"), (precision, _BLUE, "o")):
        axes.plot(scores, values, color=colour, linewidth=0.7, alpha=0.4)
        axes.scatter(scores, values, areas, color=colour, marker=marker, linewidths=0)


def _draw_counts(axes: Axes, reliability: Reliability, most: int) -> None:
    """On a logarithmic scale up to `most`, since most detections have a low score."""
    counts, edges = reliability.counts, reliability.edges
    axes.stairs(np.maximum(counts, _LEAST), edges, baseline=_LEAST, fill=True, color=_GREY)
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 1.5 * max(1, most))
    axes.yaxis.set_major_locator(FixedLocator(sorted({1, 10 ** int(math.log10(max(1, most)))})))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))  # formulas take long to draw
    axes.yaxis.set_minor_locator(NullLocator())


def _handles() -> list[Line2D]:
    looks = ((_BLUE, "o"), (_ORANGE, "s"))
    return [Line2D([], [], color=colour, marker=marker, linewidth=0.7) for colour, marker in looks]
