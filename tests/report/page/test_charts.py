"""Charts have their points where the numbers say, worked out by hand from the axes.

Across, 0 to 1 is drawn from 46 to 330; up, from 230 to 10.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from refdet.analysis_records import CurveBand, Reliability
from refdet.report.page.charts import RunCurve, curve_chart, reliability_chart

NAN = float("nan")
RECALL = np.array([0.0, 0.5, 1.0])


def band(precision: list[float], low: list[float], high: list[float]) -> CurveBand:
    return CurveBand(RECALL, np.array(precision), np.array(low), np.array(high))


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def of_class(chart: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in chart.iter() if name in one.get("class", "").split()]


def curves(*each: RunCurve) -> ET.Element:
    return drawn(curve_chart("k", "t", "d", each))


def test_curve_chart_draws_the_line_and_lets_it_fall_where_recall_ends() -> None:
    # x: 46, 46 + 284 / 2 = 188; y: 230 - 220 = 10, 230 - 0.75 * 220 = 65.
    chart = curves(RunCurve("a", band([1, 0.75, 0], [0, 0, 0], [1, 0.75, 0]), NAN, NAN))
    (line,) = of_class(chart, "line")
    assert line.get("d") == "M46 10L188 65L188 230"
    assert line.get("class") == "line run-a"


def test_curve_chart_draws_the_band_there_and_back() -> None:
    # The low side at recall 0.5 is 0.5: 230 - 110 = 120; at recall 1 it is 0: 230.
    chart = curves(RunCurve("b", band([1, 0.75, 0], [0.75, 0.5, 0], [1, 1, 0.25]), NAN, NAN))
    (shape,) = of_class(chart, "band")
    assert shape.get("d") == "M46 10L188 10L330 175L330 230L188 120L46 65Z"


def test_curve_chart_takes_the_line_where_an_interval_is_undefined() -> None:
    chart = curves(RunCurve("a", band([1, 0.75, 0], [NAN] * 3, [NAN] * 3), NAN, NAN))
    (shape,) = of_class(chart, "band")
    assert shape.get("d") == "M46 10L188 65L188 65L46 10Z"


def test_curve_chart_of_a_class_that_is_never_found_has_neither_line_nor_band() -> None:
    chart = curves(RunCurve("a", band([0, 0, 0], [0, 0, 0], [0, 0, 0]), 0.0, NAN))
    assert [of_class(chart, name) for name in ("line", "band", "mark")] == [[], [], []]


def test_curve_chart_marks_the_score_threshold_round_for_a_and_square_for_b() -> None:
    nothing = band([0, 0, 0], [0, 0, 0], [0, 0, 0])
    chart = curves(RunCurve("a", nothing, 0.5, 0.75), RunCurve("b", nothing, 0.25, 1))
    a, b = of_class(chart, "mark")
    assert (a.tag, a.get("cx"), a.get("cy")) == ("circle", "188", "65")
    # The middle of the square is at 46 + 71 = 117, 10.
    assert b.tag == "rect"
    x, y, width, height = (float(b.get(key, "nan")) for key in ("x", "y", "width", "height"))
    assert (x + width / 2, y + height / 2) == (117, 10)


def reliability(counts: list[int], scores: list[float], precision: list[float]) -> Reliability:
    n_bins = len(counts)
    return Reliability(
        np.linspace(0, 1, n_bins + 1),
        np.array(counts),
        np.array(scores),
        np.array(precision),
        np.full(n_bins, 0.875),
        0.125,
        0.25,
    )


def test_reliability_chart_puts_marks_at_score_and_precision_and_leaves_empty_bins_out() -> None:
    one = reliability([4, 0, 0, 2], [0.25, NAN, NAN, 1], [0, NAN, NAN, 0.5])
    chart = drawn(reliability_chart("k", "t", "d", [("a", one)]))
    # x: 46 + 71 = 117 and 330; y: 230 and 120.
    places = [(mark.get("cx"), mark.get("cy")) for mark in of_class(chart, "mark")]
    assert places == [("117", "230"), ("330", "120")]
    (line,) = of_class(chart, "line")
    assert line.get("d") == "M117 230L330 120"


def test_reliability_chart_draws_the_logarithm_of_counts_from_330_up_to_286() -> None:
    one = reliability([63, 0, 0, 7], [0.25, NAN, NAN, 1], [0, NAN, NAN, 0.5])
    other = reliability([1, 0, 0, 0], [0.25, NAN, NAN, NAN], [0, NAN, NAN, NAN])
    chart = drawn(reliability_chart("k", "t", "d", [("a", one), ("b", other)]))
    # A bin is 71 wide, less 1 to both sides, half for each run. With one added, counts are 64, 8
    # and 2: 6, 3 and 1 times the logarithm of 2, of which the highest is 44 high.
    bars = [
        tuple(bar.get(key) for key in ("class", "x", "y", "width", "height"))
        for bar in of_class(chart, "bar")
    ]
    assert bars == [
        ("bar run-a", "47", "286", "34.5", "44"),
        ("bar run-a", "260", "308", "34.5", "22"),
        ("bar run-b", "81.5", "322.7", "34.5", "7.3"),
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9999, "9999"), (12_345, "12.3k"), (252_000, "252k"), (3_000_000, "3M")],
)
def test_reliability_chart_words_its_highest_count_in_few_letters(count: int, text: str) -> None:
    one = reliability([count], [0.5 if count else NAN], [0.5 if count else NAN])
    chart = drawn(reliability_chart("k", "t", "d", [("a", one)]))
    assert text in [words.text for words in of_class(chart, "text")]
