"""2,000 corrupted files: each is read, with nothing lost, or refused with a message that names it.

Files of the fixtures are damaged by a seeded generator, so that a failure happens again: its
message holds the seed. `corrupted(kind, original, seed)` gives the same bytes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from refdet.data import cells, circuits
from refdet.data.coco_json import read_coco_results
from refdet.data.csv_detections import read_csv_detections
from refdet.data.decode import decode_image
from refdet.data.npy_csv import NpyCsvSource
from refdet.data.options import BoxCoordinates, PixelRangeOption, SourceOptions
from refdet.data.voc import read_voc_split
from refdet.records import AnnotatedImage, Detections, GroundTruth
from refdet.report.predictions import write_predictions_coco, write_predictions_csv
from tests.conftest import REPOSITORY
from tests.data.small_columns import objects_of

CELLS = REPOSITORY / "fixtures" / "datasets" / "cells"
CIRCUITS = REPOSITORY / "fixtures" / "datasets" / "circuits"
N_FILES = {
    "xml": 500,
    "png": 150,
    "jpg": 150,
    "bmp": 100,
    "split": 200,
    "csv": 400,
    "npy": 300,
    "predictions.csv": 100,
    "predictions.json": 100,
}
assert sum(N_FILES.values()) == 2000

Read = Callable[[Path], int]
"""Reads a file and counts what came out of it, objects left out with a message included."""


def corrupted(kind: str, original: bytes, seed: int) -> bytes:
    """`original` with one to three faults."""
    random = Random(f"{kind} {seed}")
    content = original
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = random.choice(FAULTS)(random, content)
    return content


def _flip_bytes(random: Random, content: bytes) -> bytes:
    flipped = bytearray(content)
    for _ in range(min(len(content), random.randint(1, 4))):
        flipped[random.randrange(len(flipped))] ^= random.randint(1, 255)
    return bytes(flipped)


def _flip_in_the_header(random: Random, content: bytes) -> bytes:
    return _flip_bytes(random, content[:200]) + content[200:]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[: random.randint(0, len(content))]


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randint(0, len(content))
    piece = random.choice(
        (b"\0", b"-", b".", b'"', b"\n", b"\r", b",", b" ", b"nan", b"1e999", b"9")
    )
    return content[:at] + piece * random.randint(1, 3) + content[at:]


def _swap_fields(random: Random, content: bytes) -> bytes:
    fields = list(re.finditer(rb"[^,<>\s]+", content))
    if len(fields) < 2:
        return content
    one, other = sorted(random.sample(fields, 2), key=lambda field: field.start())
    between = content[one.end() : other.start()]
    return content[: one.start()] + other[0] + between + one[0] + content[other.end() :]


def _duplicate_a_line(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    at = random.randrange(len(lines)) if lines else 0
    return b"".join([*lines[: at + 1], *lines[at:]])


def _remove_a_line(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    at = random.randrange(len(lines)) if lines else 0
    return b"".join([*lines[:at], *lines[at + 1 :]])


FAULTS = (
    _flip_bytes,
    _flip_in_the_header,
    _truncate,
    _insert,
    _swap_fields,
    _duplicate_a_line,
    _remove_a_line,
)


def fuzz(kind: str, file: Path, read: Read, count: Callable[[bytes], int]) -> None:
    """Damage `file` again and again; `count` says, without refdet, what `read` must find."""
    original = file.read_bytes()
    assert read(file) == count(original)
    outcomes: Counter[str] = Counter()
    for seed in range(N_FILES[kind]):
        content = corrupted(kind, original, seed)
        file.write_bytes(content)
        outcome = "read"
        try:
            found = read(file)
        except ValueError as error:
            outcome = str(error)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise AssertionError(f"seed {seed} of {kind}: {content!r:.300}: {what}") from error
        if outcome == "read":
            assert found == count(content), f"seed {seed} of {kind}: {content!r:.300}"
        else:
            assert file.name in outcome, f"seed {seed} of {kind}: {content!r:.300}: {outcome}"
        outcomes[outcome] += 1
    # A reader that refuses everything would pass as well, but for the checksums of a PNG.
    assert len(outcomes) > 3
    assert outcomes["read"] > 0 or kind == "png"


def lines_of(content: bytes) -> list[str]:
    """The lines that are not blank, however they end."""
    return [line for line in re.split("\r\n|\r|\n", content.decode("utf-8-sig")) if line.strip()]


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """The first 12 cell images in a split `train`, the first of them in a split `one`."""
    names = [f"cells_{index:04d}" for index in range(12)]
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (tmp_path / part).mkdir(parents=True)
    for name in names:
        shutil.copy(CELLS / "Annotations" / f"{name}.xml", tmp_path / "Annotations")
        shutil.copy(CELLS / "JPEGImages" / f"{name}.png", tmp_path / "JPEGImages")
    (tmp_path / "ImageSets" / "Main" / "one.txt").write_text(f"{names[0]}\n")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("".join(f"{n}\n" for n in names))
    return tmp_path


def test_corrupted_voc_annotations(voc: Path) -> None:
    def read(_: Path) -> int:
        split = read_voc_split(voc, "one", cells.CLASS_NAMES)
        return sum(len(image.ground_truth) for image in split.images) + len(split.dropped)

    file = voc / "Annotations" / "cells_0000.xml"
    fuzz("xml", file, read, lambda content: len(re.findall(rb"<object[\s>]", content)))


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp"])
def test_corrupted_images(voc: Path, kind: str) -> None:
    def read(file: Path) -> int:
        (image,) = read_voc_split(voc, "one", cells.CLASS_NAMES).images
        assert image.path == file
        return int(np.prod(decode_image(image).shape))

    png = voc / "JPEGImages" / "cells_0000.png"
    if kind != "png":
        with Image.open(png) as image:
            image.convert("RGB").save(png.with_suffix(f".{kind}"))
        png.unlink()
    n_values = 3 * cells.WIDTH * cells.HEIGHT
    fuzz(kind, png.with_suffix(f".{kind}"), read, lambda _: n_values)


def test_corrupted_split_files(voc: Path) -> None:
    def read(file: Path) -> int:
        try:
            split = read_voc_split(voc, "train", cells.CLASS_NAMES)
        except ValueError as error:
            # A name that is not there is told as the annotation that is missing.
            if "Annotations/" in str(error) and "is missing" in str(error):
                raise ValueError(f"{file}: {error}") from error
            raise
        return len(split.images)

    file = voc / "ImageSets" / "Main" / "train.txt"
    fuzz("split", file, read, lambda content: len({line.strip() for line in lines_of(content)}))


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    """The first diagram."""
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
        (file,) = (CIRCUITS / "train" / part).glob("circuit_0000.*")
        shutil.copy(file, tmp_path / "train" / part)
    return tmp_path


def circuit_source(root: Path) -> NpyCsvSource:
    declared = PixelRangeOption.UINT8, BoxCoordinates.PIXELS
    names = circuits.CLASS_NAMES
    options = SourceOptions(
        root, class_names=names, pixel_range=declared[0], box_coordinates=declared[1]
    )
    return NpyCsvSource(options)


def test_corrupted_label_files(npy: Path) -> None:
    def read(_: Path) -> int:
        split = circuit_source(npy).read_split("train")
        blank = sum("is blank" in problem.what for problem in split.dropped)
        return len(split.images[0].ground_truth) + len(split.dropped) - blank

    file = npy / "train" / "labels" / "circuit_0000.csv"
    fuzz("csv", file, read, lambda content: len(lines_of(content)) - 1)


def test_corrupted_npy_images(npy: Path) -> None:
    def read(_: Path) -> int:
        (image,) = circuit_source(npy).read_split("train").images
        truth = image.ground_truth
        # As the labels and the images of a data set know each other's size.
        same = GroundTruth(
            truth.image,
            circuits.WIDTH,
            circuits.HEIGHT,
            truth.boxes_xyxy,
            truth.labels,
            truth.difficult,
        )
        pixels = decode_image(AnnotatedImage(image.path, same, image.pixel_range))
        return int(pixels[0].numel())

    file = npy / "train" / "images" / "circuit_0000.npy"
    # The header that NumPy writes for such an image has 128 bytes; all others are pixels.
    fuzz("npy", file, read, lambda content: len(content) - 128)


IMAGES = ("a", "b.v1", "c")


def detections() -> list[Detections]:
    rng = np.random.default_rng(0)
    found = []
    for image in IMAGES:
        low, size = rng.uniform(0, 50, (2, 5, 2))
        boxes, labels = np.hstack([low, low + size]), rng.integers(0, 3, 5)
        found.append(Detections(image, boxes, rng.uniform(0, 1, 5), labels))
    return found


def test_corrupted_predictions_csv(tmp_path: Path) -> None:
    objects = objects_of(names=IMAGES, classes=cells.CLASS_NAMES)
    file = tmp_path / "predictions.csv"
    write_predictions_csv(file, detections(), cells.CLASS_NAMES)
    fuzz(
        "predictions.csv",
        file,
        lambda file: len(read_csv_detections(file, objects).detections),
        lambda content: len(lines_of(content)) - 1,
    )


def test_corrupted_predictions_json(tmp_path: Path) -> None:
    file = tmp_path / "predictions.json"
    write_predictions_coco(file, detections(), IMAGES)
    file.write_text(json.dumps(json.loads(file.read_text()), indent=1))
    fuzz(
        "predictions.json",
        file,
        lambda file: len(read_coco_results(file)),
        lambda content: content.count(b"image_id"),
    )
