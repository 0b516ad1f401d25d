"""The page's beginning: what was judged, and the numbers that stand for all the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from refdet.analysis_records import Comparison, Estimate
from refdet.report.cells import one_line, score_condition, share
from refdet.report.page.numbers import (
    count_text,
    interval_text,
    plural,
    signed,
    signed_interval_text,
)
from refdet.report.page.runs import Run, Runs
from refdet.report.page.strips import interval_strip

_HEADLINES = (
    ("AP", "mean_ap", "AP", "mean over the classes and over IoU 0.50 to 0.95"),
    ("AP50", "mean_ap50", "AP50", "mean over the classes, at IoU 0.5"),
    ("AP75", "mean_ap75", "AP75", "mean over the classes, at IoU 0.75"),
    (
        "Precision",
        "micro_precision",
        "micro P",
        "share of the detections that are right, all classes together",
    ),
    (
        "Recall",
        "micro_recall",
        "micro R",
        "share of the objects that are found, all classes together",
    ),
    ("F1", "micro_f1", "micro F1", "harmonic mean of these two, all classes together"),
)
"""Name, field of `Totals`, name in a `Comparison`, meaning."""


@dataclass(frozen=True)
class HeadlineValue:
    """A headline number of one run.

    Attributes:
        run: `a`, `b`, or empty if there is only one.
        text: the number.
        interval: of it, in words.
        strip: of it, drawn.
    """

    run: str
    text: str
    interval: str
    strip: Markup


@dataclass(frozen=True)
class Headline:
    """A number that stands for the others.

    Attributes:
        name: such as AP50.
        meaning: in a few words.
        values: one of each run.
        difference: b less a, with its interval, in words; empty where it is not known.
    """

    name: str
    meaning: str
    values: tuple[HeadlineValue, ...]
    difference: str


def headlines(runs: Runs, comparison: Comparison | None) -> list[Headline]:
    """Six numbers with their intervals and, for two runs, with the difference where it is known."""
    numbers = comparison.overall if comparison else ()
    differences = {one.name: _difference(one.difference) for one in numbers}
    return [
        Headline(
            name,
            meaning,
            tuple(_value(run, run.analysis.intervals.totals[key]) for run in runs),
            differences.get(compared, ""),
        )
        for name, key, compared, meaning in _HEADLINES
    ]


def _value(run: Run, estimate: Estimate) -> HeadlineValue:
    strip = interval_strip([(run.letter, estimate)])
    return HeadlineValue(run.tag, share(estimate.value), _interval(estimate), strip)


def _interval(estimate: Estimate) -> str:
    return interval_text(estimate) or ("" if math.isnan(estimate.value) else "no interval")


def _difference(difference: Estimate) -> str:
    interval = signed_interval_text(difference)
    return f"{signed(difference.value)} ({interval})" if interval else signed(difference.value)


def facts(run: Run) -> list[tuple[str, str]]:
    """What was judged and how, as names and values."""
    evaluation, intervals = run.evaluation, run.analysis.intervals
    totals, confusion = evaluation.totals, evaluation.confusion
    pairs = [
        ("Split", one_line(evaluation.split)),
        ("Images", count_text(evaluation.n_images)),
        ("Classes", count_text(len(evaluation.classes))),
        ("Objects", count_text(totals.n_ground_truth)),
        ("Detections", count_text(totals.n_detections)),
        (
            "True positive",
            f"IoU ≥ {evaluation.iou_threshold:g}, {score_condition(evaluation)}".replace(">=", "≥"),
        ),
        ("Judged", f"the best {evaluation.max_detections} of a class in an image"),
        (
            "Intervals",
            f"{100 * intervals.level:g} %, from {count_text(intervals.n_samples)} samples of the "
            f"images, seed {intervals.seed}",
        ),
    ]
    if confusion.ignored_objects or confusion.ignored_detections:
        ignored = plural(confusion.ignored_objects, "object")
        pairs.append(
            (
                "Not counted",
                f"{ignored}; {plural(confusion.ignored_detections, 'detection')} of them",
            )
        )
    if confusion.unjudged_detections:
        beyond = plural(confusion.unjudged_detections, "detection")
        pairs.append(("Not judged", f"{beyond}, beyond the best {evaluation.max_detections}"))
    return pairs


def shared_facts(runs: Runs) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """Each fact's name and, by run, its value; once, with an empty letter, if all agree."""
    each = [dict(facts(run)) for run in runs]
    names = dict.fromkeys(name for one in each for name in one)
    table: list[tuple[str, Sequence[tuple[str, str]]]] = []
    for name in names:
        values = [(run.tag, one.get(name, "-")) for run, one in zip(runs, each, strict=True)]
        same = len({value for _, value in values}) == 1
        table.append((name, [("", values[0][1])] if same else values))
    return table
