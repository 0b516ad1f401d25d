"""A browser for the tests of the page: the system's own, one for the whole session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from refdet.analysis_records import Analysis
from refdet.report.page import PageExtras
from refdet.report.page.explorer import explorer_data
from refdet.report.page.gallery import make_gallery
from refdet.report.page.writing import page_html
from tests.report.page.analysed import comparison_of
from tests.report.page.measured import noise

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox: in a container there is none to be had. The others keep it from asking the network.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Watch:
    """What a page did that it should not.

    Attributes:
        complaints: errors on the console, and those that no script has caught.
        dialogs: opened by a script, such as by `alert`.
        requests: addresses beyond the page itself and what it carries.
    """

    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


OpenPage: TypeAlias = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip; REFDET_BROWSER names another one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    named = os.environ.get("REFDET_BROWSER")
    path = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed; REFDET_BROWSER names another")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@cache
def html_of(analyses: tuple[Analysis, ...]) -> str:
    """The whole page of these runs, written once for all tests that open it."""
    comparison = comparison_of(analyses[0], analyses[1]) if len(analyses) == 2 else None
    gallery = make_gallery(analyses, noise, picture_bytes=200_000)
    return page_html(analyses, comparison, PageExtras(explorer_data(analyses), gallery.data))


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the page of some runs from its file; at the end of the test, it has done no harm."""
    opened: list[tuple[Page, Watch]] = []

    def open_it(*analyses: Analysis, size: tuple[int, int] = DESKTOP) -> Page:
        file = tmp_path / "report.html"
        file.write_text(html_of(analyses), encoding="utf-8")
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        page, watch = context.new_page(), Watch()
        page.set_default_timeout(5000)
        page.on("console", lambda said: watch.complaints.append(said.text))
        page.on("pageerror", lambda error: watch.complaints.append(str(error)))
        page.on("dialog", lambda dialog: watch.dialogs.append(dialog.message))
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("request", lambda request: watch.requests.append(request.url))
        page.goto(file.as_uri())
        opened.append((page, watch))
        return page

    yield open_it
    for page, watch in opened:
        own = (page.url.partition("#")[0], "data:", "blob:")
        beyond = [url[:200] for url in watch.requests if not url.startswith(own)]
        page.context.close()
        assert watch.requests, "not even the page itself was seen"
        assert (watch.complaints, watch.dialogs, beyond) == ([], [], [])
