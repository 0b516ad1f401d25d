"""Slices of a data set as text, Markdown, JSON and CSV, the worst first."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from refdet.analysis_records import Estimate, Slice
from refdet.files import write_json_atomic, write_text_atomic
from refdet.report.aligned import aligned
from refdet.report.cells import one_line, share
from refdet.report.csv_text import csv_text
from refdet.report.interval_cells import span
from refdet.report.markdown import escape
from refdet.report.text_table import WIDTH

HEADER = (
    *("column", "slice", "images", "objects"),
    *("AP", "interval", "AP50", "interval", "AP50 - rest", "interval"),
    *("p", "corrected"),
)
N_TEXT = 2
"""So many first columns are text."""
CSV_COLUMNS = (
    *("column", "value", "n_images", "n_objects"),
    *("mean_ap", "mean_ap_low", "mean_ap_high"),
    *("mean_ap50", "mean_ap50_low", "mean_ap50_high"),
    *("difference", "difference_low", "difference_high"),
    *("p_value", "adjusted_p_value"),
)
NOTE = (
    "interval: 95 %, from resampling the images of a slice and those of the rest. "
    "AP50 - rest: over the classes that have objects in both. p: how likely so large a difference "
    "is where images are in slices by chance, from shuffling them; corrected for how many slices "
    "were looked at. A dash: undefined, or fewer than six images with objects."
)
CHANCE = 0.05
"""Up to this corrected p-value a difference is not put down to chance."""


def format_slices(slices: Sequence[Slice]) -> str:
    """The table, the worst slice first, what its columns mean, and what it shows.

    Args:
        slices: in their order.

    Returns:
        Lines joined by newlines, without a last one.
    """
    lines = [*textwrap.wrap(NOTE, WIDTH), "", *textwrap.wrap(one_line(verdict_on(slices)), WIDTH)]
    return "\n".join([aligned(HEADER, [_cells(one) for one in slices], N_TEXT), *lines])


def slices_markdown(slices: Sequence[Slice]) -> str:
    """The same as a page in GitHub's Markdown, what it shows first; with a last newline."""
    rows = []
    for one in slices:
        cells = _cells(one)
        rows.append([*map(escape, cells[:N_TEXT]), *cells[N_TEXT:]])
    ruler = [*[":--"] * N_TEXT, *["--:"] * (len(HEADER) - N_TEXT)]
    table = [f"| {' | '.join(row)} |" for row in (HEADER, ruler, *rows)]
    lines = ["# Slices", "", f"**{escape(verdict_on(slices))}**", "", *table, "", escape(NOTE)]
    return "\n".join(lines) + "\n"


def write_slices(folder: Path, slices: Sequence[Slice]) -> None:
    """Write slices.csv, .json and .md, each replaced at once; the folder is made if not there."""
    rows = [
        (
            *(one.column, one.value, one.n_images, one.n_objects),
            *_numbers(one.mean_ap),
            *_numbers(one.mean_ap50),
            *_numbers(one.difference),
            *(one.p_value, one.adjusted_p_value),
        )
        for one in slices
    ]
    write_text_atomic(folder / "slices.csv", csv_text([CSV_COLUMNS, *rows]))
    write_json_atomic(folder / "slices.json", [asdict(one) for one in slices])
    write_text_atomic(folder / "slices.md", slices_markdown(slices))


def verdict_on(slices: Sequence[Slice]) -> str:
    """Which slice is worse than the rest by more than chance explains, in a sentence."""
    tested = [one for one in slices if not math.isnan(one.adjusted_p_value)]
    if not tested:
        return "No slice has images enough to be compared with the rest."
    worse = [one for one in tested if one.adjusted_p_value < CHANCE and one.difference.value < 0]
    if not worse:
        below = [one.adjusted_p_value for one in tested if one.difference.value < 0]
        verb = "is" if len(below) == 1 else "are"
        likely = f", the lowest corrected p of these is {share(min(below))}" if below else ""
        return (
            f"No slice is worse than the rest by more than chance explains: {len(below)} of "
            f"{len(tested)} {verb} below it{likely}."
        )
    first, others = worse[0], len(worse) - 1
    are = "is" if others == 1 else "are"
    more = f" Of {len(tested)} slices {others} more {are} worse." if others else ""
    return (
        f"{first.column} {first.value!r} is worst: AP50 is {abs(first.difference.value):.3f} below "
        f"that of the other images (95 % interval {share(first.difference.low)} to "
        f"{share(first.difference.high)}, corrected p {share(first.adjusted_p_value)}).{more}"
    )


def _cells(one: Slice) -> list[str]:
    estimates = (one.mean_ap, one.mean_ap50, one.difference)
    return [
        *(one.column, one.value, str(one.n_images), str(one.n_objects)),
        *(cell for estimate in estimates for cell in (share(estimate.value), span(estimate))),
        *(share(one.p_value), share(one.adjusted_p_value)),
    ]


def _numbers(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
