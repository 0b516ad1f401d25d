"""What stands out about a run, in plain sentences: each only where the numbers bear it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from refdet.analysis_records import Analysis, ErrorKind, Estimate, Reliability
from refdet.report.cells import share
from refdet.report.page.mistakes import confused_pairs
from refdet.report.page.names import shown_name
from refdet.report.page.numbers import count_text, interval_text, p_text, plural
from refdet.report.page.trust import mean_gap

_NOTHING = 0.005
"""A difference that rounds to 0.00 is not worth a sentence."""
_WIDE = 0.2
"""An interval as wide as this says little about a fraction."""
_SCORE_GAP = 0.02
"""Scores that are off by less are as good as their word."""
_FEW_DETECTIONS = 20
"""Of fewer, two standard errors are no measure of chance: their sum is far from a normal law."""
_FEW_OBJECTS = 10
"""The AP of a class with fewer is decided by one or two of them."""
_ENOUGH_TO_TUNE = 29
"""As `refdet tune` has it: that all of n objects are found shows a recall of 0.05^(1/n) at least,
which for 29 is 0.90; with fewer, a recall of 1 is not told from one of 0.9."""
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
    totals = evaluation.totals
    if not totals.n_ground_truth:
        return [_without_objects(totals.false_positives)]
    if not totals.n_detections:
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


def _without_objects(wrong: int) -> str:
    nothing = "No object counts in these images, so that there is no AP and no recall"
    if not wrong:
        return f"{nothing}; no detection reaches its score threshold, as it should be."
    reach = "reaches its threshold and is" if wrong == 1 else "reach their thresholds and are"
    return f"{nothing}; {plural(wrong, 'detection')} {reach} wrong."


def _outcome(analysis: Analysis) -> Iterator[str]:
    totals = analysis.evaluation.totals
    counted = totals.true_positives + totals.false_positives
    if not counted:
        missed = plural(totals.n_ground_truth, "object")
        yield f"No detection reaches its score threshold: 0 of {missed} found."
        return
    found = _part(totals.true_positives, totals.n_ground_truth, "object")
    wrong = _part(totals.false_positives, counted, "detection")
    yield f"At the score thresholds, {found} found, and {wrong} wrong."


def _part(part: int, whole: int, noun: str) -> str:
    verb = "is" if 1 in {part, whole} else "are"
    return f"{count_text(part)} of {plural(whole, noun)} {verb}"


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
    """The class with the lowest AP, if there is one such and enough objects say so."""
    classes = [one for one in analysis.evaluation.classes if not math.isnan(one.ap)]
    known = [one for one in classes if one.n_ground_truth >= _FEW_OBJECTS]
    aps = sorted(share(one.ap) for one in known)
    if len(aps) > 1 and aps[0] < aps[1]:
        weakest = min(known, key=lambda one: one.ap)
        of = "" if known == classes else f" of those with at least {_FEW_OBJECTS} objects"
        estimate = analysis.intervals.classes[weakest.label]["ap"]
        yield f"The weakest class{of} is {_name(weakest.name)}, AP {_in_words(estimate)}."


def _confused(analysis: Analysis) -> Iterator[str]:
    """The classes that are confused most, if that happened more than once and to no other pair."""
    pairs = confused_pairs(analysis.evaluation.confusion)
    counts = [*(count for _, _, count in pairs), 1, 1]
    if counts[0] > counts[1]:
        names = analysis.evaluation.confusion.class_names
        detected, there, count = pairs[0]
        yield (
            f"Most often taken for another class: {_name(names[there])}, {count_text(count)} times "
            f"detected as {_name(names[detected])}."
        )


def _calibration(analysis: Analysis) -> Iterator[str]:
    """On which side the scores are, where a detector of honest scores would not be by chance."""
    overall = analysis.calibration.overall
    gap = mean_gap(overall)
    enough = int(overall.counts.sum()) >= _FEW_DETECTIONS
    if enough and abs(gap) >= _SCORE_GAP and abs(gap) > 2 * _gap_error(overall):
        word, side = ("above", "too high") if gap > 0 else ("below", "too low")
        yield (
            f"Scores are {side}: on average {share(abs(gap))} {word} the share of detections that "
            "are right."
        )


def _gap_error(reliability: Reliability) -> float:
    """Standard error of the mean gap, if each detection is right as often as its score says."""
    filled = reliability.counts > 0
    counts, scores = reliability.counts[filled], reliability.mean_score[filled]
    return math.sqrt(float((counts * scores * (1 - scores)).sum())) / int(counts.sum())


def _thresholds(analysis: Analysis) -> Iterator[str]:
    """The class whose score threshold costs it most, by LRP, of those with enough objects."""
    errors = analysis.errors
    costs = [
        (now.error - best.error, label)
        for label, (now, best) in enumerate(zip(errors.lrp, errors.optimal_lrp, strict=True))
        if analysis.evaluation.classes[label].n_ground_truth >= _ENOUGH_TO_TUNE
        and not math.isnan(now.error - best.error)
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
    return f"\N{FIRST STRONG ISOLATE}{shown_name(text)}\N{POP DIRECTIONAL ISOLATE}"
