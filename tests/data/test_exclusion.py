"""Images left out by name: exactly these, and no name without effect."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from refdet.data.exclusion import exclude_images, read_exclude_list
from refdet.records import AnnotatedImage, GroundTruth
from refdet.report.false_positives import write_false_positive_list
from tests.report.examples import evaluation

LIST = Path("false_positive_images.txt")


def image(name: str, file: str | None = None) -> AnnotatedImage:
    nothing = GroundTruth(
        name, 10, 10, np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    )
    return AnnotatedImage(Path("images") / (file or name), nothing)


def kept(images: list[AnnotatedImage], *names: str) -> list[str]:
    return [kept.ground_truth.image for kept in exclude_images(images, names, LIST)]


def test_exclude_images_leaves_out_what_is_named_and_keeps_the_order() -> None:
    images = [image(name) for name in ("c.npy", "a.npy", "b.npy", "d.npy")]
    assert kept(images, "a.npy", "d.npy") == ["c.npy", "b.npy"]
    assert kept(images) == ["c.npy", "a.npy", "b.npy", "d.npy"]


@pytest.mark.parametrize("name", ["a.v1", "a.v1.npy"])
def test_exclude_images_of_a_name_with_a_dot_keeps_its_beginning(name: str) -> None:
    # The notebook took stems of stems: a.v1 removed a.
    images = [image(f"{stem}.npy") for stem in ("a", "a.v1", "a.v1.v2", "a.v10", "ba.v1", "A.v1")]
    assert kept(images, name) == ["a.npy", "a.v1.v2.npy", "a.v10.npy", "ba.v1.npy", "A.v1.npy"]
    assert kept(images, "a") == [
        f"{stem}.npy" for stem in ("a.v1", "a.v1.v2", "a.v10", "ba.v1", "A.v1")
    ]


@pytest.mark.parametrize("name", ["cells_7", "cells_7.png", "cells_7.xml.png"])
def test_exclude_images_knows_record_file_and_stem(name: str) -> None:
    # The name in the records may be another than that of the file.
    images = [image("cells_7.xml.png", "cells_7.png"), image("cells_8.png")]
    assert kept(images, name) == ["cells_8.png"]


def test_exclude_images_takes_a_name_twice() -> None:
    images = [image("a.npy"), image("b.npy")]
    assert kept(images, "a", "a.npy", "a") == ["b.npy"]


def test_exclude_images_asks_which_of_two_is_meant() -> None:
    images = [image("a.png"), image("a.jpg"), image("b.png")]
    with pytest.raises(ValueError, match=r"'a' could be a\.png and a\.jpg: write the suffix too"):
        kept(images, "a")
    assert kept(images, "a.jpg") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("circuit_13.npy", r" \(did you mean 'circuit_131?\.npy'\?\)"),
        ("circuit_131.png", r" \(did you mean 'circuit_131(\.npy)?'\?\)"),
        ("Circuit_0131", r" \(did you mean 'circuit_131'\?\)"),
        ("images/circuit_131.npy", r" \(did you mean"),
        ("zebra", "$"),
    ],
)
def test_exclude_images_names_what_matches_nothing(name: str, hint: str) -> None:
    images = [image("circuit_131.npy"), image("circuit_200.npy")]
    with pytest.raises(ValueError, match=rf"images\.txt: {name!r} names no image .*split{hint}"):
        kept(images, "circuit_200", name)


def test_exclude_images_names_every_fault_at_once() -> None:
    images = [image("a.png"), image("a.jpg"), image("b.png")]
    with pytest.raises(ValueError, match=r"txt: 'a' could .*; 'x' names .*; 'y' names [^;]*$"):
        kept(images, "a", "x", "x", "y")


def test_exclude_images_refuses_to_leave_nothing() -> None:
    images = [image("a.png"), image("b.png")]
    with pytest.raises(ValueError, match=r"names every image of the split; none is left"):
        kept(images, "a", "b.png")


def test_read_exclude_list_reads_what_editors_write(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    # Every line that is not blank is a name as it stands: images may be called #1.npy.
    text = "\ufeffa.v1.npy\r\n\r\n \t\r\nb with spaces.npy\r\n#1.npy\r\nGröße.npy"
    file.write_bytes(text.encode())
    assert read_exclude_list(file) == ("a.v1.npy", "b with spaces.npy", "#1.npy", "Größe.npy")


def test_read_exclude_list_gives_back_the_list_of_false_positives(tmp_path: Path) -> None:
    record = evaluation().false_positives[0]
    names = ("a.v1.npy", "Größe 2.npy", "a.npy", "#1.npy", " b .npy")
    wrong = tuple(dataclasses.replace(record, image=name) for name in names)
    write_false_positive_list(
        tmp_path / "list.txt", dataclasses.replace(evaluation(), false_positives=wrong)
    )
    assert set(read_exclude_list(tmp_path / "list.txt")) == set(names)


def test_read_exclude_list_of_nothing_names_nothing(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    for text in ("", "\n\n", " \n"):
        file.write_text(text)
        assert read_exclude_list(file) == ()


def test_read_exclude_list_names_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    with pytest.raises(ValueError, match=r"list\.txt: cannot be read as a list: .*No such file"):
        read_exclude_list(file)
    file.write_bytes(b"a.npy\n\xff\xfe\n")
    with pytest.raises(ValueError, match=r"list\.txt: cannot be read as a list: .*utf-8"):
        read_exclude_list(file)
    with pytest.raises(ValueError, match="cannot be read as a list"):
        read_exclude_list(tmp_path)
