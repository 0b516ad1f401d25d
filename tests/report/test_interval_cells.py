"""Intervals beside the numbers: in the printed table, in COCO's lines, in the files."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import pytest

from refdet.analysis_records import Estimate, EvaluationIntervals
from refdet.report.coco_lines import coco_interval_lines, coco_lines
from refdet.report.interval_cells import span
from refdet.report.markdown import metrics_markdown
from refdet.report.metrics import write_metrics_csv, write_metrics_json, write_totals_csv
from refdet.report.text_table import WIDTH, format_class_table
from tests.report.examples import NAN, STATS, evaluation
from tests.report.test_markdown import rows_of
from tests.report.test_text_table import NOTES, TABLE

RATES = ("precision", "recall", "f1")
APS = ("ap", "ap75", "ap50", "ap50_voc", "ap50_voc07")


def around(value: float) -> Estimate:
    """A sixteenth to either side, which is exact, within [0, 1]."""
    if math.isnan(value):
        return Estimate(NAN, NAN, NAN)
    return Estimate(value, max(value - 0.0625, 0), min(value + 0.0625, 1))


def intervals() -> EvaluationIntervals:
    judged = evaluation()
    totals = [*(f"{kind}_{name}" for kind in ("micro", "macro") for name in RATES)]
    totals += [f"mean_{name}" for name in APS]
    return EvaluationIntervals(
        level=0.95,
        n_samples=500,
        seed=7,
        coco_stats=tuple(around(NAN if value == -1 else value) for value in STATS),
        totals={name: around(getattr(judged.totals, name)) for name in totals},
        classes=tuple(
            {name: around(getattr(one, name)) for name in (*RATES, *APS)} for one in judged.classes
        ),
        bands={},
    )


# By hand: a sixteenth is 0.0625; WBC's precision 0.9722 - 0.0625 = 0.9097, and at most 1.
SPANS = """\
class              P         R        F1         AP      AP75       AP50       VOC     VOC07
WBC        .910-1.00 .812-.938 .859-.984  .438-.562 .438-.562  .688-.812 .688-.812 .688-.812
RBC                - .000-.062 .000-.062  .188-.312 .188-.312  .188-.312 .188-.312 .188-.312
Platelets  .000-.062         -         -          -         -          -         -         -
--------------------------------------------------------------------------------------------
micro      .896-1.00 .724-.849 .802-.927
macro      .424-.549 .375-.500 .398-.523  .312-.438 .312-.438  .438-.562 .438-.562 .438-.562
Intervals of 95 %: 500 bootstrap samples of the 3 images, seed 7."""


def test_format_class_table_adds_a_table_of_intervals() -> None:
    assert format_class_table(evaluation(), intervals()) == f"{TABLE}\n\n{SPANS}\n{NOTES}"


def test_format_class_table_with_intervals_fits_a_terminal_and_skips_the_same_classes() -> None:
    judged = evaluation()
    empty = dataclasses.replace(judged.classes[2], false_positives=0)
    long = dataclasses.replace(judged.classes[0], name="baseball glove")
    lines = format_class_table(
        dataclasses.replace(judged, classes=(long, judged.classes[1], empty)), intervals()
    ).splitlines()
    assert 90 < max(map(len, lines)) <= WIDTH
    names = [line[:14].rstrip() for line in lines]
    assert names[0:3] == names[7:10] == ["class", "baseball glove", "RBC"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0, 1.0, ".000-1.00"),
        (0.12345, 0.9994, ".123-.999"),
        (0.9996, 0.9999, "1.00-1.00"),
        (-0.375, 0.0625, "-.375 to .062"),
        (-1.0, -0.0004, "-1.00 to .000"),
        (NAN, NAN, "-"),
    ],
)
def test_span_has_three_digits_without_the_leading_zero(low: float, high: float, text: str) -> None:
    assert span(Estimate(0.5, low, high)) == text


def test_coco_interval_lines_differ_from_cocos_lines_in_the_number_alone() -> None:
    lines = coco_interval_lines(intervals().coco_stats, 100)
    pairs = [line.split(" = ") for line in lines]
    assert [pair[0] for pair in pairs] == [line.split(" = ")[0] for line in coco_lines(STATS)]
    # By hand: 0.375 - 0.0625 = 0.3125, and half a thousandth goes to the even digit.
    assert [pair[1] for pair in pairs[:4]] == [*(".312-.438", ".438-.562", ".312-.438", "-")]
    assert pairs[11][1] == ".938-1.00"
    with pytest.raises(ValueError, match="12 numbers, got 3"):
        coco_interval_lines(intervals().coco_stats[:3])


def test_metrics_markdown_has_the_cells_and_the_note_of_the_intervals() -> None:
    page = metrics_markdown(evaluation(), intervals())
    _, _, second = page.partition("VOC07 |\n")
    second = second[second.index("| class") :]
    printed = [line for line in SPANS.splitlines()[:-1] if not line.startswith("---")]
    cells = [[cell for cell in row if cell] for row in rows_of(second)]
    assert cells == [line.split() for line in printed]
    assert SPANS.splitlines()[-1] in page
    code = page.split("```")[1].strip("\n").splitlines()
    assert code == [*coco_lines(STATS), *coco_interval_lines(intervals().coco_stats)]


def test_write_metrics_json_holds_the_intervals_and_how_they_were_drawn(tmp_path: Path) -> None:
    write_metrics_json(tmp_path / "with.json", evaluation(), intervals())
    write_metrics_json(tmp_path / "without.json", evaluation())
    metrics = json.loads((tmp_path / "with.json").read_text())
    own = metrics.pop("intervals")
    assert metrics == json.loads((tmp_path / "without.json").read_text())
    assert (own["level"], own["n_samples"], own["seed"]) == (0.95, 500, 7)
    assert own["totals"]["mean_ap"] == [0.3125, 0.4375]
    assert own["coco_stats"][2:5] == [[0.3125, 0.4375], [None, None], [0.1875, 0.3125]]
    assert [row["name"] for row in own["classes"]] == ["WBC", "RBC", "Platelets"]
    assert own["classes"][1]["precision"] == [None, None]
    assert own["classes"][1]["ap50"] == [0.1875, 0.3125]


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_write_metrics_csv_adds_columns_of_ends(tmp_path: Path) -> None:
    write_metrics_csv(tmp_path / "with.csv", evaluation(), intervals())
    write_metrics_csv(tmp_path / "without.csv", evaluation())
    rows, before = rows_in(tmp_path / "with.csv"), rows_in(tmp_path / "without.csv")
    names = [f"{name}_{end}" for name in (*RATES, *APS) for end in ("low", "high")]
    assert list(rows[0]) == [*before[0], *names]
    assert [{name: row[name] for name in before[0]} for row in rows] == before
    assert [row["ap50_low"] for row in rows] == ["0.6875", "0.1875", ""]
    assert [row["ap50_high"] for row in rows] == ["0.8125", "0.3125", ""]


def test_write_totals_csv_adds_columns_of_ends(tmp_path: Path) -> None:
    write_totals_csv(tmp_path / "with.csv", evaluation(), intervals())
    write_totals_csv(tmp_path / "without.csv", evaluation())
    (row,), (before,) = rows_in(tmp_path / "with.csv"), rows_in(tmp_path / "without.csv")
    assert {name: row[name] for name in before} == before
    assert (row["mean_ap_low"], row["mean_ap_high"]) == ("0.3125", "0.4375")
    assert len(row) == len(before) + 2 * 11
