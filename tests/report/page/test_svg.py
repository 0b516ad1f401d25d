"""Scales, ticks, elements and paths."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.report.page.svg import Scale, drawing, element, number, path


def test_scale_maps_its_ends_and_its_middle() -> None:
    up = Scale(0, 2, 230, 10)
    assert [up(value) for value in (0, 1, 2)] == [230, 120, 10]


def test_scale_draws_what_is_beyond_at_its_end() -> None:
    across = Scale(-1, 1, 0, 100)
    assert [across(value) for value in (-3, 5)] == [0, 100]


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0, 1, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 1, 3, [0, 0.5, 1]),
        (-0.3, 0.1, 3, [-0.2, 0]),
        (0, 0.25, 3, [0, 0.1, 0.2]),
        (0, 55, 5, [0, 20, 40]),
        (-0.45, 0.2, 3, [0]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 1).ticks(most) == pytest.approx(ticks)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-6, 1e6), most=st.integers(2, 9))
def test_ticks_are_inside_and_no_more_than_asked_for(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = Scale(low, high, 0, 1).ticks(most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)


def test_element_escapes_text_and_attributes() -> None:
    hostile = "\"'><script>&"
    parsed = ET.fromstring(element("text", hostile, class_=hostile, text_anchor="end"))
    assert (parsed.text, parsed.attrib) == (hostile, {"class": hostile, "text-anchor": "end"})


def test_element_keeps_what_is_markup() -> None:
    assert element("g", element("path", d="M0 0")) == '<g><path d="M0 0"></path></g>'


def test_drawing_is_named_and_described() -> None:
    parsed = ET.fromstring(drawing("k", (340, 264.04), "A <title>", "what is seen"))
    assert parsed.attrib == {
        "class": "chart",
        "viewBox": "0 0 340 264",
        "role": "img",
        "aria-labelledby": "k-title k-desc",
    }
    title, description = parsed
    assert (title.get("id"), title.text) == ("k-title", "A <title>")
    assert (description.get("id"), description.text) == ("k-desc", "what is seen")


def test_path_leaves_out_what_a_level_line_passes_and_nothing_else() -> None:
    level = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 2.0), (4.0, 3.0), (5.0, 3.0)]
    assert path(level) == "M0 1L2 1L3 2L4 3L5 3"
    assert path(level[:2], closed=True) == "M0 1L1 1Z"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.25, "0.2"), (-0.04, "0")])
def test_number_is_short(value: float, text: str) -> None:
    assert number(value) == text
