"""The table of images: every cell in its place, and what is wrong by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from refdet.data.image_table import ImageCells, read_image_table
from tests.data.small_columns import objects_of

IMAGES = objects_of(names=("a.png", "sub/b.jpg")).images


def read(tmp_path: Path, text: str, *, ignore_unknown: bool = False) -> ImageCells:
    """Of a file with that text."""
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    return read_image_table(tmp_path / "t.csv", IMAGES, ignore_unknown=ignore_unknown)


def test_read_image_table_gives_cells_in_the_order_of_the_images(tmp_path: Path) -> None:
    text = 'site,image,note\r\nS,sub/b.jpg,"x, ""y""\nz"\r\n T ,a.png,\r\n'
    assert read(tmp_path, text).cells == {"site": (" T ", "S"), "note": ("", 'x, "y"\nz')}


@pytest.mark.parametrize("names", [("a", "b"), ("a.png", "b.jpg"), ("a", "sub/b")])
def test_read_image_table_finds_images_by_any_name_that_is_theirs(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    first, second = names
    got = read(tmp_path, f"\ufeffimage,n\n{second},2\n{first},1\n")
    assert got == ImageCells({"n": ("1", "2")}, 0, 0)


def test_read_image_table_counts_what_does_not_fit_if_asked(tmp_path: Path) -> None:
    got = read(tmp_path, "image,n\nb,2\nc,3\nd,4\n", ignore_unknown=True)
    assert got == ImageCells({"n": ("", "2")}, n_unknown=2, n_absent=1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,n\na,1\n", "needs 'image' exactly once"),
        ("image,image\na,a\n", "needs 'image' exactly once"),
        ("image,n,n\na,1,1\n", "has 'n' twice"),
        ("image, n\na,1\nb\n", "line 3: 1 fields, the header has 2"),
        ("image,n\na,1\nc,1\n", "line 3: the data set has no image 'c'; --ignore-unknown"),
        ("image,n\na,1\nb,2\na.png,3\n", r"line 4: image 'a.png' has a row already: .*line 2"),
        ("image,n\nb,1\n", "no row for 1 of the 2 images, the first 'a.png'; --ignore-unknown"),
        ('image,n\na,"1\n', "line 2: unexpected end of data"),
        ("image,n\na,\0\n", "NUL"),
        ("", "needs 'image'"),
    ],
)
def test_read_image_table_names_what_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read(tmp_path, text)
