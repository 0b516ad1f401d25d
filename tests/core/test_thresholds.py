"""What is peculiar to our thresholds of classes: messages, dtypes, purity."""

from __future__ import annotations

import numpy as np
import pytest

from refdet.core.thresholds import (
    parse_class_thresholds,
    resolve_class_thresholds,
    score_threshold_mask,
)

NAMES = ["WBC", "RBC", "0"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("RBC", r"entries\[1\] = 'RBC' is not of the form CLASS=THRESHOLD or CLASS:THRESHOLD"),
        (" =0.5", r"entries\[1\] = ' =0.5' is not of the form"),
        ("RBC=", r"entries\[1\] = 'RBC=': '' is not a number"),
        ("RBC=high", r"entries\[1\] = 'RBC=high': 'high' is not a number"),
        ("RBC=1.5", r"entries\[1\] = 'RBC=1.5': the threshold 1.5 is not in \[0, 1\]"),
        ("RBC=-0.5", r"the threshold -0.5 is not in"),
        ("RBC:nan", r"the threshold nan is not in"),
        ("RBC=inf", r"the threshold inf is not in"),
        ("WBC:0.5", r"entries\[1\] = 'WBC:0.5' names the class 'WBC' again"),
    ],
)
def test_parse_class_thresholds_quotes_the_bad_entry(entry: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_class_thresholds(["WBC=0.5", entry])


def test_parse_class_thresholds_refuses_one_text_for_several() -> None:
    with pytest.raises(TypeError, match=r"entries must be several texts, got one: 'WBC=0.5'"):
        parse_class_thresholds("WBC=0.5")


def test_parse_class_thresholds_names_an_entry_that_is_no_text() -> None:
    number: list[str] = ["WBC=0.5", 7]  # type: ignore[list-item]  # the refusal is the test
    with pytest.raises(TypeError, match=r"entries\[1\] must be text, got 7"):
        parse_class_thresholds(number)


@pytest.mark.parametrize(
    ("parsed", "names", "message"),
    [
        ({"Platelet": 0.5}, NAMES, r"no class 'Platelet' among .*, and no label below 3"),
        ({"3": 0.5}, NAMES, "no class '3' among"),
        ({"0": 0.5}, NAMES, "'0' is a class's name and the label of 'WBC'"),
        ({"RBC": 0.5, "1": 0.5}, NAMES, r"the class 'RBC' \(label 1\) has two thresholds"),
        ({"RBC": 1.5}, NAMES, r"parsed\['RBC'\]: the threshold 1.5 is not in"),
        ({}, ["RBC", "RBC"], "class_names holds 'RBC' more than once"),
    ],
)
def test_resolve_class_thresholds_names_the_class(
    parsed: dict[str, float], names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_class_thresholds(parsed, names)


def test_score_threshold_mask_compares_in_float64() -> None:
    labels = np.zeros(2, np.int64)
    got = score_threshold_mask(np.array([0.7, 0.75], np.float32), labels, 0.7, {})
    assert got.tolist() == [False, True]  # float32(0.7) = 0.699999988


def test_score_threshold_mask_keeps_fractions_beside_a_whole_default() -> None:
    got = score_threshold_mask(np.array([0.25, 0.75]), np.array([1, 1]), 0, {1: 0.5})
    assert got.tolist() == [False, True]


def test_score_threshold_mask_names_what_is_wrong() -> None:
    scores, labels = np.array([0.5, 0.25]), np.array([0, 1])
    with pytest.raises(ValueError, match=r"scores\[1\] is NaN"):
        score_threshold_mask(np.array([0.5, np.nan]), labels, 0.5, {})
    with pytest.raises(TypeError, match="scores must be of a real dtype, got object"):
        score_threshold_mask(scores.astype(object), labels, 0.5, {})
    with pytest.raises(ValueError, match=r"labels must have shape \(2,\), got \(1,\)"):
        score_threshold_mask(scores, labels[:1], 0.5, {})
    with pytest.raises(ValueError, match=r"labels\[0\] = -1 is negative"):
        score_threshold_mask(scores, labels - 1, 0.5, {})
    with pytest.raises(ValueError, match=r"default: the threshold 1.5 is not in"):
        score_threshold_mask(scores, labels, 1.5, {})
    with pytest.raises(ValueError, match=r"per_class\[1\]: the threshold nan is not in"):
        score_threshold_mask(scores, labels, 0.5, {1: np.nan})
    with pytest.raises(ValueError, match="per_class names the label -1, which is negative"):
        score_threshold_mask(scores, labels, 0.5, {-1: 0.5})


def test_score_threshold_mask_does_not_write_to_its_inputs() -> None:
    scores, labels = np.array([0.5, 0.25]), np.array([0, 1])
    scores.setflags(write=False)
    labels.setflags(write=False)
    assert score_threshold_mask(scores, labels, 0.5, {1: 0.25}).tolist() == [True, True]


def test_score_threshold_mask_takes_empty_lists() -> None:
    empty = np.array([])  # float64, what an empty list becomes
    assert score_threshold_mask(empty, empty, 0.5, {0: 0.25}).tolist() == []


def test_score_threshold_mask_names_a_label_beyond_int64() -> None:
    labels = np.array([0, 2**63], np.uint64)
    with pytest.raises(ValueError, match=r"labels\[1\] = 9223372036854775808 exceeds int64"):
        score_threshold_mask(np.array([0.5, 0.25]), labels, 0.5, {})
    labels[1] -= 1
    assert score_threshold_mask(np.array([0.5, 0.25]), labels, 0.5, {}).tolist() == [True, False]
