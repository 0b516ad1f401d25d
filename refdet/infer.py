"""Entry point of `refdet infer`: a checkpoint and images in, detections and their reports out."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from refdet.config import Infer
from refdet.data.dataset import DetectionDataset, collate
from refdet.data.image_folder import read_image_folder
from refdet.data.source import open_source
from refdet.judge import draw, judge
from refdet.models.checkpoints import Checkpoint, load_checkpoint
from refdet.models.detector import DetectionSettings, Detector
from refdet.models.registry import build_detector
from refdet.models.runtime import (
    NumberFormat,
    autocast,
    choose_device,
    describe_environment,
    set_threads,
)
from refdet.reading import evaluation_settings, refuse_unknown_classes
from refdet.records import AnnotatedImage, Detections
from refdet.report.predictions import (
    write_ground_truth_coco,
    write_predictions_coco,
    write_predictions_csv,
)
from refdet.terminal import say
from refdet.training.preparing import choose_number_format
from refdet.training.recipes import INFERENCE_TRANSFORMS
from refdet.training.validation import as_detections, evaluation_mode


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
    images = _read_images(config, checkpoint)
    detector = build_detector(checkpoint)
    detector.network.to(device).to(memory_format=torch.channels_last)
    detections = detect_images(
        detector,
        images,
        kept,
        batch_size=config.batch_size,
        number_format=choose_number_format(config.precision, device),
        progress=config.progress,
    )
    names = [image.ground_truth.image for image in images]
    write_predictions_csv(config.output / "predictions.csv", detections, class_names)
    write_predictions_coco(config.output / "predictions.json", detections, names)
    say(f"{sum(map(len, detections))} detections in {len(images)} images: {config.output}")
    if config.data:
        truth = [image.ground_truth for image in images]
        write_ground_truth_coco(config.output / "ground_truth.json", truth, class_names)
        judge(images, detections, class_names, config.split, counting, config)
    else:
        thresholds = counting.score_thresholds(len(class_names)).tolist()
        draw(images, detections, class_names, thresholds, config.output, config.max_pictures)
    return 0


def detect_images(
    detector: Detector,
    images: Sequence[AnnotatedImage],
    settings: DetectionSettings,
    *,
    batch_size: int,
    number_format: NumberFormat,
    progress: bool,
) -> list[Detections]:
    """What `detector` finds in each image, in their order, boxes in the image's own pixels."""
    dataset = DetectionDataset(images, INFERENCE_TRANSFORMS[detector.architecture]())
    loader = DataLoader(dataset, batch_size, collate_fn=collate)
    # None shows it on a terminal only.
    bar = tqdm(loader, desc="detecting", unit="batch", disable=None if progress else True)
    device = next(detector.network.parameters()).device
    found: list[Detections] = []
    with evaluation_mode(detector.network), autocast(device, number_format):
        for batch in bar:
            found += as_detections(detector.detect(batch.images, settings), batch, images)
    return found


def _read_images(config: Infer, checkpoint: Checkpoint) -> tuple[AnnotatedImage, ...]:
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
        return read_image_folder(config.images, config.pixel_range)
    raise ValueError("give either --data (with ground truth) or --images (without), not both")
