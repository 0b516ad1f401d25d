"""The input pipelines alone: from JPEG files to what a network takes, without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.throughput.inputs import boxes
from refdet.data.augmentation import Sample, Transform, training_transform
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform
from refdet.data.dataset import Batch, DetectionDataset, Untransformed
from refdet.data.decode import decode_image
from refdet.data.decoded_file import decode_once
from refdet.detecting import Prepare, prepared_ahead
from refdet.records import AnnotatedImage, GroundTruth
from refdet.training.loading import TransformedOnDevice, make_loader
from refdet.training.plan import EpochBatches

SIZE = (375, 500)
"""Height and width, as most images of VOC have them."""
N_IMAGES = 64
Step = Callable[[int], object]
TRAINING_TRANSFORMS: dict[str, Callable[[], Transform]] = {
    "ssd300": training_transform,
    "faster-rcnn": faster_rcnn_training_transform,
}


def write_images(folder: Path, n_classes: int, n: int = N_IMAGES) -> tuple[AnnotatedImage, ...]:
    """JPEG files of smooth noise, which are about as large as photographs, with their objects."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(n):
        file = folder / f"{number:03d}.jpg"
        coarse = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), np.uint8)
        Image.fromarray(coarse).resize(SIZE[::-1], Image.Resampling.BICUBIC).save(file, quality=90)
        around = boxes(SIZE, rng).astype(np.float64)
        labels = rng.integers(0, n_classes, len(around))
        difficult = np.zeros(len(around), np.bool_)
        truth = GroundTruth(file.name, SIZE[1], SIZE[0], around, labels, difficult)
        made.append(AnnotatedImage(file, truth))
    return tuple(made)


def ours_for_training(
    images: tuple[AnnotatedImage, ...],
    architecture: str,
    batch_size: int,
    workers: int,
    *,
    cache: bool = False,
    cache_file: Path | None = None,
    augment_on: torch.device | None = None,
) -> Step:
    """A step is a batch of `refdet train`, whose options the last three are."""
    decode = decode_once(cache_file, images) if cache_file else decode_image
    transform = TRAINING_TRANSFORMS[architecture]()
    dataset = DetectionDataset(images, transform, cache=cache, decode=decode)
    loader_of = partial(
        make_loader,
        batches=EpochBatches(len(dataset), batch_size, seed=0),
        workers=workers,
        pin_memory=augment_on is not None and augment_on.type == "cuda",
        tell=lambda _sentence: None,
    )
    if augment_on is None:
        loader: Iterable[Batch] = loader_of(dataset)
    else:
        untransformed = loader_of(Untransformed(dataset))
        loader = TransformedOnDevice(untransformed, dataset, augment_on)
    return _next_of(endless(lambda: iter(loader)))


def theirs_for_training(
    images: tuple[AnnotatedImage, ...], architecture: str, batch_size: int, workers: int
) -> Step:
    """A step is a batch of torchvision's reference scripts: presets on v2, by `DataLoader`."""
    loader: DataLoader[list[Sample]] = DataLoader(
        # Its items are collated to lists, which torch's annotation does not know.
        cast("Dataset[list[Sample]]", Reference(images, reference_transform(architecture))),
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=list,
    )
    return _next_of(endless(lambda: iter(loader)))


def ours_for_inference(
    images: tuple[AnnotatedImage, ...], architecture: str, batch_size: int, workers: int
) -> Step:
    """A step is a batch of `refdet infer`."""
    prepare = Prepare(architecture, torch.device("cpu"))
    prepared = prepared_ahead(prepare, cycle(images), threads=max(1, workers), ahead=batch_size)
    return lambda _number: list(islice(prepared, batch_size))


def reference_transform(architecture: str) -> v2.Compose:
    """The presets "ssd" and "hflip" of torchvision's references/detection/presets.py."""
    steps: list[torch.nn.Module] = [v2.ToImage()]
    if architecture == "ssd300":
        mean = {tv_tensors.Image: (123.0, 117.0, 104.0), "others": 0}
        steps += [v2.RandomPhotometricDistort(), v2.RandomZoomOut(fill=mean), v2.RandomIoUCrop()]
    steps += [
        v2.RandomHorizontalFlip(p=0.5),
        v2.ToDtype(torch.float32, scale=True),
        v2.SanitizeBoundingBoxes(),
        v2.ToPureTensor(),
    ]
    return v2.Compose(steps)


class Reference(Dataset[Sample]):
    """Images as torchvision's datasets give them: by Pillow, then transformed."""

    def __init__(self, images: tuple[AnnotatedImage, ...], transform: v2.Compose) -> None:
        self._images, self._transform = images, transform

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        annotated = self._images[index]
        truth = annotated.ground_truth
        with Image.open(annotated.path) as opened:
            image = opened.convert("RGB")
        around = torch.from_numpy(truth.boxes_xyxy.astype(np.float32))
        canvas = (truth.height, truth.width)
        sample = {
            "image": image,
            "boxes": tv_tensors.BoundingBoxes(around, format="XYXY", canvas_size=canvas),
            "labels": torch.from_numpy(truth.labels.copy()),
        }
        moved = self._transform(sample)
        return moved["image"], moved["boxes"], moved["labels"]


def endless(epoch: Callable[[], Iterator[object]]) -> Iterator[object]:
    """One epoch after another."""
    while True:
        yield from epoch()


def _next_of(batches: Iterator[object]) -> Step:
    return lambda _number: next(batches)
