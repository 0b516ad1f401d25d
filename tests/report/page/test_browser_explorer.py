"""The threshold explorer in a browser, against core's counts on the same data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from refdet.analysis_records import ThresholdCurve
from refdet.data.class_thresholds import read_class_thresholds
from refdet.records import ClassMetrics, Totals
from refdet.report.cells import share
from tests.report.page.conftest import OpenPage
from tests.report.page.examples import empty, hostile
from tests.report.page.measured import NAMES, evaluation_at, measured

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

Thresholds = tuple[float, float, float]


def row_of(page: Page, name: str, run: int = 0) -> Locator:
    return page.locator(".explorer-run").nth(run).get_by_role("row", name=name)


def numbers_of(row: Locator) -> list[str]:
    return row.locator("td.n").all_inner_texts()


def texts_of(one: ClassMetrics) -> list[str]:
    counts = (one.true_positives, one.false_positives, one.false_negatives)
    return [*map(share, (one.precision, one.recall, one.f1)), *map(str, counts)]


def texts_of_all(totals: Totals) -> list[str]:
    counts = (totals.true_positives, totals.false_positives, totals.false_negatives)
    shares = (totals.micro_precision, totals.micro_recall, totals.micro_f1)
    return [*map(share, shares), *map(str, counts)]


def require_shown(page: Page, thresholds: Thresholds, seed: int = 3, run: int = 0) -> None:
    evaluation = evaluation_at(thresholds, seed)
    for one in evaluation.classes:
        assert numbers_of(row_of(page, one.name, run)) == texts_of(one)
    assert numbers_of(row_of(page, "All classes", run)) == texts_of_all(evaluation.totals)


def test_explorer_starts_at_the_thresholds_of_the_evaluation(open_page: OpenPage) -> None:
    page = open_page(measured())
    require_shown(page, (0.5, 0.5, 0.5))
    assert row_of(page, "RBC").get_by_role("spinbutton").input_value() == "0.5"


def test_explorer_slider_shows_the_counts_of_core(open_page: OpenPage) -> None:
    page = open_page(measured())
    slider = row_of(page, "RBC").get_by_role("slider")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.51"
    require_shown(page, (0.5, 0.51, 0.5))  # scores are hundredths: 0.51 counts, what is below not
    page.keyboard.press("ArrowRight")
    require_shown(page, (0.5, 0.511, 0.5))
    slider.fill("1000")
    require_shown(page, (0.5, 1.0, 0.5))
    slider.fill("0")
    require_shown(page, (0.5, 0.0, 0.5))


def test_explorer_number_shows_the_counts_of_core(open_page: OpenPage) -> None:
    page = open_page(measured())
    number = row_of(page, "WBC").get_by_role("spinbutton")
    number.fill("0.83")
    require_shown(page, (0.83, 0.5, 0.5))
    assert row_of(page, "WBC").get_by_role("slider").input_value() == "830"
    number.fill("0.8304")
    number.press("Tab")
    assert number.input_value() == "0.83"  # the step that is counted
    number.fill("7")
    number.press("Tab")
    assert number.input_value() == "1"
    require_shown(page, (1.0, 0.5, 0.5))


def test_explorer_slider_of_all_classes_moves_each(open_page: OpenPage) -> None:
    page = open_page(measured())
    row_of(page, "All classes").get_by_role("slider").fill("250")
    require_shown(page, (0.25, 0.25, 0.25))
    row_of(page, "WBC").get_by_role("slider").fill("900")
    assert row_of(page, "All classes").get_by_role("spinbutton").input_value() == ""
    page.get_by_role("button", name="Back to this evaluation's").click()
    require_shown(page, (0.5, 0.5, 0.5))


def test_explorer_of_two_runs_moves_them_apart(open_page: OpenPage) -> None:
    page = open_page(measured(3), measured(4))
    row_of(page, "RBC", run=1).get_by_role("slider").fill("700")
    require_shown(page, (0.5, 0.5, 0.5), seed=3, run=0)
    require_shown(page, (0.5, 0.7, 0.5), seed=4, run=1)


def test_explorer_saves_the_chosen_thresholds(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(measured())
    row_of(page, "Platelets").get_by_role("spinbutton").fill("0.62")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save thresholds").click()
    assert download.value.suggested_filename == "class_thresholds.json"
    download.value.save_as(tmp_path / "saved.json")
    saved = read_class_thresholds(tmp_path / "saved.json")
    assert saved.thresholds == dict(zip(NAMES, (0.5, 0.5, 0.62), strict=True))
    assert saved.iou_threshold == 0.5


def test_explorer_saves_hostile_names_of_classes(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(hostile())
    with page.expect_download() as download:
        page.get_by_role("button", name="Save thresholds").click()
    download.value.save_as(tmp_path / "saved.json")
    saved = read_class_thresholds(tmp_path / "saved.json")
    classes = hostile().evaluation.classes
    assert saved.thresholds == {one.name: one.score_threshold for one in classes}


def test_explorer_without_classes_shows_none(open_page: OpenPage) -> None:
    page = open_page(empty())
    assert page.locator(".explorer-run").count() == 0


def test_explorer_rounds_as_the_tables_do(open_page: OpenPage) -> None:
    """Half a thousandth goes to the even one, as Python has it and JavaScript has not."""
    right, wrong = np.array([1, 3, 5, 15, 1, 0]), np.array([15, 13, 11, 1, 2, 4])
    curve = ThresholdCurve(np.arange(9, 3, -1) / 10, right, wrong, 16)
    analysis = measured()
    page = open_page(replace(analysis, thresholds=(curve, *analysis.thresholds[1:])))
    shown = []
    for score in curve.scores.tolist():
        row_of(page, "WBC").get_by_role("spinbutton").fill(str(score))
        shown.append(numbers_of(row_of(page, "WBC"))[0])
    assert shown == [share(value) for value in (right / (right + wrong)).tolist()]
    assert shown == ["0.062", "0.188", "0.312", "0.938", "0.333", "0.000"]
