"""Slices as text, Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from refdet.analysis_records import Estimate, Slice
from refdet.report.slices import format_slices, slices_markdown, verdict_on, write_slices

NAN = float("nan")
BAD = Slice(
    *("site", "B", 12, 40),
    Estimate(0.25, 0.125, 0.375),
    Estimate(0.5, 0.25, 0.625),
    Estimate(-0.25, -0.375, -0.125),
    *(0.001, 0.004),
)
FINE = Slice(
    *("site", "A|a\n", 20, 80),
    Estimate(0.5, 0.375, 0.625),
    Estimate(0.75, 0.625, 0.875),
    Estimate(0.25, 0.125, 0.375),
    *(0.001, 0.004),
)
FEW = Slice(
    *("camera", "x", 2, 0),
    *(Estimate(NAN, NAN, NAN), Estimate(NAN, NAN, NAN), Estimate(NAN, NAN, NAN)),
    *(NAN, NAN),
)


def test_format_slices_is_a_line_for_each_in_their_order() -> None:
    lines = format_slices([BAD, FINE, FEW]).splitlines()
    assert lines[0].split() == [
        *("column", "slice", "images", "objects", "AP", "interval", "AP50", "interval"),
        *("AP50", "-", "rest", "interval", "p", "corrected"),
    ]
    assert lines[1].split() == [
        *("site", "B", "12", "40", "0.250", ".125-.375", "0.500", ".250-.625"),
        *("-0.250", "-.375", "to", "-.125", "0.001", "0.004"),
    ]
    assert lines[2].startswith("site    A|a\\n")
    assert lines[3].split() == ["camera", "x", "2", "0", *["-"] * 8]


def test_verdict_on_names_the_worst_that_chance_does_not_explain() -> None:
    assert verdict_on([BAD, FINE, FEW]) == (
        "site 'B' is worst: AP50 is 0.250 below that of the other images (95 % interval -0.375 to "
        "-0.125, corrected p 0.004)."
    )
    second = replace(BAD, value="C")
    assert verdict_on([BAD, second, FINE]).endswith("Of 3 slices 1 more is worse.")


@pytest.mark.parametrize("p_value", [0.05, 0.9])
def test_verdict_on_says_that_chance_explains_the_worst(p_value: float) -> None:
    likely = replace(BAD, adjusted_p_value=p_value)
    assert verdict_on([likely, FEW]) == (
        "No slice is worse than the rest by more than chance explains: 1 of 1 is below it, the "
        f"lowest corrected p of these is {p_value:.3f}."
    )


def test_verdict_on_does_not_call_the_better_one_worse() -> None:
    assert verdict_on([FINE]).endswith("chance explains: 0 of 1 are below it.")
    likely = replace(BAD, adjusted_p_value=0.6)
    assert verdict_on([likely, FINE]).endswith(
        "1 of 2 is below it, the lowest corrected p of these is 0.600."
    )


def test_verdict_on_too_few_images_says_so() -> None:
    for slices in ([FEW], []):
        assert verdict_on(slices) == "No slice has images enough to be compared with the rest."


def test_slices_markdown_escapes_the_values() -> None:
    page = slices_markdown([BAD, FINE])
    assert "| site | A\\|a\\\\n | 20 | 80 |" in page
    assert page.index("**site 'B' is worst") < page.index("| column |")


def test_write_slices_holds_every_number(tmp_path: Path) -> None:
    write_slices(tmp_path, [BAD, FEW])
    with (tmp_path / "slices.csv").open(encoding="utf-8", newline="") as file:
        bad, few = csv.DictReader(file)
    assert bad == {
        **{"column": "site", "value": "B", "n_images": "12", "n_objects": "40"},
        **{"mean_ap": "0.25", "mean_ap_low": "0.125", "mean_ap_high": "0.375"},
        **{"mean_ap50": "0.5", "mean_ap50_low": "0.25", "mean_ap50_high": "0.625"},
        **{"difference": "-0.25", "difference_low": "-0.375", "difference_high": "-0.125"},
        **{"p_value": "0.001", "adjusted_p_value": "0.004"},
    }
    assert (few["value"], few["difference"], few["p_value"]) == ("x", "", "")
    first, second = json.loads((tmp_path / "slices.json").read_text())
    assert first["difference"] == {"value": -0.25, "low": -0.375, "high": -0.125}
    assert second["adjusted_p_value"] is None
    assert (tmp_path / "slices.md").read_text() == slices_markdown([BAD, FEW])
