"""Entry point of `refdet infer`: a checkpoint and images in, detections and their reports out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from refdet.config import Infer, Precision
from refdet.data.augmentation import inference_transform
from refdet.data.dataset import Batch, DetectionDataset, collate
from refdet.data.images import IMAGE_SUFFIXES, read_image_size
from refdet.data.voc import read_voc_split
from refdet.judge import draw, evaluation_settings, judge, say
from refdet.models.checkpoints import build_model, load_checkpoint
from refdet.models.runtime import (
    autocast,
    choose_device,
    computes_bf16,
    describe_environment,
    set_threads,
)
from refdet.models.ssd300 import SSD300, SSDOutput
from refdet.models.ssd_detect import DetectionSettings, RawDetections, ssd_detect
from refdet.records import AnnotatedImage, Detections, GroundTruth
from refdet.report.predictions import (
    write_ground_truth_coco,
    write_predictions_coco,
    write_predictions_csv,
)


def infer(config: Infer) -> int:
    """Run a checkpoint over a split or a folder of images; returns the exit code."""
    set_threads(config.threads)
    device = choose_device(config.device)
    say(describe_environment(device))
    checkpoint = load_checkpoint(config.checkpoint)
    class_names = checkpoint.class_names
    counting = evaluation_settings(config, class_names)  # refuses bad options before the work
    kept = DetectionSettings(config.min_score, config.nms_iou, top_k=config.top_k)
    images = _read_images(config, class_names)
    detections = detect_images(
        build_model(checkpoint).to(device).to(memory_format=torch.channels_last),
        images,
        kept,
        batch_size=config.batch_size,
        bf16=use_bf16(config.precision, device),
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
        draw(images, detections, class_names, counting, config)
    return 0


def detect_images(
    model: SSD300,
    images: Sequence[AnnotatedImage],
    settings: DetectionSettings,
    *,
    batch_size: int,
    bf16: bool,
    progress: bool,
) -> list[Detections]:
    """What `model` finds in each image, in the images' order, boxes in the image's own pixels."""
    loader = DataLoader(
        DetectionDataset(images, inference_transform()), batch_size, collate_fn=collate
    )
    # None shows it on a terminal only.
    bar = tqdm(loader, desc="detecting", unit="batch", disable=None if progress else True)
    return [
        found
        for batch, output in run_network(model, bar, bf16=bf16)
        for found in as_detections(ssd_detect(model, output, settings), batch, images)
    ]


@torch.no_grad()
def run_network(
    model: SSD300, batches: Iterable[Batch], *, bf16: bool
) -> Iterator[tuple[Batch, SSDOutput]]:
    """Each batch with what the network says of it, in evaluation mode, which is undone after."""
    device = model.priors_xyxy.device
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            images = torch.stack(batch.images).to(device, memory_format=torch.channels_last)
            with autocast(device, bf16):
                output = model(images)
            yield batch, SSDOutput(output.class_logits.float(), output.deltas.float())
    finally:
        model.train(was_training)


def as_detections(
    raw: Sequence[RawDetections], batch: Batch, images: Sequence[AnnotatedImage]
) -> list[Detections]:
    """Records of a batch's detections, scaled from fractions to each image's pixels."""
    found: list[Detections] = []
    for detections, index in zip(raw, batch.indices, strict=True):
        truth = images[index].ground_truth
        scale = torch.tensor([truth.width, truth.height] * 2, dtype=torch.float64)
        boxes, scores, labels = (column.cpu() for column in detections)
        found.append(
            Detections(truth.image, (boxes * scale).numpy(), scores.numpy(), labels.numpy())
        )
    return found


def use_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether the network's convolutions run in bf16."""
    automatic = precision is Precision.AUTO and computes_bf16(device)
    return automatic or precision is Precision.BF16


def _read_images(config: Infer, class_names: Sequence[str]) -> tuple[AnnotatedImage, ...]:
    if config.data and not config.images:
        split = read_voc_split(config.data, config.split, class_names, one_based=config.one_based)
        for problem in split.dropped:
            say(f"left out: {problem}")
        return split.images
    if config.images and not config.data:
        return read_image_folder(config.images)
    raise ValueError("give either --data (with ground truth) or --images (without), not both")


def read_image_folder(folder: Path) -> tuple[AnnotatedImage, ...]:
    """The images in `folder`, sorted by name, each without objects.

    Raises:
        ValueError: no such folder, no image in it, or a file that is no readable image.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {folder} for --images")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise ValueError(f"no image in {folder}; looked for {', '.join(IMAGE_SUFFIXES)}")
    return tuple(_unannotated(file) for file in files)


def _unannotated(file: Path) -> AnnotatedImage:
    try:
        width, height = read_image_size(file)
    except ValueError as error:
        raise ValueError(f"{file} is no readable image: it {error}") from error
    nothing = GroundTruth(
        file.name, width, height, np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    )
    return AnnotatedImage(file, nothing)
