"""Judging a network on a split, by one process or by several, which changes nothing.

The batches are dealt out whole and none twice, so the numbers do not depend on how many
processes there are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import nn
from torch.utils.data import DataLoader

from refdet.data.dataset import Batch, DetectionDataset
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.models.detector import DetectionSettings, Detector, RawDetections
from refdet.models.runtime import NumberFormat, autocast
from refdet.records import AnnotatedImage, Detections, Evaluation
from refdet.training.loading import make_loader
from refdet.training.plan import validation_batches
from refdet.training.processes import World
from refdet.training.stepping import LossSums

Size: TypeAlias = tuple[int, int]
"""Height and width, in pixels."""
Load: TypeAlias = Callable[[DetectionDataset, list[list[int]]], Iterable[Batch]]


@dataclass(frozen=True)
class Judgement:
    """A network judged on a split.

    Attributes:
        losses: mean per image of each loss term and their sum, `loss`.
        evaluation: AP, counts and errors.
    """

    losses: dict[str, float]
    evaluation: Evaluation


def load_in_this_process(dataset: DetectionDataset, batches: list[list[int]]) -> DataLoader[Batch]:
    """A loader without workers."""
    return make_loader(dataset, batches, workers=0, pin_memory=False, tell=lambda _: None)


@dataclass(frozen=True, eq=False)
class Validator:
    """What judges the same split again and again.

    Attributes:
        dataset: the split's images as the network sees them.
        images: the same, with their objects as annotated.
        class_names: in label order.
        split: its name.
        batch_size: images per batch.
        number_format: of the network's arithmetic.
        world: the processes that share the work.
        interrupted: asked before every batch; if it says yes, the validation is given up.
        load: makes the loader of this process's batches.
    """

    dataset: DetectionDataset
    images: Sequence[AnnotatedImage]
    class_names: Sequence[str]
    split: str
    batch_size: int
    number_format: NumberFormat
    world: World
    interrupted: Callable[[], bool] = lambda: False
    load: Load = load_in_this_process

    def __call__(self, detector: Detector) -> Judgement | None:
        """Judge `detector`, in every process alike; None if it was given up."""
        judged: dict[int, tuple[LossSums, list[Detections]]] = {}
        places = [place for place, _ in self._own_batches]
        batches = zip(places, self._loader, strict=True)
        with evaluation_mode(detector.network):
            # Every process asks as often as the others, also one that has a batch less.
            for _ in range(self._rounds):
                if self.world.any(self.interrupted()):
                    return None
                for place, batch in itertools.islice(batches, 1):
                    judged[place] = self._judge(detector, batch)
        return self._together(judged)

    @cached_property
    def _own_batches(self) -> list[tuple[int, list[int]]]:
        return validation_batches(
            len(self.images), self.batch_size, rank=self.world.rank, world_size=self.world.size
        )

    @cached_property
    def _loader(self) -> Iterable[Batch]:
        """Made once, so that its workers live as long as the run."""
        return self.load(self.dataset, [batch for _, batch in self._own_batches])

    @property
    def _rounds(self) -> int:
        """How many batches the process with the most has."""
        return math.ceil(math.ceil(len(self.images) / self.batch_size) / self.world.size)

    def _judge(self, detector: Detector, batch: Batch) -> tuple[LossSums, list[Detections]]:
        device = next(detector.network.parameters()).device
        with autocast(device, self.number_format):
            losses, found = detector.judge(
                batch.images, batch.boxes_xyxy, batch.labels, DetectionSettings()
            )
        values = {name: float(value) for name, value in losses.items()}
        sums = LossSums()
        sums.add({"loss": sum(values.values()), **values}, len(batch.labels))
        return sums, as_detections(found, batch, self.images)

    def _together(self, judged: dict[int, tuple[LossSums, list[Detections]]]) -> Judgement:
        of_processes = self.world.gather(judged)
        everything = {place: part for own in of_processes for place, part in own.items()}
        # Added up in the order of the images, as a single process does it.
        parts = [everything[place] for place in sorted(everything)]
        losses = LossSums()
        for sums, _ in parts:
            losses.add(sums.means(), sums.images)
        evaluation = evaluate_split(
            [image.ground_truth for image in self.images],
            [found for _, detections in parts for found in detections],
            self.class_names,
            split=self.split,
            settings=EvaluationSettings(),
        )
        return Judgement(losses.means(), evaluation)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients within the block; each module's mode is put back after."""
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode


def as_detections(
    found: Sequence[RawDetections], batch: Batch, images: Sequence[AnnotatedImage]
) -> list[Detections]:
    """Records of a batch's detections, scaled to the pixels of each image as annotated."""
    return [
        as_record(raw, (image.shape[-2], image.shape[-1]), images[index])
        for raw, image, index in zip(found, batch.images, batch.indices, strict=True)
    ]


def as_record(raw: RawDetections, seen: Size, annotated: AnnotatedImage) -> Detections:
    """The record of one image's detections, whose boxes are in pixels of an image of size `seen`.

    They come out in pixels of the image as annotated.
    """
    truth = annotated.ground_truth
    height, width = seen
    scale = torch.tensor([truth.width / width, truth.height / height] * 2, dtype=torch.float64)
    boxes, scores, labels = (column.cpu() for column in raw)
    return Detections(truth.image, (boxes * scale).numpy(), scores.numpy(), labels.numpy())
