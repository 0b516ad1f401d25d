"""Strips have their marks where the numbers say: a scale is drawn from 5 to 145, in lanes of 14."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from refdet.analysis_records import Estimate
from refdet.report.page.strips import axis_strip, bar_strip, interval_strip

NAN = float("nan")


def parts(svg: str) -> list[tuple[str, str]]:
    """Of each element of a strip its class and its path, or place and size."""
    found = []
    for one in ET.fromstring(svg):
        keys = ("d",) if one.tag == "path" else ("cx", "cy", "x", "y", "width", "height")
        found.append(
            (one.get("class", ""), " ".join(value for key in keys if (value := one.get(key))))
        )
    return found


def test_interval_strip_draws_a_lane_for_each_run() -> None:
    a, b = Estimate(0.5, 0.25, 0.75), Estimate(1.0, 0.5, 1.0)
    # 5 + 140 * 0.25 = 40, 0.5: 75, 0.75: 110, 1: 145; lanes at 7 and 21; the square is 4 wide.
    assert parts(interval_strip([("a", a), ("b", b)])) == [
        ("track", "M5 7L145 7"),
        ("whisker run-a", "M40 7L110 7"),
        ("mark run-a", "75 7"),
        ("track", "M5 21L145 21"),
        ("whisker run-b", "M75 21L145 21"),
        ("mark run-b", "143 19 4 4"),
    ]


def test_interval_strip_shows_where_zero_is_if_it_is_inside() -> None:
    # From -0.5 to 0.5: 0 is at 75, 0.25 at 110.
    strip = interval_strip([("both", Estimate(0.25, 0.25, 0.5))], -0.5, 0.5)
    assert parts(strip)[0] == ("zero", "M75 0L75 14")
    assert ("whisker run-both", "M110 7L145 7") in parts(strip)


def test_interval_strip_leaves_out_what_is_undefined() -> None:
    assert parts(interval_strip([("a", Estimate(NAN, NAN, NAN))])) == [("track", "M5 7L145 7")]
    only_value = parts(interval_strip([("a", Estimate(0.5, NAN, NAN))]))
    assert [name for name, _ in only_value] == ["track", "mark run-a"]


def test_bar_strip_begins_at_zero_whatever_the_sign() -> None:
    # From -0.5 to 0.5: 0.25 is 75 to 110, -0.5 is 5 to 75; a bar is 8 high, 3 below its lane's top.
    strip = bar_strip([("a", 0.25), ("b", -0.5), ("b", NAN)], -0.5, 0.5)
    assert parts(strip) == [
        ("zero", "M75 0L75 42"),
        ("bar run-a", "75 3 35 8"),
        ("bar run-b", "5 17 70 8"),
    ]


def test_axis_strip_has_its_ticks_where_the_strips_have_them() -> None:
    strip = ET.fromstring(axis_strip(0, 1))
    ticks = [(one.text, one.get("x"), one.get("text-anchor")) for one in strip.iter("text")]
    assert ticks == [("0", "5", "start"), ("0.5", "75", "middle"), ("1", "145", "end")]


def test_strips_are_not_read_aloud() -> None:
    for strip in (axis_strip(0, 1), bar_strip([], 0, 1), interval_strip([])):
        assert ET.fromstring(strip).get("aria-hidden") == "true"
