"""Detections read from files: what was written comes back, and a bad entry is named."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.conformance.strategies import fractional_boxes_xyxy
from refdet.data.predictions import read_predictions_coco, read_predictions_csv
from refdet.records import Detections
from refdet.report.predictions import write_predictions_coco, write_predictions_csv

NAMES = ("WBC", "RBC", "Platelets")
HEADER = "image,class,label,score,x1,y1,x2,y2"
GOOD = "a,RBC,1,0.5,1,2,3,4"


def _one_image(image: str) -> st.SearchStrategy[Detections]:
    def columns(n: int) -> st.SearchStrategy[Detections]:
        scores = st.lists(st.floats(0, 1), min_size=n, max_size=n).map(np.array)
        labels = st.lists(st.integers(0, 2), min_size=n, max_size=n)
        return st.builds(
            Detections,
            st.just(image),
            fractional_boxes_xyxy(n),
            scores.map(lambda values: values.astype(np.float64)),
            labels.map(lambda values: np.array(values, np.int64)),
        )

    return st.integers(0, 4).flatmap(columns)


def splits() -> st.SearchStrategy[list[Detections]]:
    """Up to 3 images of any name, each with up to 4 detections."""
    names = st.lists(st.text(max_size=4), max_size=3, unique=True)
    return names.flatmap(lambda images: st.tuples(*map(_one_image, images))).map(list)


def assert_same(got: Sequence[Detections], want: Sequence[Detections], tolerance: float) -> None:
    assert [item.image for item in got] == [item.image for item in want]
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine.boxes_xyxy, theirs.boxes_xyxy, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(mine.scores, theirs.scores)
        np.testing.assert_array_equal(mine.labels, theirs.labels)


TIED = Detections(
    'a, "b"\r\n', np.array([[0.1, 0.2, 0.3, 0.7], [0, 0, 0, 0]]), np.full(2, 0.3), np.array([2, 0])
)

EXTREME = Detections("a", np.zeros((2, 4)), np.array([1.0, 0.0]), np.array([0, 2]))


@given(found=splits())
@example(found=[])
@example(found=[TIED])
@example(found=[EXTREME])
def test_read_predictions_csv_gives_back_every_bit(found: list[Detections]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        write_predictions_csv(path, found, NAMES)
        got = read_predictions_csv(path, [item.image for item in found], NAMES)
    assert_same(got, found, tolerance=0)


@given(found=splits())
@example(found=[])
@example(found=[TIED])
@example(found=[EXTREME])
def test_read_predictions_coco_gives_back_boxes_to_rounding(found: list[Detections]) -> None:
    images = [item.image for item in found]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.json"
        write_predictions_coco(path, found, images)
        got = read_predictions_coco(path, images, NAMES)
    assert_same(got, found, tolerance=1e-12)  # a few last bits of coordinates below 1000


def test_read_predictions_csv_takes_columns_in_any_order_and_others(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("\ufeffx2,y2,note,score,image,class,label,x1,y1\n3,4,hm,0.5,b,RBC,1,1,2\n")
    nothing, found = read_predictions_csv(path, ["a", "b"], NAMES)
    assert (nothing.image, len(nothing)) == ("a", 0)
    assert (found.image, found.labels.tolist(), found.scores.tolist()) == ("b", [1], [0.5])
    assert found.boxes_xyxy.tolist() == [[1, 2, 3, 4]]


def test_read_predictions_csv_needs_no_label(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("image,class,score,x1,y1,x2,y2\na,Platelets,0.5,1,2,3,4\na,WBC,0.25,5,6,7,8\n")
    (found,) = read_predictions_csv(path, ["a"], NAMES)
    assert (found.labels.tolist(), found.scores.tolist()) == ([2, 0], [0.5, 0.25])
    assert found.boxes_xyxy.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header .* needs 'image' exactly once"),
        (GOOD, "header .* needs 'image' exactly once"),
        (HEADER.replace(",y2", "") + "\n", "needs 'y2' exactly once"),
        (HEADER.replace(",x1", ", x1") + "\n", "needs 'x1' exactly once"),
        (f"{HEADER},score\n", "needs 'score' exactly once"),
        (f"{HEADER},label\n", "may have 'label' only once"),
        (f"{HEADER}\n{GOOD}\n{GOOD},5\n", "line 3: 9 fields, the header has 8"),
        (f"{HEADER}\n{GOOD}\na,RBC\n", "line 3: 2 fields, the header has 8"),
        (f"{HEADER}\n\n{GOOD}\n", "line 2: 0 fields, the header has 8"),
        (f"{HEADER}\n{GOOD}\na,RBC,1,0.5,1,nan,3,4\n", "line 3: y1 = 'nan' is not a finite"),
        (f"{HEADER}\na,RBC,1,0.5,1,2,inf,4\n", "line 2: x2 = 'inf' is not a finite number"),
        (f"{HEADER}\na,RBC,1,high,1,2,3,4\n", "line 2: score = 'high' is not a finite number"),
        (f"{HEADER}\na,RBC,1,0.5,1,2,1_0,4\n", "line 2: x2 = '1_0' is not a finite number"),
        (f"{HEADER}\na,RBC,1,,1,2,3,4\n", "line 2: score = '' is not a finite number"),
        (f"{HEADER}\nb,RBC,1,0.5,1,2,3,4\n", "line 2: image 'b' is not in the split"),
        (f"{HEADER}\na,rbc,1,0.5,1,2,3,4\n", "line 2: class 'rbc' is not one of"),
        (f"{HEADER}\na,RBC,2,0.5,1,2,3,4\n", "line 2: label '2' is not that of class 'RBC'"),
        (f"{HEADER}\na,Platelets,-1,0.5,1,2,3,4\n", "line 2: label '-1' is not that of"),
        (f"{HEADER}\na,RBC,1.0,0.5,1,2,3,4\n", "line 2: label '1.0' is not that of"),
        (f"{HEADER}\na,RBC,3,0.5,1,2,3,4\n", "line 2: label '3' is not that of"),
        (f"{HEADER}\na,RBC,1,0.5,3,2,1,4\n", "line 2: box .* has x2 < x1 or y2 < y1"),
        (f"{HEADER}\na,RBC,1,0.5,1,4,3,2\n", "line 2: box .* has x2 < x1 or y2 < y1"),
        (f"{HEADER}\na,RBC,1,1.5,1,2,3,4\n", r"line 2: score = 1.5 is not in \[0, 1\]"),
        (f"{HEADER}\na,RBC,1,-0.5,1,2,3,4\n", r"line 2: score = -0.5 is not in \[0, 1\]"),
        (f'{HEADER}\n"a,RBC,1,0.5,1,2,3,4\n', "line 2: unexpected end of data"),
    ],
)
def test_read_predictions_csv_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_predictions_csv(path, ["a"], NAMES)
    assert str(error.value).startswith(str(path))


def test_read_predictions_csv_names_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"p\.csv: not UTF-8"):
        read_predictions_csv(tmp_path / "p.csv", ["a"], NAMES)


ENTRY: dict[str, object] = {
    "image_id": 1,
    "category_id": 2,
    "bbox": [1.0, 2.0, 3.0, 4.0],
    "score": 0.5,
}
NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 0}, "image_id = 0 is not an integer from 1 to 1"),
        ({"image_id": 2}, "image_id = 2 is not an integer from 1 to 1"),
        ({"image_id": True}, "image_id = True is not an integer"),
        ({"image_id": "1"}, "image_id = '1' is not an integer"),
        ({"category_id": 0}, "category_id = 0 is not an integer from 1 to 3"),
        ({"category_id": 4}, "category_id = 4 is not an integer from 1 to 3"),
        ({"category_id": 1.0}, r"category_id = 1\.0 is not an integer"),
        ({"bbox": [1, 2, 3]}, "bbox = .* is not x, y, width, height"),
        ({"bbox": "1234"}, "bbox = .* is not x, y, width, height"),
        ({"bbox": [1, 2, NAN, 4]}, "bbox = nan is not a finite number"),
        ({"bbox": [1, 2, 10**400, 4]}, "bbox = 10+ is not a finite number"),
        ({"bbox": [1, 2, -3, 4]}, "has x2 < x1 or y2 < y1"),
        ({"bbox": [1, 2, 3, -4]}, "has x2 < x1 or y2 < y1"),
        ({"score": NAN}, "score = nan is not a finite number"),
        ({"score": None}, "score = None is not a finite number"),
        ({"score": True}, "score = True is not a finite number"),
        ({"score": "0.5"}, "score = '0.5' is not a finite number"),
        ({"score": 1.5}, r"score = 1\.5 is not in \[0, 1\]"),
    ],
)
def test_read_predictions_coco_names_what_is_wrong(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps([ENTRY, {**ENTRY, **change}]))
    with pytest.raises(ValueError, match=f"entry 1: .*{message}") as error:
        read_predictions_coco(path, ["a"], NAMES)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{}", "a list of results is needed, got dict"),
        ('[{"score": 0.1, "score": 0.9}]', "'score' is in one entry more than once"),
        ("[" * 100_000, "recursion"),
        ("9" * 5000, "Exceeds the limit"),
        ("[1]", "entry 0: image_id, category_id, bbox, score missing"),
        ('[{"image_id": 1, "category_id": 1}]', "entry 0: bbox, score missing"),
    ],
)
def test_read_predictions_coco_names_a_file_of_another_form(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_predictions_coco(path, ["a"], NAMES)
    assert str(error.value).startswith(str(path))


def test_readers_refuse_a_split_with_an_image_twice(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("[]")
    with pytest.raises(ValueError, match="'a' is in the split more than once"):
        read_predictions_coco(tmp_path / "p.json", ["a", "a"], NAMES)
