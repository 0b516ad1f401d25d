"""A file of decoded images: the pixels that decoding gives, or none; never those of before."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from refdet.data import decoded_file
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform
from refdet.data.dataset import DetectionDataset, Item
from refdet.data.decode import decode_image
from refdet.data.decoded_file import DecodedImages, decode_once
from refdet.data.problems import DataError
from refdet.records import AnnotatedImage, GroundTruth, PixelRange

SIZES = ((5, 3), (3, 7), (8, 8), (1, 1), (640, 480))


def record(path: Path, pixel_range: PixelRange = PixelRange.UINT8) -> AnnotatedImage:
    if path.suffix == ".npy":
        height, width = np.load(path).shape[:2]
    else:
        width, height = Image.open(path).size
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return AnnotatedImage(path, GroundTruth(path.name, width, height, *nothing), pixel_range)


@pytest.fixture
def images(tmp_path: Path) -> list[AnnotatedImage]:
    """JPEG and PNG of various sizes, .npy of 8 bits, of floats and of floats in [-1, 1]."""
    rng = np.random.default_rng(0)
    made = []
    for number, (width, height) in enumerate(SIZES):
        path = tmp_path / f"{number}.{('jpg', 'png')[number % 2]}"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)
        made.append(record(path))
    for pixel_range in PixelRange:
        path = tmp_path / f"{pixel_range}.npy"
        pixels = rng.random((5, 3, 1)) * (2 if pixel_range is PixelRange.SYMMETRIC else 1)
        if pixel_range is PixelRange.UINT8:
            np.save(path, rng.integers(0, 256, (5, 3, 4), np.uint8))
        else:
            np.save(path, pixels - (pixel_range is PixelRange.SYMMETRIC))
        made.append(record(path, pixel_range))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "decoded.safetensors"


def told_by(file: Path, images: list[AnnotatedImage]) -> list[str]:
    """What `decode_once` says; each image must then be as it is decoded now."""
    told: list[str] = []
    decoded = decode_once(file, images, tell=told.append, threads=2)
    for image in images:
        ours, expected = decoded(image), decode_image(image)
        assert ours.dtype == expected.dtype
        assert ours.stride() == expected.stride()
        assert torch.equal(ours, expected)
    assert [path.name for path in file.parent.iterdir() if path != file] == []
    return told


def test_decode_once_gives_what_decoding_does_and_writes_once(
    images: list[AnnotatedImage], file: Path
) -> None:
    assert told_by(file, images) == [f"{file} does not exist yet: decoding into it"]
    before = file.stat()
    assert told_by(file, images[::-1]) == []
    assert told_by(file, images[1:3]) == []  # a part of them is there, too
    assert file.stat() == before


def test_decode_once_writes_the_documented_format_without_gaps(
    images: list[AnnotatedImage], file: Path
) -> None:
    decode_once(file, [*images, images[0]])
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert set(header.pop("__metadata__")) == {"format", "decoder", *header}
    assert set(header) == {str(image.path) for image in images}
    place = 0
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        assert start == place
        place = end
        stored = np.frombuffer(
            content[8 + length + start : 8 + length + end],
            {"U8": "u1", "F32": "<f4"}[entry["dtype"]],
        ).reshape(entry["shape"])
        if name.endswith(".png"):
            np.testing.assert_array_equal(stored, np.asarray(Image.open(name)))
        if name.endswith("unit.npy"):
            np.testing.assert_array_equal(stored[..., :1], np.load(name).astype(np.float32))
    assert 8 + length + place == len(content)


def test_decode_once_aligns_floats(images: list[AnnotatedImage], file: Path) -> None:
    for n in range(1, len(images)):  # headers of various lengths
        decode_once(file, images[n:])
        content = file.read_bytes()
        length = int.from_bytes(content[:8], "little")
        assert length % 8 == 0
        header = json.loads(content[8 : 8 + length])
        del header["__metadata__"]
        kinds = [entry["dtype"] for entry in header.values()]
        assert kinds == sorted(kinds, key=["F32", "U8"].index)


def test_decoded_images_are_pickled_without_their_pixels(
    images: list[AnnotatedImage], file: Path
) -> None:
    pickled = pickle.dumps(decode_once(file, images))
    assert len(pickled) < 1000
    assert torch.equal(pickle.loads(pickled)(images[0]), decode_image(images[0]))


def test_decoded_images_name_one_that_another_run_has_left_out(
    images: list[AnnotatedImage], file: Path
) -> None:
    """As a worker that starts when the file has been written anew for other images."""
    pickled = pickle.dumps(decode_once(file, images))
    decode_once(file, images[1:])
    file.unlink()
    decode_once(file, images[1:])
    with pytest.raises(DataError, match=r"is not in .*; give each data set a --cache-file of its"):
        pickle.loads(pickled)(images[0])


def test_decode_once_refuses_to_decode_nothing(file: Path) -> None:
    with pytest.raises(ValueError, match="there are no images to decode"):
        decode_once(file, [])
    assert not file.exists()


def test_decoded_images_are_copies(images: list[AnnotatedImage], file: Path) -> None:
    decoded = decode_once(file, images)
    for image in images:
        decoded(image).zero_()
        assert torch.equal(decoded(image), decode_image(image))


def of_other_pixels(image: AnnotatedImage) -> AnnotatedImage:
    pixels = np.asarray(Image.open(image.path))
    Image.fromarray(255 - pixels).save(image.path)
    return image


def of_another_size(image: AnnotatedImage) -> AnnotatedImage:
    Image.new("RGB", (9, 4)).save(image.path)
    return record(image.path)


@pytest.mark.parametrize("change", [of_other_pixels, of_another_size])
def test_decode_once_decodes_anew_what_has_changed(
    change: Callable[[AnnotatedImage], AnnotatedImage], images: list[AnnotatedImage], file: Path
) -> None:
    told_by(file, images)
    images[3] = change(images[3])
    [told] = told_by(file, images)
    assert (
        told == f"{file} has 1 images as they were before, first {images[3].path}: decoding into it"
    )
    assert told_by(file, images) == []


def test_decode_once_sees_a_change_by_its_time_alone(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "a.bmp"  # whose size does not depend on its pixels
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    told_by(file, [record(path)])
    before = path.stat()
    Image.new("RGB", (8, 8), (3, 2, 1)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    assert "has 1 images as they were before" in told_by(file, [record(path)])[0]


def test_decode_once_decodes_anew_what_pixels_mean_something_else(
    images: list[AnnotatedImage], file: Path
) -> None:
    told_by(file, images)
    unit = next(image for image in images if image.pixel_range is PixelRange.UNIT)
    symmetric = replace(unit, pixel_range=PixelRange.SYMMETRIC)
    assert "has 1 images as they were before" in told_by(file, [symmetric])[0]


def test_decode_once_decodes_anew_with_another_decoder(
    images: list[AnnotatedImage], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by(file, images)
    before = decoded_file._decoder()
    monkeypatch.setattr("PIL.__version__", "99.0")
    [told] = told_by(file, images)
    assert f"was decoded by {before}, this is Pillow 99.0" in told


def test_decode_once_says_what_is_not_in_it(images: list[AnnotatedImage], file: Path) -> None:
    told_by(file, images[:-2])
    [told] = told_by(file, images)
    assert f"lacks 2 of {len(images)} images, first {images[-2].path}" in told


def test_decode_once_decodes_anew_what_was_cut_short(
    images: list[AnnotatedImage], file: Path
) -> None:
    told_by(file, images)
    for change in (file.read_bytes()[:-1], file.read_bytes() + b"0"):
        file.write_bytes(change)
        with pytest.raises(
            ValueError, match=r"decoded\.safetensors is cut short: [\d,]+ of [\d,]+"
        ):
            DecodedImages(file)
        assert told_by(file, images) == [f"{file} is cut short: decoding into it"]


@pytest.mark.parametrize("left", [100, 8 + 60, -1])
def test_decode_once_decodes_anew_what_was_cut_within_its_header(
    left: int, images: list[AnnotatedImage], file: Path
) -> None:
    told_by(file, images)
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    file.write_bytes(whole[:header][:left])
    with pytest.raises(ValueError, match=rf"is cut short: [\d,]+ of {header - 8:,} bytes of its"):
        DecodedImages(file)
    assert told_by(file, images) == [f"{file} is cut short: decoding into it"]
    file.write_bytes(whole[:header])
    assert told_by(file, images) == [f"{file} is cut short: decoding into it"]
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"weights",
        b"\xff" * 100,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (34).to_bytes(8, "little") + b'{"__metadata__": {"format": "pt"}} ',
    ],
)
def test_decode_once_leaves_a_file_of_something_else_alone(
    content: bytes, images: list[AnnotatedImage], file: Path
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"holds no decoded images; remove it, or name another"):
        decode_once(file, images)
    assert file.read_bytes() == content


def test_decode_once_refuses_a_folder(images: list[AnnotatedImage], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no decoded images; remove it, or name another"):
        decode_once(tmp_path, images)


def test_decode_once_keeps_the_old_file_when_it_fails(
    images: list[AnnotatedImage], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by(file, images[:2])
    before = file.read_bytes()
    images[4].path.write_bytes(images[4].path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"4\.jpg: cannot be read as an image"):
        decode_once(file, images)
    with pytest.raises(KeyboardInterrupt):
        decode_once(file, images, interrupted=lambda: True)
    full = shutil.disk_usage(file.parent)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: full)
    with pytest.raises(ValueError, match=r"folder has 0 MB free; the decoded images need 1 MB\. "):
        decode_once(file, images)
    images[0].path.unlink()
    with pytest.raises(DataError, match=r"0\.jpg: cannot be read as an image: no such file"):
        decode_once(file, images)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def samples(dataset: DetectionDataset, workers: int) -> list[Item]:
    # A spawned worker, which is sent the data set, and must not be sent the pixels.
    context = multiprocessing.get_context("spawn") if workers else None
    loader = DataLoader(
        dataset, num_workers=workers, collate_fn=list, multiprocessing_context=context
    )
    return [item for batch in loader for item in batch]


@pytest.mark.parametrize("workers", [0, 1])
def test_dataset_gives_the_same_samples_from_a_file(
    workers: int, images: list[AnnotatedImage], file: Path
) -> None:
    transform = faster_rcnn_training_transform()
    plain = samples(DetectionDataset(images, transform, 3), 0)
    decoded = decode_once(file, images)
    for image in images:
        image.path.unlink()
    from_file = samples(DetectionDataset(images, transform, 3, decode=decoded), workers)
    for ours, expected in zip(from_file, plain, strict=True):
        assert torch.equal(ours.image, expected.image)
