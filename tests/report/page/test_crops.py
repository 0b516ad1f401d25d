from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from refdet.report.page.crops import Place, Scene, cut_out, make_album, region_around

NO_BOXES = np.zeros((0, 4))
NO_LABELS = np.zeros(0, np.int64)


def scene_of(name: str) -> Scene:
    """Noise, which takes many bytes, of another seed for each name; `bad` cannot be opened."""
    if name.startswith("bad"):
        raise ValueError(f"{name} is damaged")
    pixels = np.random.default_rng(len(name)).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    return Scene(pixels, NO_BOXES, NO_LABELS)


def picture_of(webp: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(webp)))


@pytest.mark.parametrize(
    ("box", "region"),
    [
        ((100, 80, 140, 100), (70, 40, 170, 140)),  # 2.5 sides of 40 about (120, 90)
        ((100, 80, 101, 81), (68, 48, 132, 112)),  # at least 64
        ((0, 0, 40, 40), (0, 0, 100, 100)),  # moved inside
        ((280, 190, 320, 230), (200, 100, 300, 200)),  # though the box is not
        ((0, 0, 300, 200), (0, 0, 300, 200)),  # cut
        ((900, 900, 910, 910), (236, 136, 300, 200)),  # outside altogether
    ],
)
def test_region_around_lies_in_the_image(
    box: tuple[float, float, float, float], region: tuple[int, int, int, int]
) -> None:
    assert region_around(box, 300, 200) == region


def test_region_around_in_a_tiny_image_is_all_of_it() -> None:
    assert region_around((2, 2, 3, 3), 5, 1) == (0, 0, 5, 1)


def test_cut_out_shows_the_region_no_larger_than_256_pixels() -> None:
    pixels = np.zeros((400, 600, 3), np.uint8)
    pixels[:, :300] = (255, 0, 0)
    boxes = np.array([[0.0, 0, 10, 10], [250, 150, 350, 250], [590, 390, 600, 400]])
    scene = Scene(pixels, boxes, np.array([4, 5, 6]))
    crop = cut_out(scene, (200, 100, 400, 300))  # 2.5 times 200 is more than 400
    assert crop.region == (50, 0, 550, 400)
    picture = picture_of(crop.webp)
    assert (picture.format, picture.size) == ("WEBP", (256, 205))
    red = np.asarray(picture.convert("RGB"))[:, :, 0]
    assert red[100, 10] > 240
    assert red[100, 245] < 15
    assert crop.labels.tolist() == [5]
    assert crop.boxes_xyxy.tolist() == [[250, 150, 350, 250]]


def test_make_album_shares_a_crop_that_shows_the_box_large_enough() -> None:
    near = Place("a", (102, 82, 142, 102))
    places = [Place("a", (100, 80, 140, 100)), near, Place("a", (112, 84, 124, 96)), near]
    album = make_album([*places, Place("b!", near.box_xyxy)], scene_of, 10**9)
    assert album.shown == [0, 0, 1, 0, 2]
    assert [crop.region for crop in album.crops[:2]] == [(70, 40, 170, 140), (86, 58, 150, 122)]


def test_make_album_opens_an_image_once_for_many_places() -> None:
    opened: list[str] = []

    def load(name: str) -> Scene:
        opened.append(name)
        return scene_of(name)

    boxes = [(10.0 * step, 5.0, 10 * step + 9.0, 9.0) for step in range(20)]
    make_album([Place(name, box) for box in boxes for name in "ab"], load, 10**9)
    assert opened == ["a", "b"]


def test_make_album_keeps_to_its_bytes_with_the_first_places() -> None:
    places = [Place("a" * step, (50, 50, 150, 150)) for step in range(1, 300)]
    one = make_album(places[:1], scene_of, 10**9).n_bytes
    album = make_album(places, scene_of, 5 * one)
    assert 3 <= len(album.crops) <= 6
    assert sum(len(crop.webp) for crop in album.crops) == album.n_bytes <= 5 * one
    assert album.shown == [*range(len(album.crops)), *[-1] * (299 - len(album.crops))]


def test_make_album_of_no_bytes_is_empty() -> None:
    assert make_album([Place("a", (0, 0, 9, 9))], scene_of, 0).shown == [-1]


def test_make_album_tells_a_damaged_image_once_and_goes_on() -> None:
    box = (0.0, 0.0, 9.0, 9.0)
    album = make_album([Place("bad", box), Place("a", box), Place("bad", box)], scene_of, 10**9)
    assert album.shown == [-1, 0, -1]
    assert [str(problem) for problem in album.problems] == ["bad: bad is damaged"]
