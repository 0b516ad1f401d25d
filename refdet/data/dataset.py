"""Annotated images as torch samples, the same ones however many processes prepare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from refdet.data.augmentation import Sample, Transform
from refdet.data.decode import decode_image
from refdet.data.mixing import Mixing
from refdet.records import AnnotatedImage


class Item(NamedTuple):
    """One sample.

    Attributes:
        image: (3, H, W) float32, as the transform gives it; or before it, uint8 or float32.
        boxes_xyxy: (N, 4) float32 in pixels of `image`; objects marked difficult are among them.
        labels: (N,) int64 in 0..C-1.
        image_index: its place in the data set, from 0.
    """

    image: Tensor
    boxes_xyxy: Tensor
    labels: Tensor
    image_index: int


class Batch(NamedTuple):
    """Several samples, one entry an image; the images may differ in size."""

    images: list[Tensor]
    boxes_xyxy: list[Tensor]
    labels: list[Tensor]
    indices: list[int]


def collate(items: Sequence[Item]) -> Batch:
    """The samples of a batch as one, for a `DataLoader`."""
    return Batch(
        images=[item.image for item in items],
        boxes_xyxy=[item.boxes_xyxy for item in items],
        labels=[item.labels for item in items],
        indices=[item.image_index for item in items],
    )


class DetectionDataset(Dataset[Item]):
    """Annotated images, decoded, mixed with others where that is asked for, and transformed.

    A sample's randomness depends on the seed, the epoch and its index alone: neither on the
    number of worker processes nor on what else draws random numbers, whose state is left as it
    was.

    Args:
        images: what to serve, in this order.
        transform: as the functions of `refdet.data.augmentation` and `augmentation_faster_rcnn`
            make it.
        seed: the same seed gives the same samples.
        cache: True to decode every image now and keep it: 0.9 MB for 640 x 480 pixels.
        decode: gives the pixels of an image as `decode_image` does, such as those of a file that
            `refdet.data.decoded_file` has written.
        mixing: what is mixed into a sample before the transform. The others come from all images,
            the sample's own among them, each as likely.

    Raises:
        DataError: an image cannot be decoded; at once with `cache`, else when it is needed.
    """

    def __init__(
        self,
        images: Sequence[AnnotatedImage],
        transform: Transform,
        seed: int = 0,
        *,
        cache: bool = False,
        decode: Callable[[AnnotatedImage], Tensor] = decode_image,
        mixing: Mixing | None = None,
    ) -> None:
        self._images = tuple(images)
        self._transform = transform
        self._seed = seed
        self._mixing = mixing
        # Shared memory, so that workers that outlive an epoch see the next one.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()
        self._decode = decode
        self._decoded = [decode(image) for image in self._images] if cache else None

    def set_epoch(self, epoch: int) -> None:
        """Choose the randomness of the samples that are asked for from now on."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Item:
        return self.transformed(self.untransformed(index))

    def untransformed(self, index: int) -> Item:
        """The sample as it is decoded and mixed: its image is uint8 or float32 in [0, 1]."""
        sample = self._raw(index)
        if self._mixing is not None:
            generator = np.random.default_rng(self._randomness(index).spawn(1)[0])
            sample = self._mixing(sample, lambda: self._any_raw(generator), generator)
        return Item(*sample, index)

    def transformed(self, item: Item) -> Item:
        """What becomes of an untransformed sample of this epoch, wherever its image lies."""
        with _seeded(self._randomness(item.image_index)):
            sample = self._transform(item.image, item.boxes_xyxy, item.labels)
        return Item(*sample, item.image_index)

    def _randomness(self, index: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self._seed, int(self._epoch), index])

    def _raw(self, index: int) -> Sample:
        """The image and its objects as they are annotated."""
        annotated = self._images[index]
        pixels = self._decoded[index] if self._decoded is not None else self._decode(annotated)
        truth = annotated.ground_truth
        boxes = torch.from_numpy(truth.boxes_xyxy.astype(np.float32))
        return pixels, boxes, torch.from_numpy(truth.labels.copy())

    def _any_raw(self, generator: np.random.Generator) -> Sample:
        return self._raw(int(generator.integers(len(self))))


class Untransformed(Dataset[Item]):
    """The samples of a data set before their transform, to be transformed elsewhere."""

    def __init__(self, dataset: DetectionDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Item:
        return self._dataset.untransformed(index)


@contextmanager
def _seeded(randomness: np.random.SeedSequence) -> Iterator[None]:
    seed = randomness.generate_state(1, np.uint64)[0]
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the GPUs' generators too.
        torch.default_generator.manual_seed(int(seed))
        yield
