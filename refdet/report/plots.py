"""Curves as pictures: how training went, and precision over recall.

Figures are built without pyplot, so nothing outlives a call and no display is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from refdet.files import atomic_path
from refdet.records import F64, Evaluation, PrecisionRecall
from refdet.report.cells import one_line, share
from refdet.report.colours import PALETTE, plot_colour

_LINE_STYLES = ("-", "--", ":", "-.")
_MOST_NAMED = 12
"""More lines cannot be told apart, and their legend leaves no room for them."""
_MOST_LETTERS = 28
_TERM = "train_loss_"


def write_figure(path: Path, figure: Figure, dpi: int = 120) -> None:
    """Write a figure, replaced at once; the same figure gives the same bytes.

    Args:
        path: the file; one that ends in `.svg` is written as SVG, any other as PNG.
        figure: what is drawn.
        dpi: pixels per inch of a PNG.
    """
    with atomic_path(path) as temporary:
        if path.suffix.lower() != ".svg":
            figure.savefig(temporary, format="png", dpi=dpi)
            return
        # Letters become paths, since the reader's machine may have other fonts.
        with rc_context({"svg.fonttype": "path", "svg.hashsalt": "refdet"}):
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def history_figure(history: Sequence[Mapping[str, object]]) -> Figure:
    """Losses, AP on the validation split, and learning rates, each over the epochs.

    Args:
        history: one mapping per epoch with `epoch`, `train_loss`, its terms as `train_loss_<name>`,
            `val_loss`, `ap50`, `ap`, `learning_rates` (a list). What is absent, None or not finite
            leaves a gap in its line.
    """
    figure = Figure(figsize=(8, 9), layout="constrained")
    losses, quality, rates = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    blue, vermilion, green, purple = (plot_colour(label) for label in range(4))
    _draw(losses, _points(history, "train_loss"), "training", blue, "-")
    for index, term in enumerate(_terms(history), start=2):
        points, name = _points(history, f"{_TERM}{term}"), term.replace("_", " ")
        _draw(losses, points, f"training, {name}", plot_colour(index), "--")
    _draw(losses, _points(history, "val_loss"), "validation", vermilion, "-")
    for key, name, colour in (("ap50", "AP50", green), ("ap", "AP", purple)):
        points = _points(history, key)
        best = max((point for point in points if point[1] >= 0), key=itemgetter(1), default=None)
        note = "" if best is None else f", best {best[1]:.3f} in epoch {best[0]:g}"
        _draw(quality, points, name + note, colour, "-")
    groups: dict[tuple[tuple[float, float], ...], list[int]] = {}
    for group, points in enumerate(_learning_rates(history)):
        groups.setdefault(tuple(points), []).append(group)
    for index, (rate_points, members) in enumerate(groups.items()):
        name = "group " + ", ".join(str(member) for member in members)
        colour = plot_colour(index)
        _draw(rates, list(rate_points), name, colour, _style(index))
    quality.set_ylim(0, 1.02)
    rates.ticklabel_format(axis="y", scilimits=(-2, 2))
    rates.set_xlabel("epoch")
    rates.xaxis.set_major_locator(MaxNLocator(integer=True))
    names = ("mean loss", "validation AP", "learning rate")
    for axes, name in zip((losses, quality, rates), names, strict=True):
        axes.set_ylabel(name)
        _finish(axes)
    return figure


def precision_recall_figure(evaluation: Evaluation) -> Figure:
    """Precision over recall, a line per class with objects, its AP50 in the legend.

    A dot marks where the class's score threshold puts it. Of many classes, some are drawn like
    that, from the highest AP50 to the lowest. Behind them is, for every class, the best precision
    at or beyond each of 101 recall levels, and the mean of these, whose area is the mean AP.

    Args:
        evaluation: the judged data set.
    """
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    drawn = [metrics for metrics in evaluation.classes if metrics.label in evaluation.curves]
    colours = [metrics.label for metrics in drawn]
    if len(drawn) > _MOST_NAMED:
        _draw_behind(axes, list(evaluation.curves.values()))
        ordered = sorted(drawn, key=lambda metrics: -metrics.ap50)
        drawn = [ordered[i] for i in np.linspace(0, len(ordered) - 1, len(PALETTE)).astype(int)]
        colours = list(range(len(drawn)))
    for metrics, place in zip(drawn, colours, strict=True):
        name = f"AP50 {metrics.ap50:.3f}  {_short(metrics.name)}"
        recall, precision = _from_the_axis(evaluation.curves[metrics.label])
        colour = plot_colour(place)
        axes.plot(recall, precision, _style(place), color=colour, label=name, linewidth=1.6)
        axes.plot([metrics.recall], [metrics.precision], "o", color=colour)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_title(
        f"{_short(evaluation.split)}, {evaluation.n_images} images, "
        f"IoU >= {evaluation.iou_threshold:g}, mean AP50 {share(evaluation.mean_ap50)}"
    )
    _finish(axes)
    return figure


def _draw_behind(axes: Axes, curves: Sequence[PrecisionRecall]) -> None:
    """Every class thin and grey, and their mean."""
    levels = np.linspace(0, 1, 101)
    envelopes = np.array([_envelope(curve, levels) for curve in curves])
    grey = axes.plot(levels, envelopes.T, color="0.5", alpha=0.3, linewidth=0.6)
    grey[0].set_label(f"each of {len(curves)} classes")
    axes.plot(levels, envelopes.mean(axis=0), color="black", linewidth=2.4, label="their mean")


def _envelope(curve: PrecisionRecall, levels: F64) -> F64:
    """(L,) the best precision at or beyond each recall, 0 where none is."""
    best = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
    envelope: F64 = best[np.searchsorted(curve.recall, levels, side="left")]
    return envelope


def _short(name: str) -> str:
    return short_name(name, _MOST_LETTERS)


def _from_the_axis(curve: PrecisionRecall) -> tuple[list[float], list[float]]:
    # Without it a class with one point would have no line.
    recall, precision = curve.recall.tolist(), curve.precision.tolist()
    return [0.0, *recall], [*precision[:1], *precision] if precision else [math.nan]


def _terms(history: Sequence[Mapping[str, object]]) -> list[str]:
    """The names of the terms of the training loss."""
    return sorted(
        {key[len(_TERM) :] for entry in history for key in entry if key.startswith(_TERM)}
    )


def _points(history: Sequence[Mapping[str, object]], key: str) -> list[tuple[float, float]]:
    return [(_value(entry.get("epoch")), _value(entry.get(key))) for entry in history]


def _learning_rates(history: Sequence[Mapping[str, object]]) -> list[list[tuple[float, float]]]:
    rates = [entry.get("learning_rates") for entry in history]
    rows = [row if isinstance(row, Sequence) else () for row in rates]
    n_groups = max((len(row) for row in rows), default=0)
    epochs = [_value(entry.get("epoch")) for entry in history]
    return [
        [
            (epoch, _value(row[group]))
            for epoch, row in zip(epochs, rows, strict=True)
            if group < len(row)
        ]
        for group in range(n_groups)
    ]


def _value(entry: object) -> float:
    return float(entry) if isinstance(entry, int | float) else math.nan


def _draw(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    name: str,
    colour: tuple[float, float, float],
    style: str,
) -> None:
    # An evaluation every few epochs is still one line: points without a value are left out.
    known = [(epoch, value) for epoch, value in points if math.isfinite(value)]
    if known:
        epochs, values = zip(*known, strict=True)
        axes.plot(epochs, values, style, color=colour, label=name, marker=".", markersize=4)


def short_name(name: str, most_letters: int) -> str:
    """A name as it is put into a figure: one line of so many letters, none of them a formula."""
    text = one_line(name)
    is_long = len(text) > most_letters
    return literal(f"{text[: most_letters - 1]}\N{HORIZONTAL ELLIPSIS}" if is_long else text)


def literal(text: str) -> str:
    """Text in which a dollar sign does not begin a formula, which could fail to parse."""
    return text.replace("$", r"\$")


def _style(index: int) -> str:
    """Solid for the first classes, then another style each time the colours repeat."""
    return _LINE_STYLES[index // len(PALETTE) % len(_LINE_STYLES)]


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)
