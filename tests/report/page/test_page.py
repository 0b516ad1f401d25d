"""The page as a file: its sections, nothing from elsewhere, nothing that breaks out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from refdet.analysis_records import Analysis, Comparison
from refdet.report.page import PageExtras, write_page
from refdet.report.page.writing import page_html
from tests.report.page import examples
from tests.report.page.analysed import analysis_of, comparison_of
from tests.report.page.examples import HOSTILE_NAMES
from tests.report.page.invented import Case
from tests.report.page.reading import Element, read_page, table_rows

EXTRAS = PageExtras()
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
SINGLE = (
    *("summary", "per-class", "curves", "confusion", "errors", "lrp"),
    *("reliability", "sizes", "slices"),
)


def page_of(analysis: Analysis, extras: PageExtras = EXTRAS) -> Element:
    return read_page(page_html([analysis], None, extras))


def page_of_two() -> Element:
    pair, comparison = examples.two()
    return read_page(page_html(pair, comparison, EXTRAS))


def all_pages() -> dict[str, str]:
    pair, comparison = examples.two()
    alone = (
        *(examples.small, examples.large, examples.hostile),
        *(examples.empty, examples.silent),
    )
    pages = {make.__name__: page_html([make()], None, EXTRAS) for make in alone}
    hostile = examples.hostile()
    both = comparison_of(hostile, hostile, verdict=HOSTILE_NAMES[0])
    return {
        **pages,
        "two": page_html(pair, comparison, EXTRAS),
        "two hostile": page_html([hostile, hostile], both, EXTRAS),
    }


PAGES = all_pages()
READ = {name: read_page(html) for name, html in PAGES.items()}
every_page = pytest.mark.parametrize("name", PAGES)


def test_page_has_its_sections_in_order_and_a_way_to_each() -> None:
    page = page_of(examples.small())
    assert [section.attributes["id"] for section in page.all("section")] == list(SINGLE)
    links = [link.attributes["href"] for link in page.one("nav").all("a")]
    assert links == [f"#{key}" for key in SINGLE]
    assert page.one("a", class_="skip").attributes["href"] == "#main"


def test_page_of_two_runs_has_their_differences() -> None:
    keys = [section.attributes["id"] for section in page_of_two().all("section")]
    assert keys == ["summary", "differences", *SINGLE[1:]]


def test_page_without_slices_has_no_section_of_them() -> None:
    page = page_of(replace(examples.small(), slices=()))
    assert page.all("section", id="slices") == []


@every_page
def test_ids_are_unique_and_those_referred_to_exist(name: str) -> None:
    elements = list(READ[name].below())
    ids = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    referred = {
        key
        for one in elements
        for attribute in ("aria-labelledby", "aria-describedby", "for")
        for key in one.attributes.get(attribute, "").split()
    }
    referred |= {one.attributes["href"][1:] for one in elements if one.tag == "a"}
    assert referred <= set(ids)


@every_page
def test_page_takes_nothing_from_elsewhere(name: str) -> None:
    page = READ[name]
    assert page.all("link") == page.all("iframe") == page.all("object") == page.all("img") == []
    for one in page.below():
        assert "src" not in one.attributes
        assert "style" not in one.attributes  # the policy would refuse it
        assert not [key for key in one.attributes if key.startswith("on")]
    for one in page.all("style") + page.all("script"):
        assert "@import" not in one.text
        assert "url(" not in one.text
        assert re.search(r"\b(fetch|XMLHttpRequest|WebSocket|sendBeacon|eval)\b", one.text) is None
    # The name of SVG's elements looks like an address, and is none.
    text = PAGES[name].replace("http://www.w3.org/2000/svg", "")
    outside = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)
    assert outside == []


@every_page
def test_policy_admits_the_page_s_own_style_and_scripts_alone(name: str) -> None:
    page = READ[name]
    (meta,) = [m for m in page.all("meta") if "http-equiv" in m.attributes]
    assert meta.attributes["http-equiv"] == "Content-Security-Policy"
    rules = dict(rule.split(maxsplit=1) for rule in meta.attributes["content"].split("; "))
    scripts = [one for one in page.all("script") if "type" not in one.attributes]
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["style-src"].split() == [digest(one.text) for one in page.all("style")]
    assert rules["script-src"].split() == [digest(one.text) for one in scripts]


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def shape(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Every element's name and the names of its attributes."""
    return [(one.tag, tuple(one.attributes)) for one in page.below()]


def test_hostile_names_change_no_element_and_no_attribute() -> None:
    hostile = examples.hostile()
    calm_slices = tuple(
        replace(one, column="site", value=str(number)) for number, one in enumerate(hostile.slices)
    )
    cases = [
        Case(f"class {number}", 10 + number, 5 + number, 12) for number in range(len(HOSTILE_NAMES))
    ]
    calm = analysis_of("calm", cases, calm_slices)
    assert shape(READ["hostile"]) == shape(page_of(calm))
    both = comparison_of(calm, calm)
    page = read_page(page_html([calm, calm], both, EXTRAS))
    assert shape(READ["two hostile"]) == shape(page)


def test_hostile_names_are_shown_as_they_are_but_for_controls() -> None:
    page = READ["hostile"]
    names = [row[0] for row in table_rows(page, "classes")[1:-1]]
    assert names[:2] == list(HOSTILE_NAMES[:2])
    assert names[2] == "\u05d7\u05ea\u05d5\u05dc \\u202egnp.exe"
    assert names[3:6] == list(HOSTILE_NAMES[3:6])
    assert names[6] == r"line\nbreak\x00\u2028"
    assert page.one("h1").text.strip().startswith(HOSTILE_NAMES[0])


def test_extras_are_json_that_cannot_end_its_script() -> None:
    value = {"names": list(HOSTILE_NAMES), "text": "<!--<script>\u2029&", "undefined": float("nan")}
    html = page_html([examples.small()], None, PageExtras(gallery=value))
    script = read_page(html).one("script", id="gallery-data")
    assert script.attributes["type"] == "application/json"
    assert json.loads(script.text) == {**value, "undefined": None}
    assert re.search("[<>&\u2028\u2029]", script.text) is None


@every_page
def test_tables_are_within_regions_that_the_keyboard_reaches(name: str) -> None:
    page = READ[name]
    regions = page.all("div", class_="scroll")
    assert sum(len(region.all("table")) for region in regions) == len(page.all("table"))
    for region in regions:
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    for table in page.all("table"):
        widths = {len(row.all("th") + row.all("td")) for row in table.all("tr")}
        assert len(widths) == 1
        assert table.one("caption").text


@every_page
def test_charts_say_in_words_what_they_show(name: str) -> None:
    page = READ[name]
    for chart in page.all("svg", class_="chart"):
        assert chart.attributes["role"] == "img"
        assert chart.one("title", id=chart.attributes["aria-labelledby"].split()[0]).text
        assert chart.one("desc").text.endswith(".")
    for strip in page.all("svg", class_="strip"):
        assert strip.attributes["aria-hidden"] == "true"


def test_write_page_replaces_a_page(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_page(path, [examples.small()], None, EXTRAS)
    assert path.read_text(encoding="utf-8") == PAGES["small"]
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("n_runs", [0, 3])
def test_write_page_refuses_other_numbers_of_runs(tmp_path: Path, n_runs: int) -> None:
    with pytest.raises(ValueError, match=f"one run or two, got {n_runs}"):
        write_page(tmp_path / "r.html", [examples.small()] * n_runs, None, EXTRAS)


@pytest.mark.parametrize("n_runs", [1, 2])
def test_write_page_wants_a_comparison_for_two_runs_alone(tmp_path: Path, n_runs: int) -> None:
    given: Comparison | None = examples.two()[1] if n_runs == 1 else None
    with pytest.raises(ValueError, match="if and only if there are two runs"):
        write_page(tmp_path / "r.html", [examples.small()] * n_runs, given, EXTRAS)
    assert list(tmp_path.iterdir()) == []


def test_page_of_many_classes_is_small() -> None:
    assert len(PAGES["large"].encode()) < 1_000_000
