"""The metrics' JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from refdet.records import ClassMetrics
from refdet.report.metrics import write_metrics_json
from tests.report.examples import evaluation


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
        "mean_ap": 0.375,
        "mean_ap50": 0.5,
        "mean_ap75": 0.375,
        "classes_without_ground_truth": ["Platelets"],
        "n_false_positives": 3,
        "n_missed": 1,
    }
    assert [row["name"] for row in classes] == ["WBC", "RBC", "Platelets"]
    assert [row["ap50"] for row in classes] == [0.75, 0.25, None]
    assert set(classes[0]) == {field.name for field in fields(ClassMetrics)}
