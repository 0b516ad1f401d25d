from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from refdet.data.check import check_voc, format_data_report
from refdet.data.circuits import CLASS_NAMES, SPLITS
from refdet.data.decode import decode_image
from refdet.data.problems import DataError
from refdet.data.source import Layout, SourceOptions, open_source
from tests.conftest import REPOSITORY
from tests.data import npy_csv_folder, voc_folder

CIRCUITS = REPOSITORY / "fixtures" / "datasets" / "circuits"


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return voc_folder.clean_folder(tmp_path / "voc")


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    return npy_csv_folder.clean_folder(tmp_path / "npy")


def test_open_source_reads_voc_like_its_reader(voc: Path) -> None:
    source = open_source(SourceOptions(voc))
    assert (source.class_names, source.splits) == (("cat", "dog"), ("train", "val"))
    assert source.settled == (
        "layout: voc (auto: Annotations is there)",
        "classes: cat, dog (auto: the names in the annotations)",
    )
    (image,) = source.read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[4, 5, 14, 25], [0, 0, 39, 29]]


def test_open_source_passes_on_what_is_declared_of_voc(voc: Path) -> None:
    options = SourceOptions(voc, Layout.VOC, class_names=("dog", "cat"), one_based=False)
    source = open_source(options)
    assert source.settled == ()
    (image,) = source.read_split("train").images
    assert image.ground_truth.boxes_xyxy.tolist() == [[5, 6, 15, 26], [1, 1, 40, 30]]
    assert image.ground_truth.labels.tolist() == [1, 0]


def test_open_source_reads_npy_and_csv(npy: Path) -> None:
    source = open_source(SourceOptions(npy))
    assert source.splits == ("train", "val")
    assert source.settled[0] == "layout: npy-csv (auto: train/images, val/images)"
    assert [len(image.ground_truth) for image in source.read_split("train").images] == [2, 0]


@pytest.mark.parametrize("there", [True, False])
def test_open_source_says_what_it_looked_for(tmp_path: Path, there: bool) -> None:
    root = tmp_path if there else tmp_path / "none"
    expected = (
        r"is no data set: neither Pascal VOC \(Annotations, ImageSets/Main, JPEGImages\) nor "
        r"<split>/images/\*\.npy with <split>/labels/\*\.csv\. .*git clone"
    )
    with pytest.raises(DataError, match=expected if there else f"is no folder; {expected}"):
        open_source(SourceOptions(root))


def test_open_source_names_the_part_of_voc_that_is_missing(voc: Path) -> None:
    shutil.rmtree(voc / "JPEGImages")
    with pytest.raises(DataError, match=r"there is no JPEGImages in it"):
        open_source(SourceOptions(voc))


def test_open_source_asks_for_the_layout_of_a_folder_that_has_both(voc: Path) -> None:
    npy_csv_folder.add_image(voc, "train", "a", "0,10,10,5,5")
    with pytest.raises(DataError, match=r"is both voc \(Annotations\) and npy-csv \(train\)"):
        open_source(SourceOptions(voc))
    assert open_source(SourceOptions(voc, Layout.VOC)).splits == ("train", "val")
    assert open_source(SourceOptions(voc, Layout.NPY_CSV)).splits == ("train",)


def test_check_of_voc_is_check_voc(voc: Path) -> None:
    report = open_source(SourceOptions(voc)).check()
    want = check_voc(voc)
    assert (report.splits, report.problems) == (want.splits, want.problems)
    lines = format_data_report(report).splitlines()
    assert lines[1:3] == list(report.settled)


def test_check_counts_what_is_written_and_what_is_kept(npy: Path) -> None:
    npy_csv_folder.add_image(npy, "train", "b", "0,10,10,0.5,9")
    report = open_source(SourceOptions(npy)).check()
    assert (report.image_files, report.annotation_files, report.errors) == (3, 3, ())
    train = report.splits["train"]
    assert train.images == 2
    assert train.objects == {"class_00": 2, "class_01": 0, "class_02": 1}
    assert train.kept == {"class_00": 1, "class_01": 0, "class_02": 1}
    # By hand: 12 x 20, 40 x 30 and 5 x 4.5.
    sizes = {name: (size.widths[1], size.heights[1]) for name, size in report.box_sizes.items()}
    assert sizes == {"class_00": (12, 20), "class_01": (40, 30), "class_02": (5, 4.5)}


def test_check_lists_all_problems_of_all_splits_at_once(npy: Path) -> None:
    npy_csv_folder.add_image(npy, "train", "b", "0,10,10,5,5", "0,10,x,5,5", "0,39,10,5,5")
    (npy / "val" / "labels" / "c.csv").unlink()
    (npy / "val" / "images" / "notes.txt").write_text("mine")
    report = open_source(SourceOptions(npy)).check()
    assert [problem.place for problem in report.problems] == [
        "train/labels/b.csv, line 3",
        "train/labels/b.csv, line 4",
        "val/images/notes.txt",
        "val/labels/c.csv",
    ]
    assert [problem.dropped for problem in report.problems] == [False, False, True, False]


def test_check_finds_one_image_in_two_splits(npy: Path) -> None:
    shutil.copy(npy / "train/images/a.npy", npy / "val/images/c.npy")
    assert [str(problem) for problem in open_source(SourceOptions(npy)).check().errors] == [
        "val/images/c.npy: is the same image as train/images/a.npy"
    ]


def test_check_finds_values_that_only_decoding_shows(npy: Path) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        own = np.full((30, 40, 1), 0.1 * ord(name) - 9, np.float32)
        npy_csv_folder.add_image(npy, split, name, "0,10,10,5,5", array=own)
    array = np.full((30, 40, 1), 1.002, np.float32)
    npy_csv_folder.add_image(npy, "train", "b", array=array)
    source = open_source(SourceOptions(npy))
    (error,) = source.check().errors
    assert str(error).startswith("train/images/b.npy: holds 1.002")
    image = source.read_split("train").images[1]
    with pytest.raises(DataError, match=r"b\.npy: holds 1\.002, outside \[0, 1\]"):
        decode_image(image)


@pytest.mark.parametrize(
    ("declared", "error", "message"),
    [
        ({"class_names": ("a", "a")}, ValueError, "class_names must be distinct"),
        ({"class_names": "ab"}, TypeError, "class_names must be a sequence"),
        ({"first_class": -1}, ValueError, "first_class must be at least 0, got -1"),
        ({"image_folder": ""}, ValueError, "image_folder must be the name of a folder"),
        ({"label_folder": "../x"}, ValueError, "label_folder must be the name of a folder"),
        ({"label_folder": "images"}, ValueError, "are both 'images'"),
    ],
)
def test_source_options_refuse_what_cannot_be(
    declared: npy_csv_folder.Declared, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        npy_csv_folder.source(Path(), **declared)


def test_open_source_reads_the_circuits() -> None:
    source = open_source(SourceOptions(CIRCUITS, class_names=CLASS_NAMES))
    report = source.check()
    assert report.problems == ()
    assert {name: split.images for name, split in report.splits.items()} == dict(SPLITS)
    # Counted without refdet: lines that are no header.
    for split in SPLITS:
        lines = [len(f.read_text().splitlines()) for f in (CIRCUITS / split / "labels").iterdir()]
        images = source.read_split(split).images
        assert sum(len(image.ground_truth) for image in images) == sum(lines) - len(lines)
        assert {decode_image(image).shape for image in images} == {(3, 84, 96)}
