"""The table of errors: what is the worst, what is undefined, how wide; and its files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refdet.analysis_records import ErrorAnalysis, ErrorKind, ErrorsOfKind, Lrp
from refdet.report.errors import format_error_table, write_errors_csv, write_errors_json

NAN = float("nan")
NAMES = ("WBC", "RBC", "nobody", "lost")
NOTHING = Lrp(NAN, NAN, NAN, NAN, NAN)


def errors() -> ErrorAnalysis:
    """Two usual classes; one without objects; one that is never detected."""
    kinds = [
        ErrorsOfKind(kind, np.zeros(4, np.int64), 0.0, np.array([0.0, 0.0, NAN, 0.0]))
        for kind in ErrorKind
    ]
    kinds[0] = ErrorsOfKind(
        ErrorKind.CONFUSION, np.array([2, 9, 40, 0]), 0.0125, np.array([0.05, 0.02, NAN, 0.03])
    )
    kinds[4] = ErrorsOfKind(
        ErrorKind.BACKGROUND, np.array([0, 0, 5, 0]), 0.25, np.array([0.0, 0.0, NAN, 0.0])
    )
    kinds[5] = ErrorsOfKind(
        ErrorKind.MISSED, np.array([3, 1, 0, 7]), 0.125, np.array([0.5, 0.25, NAN, NAN])
    )
    at = Lrp(0.5, 0.375, 0.125, 0.25, 0.0)
    silent = Lrp(NAN, 1.0, NAN, NAN, 1.0)
    return ErrorAnalysis(
        iou_threshold=0.5,
        background_threshold=0.1,
        ap=0.75,
        class_aps=np.array([0.9, 0.6, NAN, 0.0]),
        kinds=tuple(kinds),
        false_positive_gain=0.2,
        false_negative_gain=0.1,
        tie_cost=0.0,
        lrp=(at, at, NOTHING, silent),
        optimal_lrp=(at, at, NOTHING, silent),
        mean_lrp=0.58333,
        mean_optimal_lrp=0.41,
    )


def line(table: str, start: str) -> list[str]:
    """The words of the first line that begins so."""
    return next(one for one in table.splitlines() if one.startswith(start)).split()


def test_format_error_table_names_the_class_with_most_to_gain() -> None:
    table = format_error_table(errors(), NAMES)
    assert line(table, "confusion") == ["confusion", "51", "0.013", "WBC:", "0.050", "by", "2"]
    assert line(table, "duplicate") == ["duplicate", "0", "0.000"]
    assert line(table, "all false positives")[3:] == ["56", "0.200"]


def test_format_error_table_names_a_class_that_has_missed_everything_first() -> None:
    table = format_error_table(errors(), NAMES)
    assert line(table, "missed") == ["missed", "11", "0.125", "lost:", "-", "by", "7"]


def test_format_error_table_names_a_class_without_objects_last() -> None:
    table = format_error_table(errors(), NAMES)
    assert line(table, "background") == ["background", "5", "0.250", "nobody:", "-", "by", "5"]


def test_format_error_table_has_lrp_of_classes_with_objects() -> None:
    table = format_error_table(errors(), NAMES)
    part = ["0.500", "0.375", "0.125", "0.250", "0.000"]
    assert line(table, "RBC") == ["RBC", *part, *part]
    assert line(table, "lost") == ["lost", *["-", "1.000", "-", "-", "1.000"] * 2]
    assert line(table, "mean") == ["mean", "0.583", "0.410"]
    assert not any(one.startswith("nobody") for one in table.splitlines())


def test_format_error_table_fits_into_100_columns_and_no_name_breaks_a_line() -> None:
    table = format_error_table(errors(), ("white\nblood", "RBC", "nobody", "lost"))
    assert max(map(len, table.splitlines())) <= 100
    assert "white\\nblood" in table
    assert not any(one.endswith(" ") for one in table.splitlines())


@pytest.mark.parametrize(("cost", "told"), [(0.0449, True), (0.0005, True), (0.00049, False)])
def test_format_error_table_says_that_equal_scores_hide_gains(cost: float, *, told: bool) -> None:
    words = " ".join(format_error_table(replace(errors(), tie_cost=cost), NAMES).split())
    assert (f"the wrong ones first, AP would be lower by {cost:.3f}." in words) == told
    assert ("Equal scores" in words) == told


def test_error_files_hold_every_number(tmp_path: Path) -> None:
    write_errors_json(tmp_path / "errors.json", errors(), NAMES)
    write_errors_csv(tmp_path / "errors.csv", errors(), NAMES)
    written = json.loads((tmp_path / "errors.json").read_text())
    assert written["ap"] == 0.75
    assert written["kinds"][5] == {"kind": "missed", "count": 11, "ap_gain": 0.125}
    assert written["false_negative_ap_gain"] == 0.1
    assert written["tie_ap_cost"] == 0.0
    assert [one["name"] for one in written["classes"]] == list(NAMES)
    assert written["classes"][3]["kinds"][5] == {"kind": "missed", "count": 7, "ap_gain": None}
    assert written["classes"][2]["ap"] is None
    assert written["classes"][0]["optimal_lrp"]["localization"] == 0.125
    with (tmp_path / "errors.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert rows["RBC"]["confusion"] == "9"
    assert float(rows["WBC"]["missed_ap_gain"]) == 0.5
    assert rows["nobody"]["ap"] == ""
    assert float(rows["lost"]["lrp_error"]) == pytest.approx(1)
    assert rows["lost"]["optimal_lrp_score_threshold"] == ""


def test_format_error_table_leaves_out_the_middle_of_a_long_name() -> None:
    table = format_error_table(errors(), ("white" * 60, "RBC", "nobody", "lost"))
    assert max(map(len, table.splitlines())) <= 120
    assert "whitewhitewhitewhite\N{HORIZONTAL ELLIPSIS}" in line(table, "confusion")[3]
