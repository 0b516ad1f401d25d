"""The gallery in a browser, against core's list of errors on the same data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refdet.data.exclusion import read_exclude_list
from refdet.records import FalsePositiveKind, FalsePositiveRecord
from refdet.report.page import PageExtras
from refdet.report.page.gallery import make_gallery
from refdet.report.page.names import shown_name
from refdet.report.page.writing import page_html
from tests.report.page.conftest import OpenPage, html_of
from tests.report.page.examples import HOSTILE_NAMES, empty, hostile
from tests.report.page.measured import measured
from tests.report.page.test_gallery import many

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

WRONG = measured().evaluation.false_positives
MISSED = measured().evaluation.missed


def n_found(page: Page) -> int:
    return int(page.locator("#gallery-status").inner_text().split()[0].replace(",", ""))


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"#gallery-form select[name={name}]").select_option(value)


def only(page: Page, *kinds: str) -> None:
    for box in page.locator("#gallery-form fieldset label").all():
        box.get_by_role("checkbox").set_checked(box.inner_text().split()[0] in kinds)


def saved(page: Page, folder: Path) -> tuple[str, ...]:
    with page.expect_download() as download:
        page.locator("#gallery-save").click()
    assert download.value.suggested_filename == "false_positive_images.txt"
    download.value.save_as(folder / "saved.txt")
    return read_exclude_list(folder / "saved.txt")


def images_of(records: list[FalsePositiveRecord]) -> tuple[str, ...]:
    return tuple(sorted({record.image for record in records}))


def test_gallery_lists_every_error(open_page: OpenPage) -> None:
    page = open_page(measured())
    assert n_found(page) == len(WRONG) + len(MISSED) > 96
    assert page.locator(".gallery-card").count() == 48
    assert page.locator(".gallery-card svg image").count() > 10
    titles = page.locator(".gallery-title").all_inner_texts()
    scores = sorted((record.score for record in WRONG), reverse=True)[:48]
    assert [title.split()[1] for title in titles] == [f"{score:.3f}" for score in scores]


def test_gallery_filters_by_class_kind_score_and_image(open_page: OpenPage) -> None:
    page = open_page(measured())
    choose(page, "label", "1")
    of_class = [record for record in WRONG if record.label == 1]
    missed = [record for record in MISSED if record.label == 1]
    assert n_found(page) == len(of_class) + len(missed)
    only(page, "background", "localization")
    kinds = (FalsePositiveKind.BACKGROUND, FalsePositiveKind.LOCALIZATION)
    of_kind = [record for record in of_class if record.kind in kinds]
    assert n_found(page) == len(of_kind)
    scores = sorted(record.score for record in of_kind)
    low, high = scores[2], scores[-3]
    page.locator("[name=low]").fill(str(low))
    page.locator("[name=high]").fill(str(high))
    between = [record for record in of_kind if low <= record.score <= high]
    assert n_found(page) == len(between)
    page.locator("[name=image]").fill("IMAGE 1")
    named = [record for record in between if record.image.startswith("image 1")]
    assert 0 < n_found(page) == len(named) < len(between) < len(of_kind) < len(of_class)
    only(page, "missed")
    page.locator("[name=image]").fill("")
    assert n_found(page) == 0  # a missed object has no score that a limit could let pass
    for limit in ("low", "high"):
        page.locator(f"[name={limit}]").fill("")
    assert n_found(page) == len(missed)


def test_gallery_sorts(open_page: OpenPage) -> None:
    page = open_page(measured())
    titles = page.locator(".gallery-title")
    only(page, "localization")
    choose(page, "order", "-score")
    wrong = [record for record in WRONG if record.kind == FalsePositiveKind.LOCALIZATION]
    lowest = sorted(record.score for record in wrong)[:48]
    assert [text.split()[1] for text in titles.all_inner_texts()] == [f"{s:.3f}" for s in lowest]
    choose(page, "order", "best_iou")
    ious = [text.split()[-1] for text in page.locator(".gallery-what").all_inner_texts()]
    assert ious == sorted(ious, reverse=True)
    choose(page, "order", "image")
    images = page.locator(".gallery-image").all_inner_texts()
    assert images == sorted(record.image for record in wrong)[:48]


def test_gallery_turns_its_pages(open_page: OpenPage) -> None:
    page = open_page(measured())
    n_pages = -(-(len(WRONG) + len(MISSED)) // 48)
    assert page.locator("#gallery-of").inner_text() == f"of {n_pages}"
    page.locator("#gallery-next").click()
    assert page.locator("#gallery-page").input_value() == "2"
    page.locator("#gallery-page").fill("999")
    page.locator("#gallery-page").press("Enter")
    assert page.locator("#gallery-page").input_value() == str(n_pages)
    left = (len(WRONG) + len(MISSED)) % 48
    assert page.locator(".gallery-card").count() == left
    assert page.locator("#gallery-next").is_disabled()
    page.locator(".gallery-open").nth(1).click()
    second = page.locator(".gallery-card").nth(1)
    shown = page.locator("#gallery-dialog-title").inner_text()
    assert shown == second.locator(".gallery-title").inner_text()
    assert page.locator("#gallery-place").inner_text().startswith(f"{48 * (n_pages - 1) + 2} of")


def test_gallery_dialog_says_all_and_stays_on_what_was_looked_at(open_page: OpenPage) -> None:
    page = open_page(measured())
    only(page, "confusion")
    names = [one.name for one in measured().evaluation.classes]
    record = max(
        (record for record in WRONG if record.kind == FalsePositiveKind.CONFUSION),
        key=lambda record: record.score,
    )
    page.locator(".gallery-open").first.click()
    terms = page.locator("#gallery-facts dt").all_inner_texts()
    facts = dict(zip(terms, page.locator("#gallery-facts dd").all_inner_texts(), strict=True))
    assert record.confused_with is not None
    assert (facts["kind"], facts["covers a"]) == ("confusion", names[record.confused_with])
    assert (facts["score"], facts["image"]) == (f"{record.score:.3f}", record.image)
    assert facts["IoU with its class"] == f"{record.best_iou:.3f}"
    page.keyboard.press("Escape")
    only(page, *FalsePositiveKind)
    page.locator(".gallery-open").last.click()
    page.keyboard.press("ArrowRight")
    page.locator("#gallery-close").click()
    assert page.locator("#gallery-page").input_value() == "2"
    assert page.locator(".gallery-open").first.evaluate("one => one === document.activeElement")


def test_gallery_saves_the_images_of_the_filtered_false_positives(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(measured())
    assert saved(page, tmp_path) == images_of(list(WRONG))
    choose(page, "label", "0")
    page.locator("[name=low]").fill("0.9")
    want = [record for record in WRONG if record.label == 0 and record.score >= 0.9]
    assert saved(page, tmp_path) == images_of(want)
    assert len(images_of(want)) < len(images_of(list(WRONG)))
    only(page, "missed")
    assert page.locator("#gallery-save").is_disabled()


def test_gallery_saves_the_ticked_images(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(measured())
    page.locator("[name=image]").fill("image 07")
    page.locator(".gallery-tick").first.check()
    assert page.locator(".gallery-tick:checked").count() == page.locator(".gallery-tick").count()
    page.locator("[name=image]").fill("image 03")
    page.locator(".gallery-open").first.click()
    page.locator("#gallery-dialog-tick").check()
    page.keyboard.press("Escape")
    page.locator("[name=image]").fill("")
    assert saved(page, tmp_path) == ("image 03.png", "image 07.png")
    page.locator("#gallery-untick").click()
    assert saved(page, tmp_path) == images_of(list(WRONG))


def test_gallery_of_two_runs_shows_one_at_a_time(open_page: OpenPage) -> None:
    page = open_page(measured(3), measured(4))
    second = measured(4).evaluation
    choose(page, "run", "1")
    assert n_found(page) == len(second.false_positives) + len(second.missed)
    assert n_found(page) != len(WRONG) + len(MISSED)


def test_gallery_leaves_out_a_name_that_no_line_can_hold(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(hostile())
    images = {record.image for record in hostile().evaluation.false_positives}
    lines = {image for image in images if image.splitlines() == [image]}
    assert set(saved(page, tmp_path)) == lines < images
    assert "name holds a line break" in page.locator("#gallery-warning").inner_text()


def test_gallery_without_errors_says_so(open_page: OpenPage) -> None:
    page = open_page(empty())
    assert page.locator("#gallery-status").inner_text() == "0 of 0 errors, in 0 images"
    assert page.locator("#gallery-save").is_disabled()


def test_gallery_says_whose_iou_it_tells(open_page: OpenPage) -> None:
    page = open_page(measured())
    only(page, "confusion")
    record = max(
        (record for record in WRONG if record.kind == FalsePositiveKind.CONFUSION),
        key=lambda record: record.score,
    )
    assert record.confused_with is not None
    name = measured().evaluation.classes[record.confused_with].name
    words = f"confusion with {name}, IoU with its class {record.best_iou:.2f}"
    card = page.locator(".gallery-card").first
    assert card.locator(".gallery-what").inner_text() == words
    only(page, *FalsePositiveKind)
    named = page.locator(".gallery-card svg").first.get_attribute("aria-label")
    assert named is not None
    assert "IoU with its class" in named


def test_gallery_names_the_boxes_of_the_enlarged_picture(open_page: OpenPage) -> None:
    page = open_page(hostile())
    page.locator(".gallery-card:has(.gallery-object) .gallery-open").first.click()
    tags = page.locator("#gallery-dialog .gallery-tag")
    boxes = page.locator("#gallery-dialog g.gallery-object")
    # The one object of each invented image; of a long name there is the beginning.
    assert tags.count() == boxes.count() == 1
    assert tags.text_content() == shown_name(HOSTILE_NAMES[1])[:24] + "…"
    inside, picture = tags.bounding_box(), page.locator("#gallery-dialog svg").bounding_box()
    assert inside is not None
    assert picture is not None
    assert inside["y"] >= picture["y"] - 3
    assert page.locator(".gallery-card .gallery-tag").count() == 0


def test_gallery_says_what_a_cut_list_leaves_out(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(measured())
    assert page.locator("#gallery-cut").inner_text() == ""
    gallery = make_gallery([measured()], None, row_bytes=4000)
    left_out = gallery.n_errors - gallery.n_listed
    assert 0 < left_out < gallery.n_errors
    cut = tmp_path / "report.html"  # that of the opened page
    cut.write_text(page_html([measured()], None, PageExtras(gallery=gallery.data)), "utf-8")
    page.reload()
    assert page.locator("#gallery-cut").inner_text() == (
        f"It knows the listed errors only: {left_out} others are left out."
    )


def test_gallery_of_100000_errors_stays_usable(open_page: OpenPage) -> None:
    analysis = many(100_000)
    page = open_page(analysis)
    assert len(html_of((analysis,)).encode()) < 20_000_000
    assert n_found(page) == 100_000
    page.locator("[name=image]").fill("image 99")
    wrong = analysis.evaluation.false_positives
    assert n_found(page) == sum(one.image.startswith("image 99") for one in wrong) > 500
    page.locator("[name=image]").fill("")
    choose(page, "order", "best_iou")
    assert n_found(page) == 100_000
    # Whatever is found, no more than a page of it is ever in the document.
    assert page.locator(".gallery-card").count() == 48
    assert page.evaluate("document.querySelectorAll('#gallery *').length") < 1500


def test_gallery_data_is_the_same_in_the_page(open_page: OpenPage) -> None:
    page = open_page(hostile())
    read = page.evaluate("JSON.parse(document.getElementById('gallery-data').textContent).images")
    images = {record.image for record in hostile().evaluation.false_positives}
    images |= {record.image for record in hostile().evaluation.missed}
    assert read == sorted(images)
