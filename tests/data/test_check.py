from __future__ import annotations

from pathlib import Path

import pytest

from refdet.data.check import BoxSizes, check_voc, format_data_report
from tests.data.voc_folder import CLASSES, add_image, add_split, clean_folder, object_xml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "set")


def test_check_voc_counts_images_and_objects(folder: Path) -> None:
    report = check_voc(folder, CLASSES)
    assert (report.image_files, report.annotation_files, report.problems) == (2, 2, ())
    assert list(report.splits) == ["train", "val"]
    assert report.splits["train"].images == 1
    assert report.splits["train"].objects == {"cat": 1, "dog": 1}
    assert report.splits["val"].kept == {"cat": 0, "dog": 0}
    # By hand: (5, 6, 15, 26) and (1, 1, 40, 30).
    assert report.box_sizes["cat"] == BoxSizes((10, 10, 10), (20, 20, 20))
    assert report.box_sizes["dog"] == BoxSizes((39, 39, 39), (29, 29, 29))


def test_check_voc_gives_the_smallest_median_and_largest_sides(folder: Path) -> None:
    corners = [(1, 1, 1 + width, 1 + 2 * width) for width in (2, 3, 10)]
    add_image(folder, "a", *(object_xml("dog", box) for box in corners))
    sizes = check_voc(folder, CLASSES).box_sizes
    assert sizes == {"dog": BoxSizes((2, 3, 10), (4, 6, 20))}


def test_check_voc_counts_what_is_written_and_what_is_kept(folder: Path) -> None:
    add_image(folder, "a", object_xml("dog"), object_xml("dog", (3, 3, 3, 3)))
    report = check_voc(folder, CLASSES)
    counts = report.splits["train"]
    assert (counts.objects["dog"], counts.kept["dog"]) == (2, 1)
    # Images, objects, cats, dogs, and usable objects.
    assert format_data_report(report).splitlines()[3].split() == ["train", "1", "2", "0", "2", "1"]


def test_check_voc_lists_all_problems_at_once(folder: Path) -> None:
    add_image(folder, "a", object_xml("cow"), object_xml("dog", (3, 3, 3, 3)))
    (folder / "Annotations" / "b.xml").unlink()
    add_split(folder, "val", "b", "c")
    report = check_voc(folder, CLASSES)
    assert {problem.place for problem in report.errors} == {
        "Annotations/a.xml, object 0",
        "Annotations/b.xml",
        "Annotations/c.xml",
        "JPEGImages/c",
    }
    dropped = [problem.place for problem in report.problems if problem.dropped]
    assert dropped == ["Annotations/a.xml, object 1"]


def test_check_voc_finds_an_image_that_only_decoding_shows_to_be_broken(folder: Path) -> None:
    file = folder / "JPEGImages" / "a.png"
    file.write_bytes(file.read_bytes()[:-30])
    assert [problem.place for problem in check_voc(folder, CLASSES).errors] == ["JPEGImages/a.png"]


def test_check_voc_finds_a_name_in_two_splits(folder: Path) -> None:
    add_split(folder, "test", "b", "a")
    assert [str(problem) for problem in check_voc(folder, CLASSES).errors] == [
        "ImageSets/Main/test.txt: 'a' is also in train.txt",
        "ImageSets/Main/test.txt: 'b' is also in val.txt",
    ]


def test_check_voc_finds_one_image_under_two_names(folder: Path) -> None:
    add_image(folder, "b", colour=(1, 2, 3))
    add_image(folder, "c", colour=(1, 2, 3))
    add_split(folder, "test", "c")
    assert [str(problem) for problem in check_voc(folder, CLASSES).errors] == [
        "ImageSets/Main/test.txt: 'c' is the same image as 'b' in val.txt"
    ]


def test_check_voc_lets_trainval_be_the_union(folder: Path) -> None:
    add_split(folder, "trainval", "a", "b")
    assert check_voc(folder, CLASSES).errors == ()
    add_split(folder, "test", "b")
    assert len(check_voc(folder, CLASSES).errors) == 2


def test_check_voc_lists_files_that_no_split_uses(folder: Path) -> None:
    for name in "zyx":
        add_image(folder, name)
    (folder / "JPEGImages" / "z.png").unlink()
    (folder / "Annotations" / "x.xml").unlink()
    report = check_voc(folder, CLASSES)
    assert report.errors == ()
    assert [str(problem) for problem in report.problems] == [
        "JPEGImages/x.png: is in no split and has no annotation",
        "Annotations/y.xml: is in no split, nor is its image",
        "Annotations/z.xml: is in no split and has no image",
    ]


def test_check_voc_tells_once_that_a_name_in_a_split_lacks_a_file(folder: Path) -> None:
    (folder / "JPEGImages" / "a.png").unlink()
    (folder / "Annotations" / "b.xml").unlink()
    places = [problem.place for problem in check_voc(folder, CLASSES).problems]
    assert places == ["JPEGImages/a", "Annotations/b.xml"]


def test_check_voc_finds_that_there_is_no_split(folder: Path) -> None:
    for file in (folder / "ImageSets" / "Main").iterdir():
        file.unlink()
    assert "holds no split file" in str(check_voc(folder, CLASSES).errors[0])


def test_check_voc_discovers_classes_that_nobody_declared(folder: Path) -> None:
    add_image(folder, "b", object_xml("ape"))
    report = check_voc(folder)
    assert report.class_names == ("ape", "cat", "dog")
    assert report.errors == ()


def test_format_data_report_shows_counts_and_every_problem(folder: Path) -> None:
    add_image(folder, "a", object_xml("cow"), object_xml("dog", (3, 3, 3, 3)))
    text = format_data_report(check_voc(folder, CLASSES))
    lines = text.splitlines()
    assert lines[0] == f"{folder}: 2 images, 2 annotations"
    assert lines[2].split() == ["split", "images", "objects", "cat", "dog", "usable"]
    assert lines[3].split() == ["train", "1", "1", "0", "1", "0"]
    assert "left out, and training goes on without: 1" in lines
    assert "errors, to be mended before training: 1" in lines
    assert "  Annotations/a.xml, object 0: class 'cow' is none of cat, dog" in lines
    assert all(text.count(str(problem)) == 1 for problem in check_voc(folder, CLASSES).problems)


def test_format_data_report_says_when_nothing_is_wrong(folder: Path) -> None:
    assert format_data_report(check_voc(folder, CLASSES)).endswith(
        "left out: nothing\nerrors: none"
    )


def test_format_data_report_of_a_clean_set_has_no_column_of_what_is_usable(folder: Path) -> None:
    lines = format_data_report(check_voc(folder, CLASSES)).splitlines()
    assert lines[2].split() == ["split", "images", "objects", "cat", "dog"]
    assert lines[3].split() == ["train", "1", "2", "1", "1"]


def test_format_data_report_says_what_the_sizes_are_of(folder: Path) -> None:
    # By hand: widths 2 and 3, of which the median is 2.5; heights are twice as much.
    corners = [(1, 1, 1 + width, 1 + 2 * width) for width in (2, 3)]
    add_image(folder, "a", *(object_xml("dog", box) for box in corners))
    lines = format_data_report(check_voc(folder, CLASSES)).splitlines()
    header = next(line for line in lines if line.startswith("boxes in pixels"))
    three = ["min", "median", "max"]
    assert header.split() == ["boxes", "in", "pixels", "width:", *three, "height:", *three]
    row = lines[lines.index(header) + 1]
    assert row.split() == ["dog", "2.0", "2.5", "3.0", "4.0", "5.0", "6.0"]


def test_format_data_report_without_any_box_has_no_table_of_sizes(folder: Path) -> None:
    add_image(folder, "a")
    text = format_data_report(check_voc(folder, CLASSES))
    assert "boxes in pixels" not in text
    assert "\n\n\n" not in text


def test_check_voc_knows_the_blood_cells(bccd: Path) -> None:
    report = check_voc(bccd, ("WBC", "RBC", "Platelets"))
    assert (report.image_files, report.annotation_files) == (364, 364)
    counted = {
        name: (split.images, *split.objects.values()) for name, split in report.splits.items()
    }
    assert counted["train"] == (205, 214, 2382, 209)
    assert counted["val"] == (87, 87, 968, 83)
    assert counted["test"] == (72, 71, 805, 69)
    assert report.errors == ()
    assert [problem.place for problem in report.problems] == [
        "Annotations/BloodImage_00338.xml, object 12",
        "Annotations/BloodImage_00343.xml, object 3",
    ]
