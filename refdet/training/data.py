"""The images that a run is trained and judged on, and by what they are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from refdet.config_train import Train
from refdet.data.decode import decode_image
from refdet.data.decoded_file import DecodedImages, decode_once
from refdet.data.exclusion import exclude_images, read_exclude_list
from refdet.data.source import DataSource, open_source
from refdet.models.runtime import usable_cores
from refdet.records import AnnotatedImage
from refdet.training.processes import World, leads_here

MOST_TOLD = 10
"""Objects left out that are told one by one; `refdet check-data` prints all."""


Decode: TypeAlias = Callable[[AnnotatedImage], Tensor]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Both splits of a run, and the classes of both, in label order."""

    class_names: tuple[str, ...]
    training: tuple[AnnotatedImage, ...]
    validation: tuple[AnnotatedImage, ...]


def read_data(config: Train, tell: Callable[[str], None]) -> TrainingData:
    """The data that the options name, without the images on their exclude list.

    Raises:
        ValueError: something is wrong with the data or with the list.
    """
    source = open_source(config.source(config.data))
    for sentence in source.settled:
        tell(sentence)
    training = _read_split(source, config.train_split, tell)
    if config.exclude_list:
        names = read_exclude_list(config.exclude_list)
        kept = exclude_images(training, names, config.exclude_list)
        tell(f"{config.exclude_list}: {len(training) - len(kept)} training images left out")
        training = kept
    return TrainingData(source.class_names, training, _read_split(source, config.val_split, tell))


def decoder(
    data: TrainingData,
    config: Train,
    world: World,
    stop_requested: Callable[[], bool],
    tell: Callable[[str], None],
) -> Decode:
    """What gives the pixels of both splits: their own files, or --cache-file.

    The first process of each machine writes that file, if it is not there, and the others wait.

    Raises:
        ValueError: an image cannot be decoded, or the file is another one's, or has no room.
        OSError: it cannot be written.
        KeyboardInterrupt: the run was asked to stop meanwhile.
    """
    file = config.cache_file
    if file is None:
        return decode_image
    failure: BaseException | None = None
    if leads_here():
        try:
            decode_once(
                file,
                [*data.training, *data.validation],
                threads=usable_cores(),
                progress=config.progress and world.leads,
                tell=tell,
                interrupted=stop_requested,
            )
        except (ValueError, OSError, KeyboardInterrupt) as error:
            failure = error
    # Nobody goes on before everybody has come here, and nobody waits for one that cannot.
    for what in world.gather(failure):
        if what is not None:
            raise what
    return DecodedImages(file)


def fingerprint(images: Sequence[AnnotatedImage]) -> str:
    """What these images are known by: their number, their objects, and a hash of both."""
    content = hashlib.sha256()
    for image in images:
        truth = image.ground_truth
        content.update(f"{truth.image}\n{truth.width} {truth.height} {len(truth)}\n".encode())
        content.update(truth.boxes_xyxy.tobytes() + truth.labels.tobytes())
    objects = sum(len(image.ground_truth) for image in images)
    return f"{len(images)} images, {objects} objects ({content.hexdigest()[:12]})"


def _read_split(
    source: DataSource, name: str, tell: Callable[[str], None]
) -> tuple[AnnotatedImage, ...]:
    split = source.read_split(name)
    objects = sum(len(image.ground_truth) for image in split.images)
    left_out = f", {len(split.dropped)} left out" if split.dropped else ""
    tell(f"{name}: {len(split.images)} images, {objects} objects{left_out}")
    for problem in split.dropped[:MOST_TOLD]:
        tell(f"  left out: {problem}")
    if len(split.dropped) > MOST_TOLD:
        tell(f"  and {len(split.dropped) - MOST_TOLD} more; `refdet check-data` prints all")
    return split.images
