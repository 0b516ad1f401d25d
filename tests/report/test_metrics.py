"""The metrics' JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import json
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
import pytest

from refdet.records import ClassMetrics, Evaluation, Totals
from refdet.report.csv_text import csv_text
from refdet.report.metrics import write_metrics_csv, write_metrics_json, write_totals_csv
from refdet.report.table import class_table
from tests.report.examples import NAN, STATS, TOTALS, evaluation


def test_write_metrics_json_holds_the_means_and_null_for_the_undefined(tmp_path: Path) -> None:
    write_metrics_json(tmp_path / "metrics.json", evaluation())
    text = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in text
    metrics = json.loads(text)
    classes = metrics.pop("classes")
    assert metrics == {
        "split": "test",
        "n_images": 3,
        "iou_threshold": 0.5,
        "max_detections": 100,
        "mean_ap": 0.375,
        "mean_ap50": 0.5,
        "mean_ap75": 0.375,
        "totals": asdict(TOTALS),
        "coco_stats": [*STATS[:3], None, *STATS[4:9], None, *STATS[10:]],
        "classes_without_ground_truth": ["Platelets"],
        "n_false_positives": 3,
        "n_missed": 1,
        "n_ignored_detections": 4,
        "n_ignored_objects": 5,
        "n_unjudged_detections": 6,
    }
    assert [row["name"] for row in classes] == ["WBC", "RBC", "Platelets"]
    assert [row["ap50"] for row in classes] == [0.75, 0.25, None]
    assert set(classes[0]) == {field.name for field in fields(ClassMetrics)}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def named(*names: str) -> Evaluation:
    one = evaluation().classes[0]
    classes = tuple(dataclasses.replace(one, name=name) for name in names)
    return dataclasses.replace(evaluation(), classes=classes)


def test_write_metrics_csv_leaves_the_undefined_empty(tmp_path: Path) -> None:
    write_metrics_csv(tmp_path / "metrics.csv", evaluation())
    rows = rows_of(tmp_path / "metrics.csv")
    assert [(row["name"], row["ap50"], row["true_positives"]) for row in rows] == [
        ("WBC", "0.75", "70"),
        ("RBC", "0.25", "0"),
        ("Platelets", "", "0"),
    ]
    assert rows[0]["precision"] == repr(70 / 72)


def test_write_metrics_csv_is_the_data_frame(tmp_path: Path) -> None:
    write_metrics_csv(tmp_path / "metrics.csv", evaluation())
    read = pd.read_csv(tmp_path / "metrics.csv", index_col="name")
    pd.testing.assert_frame_equal(read, class_table(evaluation()), check_index_type=False)


HOSTILE = ('a "b", c', "two\nlines", "lone\rreturn", "both\r\n", "a|b", "=1+1", "", " ", "Zelle ü")


def test_write_metrics_csv_keeps_any_name(tmp_path: Path) -> None:
    write_metrics_csv(tmp_path / "metrics.csv", named(*HOSTILE))
    assert [row["name"] for row in rows_of(tmp_path / "metrics.csv")] == list(HOSTILE)


def test_write_totals_csv_holds_every_total(tmp_path: Path) -> None:
    totals = dataclasses.replace(TOTALS, macro_f1=NAN)
    write_totals_csv(tmp_path / "t.csv", dataclasses.replace(evaluation(), totals=totals))
    (row,) = rows_of(tmp_path / "t.csv")
    assert list(row) == [field.name for field in fields(Totals)]
    assert (row["true_positives"], row["micro_f1"], row["macro_f1"]) == ("70", repr(140 / 162), "")


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_text_gives_a_lone_cell_back(text: str) -> None:
    assert list(csv.reader([csv_text([[text]])])) == [[text]]
