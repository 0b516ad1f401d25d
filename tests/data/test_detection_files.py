"""Detections by names, in a CSV and in VOC's results: what is written comes back, or is named."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.columns import DetectionColumns, ObjectColumns
from refdet.data.csv_detections import read_csv_detections, write_csv_detections
from refdet.data.known import Unknown
from refdet.data.voc_results import read_voc_results, write_voc_results
from tests.data.small_columns import data_sets, detections_in, detections_of, objects_of

OBJECTS = objects_of()
NONE = detections_of(OBJECTS, [], [], [], [])
TIED = detections_of(
    OBJECTS, [[0.1, 0.2, 0.3, 0.7], [5, 5, 0, 0], [63, 1, 0.001, 2]], [1, 0, 1], [1, 1, 1], [3] * 3
)
FOUND = data_sets().flatmap(lambda objects: st.tuples(st.just(objects), detections_in(objects)))


def assert_same(
    got: DetectionColumns, want: DetectionColumns, one_more: int, order: np.ndarray
) -> None:
    """Ids and scores are equal; coordinates within the last bits of the far corner."""
    np.testing.assert_array_equal(got.image_ids, want.image_ids[order])
    np.testing.assert_array_equal(got.category_ids, want.category_ids[order])
    np.testing.assert_array_equal(got.scores, want.scores[order])
    boxes = want.boxes_xywh[order]
    far = np.tile(boxes[:, :2] + boxes[:, 2:] + one_more, 2)
    assert (np.abs(got.boxes_xywh - boxes) <= np.spacing(far) * (3 + one_more)).all()


@given(found=FOUND)
@example(found=(OBJECTS, NONE))
@example(found=(OBJECTS, TIED))
def test_csv_detections_come_back(found: tuple[ObjectColumns, DetectionColumns]) -> None:
    objects, detections = found
    with tempfile.TemporaryDirectory() as folder:
        write_csv_detections(Path(folder) / "d.csv", detections, objects)
        known = read_csv_detections(Path(folder) / "d.csv", objects)
    np.testing.assert_array_equal(known.detections.boxes_xywh[:, :2], detections.boxes_xywh[:, :2])
    assert_same(known.detections, detections, 0, np.arange(len(detections)))


@given(found=FOUND)
@example(found=(OBJECTS, NONE))
@example(found=(OBJECTS, TIED))
def test_voc_results_come_back(found: tuple[ObjectColumns, DetectionColumns]) -> None:
    objects, detections = found
    with tempfile.TemporaryDirectory() as folder:
        write_voc_results(Path(folder) / "d", detections, objects)
        known = read_voc_results(Path(folder) / "d", objects, split="test")
    # By class in the order of the files' names, otherwise in the order given.
    file_names = [f"comp3_det_test_{name}.txt" for name in objects.categories.names]
    place = dict(zip(objects.categories.ids.tolist(), file_names, strict=True))
    order = sorted(range(len(detections)), key=lambda row: place[int(detections.category_ids[row])])
    assert_same(known.detections, detections, 1, np.array(order, np.int64))


def test_read_csv_detections_takes_columns_in_any_order_and_short_names(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("\ufeffx2,y2,note,score,image,class,x1,y1\r\n3,5,hm,-7,b,dog,1,2\r\n")
    found = read_csv_detections(path, OBJECTS).detections
    assert found.image_ids.tolist() == [OBJECTS.images.ids[1]]
    assert found.category_ids.tolist() == [OBJECTS.categories.ids[1]]
    assert found.boxes_xywh.tolist() == [[1, 2, 2, 3]]
    assert found.scores.tolist() == [-7]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,cat,1,2,3,4", "line 3: 6 fields, the header has 7"),
        ("a,cat,x,1,2,3,4", "line 3: score: 'x' is not a finite number"),
        ("a,cat,1,1,2,3,nan", "line 3: y2: 'nan' is not a finite number"),
        ("a,cat,1,1,2,3_0,4", "line 3: x2: '3_0' is not a finite number"),
        ("a,cat,,1,2,3,4", "line 3: score: '' is not a finite number"),
        ("a,cat,1,1,2,inf,4", "line 3: x2: 'inf' is not a finite number"),
        ("a,cat,1,1,2,3,4,5", "line 3: 8 fields, the header has 7"),
        ("a,cat,1,1,2,0,4", "line 3: box [1.0, 2.0, 0.0, 4.0] has x2 < x1"),
        ("a,cat,1,1,4,3,2", "line 3: box [1.0, 4.0, 3.0, 2.0] has x2 < x1 or y2 < y1"),
        ("a,Cat,1,1,2,3,4", "line 3: the ground truth has no class 'Cat'"),
        ("z,cat,1,1,2,3,4", "line 3: the ground truth has no image 'z'"),
        ("a,cow,1,1,2,3,4", "line 3: the ground truth has no class 'cow'"),
        ('a,"cat,1,1,2,3,4', "line 3: unexpected end of data"),
    ],
)
def test_read_csv_detections_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"image,class,score,x1,y1,x2,y2\na,cat,1,1,2,3,4\n{line}")
    with pytest.raises(ValueError, match=re.escape(f"{path}, {message}")):
        read_csv_detections(path, OBJECTS)


def test_read_csv_detections_counts_what_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = ("z,cow,1,1,2,3,4", "a,cat,1,1,2,3,4", "a,cow,1,1,2,3,4", "a,emu,1,1,2,3,4")
    path.write_text("\n".join(("image,class,score,x1,y1,x2,y2", *rows)))
    known = read_csv_detections(path, OBJECTS, ignore_unknown=True)
    assert len(known.detections) == 1
    assert known.unknown == Unknown(of_image=1, of_class=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r": header \[\] needs 'image' exactly once"),
        (b"a,cat,1,1,2,3,4\n", ": header .* needs 'image' exactly once"),
        (b"image,class,score,x1,y1,x2\n", ": header .* needs 'y2' exactly once"),
        (b"image,class,score, x1,y1,x2,y2\n", ": header .* needs 'x1' exactly once"),
        (b"image,class,score,x1,y1,x2,y2,score\n", ": header .* needs 'score' exactly once"),
        (b"image,class,label,score,x1,y1,x2,y2,label\n", ": header .* 'label' only once"),
        (b"image,class,score,x1,y1,x2,y2\n\na,cat,1,1,2,3,4\n", ", line 2: 0 fields, the he"),
        (b"image,class,score,x1,y1,x2,y2\na,\0cat,1,1,2,3,4\n", ", line 2: NUL byte"),
        (b"\xff", ": not UTF-8"),
    ],
)
def test_read_csv_detections_names_a_file_of_another_form(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"d\.csv{message}"):
        read_csv_detections(tmp_path / "d.csv", OBJECTS)


def labelled(path: Path, *rows: tuple[str, str]) -> Path:
    """Detections of these classes and labels."""
    text = "".join(f"a,{name},{label},1,1,2,3,4\n" for name, label in rows)
    path.write_text(f"image,class,label,score,x1,y1,x2,y2\n{text}")
    return path


def test_read_csv_detections_takes_labels_of_the_writer_s_own_list(tmp_path: Path) -> None:
    path = labelled(tmp_path / "d.csv", ("dog", "0"), ("cat", "7"), ("dog", "0"))
    found = read_csv_detections(path, OBJECTS).detections
    cat, dog = OBJECTS.categories.ids.tolist()
    assert found.category_ids.tolist() == [dog, cat, dog]
    assert len(read_csv_detections(labelled(path), OBJECTS).detections) == 0


@pytest.mark.parametrize(
    ("row", "first"),
    [
        (("dog", "0"), "'1' of class 'dog' in .*, line 3"),
        (("dog", "2"), "'1' of class 'dog' in .*, line 3"),
        (("emu", "1"), "'1' of class 'dog' in .*, line 3"),
        (("cat", ""), "'0' of class 'cat' in .*, line 2"),
    ],
)
def test_read_csv_detections_names_a_label_that_does_not_agree(
    tmp_path: Path, row: tuple[str, str], first: str
) -> None:
    path = labelled(tmp_path / "d.csv", ("cat", "0"), ("dog", "1"), ("dog", "1"), row)
    name, label = row
    message = rf"d\.csv, line 5: label '{label}' of class '{name}' does not agree with label "
    with pytest.raises(ValueError, match=message + first):
        read_csv_detections(path, OBJECTS)


def results(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_read_voc_results_reads_the_devkit_s_form(tmp_path: Path) -> None:
    results(tmp_path, comp4_det_val_cat="a 0.5 1 1 3 5\n\nb 0.25 2 2 2 2\n", comp4_det_val_dog="")
    found = read_voc_results(tmp_path, OBJECTS).detections
    assert found.image_ids.tolist() == OBJECTS.images.ids.tolist()
    assert found.category_ids.tolist() == [OBJECTS.categories.ids[0]] * 2
    # Corners count from 1: the first pixel's is 0 here.
    assert found.boxes_xywh.tolist() == [[0, 0, 2, 4], [1, 1, 0, 0]]
    from_zero = read_voc_results(tmp_path, OBJECTS, one_based=False).detections
    assert from_zero.boxes_xywh[0].tolist() == [1, 1, 2, 4]


@pytest.mark.parametrize(
    ("files", "split", "message"),
    [
        ({"comp3_det_val_cat": "a 1 1 1 2"}, None, "cat.txt, line 1: 5 fields, not image score"),
        ({"comp3_det_val_cat": "a 1 1 x 2 2"}, None, "cat.txt, line 1: 'x' is not a finite"),
        ({"comp3_det_val_cat": "\na 1 3 1 2 2"}, None, "cat.txt, line 2: box .* has xmax < xmin"),
        ({"comp3_det_val_cat": "z 1 1 1 2 2"}, None, "cat.txt, line 1: .* no image 'z'"),
        ({"comp3_det_val_cow": "a 1 1 1 2 2"}, None, "cow.txt, line 1: .* no class 'cow'"),
        ({"comp3_det_val_cat": "", "comp3_det_test_dog": ""}, None, "of which split.*: test, val$"),
        ({"comp3_det_val_cat": "", "comp4_det_val_cat": ""}, None, "holds the same split and cl"),
        ({"comp3_det_val_cat": ""}, "test", "holds no VOC results comp3_det_test_<class>.txt"),
    ],
)
def test_read_voc_results_names_what_is_wrong(
    tmp_path: Path, files: dict[str, str], split: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_voc_results(results(tmp_path, **files), OBJECTS, split=split)


def test_read_voc_results_tells_classes_that_end_alike(tmp_path: Path) -> None:
    objects = objects_of(classes=("cell", "red_cell"))
    results(tmp_path, comp3_det_a_b_cell="a 1 1 1 2 2", comp3_det_a_b_red_cell="b 1 1 1 2 2")
    found = read_voc_results(tmp_path, objects).detections
    assert found.category_ids.tolist() == objects.categories.ids.tolist()
    (tmp_path / "comp3_det_a_b_cell.txt").unlink()
    with pytest.raises(ValueError, match="which split\\? Declare it; it could be: a_b, a_b_red"):
        read_voc_results(tmp_path, objects)
    read = read_voc_results(tmp_path, objects, split="a_b").detections
    assert read.category_ids.tolist() == [objects.categories.ids[1]]


@pytest.mark.parametrize(
    ("names", "classes", "message"),
    [
        (("../a.png",), ("cat",), "image '../a.png' cannot be the name of a file"),
        (("a.png",), ("a/b",), "class 'a/b' cannot be the name of a file"),
        (("a\n.png",), ("cat",), "it begins or ends with a space, or holds what cannot be printed"),
        (("a.png", "a.jpg"), ("cat",), "'a.png' and 'a.jpg' differ by their suffix alone"),
    ],
)
def test_write_voc_results_refuses_hostile_names(
    tmp_path: Path, names: tuple[str, ...], classes: tuple[str, ...], message: str
) -> None:
    objects = objects_of(names=names, classes=classes)
    with pytest.raises(ValueError, match=re.escape(message)):
        write_voc_results(tmp_path / "d", detections_of(objects, [], [], [], []), objects)
    assert list(tmp_path.iterdir()) == []
