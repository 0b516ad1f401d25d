"""The numbers of an evaluation as data frames."""

from __future__ import annotations

import dataclasses
import math

from refdet.records import ClassMetrics, ConfusionMatrix, Totals
from refdet.report.table import class_table, confusion_table, totals_table
from tests.report.examples import CONFUSION, NAMES, TOTALS, evaluation


def test_class_table_holds_every_metric_by_class_name() -> None:
    table = class_table(evaluation())
    assert tuple(table.index) == NAMES
    assert {*table.columns, "name"} == {field.name for field in dataclasses.fields(ClassMetrics)}
    assert table["true_positives"].tolist() == [70, 0, 0]
    assert table["ap"].tolist()[:2] == [0.5, 0.25]
    assert math.isnan(table["ap"].tolist()[2])


def test_class_table_of_no_class_keeps_its_columns() -> None:
    table = class_table(dataclasses.replace(evaluation(), classes=()))
    assert len(table) == 0
    assert "ap50_voc" in table.columns


def test_totals_table_holds_every_total_once() -> None:
    # Each total is a different number, so that none can take the place of another.
    names = [field.name for field in dataclasses.fields(Totals)]
    values = {name: place + 1 for place, name in enumerate(names)}
    table = totals_table(dataclasses.replace(evaluation(), totals=Totals(**values)))
    assert table.index.tolist() == ["micro", "macro"]
    assert set(table.columns) <= set(class_table(evaluation()).columns)
    cells = {
        f"{row}_{column}": table.loc[row, column]
        for row in table.index
        for column in table.columns
        if not math.isnan(table.loc[row, column])
    }
    counts = ("n_ground_truth", "n_detections", *(n for n in names if n.endswith("tives")))
    want = {name: value for name, value in values.items() if name not in counts}
    want = {name.replace("mean_", "macro_"): value for name, value in want.items()}
    assert cells == {**want, **{f"micro_{name}": values[name] for name in counts}}


def test_totals_table_has_columns_of_class_table() -> None:
    table = totals_table(evaluation())
    assert table.loc["micro", "precision"] == TOTALS.micro_precision
    assert table.loc["macro", "ap"] == TOTALS.mean_ap


def test_confusion_table_names_rows_and_columns() -> None:
    table = confusion_table(evaluation())
    assert table.index.tolist() == table.columns.tolist() == [*NAMES, "background"]
    assert table.loc["Platelets", "WBC"] == 1
    assert table.loc["background", "RBC"] == 9
    assert table.loc["WBC", "background"] == 2
    assert table.to_numpy().sum() == CONFUSION.counts.sum()


def test_confusion_table_of_a_class_called_background_has_distinct_names() -> None:
    confusion = ConfusionMatrix(("background",), CONFUSION.counts[:2, :2], 0, 0, 0)
    table = confusion_table(dataclasses.replace(evaluation(), confusion=confusion))
    assert table.columns.tolist() == ["background", "(background)"]
