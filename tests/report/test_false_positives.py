"""The false-positive report and the list of images."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from refdet.report.false_positives import (
    false_positive_images,
    write_false_positive_list,
    write_false_positive_report,
)
from tests.report.examples import evaluation

ABSENT = {"duplicate": 0, "localization": 0, "confusion": 0, "both": 0, "background": 0}


def test_write_false_positive_report_counts_by_class_and_kind(tmp_path: Path) -> None:
    write_false_positive_report(tmp_path / "fp.json", evaluation(platelets_score_threshold=0.25))
    report = json.loads((tmp_path / "fp.json").read_text())
    assert report["split"] == "test"
    assert report["iou_threshold"] == 0.5
    assert report["score_thresholds"] == {"WBC": 0.5, "RBC": 0.5, "Platelets": 0.25}
    wbc, rbc, platelets = report["classes"]
    shared = {"label": 0, "class": "WBC", "false_positives": 2, "missed": 0}
    assert wbc == {**ABSENT, **shared, "duplicate": 1, "background": 1}
    assert rbc == {**ABSENT, "label": 1, "class": "RBC", "false_positives": 0, "missed": 1}
    shared = {"label": 2, "class": "Platelets", "false_positives": 1, "missed": 0}
    assert platelets == {**ABSENT, **shared, "confusion": 1}


def test_write_false_positive_report_holds_every_record(tmp_path: Path) -> None:
    write_false_positive_report(tmp_path / "fp.json", evaluation())
    report = json.loads((tmp_path / "fp.json").read_text())
    assert [record["image"] for record in report["false_positives"]] == ["a", "b", "b"]
    assert report["false_positives"][2] == {
        "image": "b",
        "index": 2,
        "label": 2,
        "class": "Platelets",
        "score": 0.5,
        "best_iou": 0.0,
        "box_xyxy": [5.0, 5.0, 9.0, 9.0],
        "kind": "confusion",
        "confused_with": "WBC",
    }
    assert report["false_positives"][0]["confused_with"] is None
    box = [1.0, 1.0, 2.0, 2.0]
    missed = {"image": "a", "index": 4, "label": 1, "class": "RBC", "box_xyxy": box}
    assert report["missed"] == [missed]


def test_write_false_positive_list_names_each_image_once_in_order(tmp_path: Path) -> None:
    record = evaluation().false_positives[0]
    wrong = tuple(dataclasses.replace(record, image=image) for image in "gbafbdceb")
    shuffled = dataclasses.replace(evaluation(), false_positives=wrong)
    assert false_positive_images(shuffled) == list("abcdefg")
    write_false_positive_list(tmp_path / "list.txt", shuffled)
    assert (tmp_path / "list.txt").read_bytes() == b"a\nb\nc\nd\ne\nf\ng\n"


def test_write_false_positive_list_without_false_positives_is_an_empty_file(tmp_path: Path) -> None:
    perfect = dataclasses.replace(evaluation(), false_positives=())
    write_false_positive_list(tmp_path / "list.txt", perfect)
    assert (tmp_path / "list.txt").read_bytes() == b""


@pytest.mark.parametrize("name", ["a\nb", "a\n", "\u2028", ""])
def test_write_false_positive_list_refuses_a_name_that_is_no_line(
    tmp_path: Path, name: str
) -> None:
    record = dataclasses.replace(evaluation().false_positives[0], image=name)
    hostile = dataclasses.replace(evaluation(), false_positives=(record,))
    with pytest.raises(ValueError, match="cannot stand on a line"):
        write_false_positive_list(tmp_path / "list.txt", hostile)
    assert not (tmp_path / "list.txt").exists()
