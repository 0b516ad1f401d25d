from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from refdet.data.problems import DataError
from refdet.data.voc import discover_classes, read_voc_split
from refdet.data.voc_folder import VocFolder
from tests.data.voc_folder import CLASSES, SIZE, add_split, clean_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "set")


@pytest.mark.parametrize("part", ["Annotations", "ImageSets/Main", "JPEGImages"])
def test_require_voc_folder_names_what_is_missing_and_how_to_get_it(
    folder: Path, part: str
) -> None:
    (folder / part).rename(folder / "elsewhere")
    for read in (lambda: discover_classes(folder), lambda: VocFolder(folder, CLASSES)):
        with pytest.raises(DataError, match=f"there is no {part} in it.*git clone https://"):
            read()


def test_read_split_file_names_the_splits_that_exist(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^ImageSets/Main/dev\.txt: .*exist: train, val"):
        read_voc_split(folder, "dev", CLASSES)


def test_read_split_file_names_a_repeated_image(folder: Path) -> None:
    add_split(folder, "train", "a", "b", "a")
    with pytest.raises(DataError, match=r"train\.txt, line 3: repeats 'a' of line 1"):
        read_voc_split(folder, "train", CLASSES)


@pytest.mark.parametrize("name", ["../a", "x\\a", "a\0"])
def test_read_split_file_names_what_is_no_name(folder: Path, name: str) -> None:
    add_split(folder, "train", "a", name)
    with pytest.raises(DataError, match=r"train\.txt, line 2: '.*' is no name of an image"):
        read_voc_split(folder, "train", CLASSES)


def test_read_split_file_names_an_empty_file(folder: Path) -> None:
    add_split(folder, "train")
    with pytest.raises(DataError, match=r"train\.txt: names no image"):
        read_voc_split(folder, "train", CLASSES)


def test_read_split_file_names_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "ImageSets/Main/train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train\.txt: cannot be read"):
        read_voc_split(folder, "train", CLASSES)


def test_splits_are_ordered_and_without_lists_per_class(folder: Path) -> None:
    for split in ("test", "cat_train", "dog_val", "extra", "cow_train"):
        add_split(folder, split, "a")
    splits = VocFolder(folder, CLASSES).splits
    # `cow` is no declared class, so `cow_train` may be a split.
    assert splits == ("train", "val", "test", "cow_train", "extra")


def test_read_image_names_a_missing_image(folder: Path) -> None:
    (folder / "JPEGImages" / "a.png").unlink()
    with pytest.raises(DataError, match=r"^JPEGImages/a: is missing"):
        read_voc_split(folder, "train", CLASSES)


def test_read_image_names_two_images_of_one_name(folder: Path) -> None:
    Image.new("RGB", SIZE).save(folder / "JPEGImages" / "a.JPG", format="jpeg")
    with pytest.raises(DataError, match=r"is ambiguous: a\.JPG, a\.png"):
        read_voc_split(folder, "train", CLASSES)


@pytest.mark.parametrize("content", [b"", b"no image"], ids=["empty", "text"])
def test_read_image_names_a_file_that_is_no_image(folder: Path, content: bytes) -> None:
    (folder / "JPEGImages" / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"^JPEGImages/a\.png: cannot be read as an image"):
        read_voc_split(folder, "train", CLASSES)


def test_read_image_names_a_file_that_is_cut_short_when_it_decodes(folder: Path) -> None:
    file = folder / "JPEGImages" / "a.png"
    Image.effect_noise(SIZE, 50).convert("RGB").save(file)
    file.write_bytes(file.read_bytes()[:400])
    voc = VocFolder(folder, CLASSES)
    assert voc.read_image("a").problems == ()  # The header is whole.
    (problem,) = voc.read_image("a", decode=True).problems
    assert problem.place == "JPEGImages/a.png"
    assert not problem.dropped


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_read_image_names_pixels_that_are_not_8_bits(folder: Path, mode: str) -> None:
    (folder / "JPEGImages" / "a.png").unlink()
    # Only TIFF holds floats; Pillow looks at the content, whatever the suffix says.
    Image.new(mode, SIZE).save(folder / "JPEGImages" / "a.png", format="tiff")
    with pytest.raises(DataError, match=f"has pixels of mode '{mode}'"):
        read_voc_split(folder, "train", CLASSES)


def test_read_image_names_a_file_of_too_many_pixels(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE[0] * SIZE[1] // 3)
    with pytest.raises(DataError, match=r"^JPEGImages/a\.png: cannot be read as an image"):
        read_voc_split(folder, "train", CLASSES)
