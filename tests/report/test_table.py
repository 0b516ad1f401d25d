"""The printed table and the data frame."""

from __future__ import annotations

import dataclasses
import math

from refdet.records import ClassMetrics
from refdet.report.table import class_table, format_class_table
from tests.report.examples import NAMES, NAN, TOTALS, evaluation

# By hand: P = 70 / 72 = 0.9722, R = 70 / 80 = 0.875, the means are those of two classes.
TABLE = """\
WBC        P=0.972 R=0.875 TP=70 FP=2 FN=10 AP50=0.750 AP=0.500
RBC        P=-     R=0.000 TP=0  FP=0 FN=9  AP50=0.250 AP=0.250
Platelets  P=0.000 R=-     TP=0  FP=1 FN=0  AP50=-     AP=-
mean                                        AP50=0.500 AP=0.375
Without ground truth, left out of the mean: Platelets.
Split test, 3 images. AP50, AP: every detection. P, R, TP, FP, FN: IoU >= 0.5, score >= 0.5."""


def test_format_class_table_aligns_its_columns_and_shows_the_undefined_as_a_dash() -> None:
    assert format_class_table(evaluation()) == TABLE


def test_format_class_table_lists_score_thresholds_that_differ() -> None:
    lines = format_class_table(evaluation(platelets_score_threshold=0.25)).splitlines()
    assert lines[0].endswith(" AP=0.500 score>=0.5")
    assert lines[2].endswith(" AP=-     score>=0.25")
    assert lines[3].endswith(" AP=0.375")
    assert lines[-1].endswith(" score as listed.")


def test_format_class_table_skips_a_class_with_nothing_to_count() -> None:
    judged = evaluation()
    empty = dataclasses.replace(judged.classes[2], false_positives=0)
    lines = format_class_table(dataclasses.replace(judged, classes=(*judged.classes[:2], empty)))
    assert [line.split()[0] for line in lines.splitlines()[:3]] == ["WBC", "RBC", "mean"]
    assert "left out of the mean: Platelets" in lines


def test_format_class_table_without_a_missing_class_says_nothing_of_it() -> None:
    complete = dataclasses.replace(evaluation(), classes_without_ground_truth=())
    assert "left out" not in format_class_table(complete)


def test_format_class_table_of_no_class_has_undefined_means() -> None:
    totals = dataclasses.replace(TOTALS, mean_ap=NAN, mean_ap50=NAN)
    nothing = dataclasses.replace(evaluation(), classes=(), totals=totals)
    assert format_class_table(nothing).splitlines()[0].split() == ["mean", "AP50=-", "AP=-"]


def test_class_table_holds_every_metric_by_class_name() -> None:
    table = class_table(evaluation())
    assert tuple(table.index) == NAMES
    assert {*table.columns, "name"} == {field.name for field in dataclasses.fields(ClassMetrics)}
    assert table["true_positives"].tolist() == [70, 0, 0]
    assert table["ap"].tolist()[:2] == [0.5, 0.25]
    assert math.isnan(table["ap"].tolist()[2])


def test_class_table_of_no_class_keeps_its_columns() -> None:
    table = class_table(dataclasses.replace(evaluation(), classes=()))
    assert len(table) == 0
    assert "ap50_voc" in table.columns
