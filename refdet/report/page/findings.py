"""What stands out about a run, in plain sentences: each only where the numbers bear it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from refdet.analysis_records import Analysis, ErrorKind, Estimate
from refdet.report.cells import one_line, share
from refdet.report.page.mistakes import confused_pairs
from refdet.report.page.numbers import count_text, interval_text, p_text, plural
from refdet.report.page.trust import mean_gap

_NOTHING = 0.005
"""A difference that rounds to 0.00 is not worth a sentence."""
_WIDE = 0.2
"""An interval as wide as this says little about a fraction."""
_KINDS = {
    ErrorKind.CONFUSION: "boxes that fit but have the wrong class",
    ErrorKind.LOCALIZATION: "boxes of the right class that do not fit well enough",
    ErrorKind.BOTH: "boxes that neither fit nor have the right class",
    ErrorKind.DUPLICATE: "second detections of objects that are already found",
    ErrorKind.BACKGROUND: "detections where no object is",
    ErrorKind.MISSED: "missed objects",
}


def findings(analysis: Analysis) -> list[str]:
    """Sentences, the most important first.

    Names in them are kept apart from the sentence by Unicode's isolates, so that one written from
    right to left does not turn the rest around.
    """
    evaluation = analysis.evaluation
    if not evaluation.totals.n_ground_truth:
        return ["No object counts in these images, so that there is no AP, precision or recall."]
    if not evaluation.totals.n_detections:
        return ["Nothing was detected at all: every object is missed."]
    return [
        *_outcome(analysis),
        *_lost_ap(analysis),
        *_weakest_class(analysis),
        *_confused(analysis),
        *_calibration(analysis),
        *_thresholds(analysis),
        *_slices(analysis),
        *_uncertain(analysis),
        *_left_out(analysis),
    ]


def _outcome(analysis: Analysis) -> Iterator[str]:
    totals = analysis.evaluation.totals
    counted = totals.true_positives + totals.false_positives
    yield (
        f"At the score thresholds, {count_text(totals.true_positives)} of "
        f"{plural(totals.n_ground_truth, 'object')} are found, and "
        f"{count_text(totals.false_positives)} of {plural(counted, 'detection')} are wrong."
    )


def _lost_ap(analysis: Analysis) -> Iterator[str]:
    """The kind of error that costs most, and the next one."""
    kinds = sorted(
        (kind for kind in analysis.errors.kinds if not math.isnan(kind.ap_gain)),
        key=lambda kind: -kind.ap_gain,
    )
    if not kinds or kinds[0].ap_gain < _NOTHING:
        yield f"No kind of error costs as much as {_NOTHING:g} AP."
        return
    first, second = kinds[:2]
    sentence = f"Most AP is lost to {_KINDS[first.kind]} ({share(first.ap_gain)})"
    if second.ap_gain >= _NOTHING:
        sentence += f", then to {_KINDS[second.kind]} ({share(second.ap_gain)})"
    yield f"{sentence}."


def _weakest_class(analysis: Analysis) -> Iterator[str]:
    classes = [one for one in analysis.evaluation.classes if not math.isnan(one.ap)]
    if len(classes) > 1:
        weakest = min(classes, key=lambda one: one.ap)
        estimate = analysis.intervals.classes[weakest.label]["ap"]
        yield f"The weakest class is {_name(weakest.name)}, AP {_in_words(estimate)}."


def _confused(analysis: Analysis) -> Iterator[str]:
    """The classes that are confused most, if that happened more than once."""
    pairs = confused_pairs(analysis.evaluation.confusion)
    if pairs and pairs[0][2] > 1:
        names = analysis.evaluation.confusion.class_names
        detected, there, count = pairs[0]
        yield (
            f"Most often taken for another class: {_name(names[there])}, {count_text(count)} times "
            f"detected as {_name(names[detected])}."
        )


def _calibration(analysis: Analysis) -> Iterator[str]:
    gap = mean_gap(analysis.calibration.overall)
    if abs(gap) >= _NOTHING:
        word, side = ("above", "too high") if gap > 0 else ("below", "too low")
        yield (
            f"Scores are {side}: on average {share(abs(gap))} {word} the share of detections that "
            "are right."
        )


def _thresholds(analysis: Analysis) -> Iterator[str]:
    """The class whose score threshold costs it most, by LRP."""
    errors = analysis.errors
    costs = [
        (now.error - best.error, label)
        for label, (now, best) in enumerate(zip(errors.lrp, errors.optimal_lrp, strict=True))
        if not math.isnan(now.error - best.error)
    ]
    cost, label = max(costs, default=(0.0, 0))
    if cost >= _NOTHING:
        now, best = errors.lrp[label], errors.optimal_lrp[label]
        yield (
            f"The score threshold of {_name(analysis.evaluation.classes[label].name)} could be "
            f"better: {share(best.score_threshold)} instead of {share(now.score_threshold)} "
            f"lowers its LRP from {share(now.error)} to {share(best.error)} on these images."
        )


def _slices(analysis: Analysis) -> Iterator[str]:
    """The worst slice, if chance is no explanation at the intervals' level."""
    # In floating point, 1 - 0.95 is above 0.05.
    chance = round(1 - analysis.intervals.level, 9)
    worse = [
        one for one in analysis.slices if one.adjusted_p_value < chance and one.difference.value < 0
    ]
    if worse:
        worst = min(worse, key=lambda one: one.difference.value)
        name = _name(f"{worst.column} = {worst.value}")
        yield (
            f"Worse than the rest: images with {name}, whose AP50 is lower by "
            f"{share(-worst.difference.value)} (adjusted p {p_text(worst.adjusted_p_value)})."
        )
    elif analysis.slices:
        yield "No slice is worse than the rest by more than chance explains."


def _uncertain(analysis: Analysis) -> Iterator[str]:
    """The class whose AP is known least."""
    widths = [
        (one["ap"].high - one["ap"].low, label)
        for label, one in enumerate(analysis.intervals.classes)
        if not math.isnan(one["ap"].high - one["ap"].low)
    ]
    width, label = max(widths, default=(0.0, 0))
    if width >= _WIDE:
        one = analysis.evaluation.classes[label]
        yield (
            f"Least is known about {_name(one.name)}: with {plural(one.n_ground_truth, 'object')} "
            f"its AP is {_in_words(analysis.intervals.classes[label]['ap'])}."
        )


def _left_out(analysis: Analysis) -> Iterator[str]:
    count = len(analysis.evaluation.classes_without_ground_truth)
    if count:
        yield f"{plural(count, 'class', 'classes')} without objects, left out of the means."


def _in_words(estimate: Estimate) -> str:
    interval = interval_text(estimate)
    return f"{share(estimate.value)} ({interval})" if interval else share(estimate.value)


def _name(text: str) -> str:
    return f"\N{FIRST STRONG ISOLATE}{one_line(text)}\N{POP DIRECTIONAL ISOLATE}"
