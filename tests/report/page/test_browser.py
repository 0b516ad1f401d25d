"""The page in a browser, as a reader uses it; `open_page` sees that it does no harm."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from refdet.analysis_records import Analysis
from refdet.report.page.names import shown_name
from tests.report.page.conftest import DESKTOP, PHONE, OpenPage
from tests.report.page.examples import HOSTILE_NAMES, empty, hostile, large, other, silent, small
from tests.report.page.measured import NAMES, measured

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

FOCUS = "(one => one.id || one.name || one.className || one.type)(document.activeElement)"
# Control characters, a mark that turns the line around, other blanks, one beyond 16 bits.
UNSEEN = (
    "a\tb",
    "\x00\x7f\x85",
    "abc\u202egnp.exe",
    "\u2003",
    "  ",
    "",
    "\U000e0041",
    "\ue000",
    "a b\\",
)
WIDTH = "document.documentElement.scrollWidth"


def test_page_sorts_the_table_of_classes(open_page: OpenPage) -> None:
    page = open_page(measured())
    names = page.locator("#classes tbody th")
    assert names.all_inner_texts() == list(NAMES)
    header = page.locator("#classes thead th", has_text="FP")
    header.get_by_role("button").click()
    wrong = {one.name: one.false_positives for one in measured().evaluation.classes}
    assert len(set(wrong.values())) == 3
    assert names.all_inner_texts() == sorted(wrong, key=lambda name: -wrong[name])
    assert header.get_attribute("aria-sort") == "descending"
    header.get_by_role("button").press("Enter")
    assert names.all_inner_texts() == sorted(wrong, key=lambda name: wrong[name])


def test_page_becomes_dark_and_stays_so(open_page: OpenPage) -> None:
    page = open_page(small())
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("button.theme").click()
    dark = page.evaluate(ground)
    assert sum(map(int, light.strip("rgb()").split(","))) > 700
    assert sum(map(int, dark.strip("rgb()").split(","))) < 100
    page.reload()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("which", ["one", "two", "hostile", "large", "empty", "silent"])
def test_page_never_scrolls_sideways(open_page: OpenPage, which: str) -> None:
    runs = {"one": small, "hostile": hostile, "large": large, "empty": empty, "silent": silent}
    page = open_page(*((small(), other()) if which == "two" else (runs[which](),)))
    for width, height in (PHONE, (320, 640), (768, 1024), (800, 600), DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(WIDTH) <= width
        if page.locator(".gallery-open").count():
            page.locator(".gallery-open").first.click()
            assert page.evaluate(WIDTH) <= width
            assert page.locator("#gallery-dialog").evaluate("one => one.scrollWidth") <= width
            page.keyboard.press("Escape")


@pytest.mark.parametrize("runs", [(hostile(),), (small(), other())])
def test_page_fits_on_paper(open_page: OpenPage, runs: tuple[Analysis, ...]) -> None:
    page = open_page(*runs, size=(718, 1000))  # A4 less Chromium's margins
    page.emulate_media(media="print")
    rights = "[...document.querySelectorAll('table')].map(one => one.getBoundingClientRect().right)"
    assert max(page.evaluate(rights)) <= 719


def test_page_fades_out_where_there_is_more(open_page: OpenPage) -> None:
    page = open_page(small(), size=PHONE)
    strip = page.locator(".contents ul")
    faded = "one => [...one.classList].filter(name => name.startsWith('more'))"
    page.wait_for_selector(".contents ul.more-after")
    assert strip.evaluate(faded) == ["more-after"]
    strip.evaluate("one => one.scrollTo({ left: 40, behavior: 'instant' })")
    page.wait_for_selector(".contents ul.more-before.more-after")
    strip.evaluate("one => one.scrollTo({ left: 9999, behavior: 'instant' })")
    page.wait_for_selector(".contents ul.more-before:not(.more-after)")


def test_page_names_the_filter_of_each_table(open_page: OpenPage) -> None:
    labels = open_page(large()).locator(".controls label:has(input)").all_inner_texts()
    assert len(set(labels)) == len(labels) > 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_stands_out_from_its_ground(open_page: OpenPage, theme: str) -> None:
    """By WCAG 2.2, 1.4.3 and 1.4.11: letters by 4.5 to 1, and what is operated by 3 to 1."""
    page = open_page(small())
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    ground = colour(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    edge = page.locator(".explorer-save").evaluate("one => getComputedStyle(one).borderColor")
    assert contrast(colour(edge)[:3], ground[:3]) >= 3
    cell = page.locator("#confusion-a td:not(.corner)").first
    for shade in range(11):
        cell.evaluate("(one, shade) => { one.className = `s${shade}`; }", shade)
        style = "one => ['backgroundColor', 'color'].map(name => getComputedStyle(one)[name])"
        (*shaded, alpha), letters = map(colour, cell.evaluate(style))
        mixed = [alpha * a + (1 - alpha) * b for a, b in zip(shaded, ground, strict=False)]
        assert contrast(mixed, letters[:3]) >= 4.5, shade


def colour(text: str) -> list[float]:
    """Red, green, blue and opacity of `rgb(...)` or `rgba(...)`."""
    numbers = [float(one) for one in re.findall(r"[\d.]+", text)]
    return numbers if len(numbers) == 4 else [*numbers, 1.0]


def contrast(a: Sequence[float], b: Sequence[float]) -> float:
    """WCAG's ratio of two colours."""

    def light(one: Sequence[float]) -> float:
        parts = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in one]
        return sum(f * part for f, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    low, high = sorted((light(a), light(b)))
    return (high + 0.05) / (low + 0.05)


def test_page_shows_hostile_names_as_text(open_page: OpenPage) -> None:
    page = open_page(hostile())
    # Jinja's braces are not worked out, and no name has become an element.
    assert page.locator("img, b, iframe").count() == 0
    assert page.locator("body script").count() == 7
    options = page.locator("#gallery-form select[name=label] option")
    names = [shown_name(name) for name in HOSTILE_NAMES]
    assert options.all_text_contents()[1:] == names
    assert page.locator("#explorer .explorer-class bdi").all_text_contents()[1:] == names
    assert page.evaluate("names => names.map(shownName)", UNSEEN) == [*map(shown_name, UNSEEN)]
    page.locator("#gallery-form select[name=label]").select_option("0")
    title = page.locator(".gallery-title").first.text_content()
    assert title is not None
    assert title.startswith(names[0])
    page.locator(".gallery-open").first.click()
    assert page.locator("#gallery-dialog-title").text_content() == title
    # A name from right to left is kept apart from the score beside it.
    assert page.locator("#gallery-dialog-title bdi").text_content() == names[0]
    assert "49" not in page.locator("#explorer .explorer-class").nth(6).inner_text()


def test_page_is_used_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page(measured())
    seen = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(FOCUS))
        if page.evaluate(FOCUS) == "gallery-open":
            break
    assert {"range", "number", "explorer-save", "label", "kind5", "gallery-save"} <= seen
    first = page.locator(".gallery-title").first.inner_text()
    page.keyboard.press("Enter")
    dialog = page.locator("#gallery-dialog")
    assert dialog.evaluate("dialog => dialog.open")
    assert page.locator("#gallery-dialog-title").inner_text() == first
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    third = page.locator(".gallery-title").nth(2).inner_text()
    assert page.locator("#gallery-dialog-title").inner_text() == third
    assert page.locator("#gallery-place").inner_text().startswith("3 of ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert not dialog.evaluate("dialog => dialog.open")
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.gallery-open')].indexOf(document.activeElement)"
        )
        == 1
    )
