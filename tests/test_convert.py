"""`refdet convert` from a shell: what is written, what is told, what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdet.cli import main
from refdet.data.coco_json import write_coco_ground_truth, write_coco_results
from refdet.data.formats import read_detections, read_ground_truth
from refdet.data.yolo import read_yolo_ground_truth
from tests.data import npy_csv_folder, voc_folder, yolo_folder
from tests.data.small_columns import detections_of, named_rows, objects_of, write_images

OBJECTS = objects_of([[1, 2, 3, 4], [5.5, 6, 7, 8]], [0, 1], [1, 0], crowd=[1], area=[9, 56])
FOUND = detections_of(OBJECTS, [[1, 2, 3, 4], [60, 6, 70, 8]], [1, 0], [1, 0], [0.5, 0.25])


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    write_coco_ground_truth(tmp_path / "gt.json", OBJECTS)
    write_coco_results(tmp_path / "dt.json", FOUND)
    write_images(OBJECTS, tmp_path / "pictures")
    return tmp_path


def convert(*arguments: object) -> None:
    """Run the command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(["convert", *map(str, arguments)])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["convert", *map(str, arguments)])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_convert_coco_to_yolo_tells_all_that_is_lost(
    coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = coco / "yolo"
    convert("--gt", coco / "gt.json", "--images", coco / "pictures", "--to", "yolo",
            "--output", out)  # fmt: skip
    assert lines(capsys) == [
        "ground truth: coco (auto: a JSON object)",
        "changed: 1 areas are not kept: they differ from width x height, as masks' do",
        "changed: 1 crowd regions become ordinary objects: yolo has no crowds",
        "changed: 1 category ids are not kept: yolo has none, they count from 0",
        "changed: 2 image ids are not kept: yolo has none, they count from 1",
        f"2 objects in 2 images: {out}",
    ]
    names = sorted(str(file.relative_to(out)) for file in out.rglob("*.*"))
    assert names == [
        "data.yaml", "images/a.png", "images/b.jpg", "labels/a.txt", "labels/b.txt"
    ]  # fmt: skip
    # By hand, in 64 x 32: (1 + 1.5) / 64, (2 + 2) / 32, 3 / 64, 4 / 32.
    assert (out / "labels/a.txt").read_text() == "1 0.0390625 0.125 0.046875 0.125\n"


def test_convert_voc_to_coco_keeps_the_difficult_flag(tmp_path: Path) -> None:
    root = voc_folder.clean_folder(tmp_path / "voc")
    convert("--gt", root, "--split", "train", "--to", "coco", "--output", tmp_path / "gt.json")
    written = json.loads((tmp_path / "gt.json").read_text())
    assert [image["file_name"] for image in written["images"]] == ["a.png"]
    assert [item["bbox"] for item in written["annotations"]] == [[4, 5, 10, 20], [0, 0, 39, 29]]
    assert [item.get("ignore", 0) for item in written["annotations"]] == [0, 1]


def test_convert_yolo_to_voc_writes_what_the_devkit_reads(tmp_path: Path) -> None:
    root = yolo_folder.clean_folder(tmp_path / "yolo")
    convert("--gt", root, "--to", "voc", "--split", "val", "--output", tmp_path / "voc",
            "--images", root / "images")  # fmt: skip
    text = (tmp_path / "voc" / "Annotations" / "a.xml").read_text()
    assert "<xmin>16</xmin><ymin>6</ymin><xmax>26</xmax><ymax>16</ymax>" in text
    assert (tmp_path / "voc" / "ImageSets" / "Main" / "val.txt").read_text() == "a\nb\n"
    copied = tmp_path / "voc" / "JPEGImages" / "b.jpg"
    assert copied.read_bytes() == (root / "images" / "b.jpg").read_bytes()


def test_convert_makes_pictures_of_arrays_and_arrays_of_pictures(tmp_path: Path) -> None:
    root = tmp_path / "npy"
    array = np.full((30, 40, 1), 0.5, np.float32)
    npy_csv_folder.add_image(root, "val", "a", "0,10,15,12,20", array=array)
    convert("--gt", root, "--to", "yolo", "--output", tmp_path / "yolo", "--pixel-range", "unit")
    picture = tmp_path / "yolo" / "images" / "val" / "a.png"
    assert np.unique(np.array(Image.open(picture))).tolist() == [128]
    convert("--gt", tmp_path / "yolo", "--to", "npy-csv", "--output", tmp_path / "back")
    back = np.load(tmp_path / "back" / "val" / "images" / "a.npy")
    assert back.shape == (30, 40, 3)
    read = read_ground_truth(tmp_path / "back").objects
    np.testing.assert_allclose(read.boxes_xywh, [[4, 5, 12, 20]], rtol=0, atol=1e-12)


def test_convert_without_pictures_says_so(coco: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert("--gt", coco / "gt.json", "--to", "voc", "--output", coco / "voc")
    told = "2 images have no file to copy (--images): add them before it is read"
    assert told in lines(capsys)
    write_images(OBJECTS, coco / "voc" / "JPEGImages")
    assert len(read_ground_truth(coco / "voc").objects) == 2


@pytest.mark.parametrize(
    ("target", "name"), [("csv", "d.csv"), ("voc", "d"), ("yolo", "d"), ("coco", "d.json")]
)
def test_convert_detections_to_every_format(
    coco: Path, target: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = coco / "out" / name
    convert("--gt", coco / "gt.json", "--dt", coco / "dt.json", "--to", target, "--output", out)
    told = lines(capsys)
    assert told[1] == "detections: coco (auto: a JSON list)"
    assert told[-1] == f"2 detections in 2 images: {out}"
    found, _ = read_detections([out], OBJECTS)
    # YOLO's fractions end at the image's width, 64; by class VOC has the cat first.
    rows: dict[object, Sequence[object]] = {row[1]: row for row in named_rows(OBJECTS, found)}
    assert rows["dog"] == ("b.jpg", "dog", [1, 2, 3, 4])
    assert rows["cat"] == ("a.png", "cat", [60, 6, 4 if target == "yolo" else 70, 8])
    cut = "changed: 1 detections are far outside their image, cut at its sides"
    assert (cut in told) == (target == "yolo")


def test_convert_counts_unknown_detections_only_when_asked(
    coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (coco / "d.csv").write_text("image,class,score,x1,y1,x2,y2\nz,cat,1,0,0,1,1\n")
    both = ("--gt", coco / "gt.json", "--dt", coco / "dt.json", coco / "d.csv", "--to", "csv",
            "--output", coco / "out.csv")  # fmt: skip
    assert "d.csv, line 2: the ground truth has no image 'z'" in refused(*both)
    convert(*both, "--ignore-unknown")
    told = f"{coco / 'd.csv'}: left out: 1 detections in images without ground truth"
    assert told in lines(capsys)


def test_convert_overwrites_only_when_asked(coco: Path) -> None:
    arguments = ("--gt", coco / "gt.json", "--to", "yolo", "--output", coco / "yolo")
    convert(*arguments)
    assert "yolo exists already; --overwrite replaces it" in refused(*arguments)
    convert(*arguments, "--overwrite")
    (coco / "yolo" / "notes.md").write_text("mine")
    assert "notes.md would be lost" in refused(*arguments, "--overwrite")
    assert (coco / "yolo" / "notes.md").read_text() == "mine"


def test_convert_never_replaces_what_it_reads(tmp_path: Path) -> None:
    root = yolo_folder.clean_folder(tmp_path / "yolo")
    message = refused("--gt", root, "--to", "yolo", "--output", root, "--overwrite")
    assert "would replace" in message
    assert "would replace" in refused(
        "--gt", root, "--to", "voc", "--output", tmp_path, "--overwrite"
    )
    assert len(read_yolo_ground_truth(root)) == 2


def test_convert_leaves_nothing_when_it_fails(coco: Path) -> None:
    (coco / "pictures" / "b.jpg").write_bytes(b"no image")
    before = sorted(coco.iterdir())
    arguments = ("--gt", coco / "gt.json", "--images", coco / "pictures", "--output", coco / "out")
    assert "b.jpg cannot be read as an image" in refused(*arguments, "--to", "voc")
    assert sorted(coco.iterdir()) == before


def test_convert_refuses_pictures_of_another_size(coco: Path) -> None:
    yolo_folder.add_image(coco / "pictures", "b.jpg", (65, 32))
    message = refused("--gt", coco / "gt.json", "--images", coco / "pictures", "--to", "yolo",
                      "--output", coco / "out")  # fmt: skip
    assert "b.jpg is 65 x 32, but the ground truth says 64 x 32" in message


def test_convert_takes_sizes_that_coco_lacks_from_pictures(coco: Path) -> None:
    contents = json.loads((coco / "gt.json").read_text())
    for image in contents["images"]:
        del image["width"], image["height"]
    (coco / "gt.json").write_text(json.dumps(contents))
    arguments = ("--gt", coco / "gt.json", "--to", "yolo", "--output", coco / "out")
    assert "the sizes of 2 images are not known (first: 'a.png')" in refused(*arguments)
    convert(*arguments, "--images", coco / "pictures")
    assert read_yolo_ground_truth(coco / "out").images.sizes.tolist() == [[64, 32]] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "csv"), "csv holds detections"),
        (("--to", "npy-csv", "--dt", "dt.json"), "npy-csv holds ground truth, not detections"),
    ],
)
def test_convert_refuses_a_format_of_the_other_kind(
    coco: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(coco)
    assert message in refused("--gt", "gt.json", "--output", "out", *arguments)


def test_convert_can_be_saved_as_toml_with_several_paths(
    coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(coco)
    arguments = (
        "--gt",
        "gt.json",
        "--dt",
        "dt.json",
        "dt.json",
        "--to",
        "csv",
        "--output",
        "d.csv",
    )
    main(["config", "convert.toml", "convert", *arguments])
    convert("--config", "convert.toml")
    # The same file twice counts once: a header and two detections.
    assert len((coco / "d.csv").read_text().splitlines()) == 3


def test_convert_joins_parts_as_evaluate_does(
    coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, line = "image,class,score,x1,y1,x2,y2\n", "a.png,cat,0.25,60,6,130,14\n"
    (coco / "padded.csv").write_text(f"{header}{line}b.jpg,cat,0.125,0,0,8,8\n")
    both = ("--gt", coco / "gt.json", "--to", "csv", "--output", coco / "out.csv", "--dt",
            coco / "dt.json", coco / "padded.csv")  # fmt: skip
    convert(*both)
    assert "left out: 1 detections repeated in a later file (images: 1)" in lines(capsys)
    assert len((coco / "out.csv").read_text().splitlines()) == 1 + 3
    (coco / "padded.csv").write_text(header + line.replace("0.25", "0.75"))
    message = refused(*both, "--overwrite")
    assert "padded.csv hold different detections of class 'cat' in image 'a.png'" in message
