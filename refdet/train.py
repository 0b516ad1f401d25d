"""Entry point of `refdet train`: epochs of steps, each judged, recorded and saved."""

from __future__ import annotations

import json
import math
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from tqdm import tqdm

from refdet import config as options
from refdet.config import TrainSSD300, to_toml
from refdet.data.augmentation import denormalise, inference_transform, training_transform
from refdet.data.dataset import Batch, DetectionDataset, collate
from refdet.data.voc import discover_classes, read_voc_split
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.files import atomic_path, json_text, write_text_atomic
from refdet.infer import as_detections, run_network, use_bf16
from refdet.judge import say
from refdet.models.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from refdet.models.optimisation import adamw, learning_rates, milestones, one_cycle, sgd
from refdet.models.runtime import (
    autocast,
    choose_device,
    describe_environment,
    keep_freed_memory,
    seed_everything,
    set_threads,
)
from refdet.models.ssd300 import IMAGE_SIZE, SSD300, SSDOutput
from refdet.models.ssd_detect import ssd_detect
from refdet.models.ssd_loss import ssd_loss
from refdet.models.vgg_weights import load_base_weights
from refdet.records import AnnotatedImage, Detections, Evaluation
from refdet.report.panels import draw_grid
from refdet.report.plots import history_figure, write_figure
from refdet.torch_ops.losses import MultiBoxLoss

History = list[dict[str, object]]
N_SHOWN = 8
"""Samples in the picture of what the network is trained on."""


@dataclass(frozen=True)
class Losses:
    """Means over the images of an epoch."""

    total: float
    confidence: float
    localization: float


@dataclass
class Run:
    """What moves during training."""

    config: TrainSSD300
    class_names: tuple[str, ...]
    device: torch.device
    bf16: bool
    model: SSD300
    optimizer: Optimizer
    schedule: LRScheduler
    history: History
    best_ap: float = math.nan


def train_ssd300(config: TrainSSD300) -> int:
    """Train as `config` says, from the start or on from `last.pt`; returns the exit code."""
    started = time.perf_counter()
    set_threads(config.threads)
    keep_freed_memory()
    device = choose_device(config.device)
    say(describe_environment(device))
    seed_everything(config.seed)
    class_names = config.classes or discover_classes(config.data)
    train_images = _read_split(config, config.train_split, class_names)
    val_images = _read_split(config, config.val_split, class_names)
    steps = config.epochs * math.ceil(len(train_images) / config.batch_size)
    run = _start(config, class_names, device, steps)
    if config.resume:
        _take_up(run)
    elif (config.output / "last.pt").exists() and not config.overwrite:
        raise ValueError(
            f"{config.output} holds a run already; go on with it by --resume, replace it by "
            "--overwrite, or name another --output"
        )
    config.output.mkdir(parents=True, exist_ok=True)
    write_text_atomic(config.output / "config.toml", to_toml(config))

    transform = training_transform(max_zoom_out=config.max_zoom_out, share=config.augment_share)
    training = DetectionDataset(train_images, transform, config.seed, cache=config.cache)
    validation = DetectionDataset(val_images, inference_transform(), cache=config.cache)
    _show_samples(training, class_names, config.output / "training_samples.png")
    for epoch in range(len(run.history) + 1, config.epochs + 1):
        _epoch(run, epoch, training, validation, val_images)
    _summarise(run, time.perf_counter() - started)
    return 0


def _read_split(
    config: TrainSSD300, name: str, class_names: Sequence[str]
) -> tuple[AnnotatedImage, ...]:
    split = read_voc_split(config.data, name, class_names, one_based=config.one_based)
    objects = sum(len(image.ground_truth) for image in split.images)
    say(f"{name}: {len(split.images)} images, {objects} objects")
    for problem in split.dropped:
        say(f"  left out: {problem}")
    return split.images


def _show_samples(training: DetectionDataset, class_names: Sequence[str], file: Path) -> None:
    """Draw the first images as the network will see them, boxes and all."""
    training.set_epoch(1)
    items = [training[index] for index in range(min(N_SHOWN, len(training)))]
    grid = draw_grid(
        [denormalise(item.image).permute(1, 2, 0).numpy() for item in items],
        [item.boxes_xyxy.double().numpy() for item in items],
        [item.labels.numpy() for item in items],
        class_names,
    )
    with atomic_path(file) as temporary:
        grid.save(temporary, format="PNG")


def _start(
    config: TrainSSD300, class_names: tuple[str, ...], device: torch.device, steps: int
) -> Run:
    """The run before its first epoch."""
    model = SSD300(len(class_names), width=config.width, batch_norm=config.batch_norm)
    say(load_base_weights(model, config.weights))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    bf16 = use_bf16(config.precision, device)
    say(f"SSD300: {parameters:,} parameters, {'bf16' if bf16 else 'fp32'} convolutions")
    model = model.to(device).to(memory_format=torch.channels_last)
    make_optimizer = adamw if config.optimizer is options.Optimizer.ADAMW else sgd
    make_schedule = one_cycle if config.schedule is options.Schedule.ONE_CYCLE else milestones
    optimizer = make_optimizer(model, config.learning_rate, config.weight_decay)
    schedule = make_schedule(optimizer, steps)
    return Run(config, class_names, device, bf16, model, optimizer, schedule, history=[])


def _take_up(run: Run) -> None:
    """Put `run` where the last epoch that it saved left off."""
    file = run.config.output / "last.pt"
    checkpoint = load_checkpoint(file)
    ours, theirs = (_what_shapes_a_run(text) for text in (to_toml(run.config), checkpoint.config))
    if differing := [name for name in ours if ours[name] != theirs.get(name)]:
        changes = ", ".join(f"{name} {theirs.get(name)} -> {ours[name]}" for name in differing)
        raise ValueError(f"{file} was trained with other options ({changes}); resume with the same")
    if checkpoint.class_names != run.class_names:
        raise ValueError(
            f"{file} knows the classes {checkpoint.class_names}, the data has {run.class_names}"
        )
    run.model.load_state_dict(dict(checkpoint.model_state))
    run.optimizer.load_state_dict(checkpoint.training_state["optimizer"])
    run.schedule.load_state_dict(checkpoint.training_state["schedule"])
    run.best_ap = checkpoint.best_ap
    lines = (run.config.output / "history.jsonl").read_text(encoding="utf-8").splitlines()
    # The history may be an epoch ahead, if the run was stopped between the two files.
    run.history += [json.loads(line) for line in lines[: checkpoint.epoch]]
    say(f"resumed after epoch {checkpoint.epoch}")


def _what_shapes_a_run(config_toml: str) -> dict[str, object]:
    """The options that a run's weights depend on; the others may change when it is resumed."""
    free = {"data", "output", "resume", "overwrite", "progress", "threads", "workers", "cache"}
    options_of_run = tomllib.loads(config_toml)
    return {name: value for name, value in options_of_run.items() if name not in free}


def _epoch(
    run: Run,
    epoch: int,
    training: DetectionDataset,
    validation: DetectionDataset,
    val_images: Sequence[AnnotatedImage],
) -> None:
    """Train once over the data, judge, and save: history, best checkpoint, last checkpoint."""
    config = run.config
    started = time.perf_counter()
    losses = _train_epoch(run, epoch, training)
    record: dict[str, object] = {
        "epoch": epoch,
        "train_loss": losses.total,
        "train_loss_confidence": losses.confidence,
        "train_loss_localization": losses.localization,
        "learning_rates": learning_rates(run.optimizer),
    }
    is_best = False
    if epoch % config.eval_every == 0 or epoch == config.epochs:
        val_loss, evaluation = validate(run, validation, val_images)
        record |= {"val_loss": val_loss, "ap50": evaluation.mean_ap50, "ap": evaluation.mean_ap}
        is_best = not evaluation.mean_ap <= run.best_ap  # true for the first, when that is NaN
        run.best_ap = evaluation.mean_ap if is_best else run.best_ap
    record["seconds"] = time.perf_counter() - started
    run.history.append(record)
    say(_epoch_line(record, config.epochs) + ("  best" if is_best else ""))
    lines = "".join(json_text(entry) + "\n" for entry in run.history)
    write_text_atomic(config.output / "history.jsonl", lines)
    if is_best:
        save_checkpoint(config.output / "best.pt", _checkpoint(run, for_use_only=True))
    save_checkpoint(config.output / "last.pt", _checkpoint(run))


def _train_epoch(run: Run, epoch: int, training: DetectionDataset) -> Losses:
    config = run.config
    training.set_epoch(epoch)
    loader = DataLoader(
        training,
        config.batch_size,
        shuffle=True,
        # 2**32 keeps the epochs of neighbouring seeds apart.
        generator=torch.Generator().manual_seed(config.seed * 2**32 + epoch),
        num_workers=config.workers,
        collate_fn=collate,
    )
    bar = tqdm(
        loader,
        desc=f"epoch {epoch}/{config.epochs}",
        leave=False,
        disable=None if config.progress else True,  # None: shown on a terminal only
    )
    run.model.train()
    sums = torch.zeros(3, dtype=torch.float64)
    for batch in bar:
        losses = _step(run, batch)
        sums += losses * len(batch.labels)  # a short last batch must not weigh as much as a full
        bar.set_postfix(loss=f"{losses[0]:.3f}")
    return Losses(*(sums / len(training)).tolist())


def _step(run: Run, batch: Batch) -> Tensor:
    """One step of the optimiser; the batch's total, confidence and localisation loss."""
    images = torch.stack(batch.images).to(run.device, memory_format=torch.channels_last)
    with autocast(run.device, run.bf16):
        output = run.model(images)
    loss = _loss(run, output, batch)
    if not loss.total.isfinite():
        raise ValueError(
            f"the loss became {loss.total.item()} in epoch {len(run.history) + 1}; start again "
            f"with a lower --learning-rate than {run.config.learning_rate:g}. The checkpoints of "
            "the epochs before are intact"
        )
    run.optimizer.zero_grad()
    loss.total.backward()
    clip_grad_norm_(run.model.parameters(), run.config.clip_norm)
    run.optimizer.step()
    run.schedule.step()
    return torch.stack([loss.total, loss.confidence, loss.localization]).detach().double().cpu()


def _loss(run: Run, output: SSDOutput, batch: Batch) -> MultiBoxLoss:
    return ssd_loss(
        run.model,
        SSDOutput(output.class_logits.float(), output.deltas.float()),
        [boxes.to(run.device) / IMAGE_SIZE for boxes in batch.boxes_xyxy],
        [labels.to(run.device) for labels in batch.labels],
        match_iou=run.config.match_iou,
        negative_ratio=run.config.negative_ratio,
    )


def validate(
    run: Run, validation: DetectionDataset, images: Sequence[AnnotatedImage]
) -> tuple[float, Evaluation]:
    """Mean loss and evaluation of a split; leaves BatchNorm and random states as they were."""
    loader = DataLoader(
        # The loader draws a seed for workers even without any: from its own generator.
        validation,
        run.config.batch_size,
        generator=torch.Generator(),
        collate_fn=collate,
    )
    total = 0.0
    detections: list[Detections] = []
    for batch, output in run_network(run.model, loader, bf16=run.bf16):
        total += float(_loss(run, output, batch).total) * len(batch.labels)
        detections += as_detections(ssd_detect(run.model, output), batch, images)
    evaluation = evaluate_split(
        [image.ground_truth for image in images],
        detections,
        run.class_names,
        split=run.config.val_split,
        settings=EvaluationSettings(),
    )
    return total / len(validation), evaluation


def _checkpoint(run: Run, *, for_use_only: bool = False) -> Checkpoint:
    training_state = {
        "optimizer": run.optimizer.state_dict(),
        "schedule": run.schedule.state_dict(),
    }
    return Checkpoint(
        class_names=run.class_names,
        width=run.config.width,
        batch_norm=run.config.batch_norm,
        model_state=run.model.state_dict(),
        epoch=len(run.history),
        planned_epochs=run.config.epochs,
        best_ap=run.best_ap,
        training_state={} if for_use_only else training_state,
        config=to_toml(run.config),
    )


def _epoch_line(record: Mapping[str, object], epochs: int) -> str:
    names = {"train_loss": "loss", "val_loss": "val loss", "ap50": "val AP50", "ap": "val AP"}
    values = [f"{label} {record[key]:.3f}" for key, label in names.items() if key in record]
    return (
        f"epoch {record['epoch']}/{epochs}  " + "  ".join(values) + f"  {record['seconds']:.0f} s"
    )


def _summarise(run: Run, seconds: float) -> None:
    output = run.config.output
    write_figure(output / "curves.png", history_figure(run.history))
    say(
        f"{len(run.history)} epochs, {seconds:.0f} s; best validation AP {run.best_ap:.3f}\n"
        f"weights: {output / 'best.pt'}   history: {output / 'history.jsonl'}   "
        f"curves: {output / 'curves.png'}"
    )
