"""Objects under a pixel wide or high: judged and converted in every format, learnt from in none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdet.cli import main
from refdet.data.formats import read_ground_truth
from refdet.data.options import SourceOptions
from refdet.data.source import open_source
from tests.data import npy_csv_folder, voc_folder, yolo_folder

WIDTH, HEIGHT = 64, 32
BOXES = ((8.0, 4.0, 0.0, 0.0), (32.0, 16.0, 16.0, 8.0), (48.0, 8.0, 0.5, 16.0))
"""x, y, width, height: a point, a box, half a pixel; with exact fractions of the image."""

FORMATS = ("coco", "voc", "yolo", "npy-csv")
SMALL_VOC = voc_folder.object_xml("dog", (3, 3, 3, 3), difficult=1)


def ground_truth_in(file_format: str, root: Path) -> Path:
    """The boxes, all of them cats, in an image `a`."""
    if file_format == "coco":
        return _coco(root)
    if file_format == "voc":
        return _voc(root)
    return _npy_csv(root) if file_format == "npy-csv" else _yolo(root)


def _coco(root: Path) -> Path:
    root.mkdir()
    contents = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "bbox": box, "iscrowd": 0}
            for n, box in enumerate(BOXES, 1)
        ],
    }
    (root / "val.json").write_text(json.dumps(contents))
    return root / "val.json"


def _voc(root: Path) -> Path:
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (root / part).mkdir(parents=True)
    boxes = [(x + 1, y + 1, x + w + 1, y + h + 1) for x, y, w, h in BOXES]
    objects = [voc_folder.object_xml("cat", box) for box in boxes]
    voc_folder.add_image(root, "a", *objects, size=voc_folder.size_xml(WIDTH, HEIGHT))
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "JPEGImages" / "a.png")
    voc_folder.add_split(root, "val", "a")
    return root


def _npy_csv(root: Path) -> Path:
    rows = [f"0,{x + w / 2},{y + h / 2},{w},{h}" for x, y, w, h in BOXES]
    array = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    npy_csv_folder.add_image(root, "val", "a", *rows, array=array)
    return root


def _yolo(root: Path) -> Path:
    rows = [
        f"0 {(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}"
        for x, y, w, h in BOXES
    ]
    yolo_folder.add_image(root / "images" / "val", "a.png", (WIDTH, HEIGHT))
    yolo_folder.add_labels(root / "labels" / "val", "a", *rows)
    (root / "data.yaml").write_text("val: images/val\nnames: [cat]\n")
    return root


def run(*arguments: object) -> None:
    """A command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    assert stopped.value.code == 0


@pytest.mark.parametrize("file_format", FORMATS)
def test_read_ground_truth_keeps_objects_under_a_pixel(tmp_path: Path, file_format: str) -> None:
    read = read_ground_truth(ground_truth_in(file_format, tmp_path / "gt"))
    assert read.objects.boxes_xywh.tolist() == [list(box) for box in BOXES]
    assert not [sentence for sentence in read.sentences if "left out" in sentence]


@pytest.mark.parametrize("file_format", ["voc", "npy-csv"])
def test_read_split_learns_from_the_others(tmp_path: Path, file_format: str) -> None:
    root = ground_truth_in(file_format, tmp_path / "gt")
    split = open_source(SourceOptions(root)).read_split("val")
    assert [image.ground_truth.boxes_xyxy.tolist() for image in split.images] == [
        [[32, 16, 48, 24]]
    ]
    assert len(split.dropped) == 2


def test_read_ground_truth_keeps_small_objects_of_several_images_in_order(tmp_path: Path) -> None:
    root = voc_folder.clean_folder(tmp_path)
    voc_folder.add_image(root, "a", voc_folder.object_xml("cat"), SMALL_VOC)
    voc_folder.add_image(root, "b", SMALL_VOC, voc_folder.object_xml("cat"))
    voc_folder.add_split(root, "val", "b", "a")
    objects = read_ground_truth(root, split="val").objects
    assert objects.image_ids.tolist() == [1, 1, 2, 2]
    assert objects.category_ids.tolist() == [2, 1, 1, 2]
    assert objects.ignore.tolist() == [True, False, False, True]
    assert objects.area.tolist() == [0, 200, 200, 0]
    records = [
        image.ground_truth for image in open_source(SourceOptions(root)).read_split("val").images
    ]
    assert [truth.labels.tolist() for truth in records] == [[0], [0]]
    assert [truth.difficult.tolist() for truth in records] == [[False], [False]]


def test_read_ground_truth_refuses_a_small_box_that_is_inverted(tmp_path: Path) -> None:
    root = voc_folder.clean_folder(tmp_path / "voc")
    voc_folder.add_image(root, "b", voc_folder.object_xml("cat", (5, 6, 4.5, 9)))
    with pytest.raises(ValueError, match=r"b\.xml, object 0: cat .* is inverted"):
        read_ground_truth(root, split="val")
    npy_csv_folder.add_image(tmp_path / "npy", "val", "a", "0,10,10,-0.5,4", "0,10,10,4,4")
    with pytest.raises(ValueError, match=r"a\.csv, line 2: .*inverted"):
        read_ground_truth(tmp_path / "npy")


def test_evaluate_counts_objects_under_a_pixel_alike_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refdet.judge.write_figure", lambda *_: None)  # takes long
    dt = tmp_path / "dt.csv"
    dt.write_text("image,class,score,x1,y1,x2,y2\na,cat,0.9,32,16,48,24\na,cat,0.8,48,8,48.5,24\n")
    metrics: set[str] = set()
    for file_format in FORMATS:
        gt, out = ground_truth_in(file_format, tmp_path / file_format), tmp_path / "out"
        names = ("--classes", "cat") if file_format in ("voc", "npy-csv") else ()
        run("evaluate", "--gt", gt, "--dt", dt, "--output", out, *names)
        metrics.add((out / "metrics.json").read_text())
        told = capsys.readouterr().out
        assert "left out" not in told
        flat = "1 of 3 objects, without width or height"
        assert (flat in told) == (file_format != "coco")  # of which there are no images
    (text,) = metrics
    (cat,) = json.loads(text)["classes"]
    # The point cannot be found: nothing overlaps it.
    assert [cat[f"{kind}s"] for kind in ("true_positive", "false_positive", "false_negative")] == [
        2, 0, 1
    ]  # fmt: skip


@pytest.mark.parametrize("file_format", ["voc", "npy-csv"])
def test_convert_to_coco_keeps_objects_under_a_pixel(tmp_path: Path, file_format: str) -> None:
    gt = ground_truth_in(file_format, tmp_path / "gt")
    run("convert", "--gt", gt, "--to", "coco", "--output", tmp_path / "coco.json")
    written = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert [entry["bbox"] for entry in written] == [list(box) for box in BOXES]


def test_read_ground_truth_counts_every_blood_cell(bccd: Path) -> None:
    objects = read_ground_truth(bccd, split="val").objects
    red = objects.categories.ids[objects.categories.names.index("RBC")]
    assert np.count_nonzero(objects.category_ids == red) == 968
