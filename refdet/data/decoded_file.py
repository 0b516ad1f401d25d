"""Decoded images in one file, mapped into memory by every process instead of decoded again.

The file has the form of safetensors: eight bytes with the length of a header, the lower ones first;
the header, JSON; and the pixels of one image after another, (H, W, 3) in rows. The header gives
each image, by its absolute path, a dtype (U8 or F32), a shape and the place of its bytes behind the
header; its `__metadata__` has what each image was known by when it was decoded. So other tools can
read it too.

A file holds what a run needs if every image of the run is in it and neither the image file (its
size and time of change), nor what its annotation says of it, nor the decoder is another one since.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from refdet.data.npy_image import NPY_SUFFIX
from refdet.data.pixels import Pixels, read_pixels
from refdet.data.problems import DataError
from refdet.files import atomic_path
from refdet.records import AnnotatedImage, PixelRange, Problem

FORMAT = "refdet decoded images 1"
"""What `__metadata__` has under `format`."""

_BEGINNING = json.dumps({"__metadata__": {"format": FORMAT}}).rstrip("}").encode()
_LENGTH_BYTES = 8
_ALIGNED = 8
_LONGEST_HEADER = 2**32
_DTYPES: Mapping[str, type[np.uint8 | np.float32]] = {"U8": np.uint8, "F32": np.float32}


class _Entry(TypedDict):
    """Where an image's pixels are."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]


class _CutShortError(ValueError):
    """A file of decoded images that is not whole: it can be written anew."""


class DecodedImages:
    """The images in such a file, called with an annotated image as `decode_image` is.

    It can be sent to a spawned worker, which maps the file anew.

    Args:
        file: as `decode_once` has written it.

    Raises:
        ValueError: the file is missing, something else, or cut short.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._metadata, self._entries, start = _read_header(file)
        n_bytes = file.stat().st_size - start
        expected = max(entry["data_offsets"][1] for entry in self._entries.values())
        if n_bytes != expected:
            raise _CutShortError(f"{file} is cut short: {n_bytes:,} of {expected:,} bytes")
        self._bytes = np.memmap(file, np.uint8, "r", offset=start)

    def __call__(self, annotated: AnnotatedImage) -> Tensor:
        """The pixels that `refdet.data.decode.decode_image` gives, bit for bit.

        Returns:
            (3, H, W), uint8 or float32 in [0, 1].

        Raises:
            DataError: it is not in the file, as where another run has written that for its own.
        """
        entry = self._entries.get(_key(annotated))
        if entry is None:
            text = f"is not in {self._file}, which another run has written anew; give each data set"
            raise DataError([Problem(str(annotated.path), f"{text} a --cache-file of its own")])
        start, end = entry["data_offsets"]
        stored = self._bytes[start:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        # A copy, since torch knows no tensor that must not be written to.
        return torch.from_numpy(np.array(stored)).permute(2, 0, 1)

    def __reduce__(self) -> tuple[type[DecodedImages], tuple[Path]]:
        return DecodedImages, (self._file,)

    def what_is_missing(self, images: Sequence[AnnotatedImage]) -> str | None:
        """Why these images have to be decoded anew, as a sentence without its subject."""
        if (decoder := self._metadata["decoder"]) != _decoder():
            return f"was decoded by {decoder}, this is {_decoder()}"
        absent = [image for image in images if _key(image) not in self._entries]
        if absent:
            return f"lacks {len(absent)} of {len(images)} images, first {absent[0].path}"
        changed = [image for image in images if self._metadata[_key(image)] != _known_by(image)]
        if changed:
            return f"has {len(changed)} images as they were before, first {changed[0].path}"
        return None


def decode_once(
    file: Path,
    images: Sequence[AnnotatedImage],
    *,
    threads: int = 1,
    progress: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> DecodedImages:
    """The decoded images in `file`, which is written first if it does not hold them all.

    It is written beside its place and moved there, so that a crash leaves the old one or none; what
    a process that was killed had written, `.refdet-*`, may be removed. What is not among `images`
    is then no longer in it.

    Args:
        file: to read or write; its folder is made if it does not exist.
        images: that are needed, at least one; a path may come more than once.
        threads: that decode.
        progress: True to show a bar, on a terminal only.
        tell: called with a sentence if the file has to be written.
        interrupted: asked between images; if it says yes, nothing is written.

    Raises:
        DataError: an image cannot be decoded.
        ValueError: no images, `file` holds something else, or its disk has no room.
        OSError: it cannot be written.
        KeyboardInterrupt: `interrupted` said yes.
    """
    if not images:
        raise ValueError(f"there are no images to decode into {file}")
    reason = _why_written(file, images)
    if reason:
        tell(f"{file} {reason}: decoding into it")
        _write(file, images, threads, progress, interrupted)
    return DecodedImages(file)


def _why_written(file: Path, images: Sequence[AnnotatedImage]) -> str | None:
    if not file.exists():
        return "does not exist yet"
    try:  # what is not ours is refused, since nobody wants it replaced
        return DecodedImages(file).what_is_missing(images)
    except _CutShortError:
        return "is cut short"


def _read_header(file: Path) -> tuple[Mapping[str, str], Mapping[str, _Entry], int]:
    """The metadata, the images' places, and where the pixels begin."""
    refusal = f"{file} holds no decoded images; remove it, or name another --cache-file"
    if not file.is_file():
        raise ValueError(refusal if file.exists() else f"{file} does not exist")
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        text = opened.read(length) if length < _LONGEST_HEADER else b""
    if len(text) < length and text.startswith(_BEGINNING):
        raise _CutShortError(
            f"{file} is cut short: {len(text):,} of {length:,} bytes of its header"
        )
    try:
        # What `_write` wrote, if it says so.
        header = cast("dict[str, _Entry]", json.loads(text))
        metadata = cast("dict[str, str]", header.pop("__metadata__"))
        ours = metadata["format"] == FORMAT
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(refusal) from error
    if not ours:
        raise ValueError(refusal)
    return metadata, header, _LENGTH_BYTES + length


def _write(
    file: Path,
    images: Sequence[AnnotatedImage],
    threads: int,
    progress: bool,
    interrupted: Callable[[], bool],
) -> None:
    # Floats first, so that each begins at a multiple of its size.
    once = sorted({_key(image): image for image in images}.values(), key=_dtype)
    header, size = _header(once)
    file.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(file.parent).free) < len(header) + size:
        raise ValueError(
            f"{file.parent} has {free / 1e6:,.0f} MB free; the decoded images need "
            f"{size / 1e6:,.0f} MB. Make room, or name a --cache-file on another disk"
        )
    hidden = None if progress else True  # None: shown on a terminal only
    bar = tqdm(_decoded(once, threads), "decoding", len(once), unit="image", disable=hidden)
    try:
        with atomic_path(file) as temporary, temporary.open("wb") as opened, bar:
            opened.write(header)
            for pixels in bar:
                if interrupted():
                    raise KeyboardInterrupt
                opened.write(pixels.tobytes())
    except OSError as error:
        raise OSError(f"cannot write {file}: {error}") from error


def _decoded(images: Sequence[AnnotatedImage], threads: int) -> Iterator[Pixels]:
    """Their pixels in order, a few of them ahead of what is asked for."""
    ahead = 4 * threads
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(images), ahead):
            yield from pool.map(read_pixels, images[start : start + ahead])


def _header(images: Sequence[AnnotatedImage]) -> tuple[bytes, int]:
    """The file's first bytes, and how many of pixels follow."""
    metadata = {"format": FORMAT, "decoder": _decoder()}
    entries: dict[str, _Entry] = {}
    end = 0
    for image in images:
        known_by = _known_by(image)
        if known_by is None:
            raise DataError([Problem(str(image.path), "cannot be read as an image: no such file")])
        metadata[_key(image)] = known_by
        dtype, truth = _dtype(image), image.ground_truth
        shape = [truth.height, truth.width, 3]
        start, end = end, end + math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
        entries[_key(image)] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps({"__metadata__": metadata, **entries}).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text, end


def _key(image: AnnotatedImage) -> str:
    return str(image.path.absolute())


def _known_by(image: AnnotatedImage) -> str | None:
    """What its pixels depend on; None if the file is gone."""
    try:
        found = image.path.stat()
    except OSError:
        return None
    truth = image.ground_truth
    size = f"{truth.width} x {truth.height}"
    return f"{found.st_size} {found.st_mtime_ns} {size} {image.pixel_range}"


def _dtype(image: AnnotatedImage) -> str:
    is_npy = image.path.suffix.lower() == NPY_SUFFIX
    return "F32" if is_npy and image.pixel_range is not PixelRange.UINT8 else "U8"


def _decoder() -> str:
    """What decodes JPEG files, each version of which may do so in its own way."""
    import PIL  # noqa: PLC0415 - as in `refdet.data.images`
    from PIL import features  # noqa: PLC0415 - likewise

    return f"Pillow {PIL.__version__} with libjpeg {features.version('jpg')}"
