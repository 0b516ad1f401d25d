from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from refdet.data.decode import decode_image
from refdet.data.pixels import display_pixels
from refdet.data.problems import DataError
from refdet.records import AnnotatedImage, GroundTruth, PixelRange

HEIGHT, WIDTH = 4, 6
UINT8, UNIT, SYMMETRIC = PixelRange.UINT8, PixelRange.UNIT, PixelRange.SYMMETRIC


def record(file: Path, pixel_range: PixelRange = UINT8) -> AnnotatedImage:
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return AnnotatedImage(file, GroundTruth(file.stem, WIDTH, HEIGHT, *nothing), pixel_range)


def saved(folder: Path, array: NDArray[np.generic], pixel_range: PixelRange) -> AnnotatedImage:
    np.save(folder / "a.npy", array)
    return record(folder / "a.npy", pixel_range)


def ramp(channels: int) -> NDArray[np.uint8]:
    return np.arange(HEIGHT * WIDTH * channels, dtype=np.uint8).reshape(HEIGHT, WIDTH, channels)


def test_decode_image_gives_8_bit_pixels_as_they_are(tmp_path: Path) -> None:
    pixels = decode_image(saved(tmp_path, ramp(3), UINT8))
    assert (pixels.shape, pixels.dtype) == ((3, HEIGHT, WIDTH), torch.uint8)
    np.testing.assert_array_equal(pixels.numpy(), ramp(3).transpose(2, 0, 1))


def test_decode_image_makes_three_channels_of_grey(tmp_path: Path) -> None:
    pixels = decode_image(saved(tmp_path, ramp(1), UINT8))
    for channel in pixels:
        np.testing.assert_array_equal(channel.numpy(), ramp(1)[..., 0])


def test_decode_image_leaves_alpha_out(tmp_path: Path) -> None:
    pixels = decode_image(saved(tmp_path, ramp(4), UINT8))
    np.testing.assert_array_equal(pixels.numpy(), ramp(4)[..., :3].transpose(2, 0, 1))


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_decode_image_does_not_quantise_floats(tmp_path: Path, dtype: str) -> None:
    array = (ramp(3) / 71).astype(dtype)
    pixels = decode_image(saved(tmp_path, array, UNIT))
    assert pixels.dtype == torch.float32
    np.testing.assert_array_equal(pixels.numpy(), array.astype(np.float32).transpose(2, 0, 1))


def test_decode_image_moves_a_symmetric_range_to_0_and_1(tmp_path: Path) -> None:
    array = np.full((HEIGHT, WIDTH, 1), -1, np.float32)
    array[0, :3, 0] = 0, 0.5, 1
    pixels = decode_image(saved(tmp_path, array, SYMMETRIC))
    # By hand: (v + 1) / 2.
    assert pixels[2, 0, :4].tolist() == [0.5, 0.75, 1, 0]


def test_decode_image_reads_arrays_that_fortran_ordered(tmp_path: Path) -> None:
    pixels = decode_image(saved(tmp_path, np.asfortranarray(ramp(3)), UINT8))
    np.testing.assert_array_equal(pixels.numpy(), ramp(3).transpose(2, 0, 1))


def test_decode_image_gives_pixels_that_do_not_hang_on_the_file(tmp_path: Path) -> None:
    image = saved(tmp_path, ramp(3), UINT8)
    pixels = decode_image(image)
    image.path.write_bytes(b"")
    pixels.add_(1)  # writable
    assert int(pixels[0, 0, 0]) == 1


@pytest.mark.parametrize(
    ("array", "pixel_range", "message"),
    [
        (
            np.zeros((4, 6), np.uint8),
            UINT8,
            r"shape \(4, 6\), without channels; .*None\]",
        ),
        (np.zeros((3, 4, 6), np.uint8), UINT8, r"shape \(3, 4, 6\), channels first; .*moveaxis"),
        (np.zeros((1, 4, 6), np.uint8), UINT8, r"shape \(1, 4, 6\), channels first"),
        (np.zeros((5, 6, 2), np.uint8), UINT8, r"shape \(5, 6, 2\); an image is \(H, W, C\)"),
        (np.zeros((4, 6, 3, 1), np.uint8), UINT8, r"shape \(4, 6, 3, 1\); an image is"),
        (np.zeros((), np.uint8), UINT8, r"shape \(\); an image is"),
        (np.zeros((0, 6, 3), np.uint8), UINT8, r"shape \(0, 6, 3\): it is empty"),
        (np.zeros((4, 6, 3), np.uint16), UINT8, "holds uint16 pixels; scale them"),
        (np.zeros((4, 6, 3), np.int64), UINT8, "holds int64 pixels; scale them"),
        (np.zeros((4, 6, 3), np.bool_), UINT8, "holds bool pixels; scale them"),
        (np.zeros((4, 6, 3), np.complex64), UNIT, "holds complex64 pixels"),
        (np.zeros((4, 6, 3), np.float32), UINT8, "holds float32 pixels, but .* range is uint8"),
        (np.zeros((4, 6, 3), np.uint8), UNIT, "holds uint8 pixels, but .* range is unit"),
        (np.full((4, 6, 3), 1.002, np.float32), UNIT, r"holds 1\.002, outside \[0, 1\] .* unit"),
        (np.full((4, 6, 3), -0.5), UNIT, r"holds -0\.5, outside \[0, 1\]"),
        (np.full((4, 6, 3), -1.5), SYMMETRIC, r"holds -1\.5, outside \[-1, 1\] .* symmetric"),
        (np.full((4, 6, 3), np.inf), SYMMETRIC, r"holds inf, outside \[-1, 1\]"),
        (np.full((4, 6, 3), 255.0), UNIT, r"holds 255\.0, outside"),
    ],
)
def test_decode_image_names_what_is_no_image(
    tmp_path: Path, array: NDArray[np.generic], pixel_range: PixelRange, message: str
) -> None:
    with pytest.raises(DataError, match=f"a\\.npy: (has )?{message}"):
        decode_image(saved(tmp_path, array, pixel_range))


def test_decode_image_names_the_place_of_a_nan(tmp_path: Path) -> None:
    array = np.zeros((HEIGHT, WIDTH, 3))
    array[2, 5, 1] = np.nan
    with pytest.raises(DataError, match=r"a\.npy: holds NaN, first in row 2, column 5"):
        decode_image(saved(tmp_path, array, SYMMETRIC))


def test_decode_image_looks_at_no_value_of_alpha(tmp_path: Path) -> None:
    array = np.zeros((HEIGHT, WIDTH, 4))
    array[..., 3] = np.nan
    assert decode_image(saved(tmp_path, array, UNIT)).max() == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x93NUMPY", "magic string"),
        (b"no image", "does not begin as .npy files do"),
        (b"PK\x03\x04", "does not begin as .npy files do"),
    ],
)
def test_decode_image_names_a_file_that_is_no_npy(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.npy: cannot be read as \.npy: .*{message}"):
        decode_image(record(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("bytes_more", "message"), [(-1, "mmap length"), (5, "5 bytes more than its header says")]
)
def test_decode_image_names_a_file_of_another_length(
    tmp_path: Path, bytes_more: int, message: str
) -> None:
    image = saved(tmp_path, ramp(3), UINT8)
    content = image.path.read_bytes()
    image.path.write_bytes(content[:bytes_more] if bytes_more < 0 else content + b"12345")
    with pytest.raises(DataError, match=rf"a\.npy: cannot be read as \.npy: .*{message}"):
        decode_image(image)


def test_decode_image_runs_no_pickle(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npy: cannot be read as \.npy: .*Python objects"):
        decode_image(saved(tmp_path, np.array([[[None]]]), UINT8))


def test_decode_image_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npy: cannot be read as \.npy: .*No such file"):
        decode_image(record(tmp_path / "a.npy"))


def test_decode_image_names_a_size_that_the_record_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npy: is 4 x 6, but its record says 6 x 4"):
        decode_image(saved(tmp_path, ramp(3).transpose(1, 0, 2), UINT8))


def test_decode_image_reads_other_files_by_their_own_format(tmp_path: Path) -> None:
    Image.fromarray(ramp(3)).save(tmp_path / "a.png")
    pixels = decode_image(record(tmp_path / "a.png"))
    np.testing.assert_array_equal(pixels.numpy(), ramp(3).transpose(2, 0, 1))


def test_display_pixels_rounds_floats_to_255ths(tmp_path: Path) -> None:
    array = np.zeros((HEIGHT, WIDTH, 1))
    array[0, :3, 0] = 1, 0.5, 0.1
    shown = display_pixels(saved(tmp_path, array, UNIT))
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert str(shown.dtype) == "uint8"
    # By hand: 127.5 is rounded to the even 128, 25.5 to 26 since 0.1 is a little more in float32.
    assert shown[0, :4, 0].tolist() == [255, 128, 26, 0]


def test_display_pixels_leaves_8_bits_as_they_are(tmp_path: Path) -> None:
    np.testing.assert_array_equal(display_pixels(saved(tmp_path, ramp(3), UINT8)), ramp(3))
