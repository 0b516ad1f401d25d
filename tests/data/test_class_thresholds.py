"""The file of tuned thresholds: what comes back, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refdet.data.class_thresholds import (
    ClassThresholds,
    names_a_file,
    read_class_thresholds,
    write_class_thresholds,
)

TUNED = {"version": 1, "format": "refdet class thresholds", "thresholds": {"cat": 0.1 + 0.2}}


def test_read_class_thresholds_gives_what_was_written_bit_for_bit(tmp_path: Path) -> None:
    content = ClassThresholds({"cat": 0.1 + 0.2, "ß=:.x": None, "1": 1.0}, 0.5)
    write_class_thresholds(tmp_path / "t.json", content, {"seed": 3})
    assert read_class_thresholds(tmp_path / "t.json") == content
    assert json.loads((tmp_path / "t.json").read_text())["seed"] == 3


def test_write_class_thresholds_lets_no_provenance_hide_a_threshold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="provenance has thresholds, which the file has itself"):
        write_class_thresholds(tmp_path / "t.json", ClassThresholds({}), {"thresholds": {}})


def test_read_class_thresholds_takes_a_file_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TUNED))
    assert read_class_thresholds(tmp_path / "t.json") == ClassThresholds({"cat": 0.1 + 0.2})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], 'no score thresholds of classes, .*: there is no "format": "refdet class thr'),
        ({"cat": 0.5}, "no score thresholds of classes"),
        (TUNED | {"version": 2}, "version 2; this refdet reads version 1"),
        (TUNED | {"version": None}, "version None; this refdet"),
        (TUNED | {"thresholds": [0.5]}, '"thresholds" must map class names to numbers'),
        (TUNED | {"thresholds": {"cat": 1.5}}, "the threshold of 'cat' is 1.5, no number in"),
        (TUNED | {"thresholds": {"cat": "0.5"}}, "the threshold of 'cat' is '0.5', no number in"),
        (TUNED | {"thresholds": {"cat": True}}, "the threshold of 'cat' is True, no number in"),
        (TUNED | {"thresholds": {"cat": float("nan")}}, "the threshold of 'cat' is nan, no number"),
        (TUNED | {"iou_threshold": -1}, "iou_threshold is -1, no number in"),
    ],
)
def test_read_class_thresholds_names_the_file_and_what_is_wrong(
    content: object, message: str, tmp_path: Path
) -> None:
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"t.json: {message}"):
        read_class_thresholds(tmp_path / "t.json")


def test_read_class_thresholds_names_a_file_that_is_damaged_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t\.json cannot be read"):
        read_class_thresholds(tmp_path / "t.json")
    (tmp_path / "t.json").write_text(json.dumps(TUNED)[:-9])
    with pytest.raises(ValueError, match=r"t\.json"):
        read_class_thresholds(tmp_path / "t.json")
    text = json.dumps(TUNED).replace('"cat"', '"cat": 0.9, "cat"')
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ValueError, match=r"t\.json, thresholds: 'cat' is there more than once"):
        read_class_thresholds(tmp_path / "t.json")


def test_names_a_file_by_its_ending_or_because_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tuned", "cat=0.5"):
        (tmp_path / name).write_text("")
    assert names_a_file("nowhere.json")
    assert names_a_file("lr=0.1/T.JSON")
    assert names_a_file("tuned")
    assert not names_a_file("cat=0.5")
    assert not names_a_file("cat")
    assert not names_a_file("a" * 5000 + "=0.5")
