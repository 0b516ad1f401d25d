"""The confusion matrix as a picture, for three classes as for three hundred."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from refdet.records import F64, I64, Evaluation
from refdet.report.cells import one_line, score_condition
from refdet.report.confusion import names_with_background
from refdet.report.plots import literal, short_name

_FEW = 25
"""So many names leave room for a number in each cell."""
_MOST_NAMES = 100
"""More names than this cannot be read side by side: every second or third has to do."""
_LONGEST = 24
_DARK = 0.3
"""Shares above this are too dark for black text."""


def confusion_figure(evaluation: Evaluation) -> Figure:
    """What was detected as what: the larger a cell's share of its column, the darker it is.

    On the diagonal the share is the recall. Few classes have the counts in their cells, but for
    zeros.

    Args:
        evaluation: the judged data set.
    """
    confusion = evaluation.confusion
    counts = confusion.counts
    n_names = len(counts)
    names = [short_name(name, _LONGEST) for name in names_with_background(confusion.class_names)]
    side = min(max(4.5, 2.5 + (0.62 if n_names <= _FEW else 0.17) * n_names), 22.0)
    figure = Figure(figsize=(1.05 * side + 1.0, side), layout="constrained")
    axes = figure.subplots()
    totals = counts.sum(axis=0)
    shares: F64 = counts / np.maximum(totals, 1)
    norm = PowerNorm(0.5, vmin=0, vmax=1)  # so that a confusion of 5 % is seen
    image = axes.imshow(shares, cmap="Blues", norm=norm, interpolation="nearest")
    if n_names <= _FEW:
        _write_counts(axes, counts, shares)
        _part_cells(axes, n_names)
    _name_ticks(axes, names)
    # The background is parted from the classes.
    for draw in (axes.axhline, axes.axvline):
        draw(n_names - 1.5, color="0.35", linewidth=0.8)
    axes.set_xlabel("what was there")
    axes.set_ylabel("what was detected")
    axes.set_title(_title(evaluation), loc="left", fontsize="medium")
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label="share of the column")
    bar.outline.set_visible(False)
    return figure


def _title(evaluation: Evaluation) -> str:
    ignored = evaluation.confusion
    lines = [
        f"{literal(one_line(evaluation.split))}, {evaluation.n_images} images",
        f"IoU >= {evaluation.iou_threshold:g}, {score_condition(evaluation)}",
    ]
    if ignored.ignored_detections or ignored.ignored_objects:
        lines.append(
            f"not counted: {ignored.ignored_objects} objects, {ignored.ignored_detections} "
            "detections of them"
        )
    if ignored.unjudged_detections:
        lines.append(f"not judged: {ignored.unjudged_detections} detections, beyond the limit")
    return "\n".join(lines)


def _write_counts(axes: Axes, counts: I64, shares: F64) -> None:
    digits = len(f"{counts.max(initial=0):,}")
    size = min(10.0, 40 / digits)  # of a cell some 0.6 inches wide
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > _DARK else "black"
            axes.text(
                column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=size
            )


def _part_cells(axes: Axes, n_names: int) -> None:
    edges = np.arange(n_names + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.6)
    axes.tick_params(which="minor", length=0)


def _name_ticks(axes: Axes, names: list[str]) -> None:
    step = -(-len(names) // _MOST_NAMES)
    places = list(range(0, len(names) - 1, step))
    if step > 1:  # the background is named, and has room for it
        places = [place for place in places if place < len(names) - step]
    places.append(len(names) - 1)
    shown = [names[place] for place in places]
    size = 9 if len(names) <= _FEW else 7
    axes.set_xticks(places, shown, rotation=90 if len(names) > 5 else 0, fontsize=size)
    axes.set_yticks(places, shown, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
