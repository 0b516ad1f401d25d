"""Findings are said where the numbers bear them, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refdet.analysis_records import Analysis, Estimate
from refdet.report.page.findings import findings
from tests.report.page import examples
from tests.report.page.analysed import analysis_of
from tests.report.page.examples import SMALL
from tests.report.page.invented import Case


def said(analysis: Analysis) -> list[str]:
    """The sentences without the marks that keep names apart."""
    return [one.replace("\u2068", "").replace("\u2069", "") for one in findings(analysis)]


def one_said(analysis: Analysis, beginning: str) -> str:
    (sentence,) = [one for one in said(analysis) if one.startswith(beginning)]
    return sentence


def none_said(analysis: Analysis, beginning: str) -> bool:
    return not [one for one in said(analysis) if one.startswith(beginning)]


def test_findings_of_the_small_run_are_these() -> None:
    assert said(examples.small()) == [
        "At the score thresholds, 223 of 289 objects are found, and 53 of 276 detections are "
        "wrong.",
        "Most AP is lost to boxes that fit but have the wrong class (0.125), then to boxes of the "
        "right class that do not fit well enough (0.062).",
        "The weakest class of those with at least 10 objects is RBC, AP 0.469 "
        "(0.406\N{EN DASH}0.531).",
        "Scores are too high: on average 0.062 above the share of detections that are right.",
        "Worse than the rest: images with site = north, whose AP50 is lower by 0.250 (adjusted p "
        "0.008).",
    ]


def test_findings_without_objects_or_detections_say_just_that() -> None:
    assert said(examples.empty()) == [
        "No object counts in these images, so that there is no AP and no recall; no detection "
        "reaches its score threshold, as it should be."
    ]
    assert said(examples.silent()) == ["Nothing was detected at all: every object is missed."]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (1, "1 detection reaches its threshold and is wrong."),
        (7, "7 detections reach their thresholds and are wrong."),
    ],
)
def test_findings_without_objects_count_the_false_positives(wrong: int, words: str) -> None:
    (sentence,) = said(analysis_of("bare", [Case("WBC", 0, 0, wrong)]))
    assert sentence.endswith(f"no AP and no recall; {words}")


def test_findings_say_that_no_detection_reaches_its_threshold() -> None:
    analysis = analysis_of("low", [Case("WBC", 5, 0, 0, 0.5)])
    totals = replace(analysis.evaluation.totals, n_detections=7)
    low = replace(analysis, evaluation=replace(analysis.evaluation, totals=totals))
    assert said(low)[0] == "No detection reaches its score threshold: 0 of 5 objects found."


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case("WBC", 1, 1, 0), "1 of 1 object is found, and 0 of 1 detection is wrong."),
        (Case("WBC", 5, 1, 2), "1 of 5 objects is found, and 2 of 3 detections are wrong."),
    ],
)
def test_findings_tell_one_from_many(case: Case, words: str) -> None:
    assert said(analysis_of("one", [case]))[0] == f"At the score thresholds, {words}"


@pytest.mark.parametrize(("gain", "costs"), [(0.005, True), (0.0049, False)])
def test_findings_name_a_kind_of_error_that_costs_something(gain: float, *, costs: bool) -> None:
    analysis = examples.small()
    kinds = [replace(kind, ap_gain=0.0) for kind in analysis.errors.kinds]
    kinds[-1] = replace(kinds[-1], ap_gain=gain)
    errors = replace(analysis.errors, kinds=tuple(kinds))
    sentence = said(replace(analysis, errors=errors))[1]
    nothing = "No kind of error costs as much as 0.005 AP."
    assert sentence == ("Most AP is lost to missed objects (0.005)." if costs else nothing)


def test_findings_name_no_weakest_of_one_class() -> None:
    assert none_said(analysis_of("one", SMALL[:1]), "The weakest")


@pytest.mark.parametrize("ap50", [1.0, 0.5])
def test_findings_name_no_weakest_of_classes_that_are_alike(ap50: float) -> None:
    cases = [Case(name, 40, 30, 1, ap50) for name in ("a", "b")]
    assert none_said(analysis_of("alike", cases), "The weakest")
    other = replace(cases[1], ap50=0.4)
    sentence = one_said(analysis_of("unlike", [cases[0], other]), "The weakest")
    assert sentence.startswith("The weakest class is b, AP 0.300")


def test_findings_name_no_weakest_class_of_few_objects() -> None:
    cases = [Case("a", 40, 30, 1, 0.75), Case("b", 9, 5, 1, 0.25)]
    assert none_said(analysis_of("few", cases), "The weakest")
    enough = replace(cases[1], n_objects=10)
    assert not none_said(analysis_of("enough", [cases[0], enough]), "The weakest")


def test_findings_name_the_classes_that_are_confused_more_than_once() -> None:
    analysis = examples.small()
    counts = analysis.evaluation.confusion.counts
    assert counts[1, 2] == 1
    assert none_said(analysis, "Most often")
    counts[1, 2] = 2
    sentence = one_said(analysis, "Most often")
    assert sentence == "Most often taken for another class: Platelets, 2 times detected as RBC."
    counts[1, 0] = 2  # one of two that are equally frequent is no finding
    assert none_said(analysis, "Most often")


def test_findings_say_on_which_side_scores_are() -> None:
    analysis = examples.small()
    overall = analysis.calibration.overall
    above = replace(overall, precision=overall.mean_score + 0.25)
    calibration = replace(analysis.calibration, overall=above)
    sentence = one_said(replace(analysis, calibration=calibration), "Scores are")
    assert sentence == (
        "Scores are too low: on average 0.250 below the share of detections that are right."
    )


def test_findings_weigh_the_gap_of_scores_by_detections() -> None:
    analysis = examples.small()
    overall = analysis.calibration.overall
    # 10 detections are 0.8 too high, 30 are 0.4 too high: 20 / 40.
    counts = np.array([10, 30] + [0] * 8)
    scores = np.array([0.9, 0.5] + [np.nan] * 8)
    precision = np.array([0.1, 0.1] + [np.nan] * 8)
    uneven = replace(overall, counts=counts, mean_score=scores, precision=precision)
    calibration = replace(analysis.calibration, overall=uneven)
    sentence = one_said(replace(analysis, calibration=calibration), "Scores are")
    assert "on average 0.500 above" in sentence


@pytest.mark.parametrize(
    ("count", "gap", "speaks"),
    [
        # All scores are 0.5, so that the standard error is 0.5 / sqrt(count).
        (1, 0.5, False),
        (19, 0.5, False),
        (20, 0.5, True),
        (400, 0.049, False),  # less than twice 0.025
        (400, 0.051, True),
        (1_000_000, 0.019, False),  # sure, but small
        (1_000_000, 0.021, True),
    ],
)
def test_findings_speak_of_scores_beyond_chance(count: int, gap: float, *, speaks: bool) -> None:
    analysis = examples.small()
    overall = replace(
        analysis.calibration.overall,
        counts=np.array([count] + [0] * 9),
        mean_score=np.array([0.5] + [np.nan] * 9),
        precision=np.array([0.5 - gap] + [np.nan] * 9),
    )
    calibration = replace(analysis.calibration, overall=overall)
    assert none_said(replace(analysis, calibration=calibration), "Scores are") != speaks


@pytest.mark.parametrize(("n_objects", "named"), [(28, False), (29, True)])
def test_findings_name_no_threshold_of_few_objects(n_objects: int, *, named: bool) -> None:
    analysis = analysis_of("few", [Case("WBC", n_objects, 5, 1)])
    optimal = (replace(analysis.errors.lrp[0], error=0.125),)
    errors = replace(analysis.errors, optimal_lrp=optimal)
    assert none_said(replace(analysis, errors=errors), "The score threshold of") != named


def test_findings_name_the_threshold_that_costs_most() -> None:
    analysis = examples.small()
    now = analysis.errors.lrp
    optimal = (now[0], replace(now[1], score_threshold=0.75, error=0.25), now[2])
    errors = replace(analysis.errors, optimal_lrp=optimal)
    sentence = one_said(replace(analysis, errors=errors), "The score threshold of")
    # LRP of RBC is 1 - 3/4 * 300/400 = 0.4375.
    assert sentence == (
        "The score threshold of RBC could be better: 0.750 instead of 0.500 lowers its LRP from "
        "0.438 to 0.250 on these images."
    )
    assert none_said(analysis, "The score threshold of")


def test_findings_name_no_slice_that_chance_explains() -> None:
    analysis = examples.small()
    slices = tuple(replace(one, adjusted_p_value=0.05) for one in analysis.slices)
    sentences = said(replace(analysis, slices=slices))
    assert sentences[-1] == "No slice is worse than the rest by more than chance explains."
    assert none_said(replace(analysis, slices=()), "No slice")


def test_findings_do_not_call_a_better_slice_worse() -> None:
    analysis = examples.small()
    better = replace(analysis.slices[2], adjusted_p_value=0.001)
    assert none_said(replace(analysis, slices=(better,)), "Worse")


def test_findings_name_the_class_that_is_known_least() -> None:
    analysis = examples.small()
    wide = Estimate(0.375, 0.25, 0.5)
    classes = (*analysis.intervals.classes[:2], {**analysis.intervals.classes[2], "ap": wide})
    intervals = replace(analysis.intervals, classes=classes)
    assert one_said(replace(analysis, intervals=intervals), "Least is known") == (
        "Least is known about Platelets: with 9 objects its AP is 0.375 (0.250\N{EN DASH}0.500)."
    )
    assert none_said(analysis, "Least is known")


def test_findings_tell_classes_that_are_left_out() -> None:
    analysis = analysis_of("gaps", [*SMALL, Case("none", 0, 0, 1)])
    assert said(analysis)[-1] == "1 class without objects, left out of the means."


def test_findings_keep_names_apart_from_the_sentence() -> None:
    analysis = analysis_of("rtl", [replace(SMALL[1], name="\u05d7\n"), SMALL[0]])
    weakest = [one for one in findings(analysis) if one.startswith("The weakest")]
    assert "\u2068\u05d7\\n\u2069" in weakest[0]
