"""The false-positive report and the list of images."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from refdet.data.csv_detections import read_csv_detections
from refdet.records import FalsePositiveKind
from refdet.report.false_positives import (
    false_positive_images,
    write_false_positive_csv,
    write_false_positive_list,
    write_false_positive_report,
)
from tests.data.small_columns import objects_of
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


def test_write_false_positive_csv_sorts_by_kind_class_and_score(tmp_path: Path) -> None:
    first = evaluation().false_positives[0]
    kinds = list(FalsePositiveKind)
    # In the order that is wanted: kinds as they are defined, labels, scores descending, as given.
    wanted = [
        dataclasses.replace(first, kind=kind, label=label, score=score, image=f"image {index}")
        for kind in kinds
        for label in range(3)
        for index, score in enumerate((1.0, 0.5, 0.5, 0.0))
    ]
    mixed = np.random.default_rng(0).permutation(len(wanted)).tolist()
    # As an evaluation has them: by image, so that of equal scores that of the first image leads.
    by_image = sorted((wanted[place] for place in mixed), key=lambda record: record.image)
    shuffled = dataclasses.replace(evaluation(), false_positives=tuple(by_image))
    write_false_positive_csv(tmp_path / "fp.csv", shuffled)
    with (tmp_path / "fp.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("WBC", "RBC", "Platelets")
    assert [(row["kind"], row["class"], float(row["score"]), row["image"]) for row in rows] == [
        (record.kind.value, names[record.label], record.score, record.image) for record in wanted
    ]


def test_write_false_positive_csv_holds_every_field_whatever_the_names(tmp_path: Path) -> None:
    record = dataclasses.replace(evaluation().false_positives[2], image='a,"b\r\nc', score=0.1)
    hostile = dataclasses.replace(evaluation(), false_positives=(record,))
    write_false_positive_csv(tmp_path / "fp.csv", hostile)
    with (tmp_path / "fp.csv").open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert dict(zip(header, row, strict=True)) == {
        "kind": "confusion",
        "class": "Platelets",
        "score": "0.1",
        "image": 'a,"b\r\nc',
        "index": "2",
        "best_iou": "0.0",
        "confused_with": "WBC",
        **{"x1": "5.0", "y1": "5.0", "x2": "9.0", "y2": "9.0"},
    }


def test_write_false_positive_csv_can_be_read_as_detections(tmp_path: Path) -> None:
    write_false_positive_csv(tmp_path / "fp.csv", evaluation())
    objects = objects_of(names=("a", "b"), classes=("WBC", "RBC", "Platelets"))
    found = read_csv_detections(tmp_path / "fp.csv", objects).detections
    assert found.scores.tolist() == [0.75, 0.5, 0.625]
    assert found.boxes_xywh[0].tolist() == [1.0, 2.0, 2.0, 2.5]


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
