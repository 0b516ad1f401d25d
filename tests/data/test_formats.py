"""Formats are recognised by what is there, told in a sentence, and read alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from refdet.columns import ObjectColumns
from refdet.data.coco_json import write_coco_ground_truth, write_coco_results
from refdet.data.formats import read_detections, read_ground_truth
from refdet.data.options import DetectionFormat, GroundTruthFormat, SourceOptions
from tests.data import every_format, npy_csv_folder, voc_folder, yolo_folder
from tests.data.small_columns import detections_of, named_rows, objects_of

OBJECTS = objects_of([[1, 2, 3, 4]], [0], [1])
FOUND = detections_of(OBJECTS, [[1, 2, 3, 4], [5, 6, 0, 8]], [1, 0], [1, 0], [0.5, 0.25])


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return voc_folder.clean_folder(tmp_path / "voc")


def test_read_ground_truth_recognises_coco(tmp_path: Path) -> None:
    write_coco_ground_truth(tmp_path / "gt.json", OBJECTS)
    read = read_ground_truth(tmp_path / "gt.json")
    assert read.file_format is GroundTruthFormat.COCO
    assert read.sentences == ("ground truth: coco (auto: a JSON object)",)
    assert named_rows(read.objects, read.objects) == [("a.png", "dog", [1, 2, 3, 4])]
    assert read.image_files == {}


def test_read_ground_truth_finds_the_images_of_coco(tmp_path: Path) -> None:
    write_coco_ground_truth(tmp_path / "gt.json", OBJECTS)
    file = yolo_folder.add_image(tmp_path / "images", "b.jpg")
    read = read_ground_truth(tmp_path / "gt.json", images=tmp_path / "images")
    assert read.image_files == {"b.jpg": file}
    assert read.sentences[1:] == (f"{tmp_path / 'images'} lacks 1 of 2 images (first: a.png)",)


def test_read_ground_truth_recognises_voc(voc: Path) -> None:
    read = read_ground_truth(voc, split="train")
    assert read.file_format is GroundTruthFormat.VOC
    assert read.sentences[0] == "ground truth: voc (auto: Annotations is there)"
    assert named_rows(read.objects, read.objects) == [
        ("a.png", "cat", [4, 5, 10, 20]),
        ("a.png", "dog", [0, 0, 39, 29]),
    ]
    assert read.objects.ignore.tolist() == [False, True]
    assert not read.objects.crowd.any()
    assert read.objects.area.tolist() == [200, 39 * 29]
    assert read.objects.images.ids.tolist() == [1]
    assert read.objects.images.sizes.tolist() == [list(voc_folder.SIZE)]
    assert read.objects.categories.ids.tolist() == [1, 2]
    assert read.image_files == {"a.png": voc / "JPEGImages" / "a.png"}


def test_read_ground_truth_passes_on_what_is_declared(voc: Path) -> None:
    options = SourceOptions(Path(), class_names=("dog", "cat"), one_based=False)
    read = read_ground_truth(voc, split="train", options=options)
    assert read.objects.categories.names == ("dog", "cat")
    assert read.objects.boxes_xywh[0].tolist() == [5, 6, 10, 20]


def test_read_ground_truth_asks_which_split(voc: Path) -> None:
    with pytest.raises(ValueError, match="name one of the splits: train, val"):
        read_ground_truth(voc)
    (voc / "ImageSets/Main/train.txt").unlink()
    assert read_ground_truth(voc).objects.images.names == ("b.png",)


def test_read_ground_truth_tells_what_was_left_out(voc: Path) -> None:
    voc_folder.add_split(voc, "val", "b", "")
    read = read_ground_truth(voc, split="val", options=SourceOptions(voc, class_names=("cat",)))
    assert read.sentences[-1] == "left out: ImageSets/Main/val.txt, line 2: is blank"


def test_read_ground_truth_recognises_npy_csv(tmp_path: Path) -> None:
    root = npy_csv_folder.clean_folder(tmp_path / "npy")
    read = read_ground_truth(root, split="train")
    assert read.file_format is GroundTruthFormat.NPY_CSV
    assert read.objects.images.names == ("a.npy", "b.npy")
    # By hand: 12 x 20 centred at 10, 15; 5 x 4.5 centred at 30.5, 10.
    assert read.objects.boxes_xywh.tolist() == [[4, 5, 12, 20], [28, 7.75, 5, 4.5]]
    assert read.objects.categories.names == ("class_00", "class_01", "class_02")


def test_read_ground_truth_recognises_npy_csv_in_folders_of_other_names(tmp_path: Path) -> None:
    root = npy_csv_folder.clean_folder(tmp_path / "npy")
    for part in ("images", "labels"):
        (root / "val" / part).rename(root / "val" / part[:3])
    options = SourceOptions(root, image_folder="ima", label_folder="lab")
    assert len(read_ground_truth(root, split="val", options=options).objects) == 1


def test_read_ground_truth_recognises_yolo(tmp_path: Path) -> None:
    root = yolo_folder.clean_folder(tmp_path / "yolo")
    read = read_ground_truth(root)
    assert read.file_format is GroundTruthFormat.YOLO
    assert read.sentences == ("ground truth: yolo (auto: there are images and .txt labels)",)
    assert read.image_files["b.jpg"] == root / "images" / "b.jpg"
    (root / "data.yaml").unlink()
    assert read_ground_truth(root).sentences[1] == "classes: 2, by number (no file names them)"


def test_read_ground_truth_asks_for_the_format_of_what_is_two(voc: Path, tmp_path: Path) -> None:
    yolo_folder.clean_folder(voc)
    message = r"is both voc \(Annotations is there\) and yolo .*; declare the format"
    with pytest.raises(ValueError, match=message):
        read_ground_truth(voc)
    read = read_ground_truth(voc, declared=GroundTruthFormat.YOLO)
    assert read.objects.categories.names == ("cat", "dog", "bird")
    assert read.sentences == ()
    npy_csv_folder.clean_folder(tmp_path)
    shutil.rmtree(voc / "images")
    with pytest.raises(ValueError, match=r"is both voc .* and npy-csv"):
        read_ground_truth(npy_csv_folder.clean_folder(voc))


@pytest.mark.parametrize("text", [None, "7", ""])
def test_read_ground_truth_says_what_it_looked_for(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "gt"
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    looked_for = r"looked for .*\(coco\).*\(voc\).*\(yolo; for labels alone.*\).*\(npy-csv\)"
    with pytest.raises(
        ValueError, match=f"gt holds nothing that is recognised as gr.*{looked_for}"
    ):
        read_ground_truth(path)


def test_readers_name_a_path_that_is_not_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(ValueError, match=rf"^ground truth: {absent} is not there$"):
        read_ground_truth(absent)
    with pytest.raises(ValueError, match=rf"^detections: {absent} is not there$"):
        read_detections([absent], OBJECTS)
    for declared in list(GroundTruthFormat)[1:]:
        with pytest.raises(ValueError, match="absent"):
            read_ground_truth(absent, declared=declared)
    for detections in list(DetectionFormat)[1:]:
        with pytest.raises(ValueError, match="absent"):
            read_detections([absent], OBJECTS, declared=detections)


def test_read_ground_truth_knows_detections_when_it_sees_them(
    shards: list[Path], tmp_path: Path
) -> None:
    coco, csv, voc, yolo = shards
    for path, why in ((coco, r"coco \(a JSON list\)"), (csv, "csv"), (voc, "voc")):
        message = rf"^{path} looks like detections \(--dt\): {why}.*; ground truth \(--gt\) was to"
        with pytest.raises(ValueError, match=message):
            read_ground_truth(path)
    with pytest.raises(ValueError, match="yolo holds nothing that is recognised as ground truth"):
        read_ground_truth(yolo)  # its text files alone could be either


@pytest.mark.parametrize("file_format", ["coco", "voc", "yolo", "npy-csv"])
def test_read_detections_knows_ground_truth_when_it_sees_it(
    tmp_path: Path, file_format: str
) -> None:
    path = every_format.ground_truth_in(file_format, tmp_path / "gt")
    message = rf"^{path} looks like ground truth \(--gt\): {file_format}.*; detections \(--dt\) was"
    with pytest.raises(ValueError, match=message):
        read_detections([path], OBJECTS)


@pytest.mark.parametrize("file_format", ["coco", "voc", "yolo", "npy-csv"])
def test_read_ground_truth_refuses_what_would_not_be_looked_at(
    tmp_path: Path, file_format: str
) -> None:
    path = every_format.ground_truth_in(file_format, tmp_path / "gt")
    split = every_format.SPLIT
    if file_format in ("coco", "yolo"):
        with pytest.raises(ValueError, match=f"--classes: the classes of {file_format} are those"):
            read_ground_truth(path, options=SourceOptions(path, class_names=("cat",)))
        with pytest.raises(ValueError, match=r"--images .*/absent is no folder"):
            read_ground_truth(path, images=tmp_path / "absent")
    else:
        with pytest.raises(ValueError, match=f"--images .*: the images of {file_format} lie in"):
            read_ground_truth(path, split=split, images=tmp_path)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """One detection in each of four formats, all the same but for its score."""
    write_coco_results(
        tmp_path / "d.json", detections_of(OBJECTS, [[16, 8, 32, 16]], [0], [1], [0.5])
    )
    (tmp_path / "d.csv").write_text("image,class,score,x1,y1,x2,y2\na,dog,0.25,16,8,48,24\n")
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "comp3_det_val_dog.txt").write_text("a 0.75 17 9 49 25\n")
    yolo_folder.add_labels(tmp_path / "yolo", "a", "1 0.5 0.5 0.5 0.5 0.125")
    return [tmp_path / name for name in ("d.json", "d.csv", "voc", "yolo")]


def test_read_detections_joins_shards_of_any_format(shards: list[Path]) -> None:
    found, sentences = read_detections(shards, OBJECTS)
    assert named_rows(OBJECTS, found) == [("a.png", "dog", [16, 8, 32, 16])] * 4
    assert found.scores.tolist() == [0.5, 0.25, 0.75, 0.125]
    assert sentences == (
        "detections: coco (auto: a JSON list)",
        "detections: csv (auto: a .csv file)",
        "detections: voc (auto: comp3_det_val_dog.txt is there)",
        "detections: yolo (auto: a.txt is there)",
    )


@pytest.mark.parametrize("which", range(4))
def test_read_detections_takes_a_declared_format(shards: list[Path], which: int) -> None:
    declared = list(DetectionFormat)[1:][which]
    found, sentences = read_detections([shards[which]], OBJECTS, declared=declared)
    assert len(found) == 1
    assert sentences == ()


def test_read_detections_refuses_or_counts_what_is_unknown(tmp_path: Path) -> None:
    entries = [
        {"image_id": image, "category_id": category, "bbox": [1, 2, 3, 4], "score": 0.5}
        for image, category in ((3, 1), (4, 1), (3, 2), (5, 9), (10, 6))
    ]
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(json.dumps(entries[:2]))
    other.write_text(json.dumps(entries[2:]))
    with pytest.raises(
        ValueError, match=r"one.json, entry 1: .* no image of id 4 \(its ids go f.* 3 to 10"
    ):
        read_detections([one, other], OBJECTS)
    with pytest.raises(
        ValueError, match=r"other.json, entry 0: .* no class of id 2 .*; --ignore-unknown"
    ):
        read_detections([other], OBJECTS)
    found, sentences = read_detections([one, other], OBJECTS, ignore_unknown=True)
    assert found.image_ids.tolist() == [3, 10]
    assert found.category_ids.tolist() == [1, 6]
    assert sentences[2:] == (
        "left out: 2 detections in images without ground truth",
        "left out: 1 detections of classes without ground truth",
    )


def test_read_detections_takes_no_detection_at_all(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text("[]")
    found, _ = read_detections([tmp_path / "d.json"], OBJECTS)
    assert len(found) == 0
    found, _ = read_detections([tmp_path], OBJECTS, declared=DetectionFormat.YOLO)
    assert found.boxes_xywh.dtype == np.float64
    with pytest.raises(ValueError, match="no path of detections"):
        read_detections([], OBJECTS)


@pytest.mark.parametrize("text", ["7", ""])
def test_read_detections_says_what_it_looked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text)
    message = (
        r"holds nothing that is recognised as detections; .*\(coco\).*\(csv\).*\(voc\).*\(yolo"
    )
    with pytest.raises(ValueError, match=message):
        read_detections([tmp_path / "d.json"], OBJECTS)


def test_read_detections_asks_for_the_format_of_what_is_two(shards: list[Path]) -> None:
    yolo_folder.add_labels(shards[2], "a", "1 0.5 0.5 0.5 0.5 0.125")
    with pytest.raises(ValueError, match=r"is both voc .* and yolo .*; declare the format"):
        read_detections([shards[2]], OBJECTS)
    found, _ = read_detections([shards[2]], OBJECTS, declared=DetectionFormat.VOC)
    assert found.scores.tolist() == [0.75]


def test_columns_are_found_by_every_short_name(tmp_path: Path) -> None:
    objects: ObjectColumns = objects_of(names=("val/a.png", "train/b.jpg", "val/b.jpg"))
    header = "image,class,score,x1,y1,x2,y2\n"
    names = ("val/a.png", "a.png", "val/a", "a", "val/b.jpg")
    (tmp_path / "d.csv").write_text(header + "".join(f"{name},cat,1,0,0,1,1\n" for name in names))
    found, _ = read_detections([tmp_path / "d.csv"], objects)
    assert [name for name, _, _ in named_rows(objects, found)] == ["val/a.png"] * 4 + ["val/b.jpg"]
    (tmp_path / "d.csv").write_text(f"{header}b,cat,1,0,0,1,1\n")
    with pytest.raises(ValueError, match="no image 'b'"):
        read_detections([tmp_path / "d.csv"], objects)
