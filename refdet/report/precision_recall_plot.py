"""Precision over recall with intervals: in one picture, or a panel for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from refdet.analysis_records import Analysis, Estimate
from refdet.records import ClassMetrics
from refdet.report.cells import share
from refdet.report.class_panels import class_panels, drawn_classes
from refdet.report.colours import plot_colour
from refdet.report.paper import (
    COLUMN,
    WHITE_BEHIND,
    add_legend,
    add_runs_legend,
    heading,
    one_or_two,
    paper_style,
    with_interval,
)
from refdet.report.plots import short_name

Rgb = tuple[float, float, float]

_TOGETHER = 4
"""Bands of more classes lie over one another."""
_BAND = 0.22
_LONGEST = 24
_DOTS = "dots: at the score thresholds"
_ROOM = 8.0
"""Size of letters in panels that have room for an interval."""


def precision_recall_bands_figure(analysis: Analysis, other: Analysis | None = None) -> Figure:
    """The best precision at or beyond each recall, in its interval, at the IoU threshold.

    A dot marks where a class's score threshold puts it. Few classes of one run share a picture;
    more, or those of two runs, have a panel each. A class without objects has no curve.

    Args:
        analysis: of the run.
        other: of another run on the same images.
    """
    classes = [one for one in analysis.evaluation.classes if one.label in analysis.intervals.bands]
    with paper_style():
        if other is None and len(classes) <= _TOGETHER:
            return _together(analysis, classes)
        return _in_panels(one_or_two(analysis, other), classes)


def _together(analysis: Analysis, classes: Sequence[ClassMetrics]) -> Figure:
    figure = Figure(figsize=(COLUMN, 3.0 + 0.15 * len(classes)), layout="constrained")
    axes = figure.subplots()
    handles, labels = [], []
    for metrics in classes:
        handles.append(_draw(axes, analysis, metrics, metrics.label, 4))
        told = with_interval(_average_precision(analysis, metrics))
        labels.append(f"{_rule(analysis)} {told}  {short_name(metrics.name, _LONGEST)}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    figure.suptitle(f"{heading(analysis)}\n{_DOTS}", x=0.01, ha="left", fontsize=7)
    add_legend(figure, handles, labels, 1)
    return figure


def _in_panels(analyses: Sequence[Analysis], classes: Sequence[ClassMetrics]) -> Figure:
    chosen = drawn_classes(classes)
    head = f"{heading(analyses[0])}; numbers: {_rule(analyses[0])}; {_DOTS}"
    if len(chosen) < len(classes):
        head += f"; {len(chosen)} of {len(classes)} classes, from the highest AP50 to the lowest"
    several = len(analyses) > 1
    made = class_panels(
        [one.name for one in chosen], head, ("recall", "precision"), legend_lines=int(several)
    )
    for axes, metrics in zip(made.panels, chosen, strict=True):
        lines: list[tuple[Estimate, str | Rgb]] = []
        for run, analysis in enumerate(analyses):
            if metrics.label in analysis.intervals.bands:
                own = analysis.evaluation.classes[metrics.label]
                _draw(axes, analysis, own, run, made.font_size / 2)
                colour = plot_colour(run) if several else "black"
                lines.append((_average_precision(analysis, own), colour))
        _write_ap(axes, made.font_size, lines)
    add_runs_legend(made.figure, analyses)
    return made.figure


def _draw(axes: Axes, analysis: Analysis, metrics: ClassMetrics, colour: int, dot: float) -> Line2D:
    band = analysis.intervals.bands[metrics.label]
    (line,) = axes.plot(band.recall, band.precision, color=plot_colour(colour))
    axes.fill_between(
        band.recall, band.low, band.high, color=plot_colour(colour), alpha=_BAND, linewidth=0
    )
    axes.plot(
        [metrics.recall],
        [metrics.precision],
        "o",
        color=plot_colour(colour),
        markersize=dot,
        clip_on=False,
    )
    return line


def _rule(analysis: Analysis) -> str:
    """What the AP at the IoU threshold is called."""
    return f"AP{100 * analysis.evaluation.iou_threshold:g}"


def _average_precision(analysis: Analysis, metrics: ClassMetrics) -> Estimate:
    """COCO's AP at the IoU threshold; it has an interval at COCO's two thresholds alone."""
    threshold = analysis.evaluation.iou_threshold
    if threshold in (0.5, 0.75):
        name = "ap50" if threshold == 0.5 else "ap75"
        return analysis.intervals.classes[metrics.label][name]
    band = analysis.intervals.bands[metrics.label]
    return Estimate(float(band.precision.mean()), math.nan, math.nan)


def _write_ap(axes: Axes, font_size: float, lines: Sequence[tuple[Estimate, str | Rgb]]) -> None:
    """In the lower left, where a curve that goes on to a high recall is not."""
    for place, (estimate, colour) in enumerate(reversed(lines)):
        axes.text(
            0.04,
            0.06 + 0.14 * place,
            with_interval(estimate, 2) if font_size >= _ROOM else share(estimate.value),
            fontsize=font_size,
            color=colour,
            bbox=WHITE_BEHIND,
        )
