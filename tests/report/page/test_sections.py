"""What the sections say: the numbers of invented runs, each worked out from their counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refdet.analysis_records import Analysis, Estimate
from refdet.report.page.mistakes import confused_pairs
from refdet.report.page.writing import PageExtras, page_html
from tests.report.page import examples
from tests.report.page.analysed import analysis_of
from tests.report.page.examples import SMALL
from tests.report.page.invented import Case
from tests.report.page.reading import Element, read_page, table_rows
from tests.report.page.test_page import DASH, MINUS, page_of, page_of_two

PAGE = page_of(examples.small())
TWO = page_of_two()


def test_headlines_have_the_value_and_its_interval() -> None:
    shown = {
        one.one("h3").text: one.one("p", class_="headline").text.split()
        for one in PAGE.one("ul", class_="headlines").all("li")
    }
    # AP50 is (7/8 + 5/8 + 1/2) / 3 = 2/3, AP 3/4 of it; precision 223/276, recall 223/289.
    assert shown["AP"] == ["0.500", f"0.438{DASH}0.562"]
    assert shown["AP50"] == ["0.667", f"0.604{DASH}0.729"]
    assert shown["Precision"] == ["0.808", f"0.745{DASH}0.870"]
    assert shown["Recall"] == ["0.772", f"0.709{DASH}0.834"]


def test_numbers_without_an_interval_say_so() -> None:
    analysis = examples.small()
    nan = float("nan")
    bare = Estimate(0.5, nan, nan)
    undefined = Estimate(nan, nan, nan)
    classes = ({**analysis.intervals.classes[0], "ap": bare, "f1": undefined},)
    intervals = replace(
        analysis.intervals,
        totals={**analysis.intervals.totals, "mean_ap": bare},
        classes=(*classes, *analysis.intervals.classes[1:]),
    )
    page = page_of(replace(analysis, intervals=intervals))
    shown = page.one("ul", class_="headlines").all("li")[0].one("p", class_="headline").text
    assert shown.split() == ["0.500", "no", "interval"]
    wbc = table_rows(page, "classes")[1]
    assert (wbc[2], wbc[7]) == ("0.500 -", "-")


def test_headlines_of_two_runs_have_both_and_the_difference() -> None:
    one = TWO.one("ul", class_="headlines").all("li")[0]
    values = [value.text.split() for value in one.all("p", class_="headline")]
    assert values == [["A", "0.500", f"0.438{DASH}0.562"], ["B", "0.375", f"0.312{DASH}0.438"]]
    text = one.one("p", class_="difference").text
    assert text == f"B {MINUS} A: {MINUS}0.125 ({MINUS}0.188 to {MINUS}0.062)"


def test_verdict_stands_at_the_top() -> None:
    verdict = "The two runs do not differ in mean AP: the interval holds 0."
    assert TWO.one("section", id="summary").one("p", class_="verdict").text == verdict


def test_class_table_has_a_row_for_each_class_and_the_means() -> None:
    header, wbc, *_, means = table_rows(PAGE, "classes")
    assert header == [
        *("class", "objects", "AP", "0 to 1", "AP50", "P", "R", "F1"),
        *("TP", "FP", "FN", "score ≥"),
    ]
    # WBC: precision 70/72, recall 70/80, F1 140/152.
    assert wbc == [
        *("WBC", "80", f"0.656 0.594{DASH}0.719", "", f"0.875 0.812{DASH}0.938"),
        *(f"0.972 0.910{DASH}1.000", f"0.875 0.812{DASH}0.938", f"0.921 0.859{DASH}0.984"),
        *("70", "2", "10", "0.500"),
    ]
    assert [means[place] for place in (0, 1, 8, 9, 10, 11)] == [
        *("mean of the classes; sum", "289", "223", "53", "66", ""),
    ]


def test_class_table_of_two_runs_has_both_and_the_difference() -> None:
    header, _, rbc, _, means = table_rows(TWO, "classes")
    assert header[2:6] == ["AP A", "AP B", "0 to 1", f"AP, B {MINUS} A"]
    # AP50 is 5/8 and 3/4, AP 3/4 of that: 0.469, 0.562, and 3/32 between them.
    assert [cell.split()[0] for cell in (rbc[2], rbc[3], rbc[5])] == ["0.469", "0.562", "+0.094"]
    # Of mean AP, not of mean AP50, which is 0.167.
    assert [means[place].split()[0] for place in (2, 3, 5)] == ["0.500", "0.375", f"{MINUS}0.125"]


def test_cells_carry_what_sorting_looks_at() -> None:
    page = page_of(examples.silent())
    wbc, rbc = page.one("table", id="classes").one("tbody").all("tr")
    assert (wbc.attributes["data-name"], rbc.attributes["data-name"]) == ("WBC", "RBC")
    assert wbc.all("td")[1].attributes["data-value"] == "0.0"
    assert "data-value" not in rbc.all("td")[1].attributes
    assert rbc.all("td")[1].text == "-"


def test_only_many_rows_are_filtered() -> None:
    large = page_of(examples.large())
    assert "data-filterable" in large.one("table", id="classes").attributes
    assert "data-filterable" not in PAGE.one("table", id="classes").attributes


def test_curves_are_of_the_classes_that_have_objects() -> None:
    page = page_of(examples.large())
    figures = page.one("div", id="curve-charts").all("figure")
    assert len(figures) == 72
    assert figures[9].attributes["data-name"] == "class 10"
    description = PAGE.one("svg", **{"aria-labelledby": "curve-0-title curve-0-desc"}).one("desc")
    assert description.text == (
        "first: AP50 0.875; at score 0.5, precision 0.972 and recall 0.875."
    )


def test_confusion_matrix_has_every_count_and_a_shade_by_its_column() -> None:
    rows = PAGE.one("table", id="confusion-a").one("tbody").all("tr")
    counts = [[cell.text for cell in row.all("td")] for row in rows]
    assert counts == [
        ["70", "1", "", "1"],
        ["", "150", "1", "49"],
        ["1", "", "3", ""],
        ["9", "49", "5", ""],
    ]
    # Of 80, 200, 9 and 50 in the columns; the share of ten, rounded up.
    shades = [[cell.attributes["class"].split()[0] for cell in row.all("td")] for row in rows]
    assert shades == [
        ["s9", "s1", "s0", "s1"],
        ["s0", "s8", "s2", "s10"],
        ["s1", "s0", "s4", "s0"],
        ["s2", "s3", "s6", "s0"],
    ]
    assert [len(row.all("td", class_="right")) for row in rows] == [1, 1, 1, 0]


def test_confusion_matrix_of_too_many_classes_is_told_and_its_pairs_stay() -> None:
    page = page_of(analysis_of("vast", [Case(f"class {n}", 4, 2, 3) for n in range(121)]))
    assert page.all("table", id="confusion-a") == []
    assert "121 classes is too large" in page.one("section", id="confusion").text
    assert len(table_rows(page, "pairs-a")) == 21
    at_the_limit = page_of(analysis_of("l", [Case(f"class {n}", 4, 2, 3) for n in range(120)]))
    assert len(table_rows(at_the_limit, "confusion-a")) == 122


def test_confused_pairs_are_the_most_frequent_first_without_diagonal_and_background() -> None:
    matrix = examples.small().evaluation.confusion
    matrix.counts[:] = np.array([[9, 1, 4, 8], [1, 9, 0, 8], [0, 2, 9, 8], [7, 7, 7, 0]])
    assert confused_pairs(matrix) == [(0, 2, 4), (2, 1, 2), (0, 1, 1), (1, 0, 1)]


def test_kinds_have_their_counts_and_the_ap_they_cost() -> None:
    rows = {row[0]: row[1:4] for row in table_rows(PAGE, "kinds")}
    # WBC has 2 false positives, RBC 50, Platelets 1; the first kind of each is a duplicate.
    assert rows["duplicate"] == ["0.016", "", "12"]
    assert rows["missed"] == ["0.004", "", "66"]
    assert rows["all false positives"][0] == "0.188"
    assert rows["all not found"][0] == "0.250"
    by_class = {row[0]: row for row in table_rows(PAGE, "class-kinds-a")}
    assert by_class["RBC"][6] == "50 0.004"


def test_lrp_table_has_both_thresholds_and_the_means() -> None:
    _, wbc, _, _, mean = table_rows(PAGE, "lrp-numbers")
    # 1 - 3/4 * 140/152 = 0.309; precision 70/72, recall 70/80.
    assert wbc == ["WBC", "0.309", "0.125", "0.028", "0.125", "0.625", "0.309"]
    assert mean == ["mean", "0.467", "", "", "", "", "0.467"]


def test_calibration_table_says_on_which_side_the_scores_are() -> None:
    _, wbc, _, _, together, mean = table_rows(PAGE, "calibration")
    assert wbc == ["WBC", "70", "+0.062", "0.062", "0.125"]
    assert together == ["all together", "275", "+0.062", "0.062", "0.125"]
    assert mean == ["mean of the classes", "", "", "", "0.125"]


def test_sizes_are_coco_s() -> None:
    rows = table_rows(PAGE, "size-numbers")
    # A quarter, three quarters and all of 0.5.
    assert [row[1].split()[0] for row in rows[1:]] == ["0.125", "0.375", "0.500"]


def test_slices_are_in_their_order_and_stand_out_where_the_interval_excludes_zero() -> None:
    rows = table_rows(PAGE, "slice-numbers")[1:]
    names = [row[0] for row in rows]
    assert names == ["site = north", "site = south", "site = east", "site = west"]
    assert rows[0][4].split()[0] == f"{MINUS}0.250"
    assert rows[0][6] == "0.008"
    assert rows[3][3:] == ["-", "-", "", "-"]
    strong = PAGE.one("table", id="slice-numbers").all("td", class_="strong")
    assert [cell.attributes["data-value"] for cell in strong] == ["-0.25"]


def test_differences_have_both_values_and_the_images_that_explain_them() -> None:
    ap = table_rows(TWO, "number-differences")[1]
    assert ap == [
        *("AP", "0.500", "0.375", f"{MINUS}0.125 {MINUS}0.188 to {MINUS}0.062", "", "0.016"),
    ]
    assert table_rows(TWO, "changed-images")[1] == ["image 3.png", "4", "1", "2", "0"]
    assert [row[0] for row in table_rows(TWO, "class-differences")[1:]] == [
        case.name for case in SMALL
    ]


@pytest.mark.parametrize("key", ["per-class", "curves", "lrp", "reliability", "sizes"])
def test_a_page_of_nothing_has_a_word_in_each_section(key: str) -> None:
    section: Element = page_of(examples.empty()).one("section", id=key)
    assert section.all("p") or section.all("table")
    assert "nan" not in section.text.lower()


def test_nothing_undefined_is_shown_as_a_number() -> None:
    for analysis in (examples.empty(), examples.silent(), examples.large()):
        html = page_html([analysis], None, PageExtras())
        page = read_page(html)
        for cell in page.all("td"):
            assert cell.attributes.get("data-value") != "nan"
            assert "nan" not in cell.text
        for chart in page.all("path") + page.all("rect") + page.all("circle"):
            assert not [value for value in chart.attributes.values() if "nan" in value]


def test_errors_say_of_which_run_equal_scores_hide_gains() -> None:
    def notes(page: Element) -> list[str]:
        words = [one.text.split() for one in page.one("section", id="errors").all("p")]
        return [" ".join(one) for one in words if "Equal" in one[:2]]

    def tied(analysis: Analysis, cost: float) -> Analysis:
        return replace(analysis, errors=replace(analysis.errors, tie_cost=cost))

    said = "Equal scores: with the wrong ones first, AP would be lower by"
    (note,) = notes(page_of(tied(examples.small(), 0.0449)))
    assert note.startswith(f"{said} 0.045.")
    assert notes(PAGE) == []
    (a, b), comparison = examples.two()
    (note,) = notes(read_page(page_html([a, tied(b, 0.0625)], comparison, PageExtras())))
    assert note.startswith(f"B {said} 0.062.")
