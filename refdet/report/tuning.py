"""Tuned score thresholds as text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from refdet.analysis_records import REASONS, Estimate, TunedThreshold
from refdet.report.aligned import aligned
from refdet.report.cells import one_line, share
from refdet.report.interval_cells import span
from refdet.report.text_table import WIDTH


def format_tuned(
    tuned: Sequence[TunedThreshold], criterion: str, n_images: int, beta: float
) -> str:
    """Each class's threshold with what it comes to, here and on other images; then the warnings.

    Args:
        tuned: in label order.
        criterion: by which they were chosen, in words.
        n_images: that they were chosen on.
        beta: of the F-beta.

    Returns:
        Lines joined by newlines, without a last one. What is undefined is shown as `-`.
    """
    f_beta = f"F{beta:g}"
    header = ("class", "objects", "score>=", "chosen anew", "P", "R", f_beta)
    here = aligned(header, [_here(one) for one in tuned])
    header = ("elsewhere", "P", "interval", "R", "interval", f_beta, "interval")
    elsewhere = aligned(header, [_elsewhere(one) for one in tuned])
    here_are = "this image" if n_images == 1 else f"these {n_images} images"
    notes = [
        f"Thresholds by {criterion} on {here_are}. chosen anew: 95 % of the "
        f"thresholds that bootstrap samples of the images give. P, R, {f_beta}: on the very images "
        "that the threshold was chosen on, which flatters it.",
        "elsewhere: what to expect on other images: each sample's threshold, on the images that "
        "are not in the sample. interval: 95 % of the samples; it is of about 37 % of the images, "
        "and so wider than of as many as these.",
        *_warnings(tuned),
    ]
    lines = [textwrap.wrap(one_line(note), WIDTH) for note in notes]
    return "\n".join([here, "", elsewhere, "", *(line for note in lines for line in note)])


def _warnings(tuned: Sequence[TunedThreshold]) -> list[str]:
    """What is doubtful, each reason once, with the classes that it is said of."""
    names: dict[str, list[str]] = {}
    for one in tuned:
        for reason in one.warning.split(REASONS) if one.warning else ():
            names.setdefault(reason, []).append(one.name)
    return [f"{', '.join(those)}: {reason}" for reason, those in names.items()]


def _here(one: TunedThreshold) -> list[str]:
    threshold = share(one.applied)
    if math.isnan(one.threshold.value):
        threshold = f"keeps {one.applied:g}"
    rates = (one.precision, one.recall, one.f_beta)
    return [
        *(one.name, str(one.n_objects), threshold, span(one.threshold)),
        *(share(rate.value) for rate in rates),
    ]


def _elsewhere(one: TunedThreshold) -> list[str]:
    rates: tuple[Estimate, ...] = (one.unseen_precision, one.unseen_recall, one.unseen_f_beta)
    return [one.name, *(cell for rate in rates for cell in (share(rate.value), span(rate)))]
