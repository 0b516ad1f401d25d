"""A detector run over many images: loading, the network, and writing what it finds overlap.

Threads load images and one more takes what is found, while this one runs the network. They are
threads and not `DataLoader`'s processes because decoding, resizing, copying and the network all
let go of Python's lock, so that nothing has to be started, copied between processes, or kept in
shared memory, and it works in a notebook too. No stage runs further ahead than a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from refdet.data.decode import decode_image
from refdet.data.problems import DataError
from refdet.models.detector import (
    BrokenOutputError,
    DetectionSettings,
    Detector,
    Pending,
    RawDetections,
)
from refdet.models.runtime import NumberFormat, autocast
from refdet.progress import images_counted
from refdet.records import AnnotatedImage, Detections
from refdet.training.recipes import INFERENCE_TRANSFORMS
from refdet.training.validation import Size, as_record, evaluation_mode

T = TypeVar("T")
R = TypeVar("R")


def detect_images(
    detector: Detector,
    images: Sequence[AnnotatedImage],
    settings: DetectionSettings,
    take: Callable[[Detections], None],
    *,
    batch_size: int,
    number_format: NumberFormat,
    workers: int = 2,
    progress: bool = False,
    stop_requested: Callable[[], bool] = lambda: False,
    leave_out: Callable[[DataError], None] | None = None,
) -> int:
    """Give `take` what is found in each image, in their order, boxes in the image's own pixels.

    If an image cannot be loaded and is not to be left out, what was found in the batches before is
    taken first.

    Args:
        detector: is left in the mode that it was in.
        images: at most two batches of them are in memory at any time.
        settings: what becomes a detection.
        take: called in another thread, one call at a time; after an error, not again.
        batch_size: images per step of the network.
        number_format: of the network's arithmetic.
        workers: threads that load images.
        progress: True to show how many images are done, and how many a second.
        stop_requested: asked after every batch; if it says yes, that was the last one.
        leave_out: called with what is wrong with an image that cannot be loaded, which is passed
            over. Without it that is an error.

    Returns:
        How many images were taken or left out: all, unless a stop was requested.

    Raises:
        DataError: an image cannot be loaded, and `leave_out` is not given; names its file.
        ValueError: the network's output is not finite; names the image, or the batch's first and
            last where the detector does not know which it is.
    """
    device = next(detector.network.parameters()).device
    prepare = Prepare(detector.architecture, device, errors_kept=leave_out is not None)
    done, taking = 0, None
    with (
        images_counted("detecting", len(images), shown=progress) as count,
        closing(
            prepared_ahead(
                prepare, images, threads=workers, ahead=batch_size, begin=prepare.begin_thread
            )
        ) as prepared,
        ThreadPoolExecutor(1, initializer=prepare.begin_thread) as beside,
        evaluation_mode(detector.network),
        autocast(device, number_format),
    ):
        while loaded := list(islice(prepared, batch_size)):
            batch, own = _readable(loaded, images[done : done + len(loaded)], leave_out)
            done += len(loaded)
            count(len(loaded) - len(batch))
            sizes = [_size(image) for image in batch]
            # A GPU has this batch to work on while what it found in the one before is taken.
            with _images_named(own):
                pending = detector.launch(batch, settings) if batch else _nothing
            del batch, loaded  # not in memory while the next one is put together
            count(taking.result() if taking else 0)
            taking = beside.submit(_take_all, take, pending, sizes, own)
            if stop_requested():
                break
        count(taking.result() if taking else 0)
    return done


def prepared_ahead(
    prepare: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    ahead: int,
    begin: Callable[[], None] | None = None,
) -> Generator[R, None, None]:
    """`prepare(item)` of every item, in order, done in threads before it is asked for.

    An error is raised in its item's place. When the iterator is closed, what has not been begun
    is left.

    Args:
        prepare: called in several threads at once.
        items: taken from in the caller's thread.
        threads: how many.
        ahead: most items that are prepared, or being so, beyond the one last given; at least 1.
        begin: called by each thread before its first item.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(prepare, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Prepare:
    """From an annotated image to what the network takes, in any thread.

    Not by way of `DetectionDataset`, which seeds the global generator for each sample: threads
    would do that over each other, and what is done here draws nothing.

    Args:
        architecture: of the detector, which decides the transform.
        device: that is going to read the image.
        errors_kept: whether an image that cannot be loaded becomes its error, not to be raised.
    """

    def __init__(
        self, architecture: str, device: torch.device, *, errors_kept: bool = False
    ) -> None:
        self._transform = INFERENCE_TRANSFORMS[architecture]()
        self._device = device
        self._errors_kept = errors_kept

    def begin_thread(self) -> None:
        """To be called once in each thread: pinning memory takes a thread's own GPU into use.

        In a new thread that is the first one, whichever the network is on.
        """
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)

    def __call__(self, annotated: AnnotatedImage) -> Tensor | DataError:
        """The image (3, H, W) float32, of any size that the detector takes."""
        try:
            pixels = decode_image(annotated)
        except DataError as error:
            if not self._errors_kept:
                raise
            return error
        no_boxes, no_labels = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
        image, _, _ = self._transform(pixels, no_boxes, no_labels)
        return image.pin_memory() if self._device.type == "cuda" else image


def _readable(
    loaded: Sequence[Tensor | DataError],
    images: Sequence[AnnotatedImage],
    leave_out: Callable[[DataError], None] | None,
) -> tuple[list[Tensor], list[AnnotatedImage]]:
    """What could be loaded, and the images that it is of."""
    tensors, own = [], []
    for one, annotated in zip(loaded, images, strict=True):
        if isinstance(one, Tensor):
            tensors.append(one)
            own.append(annotated)
        elif leave_out:
            leave_out(one)
    return tensors, own


def _nothing() -> list[RawDetections]:
    """Of a batch in which no image is left."""
    return []


def _take_all(
    take: Callable[[Detections], None],
    pending: Pending,
    sizes: Sequence[Size],
    images: Sequence[AnnotatedImage],
) -> int:
    """Wait for a batch's detections and hand them on."""
    with _images_named(images):
        found = pending()
    for raw, size, annotated in zip(found, sizes, images, strict=True):
        take(as_record(raw, size, annotated))
    return len(images)


@contextmanager
def _images_named(images: Sequence[AnnotatedImage]) -> Iterator[None]:
    """An error about the network's output names which of a batch's images it is of."""
    try:
        yield
    except BrokenOutputError as error:
        names = [image.ground_truth.image for image in images]
        of = [names[row] for row in error.rows] or [f"one of {names[0]} to {names[-1]}"]
        raise ValueError(f"{', '.join(of)}: {error}") from error


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]
