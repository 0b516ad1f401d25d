"""The page in a browser, as a reader uses it; `open_page` sees that it does no harm."""

from __future__ import annotations

import pytest

from refdet.report.page.names import shown_name
from tests.report.page.conftest import DESKTOP, PHONE, OpenPage
from tests.report.page.examples import HOSTILE_NAMES, empty, hostile, large, other, silent, small
from tests.report.page.measured import NAMES, measured

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

FOCUS = "(one => one.id || one.name || one.className || one.type)(document.activeElement)"
# A control character, a mark that turns the line around, blanks of other widths, one beyond 16 bits.
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
