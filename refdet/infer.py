"""Entry point of `refdet infer`: a checkpoint and images in, detections and their reports out."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from refdet.config import Infer
from refdet.data.image_folder import read_image_folder
from refdet.data.problems import DataError
from refdet.data.source import open_source
from refdet.detecting import detect_images
from refdet.evaluate import EvaluationSettings
from refdet.judge import draw, judge
from refdet.models.checkpoints import Checkpoint, load_checkpoint
from refdet.models.detector import DetectionSettings, Detector
from refdet.models.registry import build_detector
from refdet.models.runtime import choose_device, describe_environment, set_threads
from refdet.reading import evaluation_settings, refuse_unknown_classes
from refdet.records import AnnotatedImage, Detections
from refdet.report.prediction_stream import PARTIAL, prediction_files
from refdet.report.predictions import write_ground_truth_coco
from refdet.terminal import say
from refdet.training.preparing import choose_number_format
from refdet.training.stopping import stop_on_signals


def infer(config: Infer) -> int:
    """Run a checkpoint over a split or a folder of images; returns the exit code."""
    set_threads(config.threads)
    device = choose_device(config.device)
    say(describe_environment(device))
    checkpoint = load_checkpoint(config.checkpoint)
    class_names = checkpoint.class_names
    # Bad options are refused before the work.
    refuse_unknown_classes(config, class_names)
    counting = evaluation_settings(config, class_names)
    kept = DetectionSettings(config.min_score, config.nms_iou, top_k=config.top_k)
    unreadable: list[str] = []
    images = _read_images(config, checkpoint, unreadable)
    detector = build_detector(checkpoint)
    detector.network.to(device).to(memory_format=torch.channels_last)
    if config.compile:
        detector.compiled_part.compile()
    try:
        detections = _detect(config, detector, images, class_names, kept, unreadable)
        _report(config, images, detections, class_names, counting)
    finally:
        _tell_unreadable(unreadable)
    return 0


def _report(
    config: Infer,
    images: Sequence[AnnotatedImage],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    counting: EvaluationSettings,
) -> None:
    """Judge where there is ground truth, and draw pictures."""
    if config.data:
        truth = [image.ground_truth for image in images]
        write_ground_truth_coco(config.output / "ground_truth.json", truth, class_names)
        judge(images, detections, class_names, config.split, counting, config)
        return
    thresholds = counting.score_thresholds(len(class_names)).tolist()
    to_draw = {found.image for found in detections}
    shown = [image for image in images if image.ground_truth.image in to_draw]
    draw(shown, detections, class_names, thresholds, config.output, config.max_pictures)


def _tell_unreadable(unreadable: Sequence[str]) -> None:
    for sentence in unreadable:
        say(f"left out: {sentence}")
    if unreadable:
        say(f"warning: {len(unreadable)} images left out, since they cannot be read")


def _detect(
    config: Infer,
    detector: Detector,
    images: Sequence[AnnotatedImage],
    class_names: Sequence[str],
    settings: DetectionSettings,
    unreadable: list[str],
) -> list[Detections]:
    """Write what is found in each image; returns what is judged of it, or drawn.

    That is everything where there is ground truth, and what pictures need where there is none.
    What is left out is added to `unreadable`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM, after the batch in which it came, unless that was the
            last one.
    """
    names = [image.ground_truth.image for image in images]
    taken = _Taken(most_kept=len(images) if config.data else config.max_pictures)
    started = time.perf_counter()

    def left_out(error: DataError) -> None:
        unreadable.append(str(error))

    try:
        with (
            stop_on_signals(announced="batch") as stop,
            prediction_files(config.output, names, class_names) as write,
        ):
            done = detect_images(
                detector,
                images,
                settings,
                lambda found: taken.add(write, found),
                batch_size=config.batch_size,
                number_format=choose_number_format(
                    config.precision, next(detector.network.parameters()).device
                ),
                workers=config.workers,
                progress=config.progress,
                stop_requested=lambda: stop.made,
                leave_out=left_out if config.ignore_unreadable else None,
            )
            if done < len(images):
                raise KeyboardInterrupt
            if not taken.images:
                n, folder = len(unreadable), config.images
                raise ValueError(f"none of the {n} images in {folder} can be read")
    except BaseException:  # also Ctrl-C
        _say_what_is_done(taken, len(images), config.output)
        raise
    rate = taken.images / (time.perf_counter() - started)
    say(
        f"{taken.detections} detections in {taken.images} images, {rate:.1f} images a second: "
        f"{config.output}"
    )
    return taken.kept


def _say_what_is_done(taken: _Taken, n_images: int, output: Path) -> None:
    if taken.images:
        say(
            f"{taken.images} of {n_images} images were done, up to "
            f"{taken.last!r}: {output / PARTIAL} has their detections"
        )


@dataclass
class _Taken:
    """What has been written, and the part of it that is needed once more."""

    most_kept: int
    images: int = 0
    detections: int = 0
    last: str = ""
    kept: list[Detections] = field(default_factory=list)

    def add(self, write: Callable[[Detections], None], found: Detections) -> None:
        write(found)
        self.images += 1
        self.last = found.image
        self.detections += len(found)
        if len(self.kept) < self.most_kept:
            self.kept.append(found)


def _read_images(
    config: Infer, checkpoint: Checkpoint, unreadable: list[str]
) -> tuple[AnnotatedImage, ...]:
    class_names = checkpoint.class_names
    if config.classes and config.classes != tuple(class_names):
        raise ValueError(
            f"--classes {' '.join(config.classes)}: the checkpoint knows "
            f"{' '.join(class_names)}; leave the option out"
        )
    if config.data and not config.images:
        trained_with = tomllib.loads(checkpoint.config).get("first_class", config.first_class)
        if config.first_class != trained_with:
            # Every label would be another class, and most files would show nothing wrong.
            raise ValueError(
                f"--first-class is {config.first_class}; the checkpoint was trained with "
                f"{trained_with}. Give the same, and renumber labels that differ"
            )
        source = open_source(replace(config.source(config.data), class_names=tuple(class_names)))
        for sentence in source.settled:
            say(sentence)
        split = source.read_split(config.split)
        for problem in split.dropped:
            say(f"left out: {problem}")
        return split.images
    if config.images and not config.data:
        return read_image_folder(
            config.images,
            config.pixel_range,
            leave_out=unreadable.append if config.ignore_unreadable else None,
            progress=config.progress,
        )
    raise ValueError("give either --data (with ground truth) or --images (without), not both")
